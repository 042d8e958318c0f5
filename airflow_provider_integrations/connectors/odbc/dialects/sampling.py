"""What planning of shards asks of an engine: its estimates of rows, and values that can be halved.

>>> number_of("date", "1970-01-11"), text_of_number("date", 10)
(10, '1970-01-11')
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from airflow_provider_integrations.connectors.odbc.dialects.dialect import Dialect, Rows
from airflow_provider_integrations.connectors.odbc.model import Bookmark, Keyset, Statement, TableQuery

__all__ = ["ends_of", "estimated_rows", "exactly_at", "number_of", "text_of_number"]

_INTEGER = re.compile(r"(tinyint|smallint|mediumint|int|integer|bigint|(numeric|decimal|number)\(\d+,0\))")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_ZERO = date(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


def estimated_rows(dialect: Dialect, plan: Rows) -> int | None:
    """The optimiser's number of rows, from the plan of a count; None if the plan has none, or reads no range of an index.

    MariaDB dives into the index for it. InnoDB about doubles what it does not count to the end, and says no more than half
    of the table, so that only small ranges compare.
    """
    if dialect.name == "postgresql":
        # The aggregate's own line says 1: the line below it is of the scan.
        found = [int(match[1]) for row in plan if (match := re.search(r"\brows=(\d+)", str(row[0])))]
        return found[-1] if found else None
    if dialect.name == "mariadb" and plan and len(plan[0]) >= 10:
        kind, rows = plan[0][3], plan[0][-2] if len(plan[0]) == 10 else plan[0][-3]
        if kind is None:
            return 0  # "Impossible WHERE": it looked, and there are none.
        return int(rows) if kind in ("range", "ref", "index", "const") and rows is not None else None
    return None


def ends_of(dialect: Dialect, query: TableQuery, prefix: Bookmark) -> Statement:
    """The lowest and the highest value of the key column behind a prefix, of rows with that prefix: two ends of an index."""
    columns = query.keyset.columns
    column = columns[len(prefix)]
    name = dialect.quote(column.name)
    what = ", ".join(dialect.text_of(f"{end}({name})", column.type) for end in ("MIN", "MAX"))
    where = f" WHERE {exactly_at(dialect, query.keyset, prefix)[0]}" if prefix else ""
    return Statement(f"SELECT {what} FROM {dialect.table(query.table)}{where}", prefix)


def exactly_at(dialect: Dialect, keyset: Keyset, bookmark: Bookmark) -> tuple[str, tuple[str, ...]]:
    """Condition on rows at a bookmark, or with a prefix of one."""
    pairs = zip(keyset.columns, bookmark, strict=False)
    return " AND ".join(f"{dialect.quote(c.name)} = {dialect.cast('?', c.type)}" for c, _ in pairs), bookmark


def number_of(kind: str, text: str) -> int | None:
    """A key's value as a whole number in the same order; None for types that have no such order here."""
    try:
        if _INTEGER.match(kind):
            return int(text)
        if kind == "date":
            return (date.fromisoformat(text) - _DAY_ZERO).days
        if kind.startswith(("datetime", "timestamp")):
            found = datetime.fromisoformat(text)
            return (found.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
    except ValueError:
        pass  # 0000-00-00, infinity, years beyond the calendar.
    return None


def text_of_number(kind: str, number: int) -> str:
    """The inverse, as a text that the engine casts."""
    if _INTEGER.match(kind):
        return str(number)
    if kind == "date":
        return (_DAY_ZERO + timedelta(days=number)).isoformat()
    return (_EPOCH + number * _MICROSECOND).strftime("%Y-%m-%d %H:%M:%S.%f").rjust(26, "0")
