"""Conditions on a keyset's rows, as pure text: above and below an edge, in a range, at a tuple.

Each is in the form that the engine answers from its index: see `Dialect.comparison`.
"""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_integrations.connectors.odbc.dialects.dialect import Dialect
from airflow_provider_integrations.connectors.odbc.model import Bookmark, Edge, KeyColumn, KeyRange, Keyset, TableQuery
from airflow_provider_integrations.core.watermark import Bound

__all__ = ["Condition", "above", "below", "bound", "equal", "in_order", "in_range", "not_null"]

Condition = tuple[str, tuple[str, ...]]


def above(dialect: Dialect, keyset: Keyset, edge: Edge) -> Condition:
    """Rows above an edge, or at it if it is closed, in the form that uses the engine's index."""
    return _compare(dialect, keyset, edge, ">", closed=edge.bound is Bound.CLOSED)


def below(dialect: Dialect, keyset: Keyset, edge: Edge) -> Condition:
    """Rows below an edge, or at it if it is closed."""
    return _compare(dialect, keyset, edge, "<", closed=edge.bound is Bound.CLOSED)


def in_range(dialect: Dialect, keyset: Keyset, key_range: KeyRange) -> list[Condition]:
    """Rows between the ends of a range."""
    found = []
    if key_range.low is not None:
        found.append(above(dialect, keyset, key_range.low))
    if key_range.high is not None:
        found.append(below(dialect, keyset, key_range.high))
    return found


def in_order(dialect: Dialect, keyset: Keyset, key_range: KeyRange) -> list[list[Condition]]:
    """The same in parts, one behind the other in the keyset's order, each of which is one range of the index.

    One part on all engines but SQLite, whose row values compare an INTEGER PRIMARY KEY by no index but one that leaves it out
    (3.40: the planner knows it as the rowid, and the index as a column): ties would be read from their first row.
    """
    low = key_range.low
    if low is None or len(low.at) < 2 or len(low.at) < len(keyset.columns) or not _ends_with_rowid(dialect, keyset):
        return [in_range(dialect, keyset, key_range)]
    *before, last = keyset.columns
    tied, at = equal(dialect, before, low.at[:-1])
    behind, id = above(dialect, Keyset((last,), 0), Edge(low.at[-1:], low.bound))
    higher = above(dialect, keyset, Edge(low.at[:-1], Bound.OPEN))
    high = in_range(dialect, keyset, KeyRange(None, key_range.high))
    return [[(f"{tied} AND {behind}", (*at, *id)), *high], [higher, *high]]


def not_null(dialect: Dialect, query: TableQuery) -> list[Condition]:
    """Rows that have a cursor."""
    return [(f"{dialect.quote(c.name)} IS NOT NULL", ()) for c in query.keyset.columns if c.nullable]


def equal(dialect: Dialect, columns: Sequence[KeyColumn], values: Sequence[str]) -> Condition:
    """Rows with these values."""
    parts = [f"{dialect.quote(c.name)} = {dialect.cast('?', c.type)}" for c in columns]
    return " AND ".join(parts), bound(dialect, columns, values)


def bound(dialect: Dialect, columns: Sequence[KeyColumn], values: Sequence[str]) -> Bookmark:
    """The values as they are bound."""
    return tuple(dialect.bound(value, column.type) for value, column in zip(values, columns, strict=True))


def _ends_with_rowid(dialect: Dialect, keyset: Keyset) -> bool:
    # `bigint PRIMARY KEY` is none, and where there is a rowid after all the parts are right as well.
    by_row_value = dialect.name == "sqlite" and dialect.comparison == "row_value"
    return by_row_value and len(keyset.key) == 1 and keyset.key[0].type == "integer"


def _compare(dialect: Dialect, keyset: Keyset, edge: Edge, sign: str, *, closed: bool) -> Condition:
    columns = keyset.columns[: len(edge.at)]
    at = bound(dialect, columns, edge.at)
    names = [dialect.quote(column.name) for column in columns]
    casts = [dialect.cast("?", column.type) for column in columns]
    last = f"{sign}=" if closed else sign
    if len(columns) == 1:
        return f"{names[0]} {last} {casts[0]}", at
    if dialect.comparison == "row_value":
        return f"({', '.join(names)}) {last} ({', '.join(casts)})", at
    if dialect.comparison == "ranges":
        return _ranges(names, casts, at, sign, last)
    return _nested(names, casts, at, sign, last)


def _nested(names: list[str], casts: list[str], at: Bookmark, sign: str, last: str) -> Condition:
    """`a >= ? AND (a > ? OR b > ?)`, within itself for more columns."""
    if len(names) == 1:
        return f"{names[0]} {last} {casts[0]}", at
    rest, parameters = _nested(names[1:], casts[1:], at[1:], sign, last)
    inner = rest if len(names) == 2 else f"({rest})"
    return (
        f"{names[0]} {sign}= {casts[0]} AND ({names[0]} {sign} {casts[0]} OR {inner})",
        (at[0], at[0], *parameters),
    )


def _ranges(names: list[str], casts: list[str], at: Bookmark, sign: str, last: str) -> Condition:
    """`a > ? OR (a = ? AND b > ?)`: each part is one range of the index, and the optimiser reads them in order."""
    parts: list[str] = []
    parameters: list[str] = []
    for length in range(len(names)):
        same = [f"{names[i]} = {casts[i]}" for i in range(length)]
        compared = last if length == len(names) - 1 else sign
        parts.append(" AND ".join([*same, f"{names[length]} {compared} {casts[length]}"]))
        parameters += at[: length + 1]
    return "(" + " OR ".join(f"({part})" for part in parts) + ")", tuple(parameters)
