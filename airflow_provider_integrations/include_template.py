"""Reads the extraction SQL of tables under `include/sql/extract/`."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.table_source import TableSource

__all__ = ["read_template"]


def read_template(include: Path, source: TableSource) -> str | None:
    """The extraction SQL of a source that has one, from `include/sql/extract/`, without the lines that are comments.

    A driver that looks for parameters by itself takes an apostrophe in a comment for the beginning of a text, as SQLite's does.

    Raises:
        ConfigError: when there is no such file.
    """
    if source.template is None:
        return None
    path = include / "sql" / "extract" / source.template
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise ConfigError(
            "the template is not there", path=str(path), next_step="Create it or correct the name."
        ) from None
    return "\n".join(line for line in lines if not line.lstrip().startswith("--"))
