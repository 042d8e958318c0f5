"""One increment by SQL Server's change tracking, as a conversation: it yields statements and is sent their rows.

The versions are the server's own commits, so nothing commits behind one and no cursor column is needed; deleted keys come with
it. All of it happens in one SNAPSHOT transaction. The versions are asked for once more at its end: a cleanup in between may have
taken changes that were not read, and then nothing of the increment may be used (Microsoft, "Work with Change Tracking").

    with session.snapshot():
        changes = converse(increment(session.dialect, query, since), session.rows)
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from airflow_provider_integrations.connectors.odbc.dialects import Dialect
from airflow_provider_integrations.connectors.odbc.dialects.change_tracking import (
    changed,
    check_version,
    deleted,
    versions,
)
from airflow_provider_integrations.connectors.odbc.model import Statement, TableQuery
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["Changes", "Conversation", "converse", "increment"]

Rows = Sequence[tuple[str | None, ...]]


@dataclass(frozen=True, slots=True)
class Changes:
    """What lies between two versions.

    Args:
        query: The rows that were written, by key; the whole table in the first run. Pages of it are those of any query.
        deleted: Keys, as text, that were deleted and are not there again.
        version: Where the next run starts, once all of it is loaded.
        whole: Whether `query` is the whole table, so that there is nothing to be said of what was deleted before.
    """

    query: TableQuery
    deleted: tuple[tuple[str, ...], ...]
    version: str
    whole: bool = False


Conversation = Generator[Statement, Rows, Changes]


def increment(
    dialect: Dialect, query: TableQuery, since: str | None, read: Callable[[TableQuery], None] = lambda _: None
) -> Conversation:
    """Ask for the versions, for what was deleted, and for the versions again.

    Args:
        dialect: SQL Server's.
        query: The table; its keyset must end with its primary key.
        since: Version that the run before ended at; None reads the whole table.
        read: Reads the pages of the changed rows, before the versions are asked for again.

    Raises:
        ConfigError: the engine or the table has no change tracking, or the version is none.
        StateConflictError: changes since then are no longer kept, also if they went meanwhile: read the table in full once.
            Or the source is an older copy.
    """
    if dialect.name != "sqlserver":
        raise ConfigError(
            "the engine has no change tracking", engine=dialect.name, next_step="Use the mode `incremental`."
        )
    if since is not None and not (since.isascii() and since.isdigit()):
        raise ConfigError("not a version of change tracking", next_step="Read the table in full once.")
    current, lowest = (yield versions(dialect, query.table))[0]
    # A first run has nothing to have lost: it starts where the changes that are kept begin, or it is refused as untracked.
    version = check_version(query.table, since if since is not None else str(lowest or 0), current, lowest)
    if since is None:
        read(query)
        return Changes(query, (), version, whole=True)
    rows = changed(dialect, query, since)
    read(rows)
    gone = yield deleted(dialect, query, since)
    current, lowest = (yield versions(dialect, query.table))[0]
    check_version(query.table, since, current, lowest)
    return Changes(rows, tuple(tuple(str(value) for value in row) for row in gone), version)


def converse(conversation: Conversation, ask: Callable[[Statement], Rows]) -> Changes:
    """Run a conversation against a source.

    Args:
        conversation: From `increment`.
        ask: Gives the rows of a statement, e.g. `OdbcSession.rows`.
    """
    try:
        statement = next(conversation)
        while True:
            statement = conversation.send(ask(statement))
    except StopIteration as end:
        changes: Changes = end.value
        return changes
