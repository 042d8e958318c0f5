"""Which rows behind a mark are read again, because they may have been committed after the run that made it.

A run takes its horizon before it reads anything, and the position keeps it for the next. For `safe_upper_bound` it is the
engine's own: the transactions that were open. For `lag` it is the highest cursor value that was there, `lag:<value>`: the
window is measured from it and not from the bookmark, since shards and pages that are resumed see the table at later instants
than the first did, and a row that was committed in between lies further behind the bookmark than the lag.
"""

from __future__ import annotations

import re
from datetime import timedelta

from airflow_provider_integrations.connectors.odbc import statements
from airflow_provider_integrations.connectors.odbc.clock_bound import has_instants
from airflow_provider_integrations.connectors.odbc.dialects import Dialect
from airflow_provider_integrations.connectors.odbc.model import Edge, Guarantee, Late, TableQuery
from airflow_provider_integrations.connectors.odbc.position import Position
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError

__all__ = ["Horizon", "check_lag", "horizon_of", "late_of"]

Horizon = tuple[str | None, str | None]
"""What the position keeps, and the newest transaction; None where there is none."""

_LAG = "lag:"
_NUMBER = re.compile(r"((tiny|small|medium|big)?int|int\d|integer|numeric|decimal|number)\b")
_CIRCLE = 2**31 - 10_000_000
"""Transactions between two runs beyond which PostgreSQL's 32-bit numbers no longer tell older from newer."""


def check_lag(dialect: Dialect, query: TableQuery, lag: timedelta | int) -> None:
    """See that a lag is of the first cursor column's kind; a column of neither kind takes both.

    Raises:
        ConfigError: it is a time for a number, or a number for a time; MariaDB and SQLite would make something of it.
    """
    first = query.keyset.columns[0]
    number = isinstance(lag, int)
    is_time = has_instants(dialect, first.type) is not None
    if (number and is_time) or (not number and _NUMBER.match(first.type)):
        raise ConfigError(
            "the lag does not fit the cursor",
            lag=str(lag),
            column=first.name,
            type=first.type,
            next_step="Give seconds for a time (600s on the command line, PT10M in a source file), a whole number for a number.",
        )


def horizon_of(session: OdbcSession, query: TableQuery, guarantee: Guarantee, ceiling: Edge | None = None) -> Horizon:
    """The horizon of a run that begins now; a lag is measured from the highest value up to the ceiling."""
    if guarantee is Guarantee.SAFE_UPPER_BOUND:
        statement = session.dialect.horizon()
        assert statement is not None, "a dialect that offers a horizon has a statement for it"
        horizon, newest = session.rows(statement)[0]
        return str(horizon), str(newest)
    if guarantee is Guarantee.LAG:
        highest = session.rows(statements.highest(session.dialect, query, ceiling))[0][0]
        return (None if highest is None else f"{_LAG}{highest}"), None
    return None, None


def late_of(
    session: OdbcSession,
    query: TableQuery,
    guarantee: Guarantee,
    position: Position,
    now: Horizon,
    *,
    lag: timedelta | int | None,
    floor: str | None,
) -> Late | None:
    """The rows at or below the position that this run reads; None for none.

    Raises:
        StateConflictError: the position's horizon is not of this source's past.
    """
    assert position.bookmark is not None, "there is nothing behind no bookmark"
    of_lag = position.horizon is not None and position.horizon.startswith(_LAG)
    if guarantee is Guarantee.SAFE_UPPER_BOUND:
        return _uncommitted(session, position, None if of_lag else position.horizon, now, floor)
    if guarantee is Guarantee.LAG and lag:
        first = str(position.horizon).removeprefix(_LAG) if of_lag else position.bookmark[0]
        since = session.rows(statements.earlier(session.dialect, query, first, lag))[0][0]
        return Late(position.bookmark, since=since, floor=floor)
    return None


def _uncommitted(
    session: OdbcSession, position: Position, before: str | None, now: Horizon, floor: str | None
) -> Late | None:
    horizon, newest = now
    assert position.bookmark is not None, "there is nothing behind no bookmark"
    assert horizon is not None, "the engine has told it"
    assert newest is not None, "the engine has told it"
    if session.dialect.name == "sqlserver":
        return None
    if before is None:
        # The run before promised less: all that it may have missed is read.
        return Late(position.bookmark, floor=floor)
    if int(horizon) < int(before):
        raise StateConflictError(
            "the source's transactions are older than the watermark, as in a restored copy",
            horizon=horizon,
            watermark=before,
            next_step="Compare the copy with what was loaded, then rewind the source with a reason.",
        )
    if session.dialect.name == "postgresql" and int(newest) - int(before) > _CIRCLE:
        raise StateConflictError(
            "too many transactions lie between two runs to tell late rows",
            transactions=int(newest) - int(before),
            next_step="Read the table in full once, then rewind the source to where it ended.",
        )
    return Late(position.bookmark, horizon=before, floor=floor) if int(newest) > int(before) else None
