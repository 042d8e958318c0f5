"""The statements of an extraction, as pure text: pages, late rows, counts, and a bookmark's way there and back.

>>> from airflow_provider_integrations.connectors.odbc.dialects import dialect_named
>>> from airflow_provider_integrations.connectors.odbc.model import Keyset, KeyColumn
>>> keyset = Keyset((KeyColumn("u", "bigint"), KeyColumn("id", "bigint")), cursors=1)
>>> above(dialect_named("sqlserver"), keyset, Edge(("5", "7"), Bound.OPEN))
('"u" >= CAST(? AS bigint) AND ("u" > CAST(? AS bigint) OR "id" > CAST(? AS bigint))', ('5', '5', '7'))
"""

# ruff: noqa: S608 every name is quoted by the dialect and every value is bound
from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import count as count_from

from airflow_provider_integrations.connectors.odbc.dialects.dialect import Dialect
from airflow_provider_integrations.connectors.odbc.model import (
    Bookmark,
    Edge,
    KeyColumn,
    KeyRange,
    Keyset,
    Late,
    ReadColumn,
    Statement,
    TableQuery,
)
from airflow_provider_integrations.connectors.odbc.packing import on_the_wire
from airflow_provider_integrations.connectors.odbc.predicates import (
    Condition,
    above,
    below,
    bound,
    equal,
    in_order,
    in_range,
    not_null,
)
from airflow_provider_integrations.core.watermark import Bound

__all__ = [
    "above",
    "ahead",
    "ahead_conditions",
    "any_above",
    "below",
    "bookmark_of",
    "count",
    "earlier",
    "echo",
    "highest",
    "hit",
    "is_above",
    "late",
    "late_conditions",
    "moved_up",
    "null_conditions",
    "nulls",
    "page",
    "sample",
]

_MARK = "{keyset}"
_ALIAS = "t"
_ONE = "1"


def page(dialect: Dialect, query: TableQuery, key_range: KeyRange, rows: int | None = None) -> Statement:
    """The rows of a range in order, at most `rows` of them."""
    return _in_order(dialect, query, _columns(dialect, query), key_range, rows)


def late(dialect: Dialect, query: TableQuery, rows: Late) -> Statement:
    """Rows that may have been committed behind the mark of the run before."""
    return Statement(*_select(dialect, query, _columns(dialect, query), late_conditions(dialect, query, rows)))


def ahead(dialect: Dialect, query: TableQuery, ceiling: Edge) -> Statement:
    """Rows above the ceiling, in no order."""
    return Statement(*_select(dialect, query, _columns(dialect, query), ahead_conditions(dialect, query, ceiling)))


def nulls(dialect: Dialect, query: TableQuery) -> Statement | None:
    """Rows with a NULL in a cursor column, which no comparison finds; None if there can be none."""
    found = [f"{dialect.quote(column.name)} IS NULL" for column in query.keyset.columns if column.nullable]
    if not found:
        return None
    return Statement(*_select(dialect, query, _columns(dialect, query), [(f"({' OR '.join(found)})", ())]))


def count(
    dialect: Dialect,
    query: TableQuery,
    within: Sequence[Condition] | KeyRange,
    sums: Sequence[str] = (),
    *,
    looked_at: Sequence[ReadColumn] | None = None,
) -> Statement:
    """One row: how many rows, how many of them the driver could not carry, and the sums of columns, as text.

    Args:
        dialect: Of the source.
        query: What is read.
        within: Which rows.
        sums: Columns to add up.
        looked_at: Columns whose values the driver may be unable to carry; all of them without it.
    """
    if isinstance(within, KeyRange):
        within = [*in_range(dialect, query.keyset, within), *not_null(dialect, query)]
    suspects = [column.suspect for column in (query.columns if looked_at is None else looked_at) if column.suspect]
    broken = f"SUM(CASE WHEN {' OR '.join(suspects)} THEN 1 ELSE 0 END)" if suspects else "0"
    read_as = {column.name: column.arrow for column in query.columns}
    columns = [dialect.counted, broken, *(dialect.total(dialect.quote(name), read_as.get(name)) for name in sums)]
    return Statement(*_select(dialect, query, ", ".join(f"CAST({c} AS {dialect.text})" for c in columns), list(within)))


def late_conditions(dialect: Dialect, query: TableQuery, rows: Late) -> list[Condition]:
    """What `late` asks for, to count it."""
    # First what hardly any row fulfils: the table is read through for it.
    found = [dialect.late_rows(rows.horizon)] if rows.horizon is not None else []
    found.append(below(dialect, query.keyset, Edge(rows.mark, Bound.CLOSED)))
    found += [
        above(dialect, query.keyset, Edge((at,), Bound.CLOSED)) for at in (rows.since, rows.floor) if at is not None
    ]
    return [*found, *not_null(dialect, query)]


