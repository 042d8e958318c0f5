"""Reads what a source of outbound documents names: its guide, and its queries under `include/sql/outbound/`.

job = outbound_job(Path("include"), "acme_orders_out", ledger, root)
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_integrations.core.edi_source import EdiOutbound
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.include import read_edi_outbound
from airflow_provider_integrations.include_edi import read_guides

if TYPE_CHECKING:
    from upath import UPath

    from airflow_provider_integrations.connectors.edi.outbound_job import OutboundJob
    from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["outbound_job", "read_queries"]

_READS = re.compile(r"(?:select|with)\b", re.IGNORECASE)


def outbound_job(include: Path, name: str, ledger: Ledger, root: UPath) -> OutboundJob:
    """All that writing the documents of a source works with.

    Args:
        include: The folder of sources, guides and SQL.
        name: Of the source, one of kind `edi_outbound`.
        ledger: Where control numbers and the outbox are.
        root: Landing root.

    Raises:
        ConfigError: for a source, guide or query that cannot be read.
    """
    from airflow_provider_integrations.connectors.edi.outbound_job import OutboundJob

    source = read_edi_outbound(include, name)
    guides = read_guides(include, source.guide)
    guides.of(source.version)  # One that it does not have is told before the warehouse is asked.
    return OutboundJob(source, guides, read_queries(include, source), ledger, root)


def read_queries(include: Path, source: EdiOutbound) -> dict[str, str]:
    """The query of each table, without its lines of comment and without the semicolon at its end.

    Raises:
        ConfigError: for a file that is not there, or one that is no single SELECT: what goes out is only read.
    """
    found: dict[str, str] = {}
    for table, file in source.rows.items():
        path = include / "sql" / "outbound" / file
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (FileNotFoundError, UnicodeDecodeError):
            raise ConfigError(
                "the query is not there, or no text", path=str(path), next_step="Create it or correct its name."
            ) from None
        query = "\n".join(line for line in lines if not line.lstrip().startswith("--")).strip().rstrip(";").rstrip()
        if not _READS.match(query) or ";" in re.sub(r"'[^']*'", "", query):
            raise ConfigError(
                "a query of outbound documents is one SELECT",
                path=str(path),
                next_step="Write it as a SELECT or WITH, alone in its file.",
            )
        found[table] = query
    return found
