"""SQL Server's change tracking: which rows of a table were written or deleted since a version.

The versions come from the server's own commits, so that nothing that commits late is behind one. All of an increment is asked
in one SNAPSHOT transaction, as Microsoft describes it ("Work with Change Tracking"): the engine's versions, which
`check_version` judges; then the rows of `changed` and the keys of `deleted`.

>>> from airflow_provider_integrations.connectors.odbc.dialects import dialect_named
>>> from airflow_provider_integrations.connectors.odbc.model import KeyColumn, SourceColumn
>>> dialect = dialect_named("sqlserver")
>>> query = TableQuery("dbo.t", (), Keyset((KeyColumn("id", "int"),), 0))
>>> deleted(dialect, query, "41", [dialect.read_column(SourceColumn("id", "int"))]).sql.partition(" WHERE ")[0]
'SELECT "id" AS "id" FROM CHANGETABLE(CHANGES "dbo"."t", 41) AS c'
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from airflow_provider_integrations.connectors.odbc.dialects.dialect import Dialect
from airflow_provider_integrations.connectors.odbc.model import Keyset, ReadColumn, Statement, TableQuery
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError

__all__ = ["any_change", "changed", "check_version", "deleted"]


def check_version(table: str, since: str | None, current: str | None, lowest: str | None) -> str:
    """The version that is current, if a run may go on from `since`; None begins.

    Raises:
        ConfigError: the table is not tracked, or this login may not see its changes.
        StateConflictError: changes since then are no longer kept, or the database is an older copy.
    """
    if current is None or lowest is None:
        raise ConfigError(
            "the table has no change tracking that this login may see",
            table=table,
            next_step="Enable it for the database and the table, and grant VIEW CHANGE TRACKING and SELECT.",
        )
    if since is None:
        return current
    if int(since) < int(lowest):
        raise StateConflictError(
            "changes were cleaned up before they were read, or the table was truncated",
            table=table,
            read_to=since,
            kept_from=lowest,
            next_step=(
                "Rewind the source to `beginning`, which reads the table in full once, and sweep it for what was deleted;"
                " run more often or raise CHANGE_RETENTION."
            ),
        )
    if int(since) > int(current):
        raise StateConflictError(
            "the source's version is older than the watermark, as in a restored copy",
            table=table,
            read_to=since,
            version=current,
            next_step="Compare the copy with what was loaded, then rewind the source with a reason.",
        )
    return current


def changed(dialect: Dialect, query: TableQuery, since: str) -> TableQuery:
    """The query of the rows that were inserted or updated since a version, as they are now, by their key alone.

    Pages, counts and bookmarks of it are those of any query.
    """
    written = (
        f"EXISTS (SELECT 1 FROM {_changes(dialect, query, since)}"
        f" WHERE c.SYS_CHANGE_OPERATION <> 'D' AND {_same(dialect, query)})"
    )
    filter = f"({query.filter}) AND {written}" if query.filter else written
    return replace(query, keyset=Keyset(query.keyset.key, 0), filter=filter)


def deleted(dialect: Dialect, query: TableQuery, since: str, columns: Sequence[ReadColumn]) -> Statement:
    """Keys that changed since a version and that the query has no row of: deleted ones, and those that left the filter.

    Args:
        dialect: SQL Server's.
        query: What is read of the table.
        since: The version.
        columns: How the key's columns are read, so that the keys are those of the rows.
    """
    selected = ", ".join(f"{column.expression} AS {dialect.quote(column.name)}" for column in columns)
    gone = "c.SYS_CHANGE_OPERATION = 'D'"
    if query.filter:
        there = f"SELECT 1 FROM {dialect.table(query.table)} t WHERE {_same(dialect, query)} AND ({query.filter})"
        gone = f"({gone} OR NOT EXISTS ({there}))"
    order = ", ".join(f"c.{dialect.quote(column.name)}" for column in query.keyset.key)
    return Statement(f"SELECT {selected} FROM {_changes(dialect, query, since)} WHERE {gone} ORDER BY {order}")


def any_change(dialect: Dialect, query: TableQuery, since: str) -> Statement:
    """A row, if anything of the table changed since a version."""
    return Statement(dialect.first_rows(f"SELECT 1 AS found FROM {_changes(dialect, query, since)}", 1))


def _same(dialect: Dialect, query: TableQuery) -> str:
    names = [dialect.quote(column.name) for column in query.keyset.key]
    return " AND ".join(f"c.{name} = t.{name}" for name in names)


def _changes(dialect: Dialect, query: TableQuery, since: str) -> str:
    if query.template is not None:
        raise ConfigError("a template has no change tracking", next_step="Name the table, or use another mode.")
    return f"{dialect.changes(query.table, int(since))} AS c"
