"""One increment by SQL Server's change tracking, as a conversation: it yields steps and is sent the rows of statements.

The versions are the server's own commits, so nothing commits behind one and no cursor column is needed; deleted keys come with
it. All of it happens in one SNAPSHOT transaction. The versions are asked for once more at its end: a cleanup in between may have
taken changes that were not read, and then nothing of the increment may be used (Microsoft, "Work with Change Tracking").

A run ends at the version that was current when it was planned, before anything was read: what is committed from then on is read
by this run or by the next, however many snapshots a run that died goes on in.

    >>> position_at("57").horizon
    'version:57'
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from airflow_provider_integrations.connectors.odbc.dialects import Dialect
from airflow_provider_integrations.connectors.odbc.dialects.change_tracking import changed, check_version, deleted
from airflow_provider_integrations.connectors.odbc.model import ReadColumn, Statement, TableQuery
from airflow_provider_integrations.connectors.odbc.position import BEGINNING, Position
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError

__all__ = ["PROMISE", "Conversation", "Deleted", "Rows", "Step", "increment", "position_at", "since_of", "version_of"]

PROMISE = (
    "No committed change is lost, however late it was committed, and what is deleted is marked: changes come by the server's"
    " own commit versions, and the next increment goes on from the version at which this one began."
)

Rows = Sequence[tuple[str | None, ...]]

_VERSION = "version:"


@dataclass(frozen=True, slots=True)
class Deleted:
    """The step that lists the keys that are gone, by a statement that gives these columns."""

    statement: Statement
    columns: tuple[ReadColumn, ...]


Step = Statement | TableQuery | Deleted
"""A statement whose rows are sent back; the query whose pages are to be read now; the keys to be listed now."""

Conversation = Generator[Step, Rows, None]


def increment(dialect: Dialect, query: TableQuery, since: str, keys: Sequence[ReadColumn]) -> Conversation:
    """Ask for the versions, for what was written, for what was deleted, and for the versions again.

    Args:
        dialect: SQL Server's.
        query: The table; its keyset must end with its primary key.
        since: Version that the run before ended at.
        keys: How the columns of the primary key are read.

    Raises:
        ConfigError: the engine or the table has no change tracking.
        StateConflictError: changes since then are no longer kept, also if they went meanwhile; or the source is an older copy.
    """
    yield from _check(dialect, query, since)
    yield changed(dialect, query, since)
    yield Deleted(deleted(dialect, query, since, keys), tuple(keys))
    yield from _check(dialect, query, since)


def position_at(version: str) -> Position:
    """Where a table stands that was read to a version."""
    return Position(None, f"{_VERSION}{version}")


def version_of(horizon: str | None) -> str | None:
    """The version that a horizon is; None where it is none."""
    return horizon.removeprefix(_VERSION) if horizon is not None and horizon.startswith(_VERSION) else None


def since_of(position: Position) -> str | None:
    """The version that the next increment goes on from; None where the table is to be read in full first.

    Raises:
        StateConflictError: the position is of another mode: what was deleted before is not known from it.
        ConfigError: it holds no version, as when a person has set it.
    """
    if position == BEGINNING:
        return None
    version = version_of(position.horizon)
    if version is None or position.bookmark is not None:
        raise StateConflictError(
            "the watermark is of another mode than change tracking",
            next_step="Rewind the source to `beginning`, with a reason: that reads the table in full once.",
        )
    if not (version.isascii() and version.isdigit()):
        raise ConfigError(
            "not a version of change tracking", next_step="Rewind the source to a version, or to `beginning`."
        )
    return version


def _check(dialect: Dialect, query: TableQuery, since: str) -> Conversation:
    current, lowest = (yield dialect.change_versions(query.table))[0]
    check_version(query.table, since, current, lowest)
