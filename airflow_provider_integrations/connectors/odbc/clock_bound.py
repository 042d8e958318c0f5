"""How far a bookmark may go: to now by the source's own clock, and no further.

A row stamped `infinity`, or in 2999 by a machine with a wrong clock, stands above every row that will ever come. A bookmark
that went there would hide them all, so a time stamp is followed no further than to the server's now, and a little. Rows
beyond it are read apart, in every run until their time has come, as rows without a cursor are; the merge makes nothing of
that. What has no instant in it is local time of any zone, and none is more than 14 hours ahead of UTC.

    >>> from airflow_provider_integrations.connectors.odbc.dialects import dialect_named
    >>> from airflow_provider_integrations.connectors.odbc.model import KeyColumn, Keyset
    >>> query = TableQuery("t", (), Keyset((KeyColumn("u", "datetime2(7)"),), 1))
    >>> now_of(dialect_named("sqlserver"), query).sql
    'SELECT CONVERT(varchar(40), v, 126) FROM (SELECT CAST(DATEADD(second, 50700, SYSUTCDATETIME()) AS datetime2(7)) AS v) t'
"""

from __future__ import annotations

import re
from datetime import timedelta

from airflow_provider_integrations.connectors.odbc import statements
from airflow_provider_integrations.connectors.odbc.dialects.dialect import Dialect
from airflow_provider_integrations.connectors.odbc.model import (
    Bookmark,
    Edge,
    Guarantee,
    Statement,
    TableQuery,
)
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.core.errors import StateConflictError
from airflow_provider_integrations.core.watermark import Bound

__all__ = ["SKEW", "ceiling_of", "check_behind_ceiling", "has_instants", "now_of"]

SKEW = timedelta(minutes=5)
"""How far the clocks of those who stamp rows may be ahead of the server's."""
_ZONES = timedelta(hours=14)

_INSTANTS = {
    "postgresql": r"timestamp(\(\d\))? with time zone",
    "mariadb": r"timestamp(\(\d\))?",
    "sqlserver": r"datetimeoffset(\(\d\))?",
    "oracle": r"timestamp(\(\d\))? with( local)? time zone",
    "snowflake": r"timestamp_l?tz(\(\d\))?",
}
_LOCAL = {
    "postgresql": r"timestamp(\(\d\))? without time zone|date",
    "mariadb": r"datetime(\(\d\))?|date",
    # SQLite takes any name for a type; those that say time are these.
    "sqlite": r"(timestamp|datetime)2?( ?\(\d+\))?( with(out)? time zone)?|timestamptz|smalldatetime|date",
    "sqlserver": r"datetime2?(\(\d\))?|smalldatetime|date",  # Its `timestamp` is a rowversion.
    "oracle": r"timestamp(\(\d\))?|date",
    "snowflake": r"timestamp_ntz(\(\d\))?|date",
}
_NOW = {
    "postgresql": "CAST(clock_timestamp() + interval '{seconds} seconds' AS {kind})",
    "mariadb": "CAST(DATE_ADD(UTC_TIMESTAMP(6), INTERVAL {seconds} SECOND) AS {kind})",
    # Above all of that second, also where the two parts are joined by a blank.
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%S', 'now', '+{seconds} seconds')",
    "sqlserver": "CAST(DATEADD(second, {seconds}, SYSUTCDATETIME()) AS {kind})",
    "oracle": "CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) + NUMTODSINTERVAL({seconds}, 'SECOND') AS {kind})",
    "snowflake": "CAST(DATEADD(second, {seconds}, SYSDATE()) AS {kind})",
}
_ISO = re.compile(r"\d{4}-\d\d-\d\d")


def has_instants(dialect: Dialect, kind: str) -> bool | None:
    """Whether values of a time type are instants, or local times of any zone; None for what is no time."""
    if re.fullmatch(_INSTANTS.get(dialect.name, "-"), kind):
        return True
    return False if re.fullmatch(_LOCAL.get(dialect.name, "-"), kind) else None


def now_of(dialect: Dialect, query: TableQuery) -> Statement | None:
    """One text: the highest plausible value of the first column now; None where it is no time."""
    first = query.keyset.columns[0]
    instants = has_instants(dialect, first.type)
    if instants is None:
        return None
    ahead = SKEW if instants else SKEW + _ZONES
    kind = "datetime(6)" if dialect.name == "mariadb" and first.type != "date" else first.type
    now = _NOW[dialect.name].format(seconds=int(ahead.total_seconds()), kind=kind)
    tail = " FROM dual" if dialect.name == "oracle" else ""
    return Statement(f"SELECT {dialect.text_of('v', first.type)} FROM (SELECT {now} AS v{tail}) t")  # noqa: S608


def ceiling_of(session: OdbcSession, query: TableQuery) -> Edge | None:
    """The highest plausible value of the first column as of now, included; None where there is none.

    SQLite compares texts, and a time may be written in any way there: where the highest is not of ISO 8601 there is none.
    """
    statement = now_of(session.dialect, query)
    if statement is None:
        return None
    if session.dialect.name == "sqlite":
        highest = session.rows(statements.highest(session.dialect, query))[0][0]
        if highest is not None and not _ISO.match(highest):
            return None
    return Edge((str(session.rows(statement)[0][0]),), Bound.CLOSED)


def check_behind_ceiling(
    session: OdbcSession, query: TableQuery, bookmark: Bookmark, ceiling: Edge, guarantee: Guarantee
) -> tuple[str, ...]:
    """A warning if a bookmark lies ahead of the clock, where its runs find what they read by transaction.

    Raises:
        StateConflictError: it does, and rows behind it are found by nothing.
    """
    asked = statements.is_above(session.dialect, query.keyset.columns[0].type, bookmark[0], ceiling.at[0])
    if session.rows(asked)[0][0] != "1":
        return ()
    if guarantee is Guarantee.SAFE_UPPER_BOUND:
        return ("the bookmark lies ahead of the source's clock: until then all new rows are read as late ones",)
    raise StateConflictError(
        "the bookmark lies ahead of the source's clock, so that the rows that come now would never be read",
        table=query.table,
        bookmark=bookmark[0],
        plausible=ceiling.at[0],
        next_step="Correct the clock, or rewind the source to before the row that is stamped wrongly, with a reason.",
    )
