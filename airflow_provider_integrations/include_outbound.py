"""Reads what a source of outbound documents names: its guide, and its queries under `include/sql/outbound/`.

job = outbound_job(Path("include"), "acme_orders_out", ledger, root)
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_integrations.core.edi_source import EdiOutbound
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.include_edi import read_guides

if TYPE_CHECKING:
    from upath import UPath

    from airflow_provider_integrations.connectors.edi.outbound_job import OutboundJob
    from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["check_outbound", "outbound_job", "read_queries"]

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
    from airflow_provider_integrations.include import read_edi_outbound  # It checks sources by this file.

    source = read_edi_outbound(include, name)
    return OutboundJob(source, read_guides(include, source.guide), read_queries(include, source), ledger, root)


def check_outbound(include: Path, source: EdiOutbound) -> None:
    """What the model of a source cannot see: its guide has the version and the tables, its queries are there, and its
    identities have a place in the envelope of the guide's syntax.

    Raises:
        ConfigError: with the first that is wrong.
    """
    from airflow_provider_integrations.connectors.edi.envelope import Envelope
    from airflow_provider_integrations.connectors.edi.interchange_write import check_envelope
    from airflow_provider_integrations.connectors.edi.outbound_rows import check_tables

    guide = read_guides(include, source.guide).of(source.version)
    check_tables(guide, source.rows)
    check_envelope(guide, Envelope(source.ours, source.partner, source.usage, source.group_ours, source.group_partner))
    read_queries(include, source)


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
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                "the query is not there, or no text",
                path=str(path),
                why=getattr(error, "strerror", None) or "no UTF-8",
                next_step="Create it or correct its name.",
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