def null_conditions(dialect: Dialect, query: TableQuery) -> list[Condition]:
    """What `nulls` asks for, to count it; empty if there can be none."""
    found = [f"{dialect.quote(column.name)} IS NULL" for column in query.keyset.columns if column.nullable]
    return [(f"({' OR '.join(found)})", ())] if found else []


def ahead_conditions(dialect: Dialect, query: TableQuery, ceiling: Edge) -> list[Condition]:
    """What `ahead` asks for, to count it."""
    return [above(dialect, query.keyset, Edge(ceiling.at, Bound.OPEN)), *not_null(dialect, query)]


def bookmark_of(dialect: Dialect, query: TableQuery, key: Sequence[str]) -> Statement:
    """The keyset's values of one row as lossless text, by its primary key."""
    texts = ", ".join(dialect.text_of(dialect.quote(c.name), c.type) for c in query.keyset.columns)
    return Statement(*_select(dialect, query, texts, [equal(dialect, query.keyset.key, key)]))


def hit(dialect: Dialect, query: TableQuery, bookmark: Bookmark) -> Statement:
    """How many rows are exactly at a bookmark: one, if the text has come back as it went."""
    return Statement(
        *_select(
            dialect,
            query,
            f"CAST({dialect.counted} AS {dialect.text})",
            [equal(dialect, query.keyset.columns, bookmark)],
        )
    )


def moved_up(dialect: Dialect, query: TableQuery, bookmark: Bookmark) -> Statement:
    """Two counts of the row with a bookmark's key: that it is there, and that it is above the bookmark."""
    key = bookmark[query.keyset.cursors :]
    mark, marked = above(dialect, query.keyset, Edge(bookmark, Bound.OPEN))
    at, keyed = equal(dialect, query.keyset.key, key)
    there = f"CAST({dialect.counted} AS {dialect.text})"
    higher = f"CAST(SUM(CASE WHEN {mark} THEN 1 ELSE 0 END) AS {dialect.text})"
    select, rest = _select(dialect, query, f"{there}, {higher}", [(at, keyed)])
    return Statement(select, (*marked, *rest))


def echo(dialect: Dialect, query: TableQuery, bookmark: Bookmark) -> Statement:
    """A bookmark as the server takes it: NULL where a text is no value of its column, which nothing would ever be above.

    Most engines fail instead; MariaDB does not.
    """
    columns = query.keyset.columns
    taken = ", ".join(f"{dialect.cast('?', column.type)} AS v{at}" for at, column in enumerate(columns))
    texts = ", ".join(dialect.text_of(f"v{at}", column.type) for at, column in enumerate(columns))
    tail = " FROM dual" if dialect.name == "oracle" else ""
    return Statement(f"SELECT {texts} FROM (SELECT {taken}{tail}) t", bound(dialect, columns, bookmark))


def is_above(dialect: Dialect, kind: str, value: str, at: str) -> Statement:
    """`1` or `0`: whether a value of a type is above another, by no table."""
    first = KeyColumn("v", kind)
    condition, parameters = above(dialect, Keyset((first,), 1), Edge((at,), Bound.OPEN))
    tail = " FROM dual" if dialect.name == "oracle" else ""
    row = f"SELECT {dialect.cast('?', kind)} AS {dialect.quote('v')}{tail}"
    shown = f"CASE WHEN {condition} THEN '1' ELSE '0' END"
    return Statement(f"SELECT {shown} FROM ({row}) t", (*parameters, dialect.bound(value, kind)))


def any_above(dialect: Dialect, query: TableQuery, edge: Edge | None, high: Edge | None = None) -> Statement:
    """One row if there is any above the edge, and below another, none if not: an index probe."""
    # In order, although none is asked for: PostgreSQL would else look for any such row from the table's beginning.
    return _in_order(dialect, query, _ONE, KeyRange(edge, high), 1)


def highest(dialect: Dialect, query: TableQuery, high: Edge | None = None) -> Statement:
    """The highest value of the first column, or the highest below an edge, as text; NULL if there is no row."""
    first = query.keyset.columns[0]
    value = dialect.text_of(f"MAX({dialect.quote(first.name)})", first.type)
    conditions = [*in_range(dialect, query.keyset, KeyRange(None, high)), *not_null(dialect, query)]
    return Statement(*_select(dialect, query, value, conditions))


