"""SQL Server's change tracking: which rows of a table were written or deleted since a version.

The versions come from the server's own commits, so that nothing that commits late is behind one. All of it is asked in one
SNAPSHOT transaction and in this order, as Microsoft describes it ("Work with Change Tracking"): `versions`, which
`check_version` judges; then the rows of `changed` and `deleted`. The run ends at the version that was current at its
beginning.

>>> from airflow_provider_integrations.connectors.odbc.dialects import dialect_named
>>> from airflow_provider_integrations.connectors.odbc.model import KeyColumn
>>> query = TableQuery("dbo.t", (), Keyset((KeyColumn("id", "int"),), 0))
>>> print(deleted(dialect_named("sqlserver"), query, "41").sql)
SELECT CAST(c."id" AS nvarchar(4000)) FROM CHANGETABLE(CHANGES "dbo"."t", 41) AS c WHERE c.SYS_CHANGE_OPERATION = 'D'
"""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_integrations.connectors.odbc.dialects.dialect import Dialect
from airflow_provider_integrations.connectors.odbc.model import Keyset, Statement, TableQuery
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError

__all__ = ["changed", "check_version", "deleted", "versions"]


def versions(dialect: Dialect, table: str) -> Statement:
    """One row: the current version, and the lowest that changes are still kept from; NULL where nothing is tracked."""
    return Statement(
        "SELECT CAST(CHANGE_TRACKING_CURRENT_VERSION() AS nvarchar(20)),"
        " CAST(CHANGE_TRACKING_MIN_VALID_VERSION(OBJECT_ID(?)) AS nvarchar(20))",
        (dialect.table(table),),
    )


def check_version(table: str, since: str, current: str | None, lowest: str | None) -> str:
    """The version that a run from `since` ends at.

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
    if int(since) < int(lowest):
        raise StateConflictError(
            "changes were cleaned up before they were read",
            table=table,
            read_to=since,
            kept_from=lowest,
            next_step="Read the table in full once; run more often or raise CHANGE_RETENTION.",
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
    keyset = Keyset(query.keyset.key, 0)
    same = " AND ".join(f"c.{dialect.quote(column.name)} = t.{dialect.quote(column.name)}" for column in keyset.columns)
    written = f"EXISTS (SELECT 1 FROM {_changes(dialect, query, since)} WHERE c.SYS_CHANGE_OPERATION <> 'D' AND {same})"
    filter = f"({query.filter}) AND {written}" if query.filter else written
    return replace(query, keyset=keyset, filter=filter)


def deleted(dialect: Dialect, query: TableQuery, since: str) -> Statement:
    """Keys, as text, of the rows that were deleted since a version and are not there again."""
    keys = ", ".join(dialect.text_of(f"c.{dialect.quote(column.name)}", column.type) for column in query.keyset.key)
    return Statement(f"SELECT {keys} FROM {_changes(dialect, query, since)} WHERE c.SYS_CHANGE_OPERATION = 'D'")


def _changes(dialect: Dialect, query: TableQuery, since: str) -> str:
    if query.template is not None:
        raise ConfigError("a template has no change tracking", next_step="Name the table, or use another mode.")
    return f"CHANGETABLE(CHANGES {dialect.table(query.table)}, {int(since)}) AS c"
