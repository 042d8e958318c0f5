"""The bounds of a backfill, and where a source begins: values of the first cursor column, or refused before anything is read.

Each is sent to the server by itself, and must come back as what it is. Most engines fail at a text that is no value, but MariaDB
makes another value of it with a warning that nobody hears, and drops a zone; SQLite takes any text for a value of any column.

    >>> _instant("2025-03-30T00:00:00.50+05:45"), _instant("2025-03-29 18:15:00.5+00")
    (('2025-03-29', '18:15:00.5', True), ('2025-03-29', '18:15:00.5', True))
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from airflow_provider_integrations.connectors.odbc import statements
from airflow_provider_integrations.connectors.odbc.clock_bound import has_instants
from airflow_provider_integrations.connectors.odbc.model import Edge, KeyRange, Keyset, Statement, TableQuery
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.core.errors import ConfigError, PermanentError
from airflow_provider_integrations.core.watermark import Bound

__all__ = ["check_value", "span_of"]

_WHOLE = re.compile(r"((tiny|small|medium|big)int|int|integer|int[248]|year)(\(\d+\))?( unsigned)?( zerofill)?$")
_DIGITS = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.ASCII | re.IGNORECASE)
_EXACT = re.compile(r"(numeric|decimal|number)\b")
_TIME = re.compile(
    r"(\d{4,6})-(\d\d)-(\d\d)(?:([T ])(\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?)? ?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_CLOCK = re.compile(r"-?\d{2,3}:\d\d(:\d\d(\.\d+)?)?", re.ASCII)
_64_BITS = 2**63


def span_of(session: OdbcSession, query: TableQuery, span: tuple[str | None, str | None]) -> KeyRange:
    """The range from the first value to before the second, either None.

    Raises:
        ConfigError: one is no value of the first cursor column, or the second is not above the first.
    """
    first, end = span
    for value in (first, end):
        if value is not None:
            check_value(session, query, value, "a bound of the backfill")
    if first is not None and end is not None and not _ascends(session, query, first, end):
        raise ConfigError(
            "the backfill ends where it begins, or before",
            begins=first,
            ends=end,
            next_step="Give the lower value first; the second is not included.",
        )
    return KeyRange(
        Edge((first,), Bound.CLOSED) if first is not None else None,
        Edge((end,), Bound.OPEN) if end is not None else None,
    )


def check_value(session: OdbcSession, query: TableQuery, value: str, what: str) -> None:
    """See that a text which a person wrote is a value of the first cursor column, and is taken for that value.

    Raises:
        ConfigError: it is none, or the server would read another by it.
    """
    column = query.keyset.columns[0]
    problem: str | None = "it is empty"
    if value.strip():
        try:
            taken = session.rows(_echo(session, query, value))[0][0]
            problem = _problem(session, query, value, taken)
        except PermanentError as error:
            problem = error.what
    if problem is not None:
        raise ConfigError(
            f"{what} is no value of the first cursor column",
            column=column.name,
            type=column.type,
            value=value,
            problem=problem,
            next_step="Write it as the source does, e.g. 2025-01-01.",
        )


def _echo(session: OdbcSession, query: TableQuery, value: str) -> Statement:
    first = query.keyset.columns[0]
    if session.dialect.name == "mariadb" and first.type in ("uuid", "inet4", "inet6"):
        return Statement(f"SELECT CAST(CAST(? AS {first.type}) AS CHAR)", (value,))
    return statements.echo(session.dialect, replace(query, keyset=Keyset((first,), 1)), (value,))


def _problem(session: OdbcSession, query: TableQuery, value: str, taken: str | None) -> str | None:
    """Why a value is not what the server takes it for; None if it is."""
    engine, kind = session.dialect.name, query.keyset.columns[0].type
    if taken is None:
        return "the source takes it for no value"
    if _WHOLE.match(kind) or _EXACT.match(kind):
        number = _number(value)
        if number is None or (_WHOLE.match(kind) and not re.fullmatch(r"\s*[+-]?\d+\s*", value, re.ASCII)):
            return "it is no number of that type"
        beyond = engine == "sqlite" and bool(_WHOLE.match(kind)) and not -_64_BITS <= number < _64_BITS
        return f"the source takes it for {taken}" if number != _number(taken) or beyond else None
    instants = has_instants(session.dialect, kind)
    if instants is None:
        if engine == "mariadb" and kind.startswith("time"):
            same = _CLOCK.fullmatch(value) and value.rstrip("0:.") == taken.rstrip("0:.")
            return None if same else f"the source takes it for {taken}"
        return None
    if engine == "sqlite":
        return _unlike(session, query, value)
    return _other_time(value, taken, instants=instants, engine=engine)


def _other_time(value: str, taken: str, *, instants: bool, engine: str) -> str | None:
    if engine == "postgresql" and re.fullmatch(r"[+-]?infinity", value.strip().lower()):
        return None
    asked, came = _instant(value.strip(), zero=engine == "mariadb"), _instant(taken, zero=True)
    if asked is None:
        return "it is no day, or day and time, of ISO 8601"
    if asked[2] and not instants:
        return "it has a zone and the column has none"
    return f"the source takes it for {taken}" if came is None or asked[:2] != came[:2] else None


def _unlike(session: OdbcSession, query: TableQuery, value: str) -> str | None:
    """SQLite compares texts: a bound is one only in the form that the rows are written in."""
    highest = session.rows(statements.highest(session.dialect, query))[0][0]
    if _number(value) is not None:
        numbers = highest is None or _number(highest) is not None
        return None if numbers else f"the rows are written as {highest}, and texts are compared"
    asked = _TIME.fullmatch(value)
    if asked is None or _instant(value) is None or len(asked[1]) != 4:
        return "it is no day, or day and time, of ISO 8601"
    if asked[4] is None and asked[8] is None:
        return None
    written = _TIME.fullmatch(highest) if highest is not None else None
    if asked[8] is not None and (written is None or written[8] != asked[8]):
        return "it has another zone than the rows are written with, and texts are compared"
    if written is not None and written[4] is not None and written[4] != asked[4]:
        return f"the rows are written as {highest}, and texts are compared"
    return None


def _instant(text: str, *, zero: bool = False) -> tuple[str, str, bool] | None:
    """Day, time without zeros at its end, in UTC if there is a zone; and whether there is one. None for no such time.

    With `zero` a month or a day may be zero.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(found[at]) for at in (1, 2, 3))
    whole_day = 1 <= month <= 12 and 1 <= day <= monthrange(min(max(year, 1), 9999), month)[1]
    if not whole_day and not (zero and month <= 12 and day <= 31 and 0 in (month, day)):
        return None
    fraction = (found[7] or "").rstrip("0")
    clock = f"{found[5] or '00:00'}:{found[6] or '00'}"
    date, zone = f"{found[1]}-{found[2]}-{found[3]}", found[8]
    if zone not in (None, "Z"):
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:].lstrip(":") or 0))
        try:
            moved = datetime.fromisoformat(f"{date} {clock}") - (-offset if zone[0] == "-" else offset)
        except (ValueError, OverflowError):
            return (date, clock + (f".{fraction}" if fraction else ""), True) if not offset else None
        date, clock = f"{moved:%Y-%m-%d}".rjust(10, "0"), f"{moved:%H:%M:%S}"
    return date, clock + (f".{fraction}" if fraction else ""), zone is not None


def _number(text: str) -> Decimal | None:
    if not _DIGITS.fullmatch(text):  # `Decimal` takes underscores, and the digits of every script.
        return None
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _ascends(session: OdbcSession, query: TableQuery, first: str, end: str) -> bool:
    kind = query.keyset.columns[0].type
    low, high = _number(first), _number(end)
    if low is not None and high is not None and (_WHOLE.match(kind) or _EXACT.match(kind)):
        return low < high
    if session.rows(statements.is_above(session.dialect, kind, end, first))[0][0] == "1":
        return True
    # Letters are in the column's own order there, which may be another than a bare text's.
    return has_instants(session.dialect, kind) is None and low is None and end > first