def earlier(dialect: Dialect, query: TableQuery, value: str, lag: timedelta | int) -> Statement:
    """A value of the first column less the lag, as text."""
    first = query.keyset.columns[0]
    moved = dialect.minus(dialect.cast("?", first.type), first.type, lag)
    tail = " FROM dual" if dialect.name == "oracle" else ""
    return Statement(
        f"SELECT {dialect.text_of('v', first.type)} FROM (SELECT {moved} AS v{tail}) t",
        bound(dialect, [first], [value]),
    )


def sample(dialect: Dialect, query: TableQuery, key_range: KeyRange, parts: int, share: float) -> Statement:
    """Bookmarks that cut a range into about equal numbers of rows, in order; `share` of the table is looked at."""
    names = [dialect.quote(name) for name in query.keyset.names]
    order = ", ".join(names)
    conditions = [*in_range(dialect, query.keyset, key_range), *not_null(dialect, query)]
    inner, parameters = _select(
        dialect,
        query,
        f"{order}, ROW_NUMBER() OVER (ORDER BY {order}) AS rn, {dialect.counted} OVER () AS n",
        conditions,
        share=share,
    )
    texts = ", ".join(dialect.text_of(dialect.quote(c.name), c.type) for c in query.keyset.columns)
    cuts = " OR ".join(f"rn = FLOOR(n * {at} / {parts}.0)" for at in range(1, parts))
    if dialect.name == "sqlite":
        cuts = " OR ".join(f"rn = n * {at} / {parts}" for at in range(1, parts))
    alias = "cuts" if dialect.name == "oracle" else "AS cuts"
    return Statement(f"SELECT {texts} FROM ({inner}) {alias} WHERE {cuts} ORDER BY rn", parameters)


def _in_order(dialect: Dialect, query: TableQuery, what: str, key_range: KeyRange, rows: int | None) -> Statement:
    """The rows of a range in the keyset's order; parts of it are merged by the engine as it reads them."""
    order = _order(dialect, query)
    parts = in_order(dialect, query.keyset, key_range) if rows is not None else []
    if len(parts) < 2 or rows is None:
        conditions = [*in_range(dialect, query.keyset, key_range), *not_null(dialect, query)]
        select, parameters = _select(dialect, query, what, conditions)
        # Of the table and not of the result: what is read may be text made of a column, which has another order.
        select += f" ORDER BY {', '.join(order)}"
        return Statement(select if rows is None else dialect.first_rows(select, rows), parameters)
    taken = "".join(column.name.casefold() for column in query.columns)
    name = next(name for name in (f"_k{n}_" for n in count_from(0)) if name not in taken)
    keys = ", ".join(f"{column} AS {name}{at}" for at, column in enumerate(order))
    selects = [_select(dialect, query, f"{what}, {keys}", [*part, *not_null(dialect, query)]) for part in parts]
    merged = f"{' UNION ALL '.join(select for select, _ in selects)} ORDER BY "
    merged += ", ".join(f"{name}{at}" for at in range(len(order)))
    names = ", ".join(dialect.quote(column.name) for column in query.columns) if what != _ONE else what
    return Statement(
        f"SELECT {names} FROM ({dialect.first_rows(merged, rows)})",
        tuple(value for _, parameters in selects for value in parameters),
    )


def _order(dialect: Dialect, query: TableQuery) -> list[str]:
    return [f"{_ALIAS}.{dialect.quote(name)}" for name in query.keyset.names]


def _columns(dialect: Dialect, query: TableQuery) -> str:
    return ", ".join(
        column.expression
        if column.expression == dialect.quote(column.name)
        else f"{column.expression} AS {dialect.quote(column.name)}"
        for column in on_the_wire(query.columns, dialect.packed)
    )


def _select(
    dialect: Dialect, query: TableQuery, what: str, conditions: list[Condition], share: float = 1
) -> tuple[str, tuple[str, ...]]:
    """A SELECT with its conditions; a template that says where its keyset predicate belongs gets it there."""
    texts = [f"({text})" for text, _ in conditions]
    parameters = tuple(value for _, values in conditions for value in values)
    if query.filter:
        texts.append(f"({query.filter})")
    where = " AND ".join(texts)
    if query.template is None:
        source = dialect.sampled(dialect.table(query.table), _ALIAS, share)
    else:
        template = query.template.strip().rstrip(";")
        if _MARK in template:
            inner = template.replace(_MARK, where or "1 = 1")
            return f"SELECT {what} FROM ({inner}) {_ALIAS}", parameters
        source = f"({template}) {_ALIAS}"
    return f"SELECT {what} FROM {source}" + (f" WHERE {where}" if where else ""), parameters
