"""A source's keys for the deletes sweep: counted and hashed at the server, listed where they differ.

Where the engine cannot make the hash (SQLite has no digests) or a key has no common text, the keys themselves are read and
hashed here: the same answers, for the price of one number of each row over the wire.
"""

# ruff: noqa: S608 every name is quoted by the dialect and every value is bound
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from airflow_provider_integrations.connectors.odbc.dialects.key_texts import (
    group_by_hash,
    group_by_width,
    is_whole,
    key_number,
    key_text,
)
from airflow_provider_integrations.connectors.odbc.model import ReadColumn, Statement, TableFacts, TableQuery
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.sweep_engine import KeyTexts
from airflow_provider_integrations.connectors.odbc.typed import to_landed
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.key_groups import ByHash, ByWidth, Grouping, KeyGroup

__all__ = ["Extent", "SourceKeys"]

_MARK = "{keyset}"


@dataclass(frozen=True, slots=True)
class Extent:
    """How many rows there are, and the lowest and highest first key where it is a whole number."""

    rows: int
    low: int | None = None
    high: int | None = None


class SourceKeys:
    """The keys of one table, as the open snapshot of a session sees them.

    Args:
        session: In a snapshot.
        query: What is extracted of the table, with its filter.
        facts: Its columns.
        contract: Whose keys are compared.
        at_server: Whether the server may hash; tests compare both ways.
    """

    def __init__(
        self, session: OdbcSession, query: TableQuery, facts: TableFacts, contract: Contract, *, at_server: bool = True
    ) -> None:
        self._session, self._query = session, query
        self._contract = contract.model_copy(
            update={"columns": tuple(contract.column(name) for name in contract.keys), "references": ()}
        )
        folded = {column.name.casefold(): column for column in facts.columns}
        self._columns = [folded[name.casefold()] for name in contract.keys]
        texts = [
            key_text(session.dialect, source, column)
            for source, column in zip(self._columns, self._contract.columns, strict=True)
        ]
        self._texts = [text for text in texts if text is not None] if at_server and None not in texts else None
        self.hashed_at_server = self._texts is not None
        self._here = KeyTexts(self._contract)

    def extent(self) -> Extent:
        """One pass over an index."""
        dialect, first = self._session.dialect, self._session.dialect.quote(self._columns[0].name)
        whole = is_whole(self._columns[0]) and self._contract.columns[0].type == "integer"
        wanted = ["COUNT(*)", *((f"MIN({first})", f"MAX({first})") if whole else ())]
        found = self._session.rows(self._select(", ".join(f"CAST({each} AS {dialect.text})" for each in wanted)))[0]
        low, high = (found[1], found[2]) if whole else (None, None)
        return Extent(int(str(found[0])), int(low) if low else None, int(high) if high else None)

    def groups(self, grouping: Grouping) -> dict[int, KeyGroup]:
        """Count and hash sum of each group that has keys."""
        if self._texts is None:
            found_here: dict[int, KeyGroup] = {}
            for batch in self._typed():
                for group_here, part in self._here.groups(batch, grouping).items():
                    known = found_here.get(group_here, KeyGroup(0, 0))
                    found_here[group_here] = KeyGroup(known.rows + part.rows, known.hash + part.hash)
            return found_here
        dialect = self._session.dialect
        inner = self._numbered(grouping)
        group = group_by_hash(dialect, "h", grouping.groups) if isinstance(grouping, ByHash) else "g"
        found = self._session.rows(
            Statement(
                f"SELECT CAST(g AS {dialect.text}), CAST(COUNT(*) AS {dialect.text}), CAST(SUM(h) AS {dialect.text})"
                f" FROM (SELECT {group} AS g, h FROM ({inner}) a) b GROUP BY g"
            )
        )
        return {int(str(g)): KeyGroup(int(str(rows)), int(str(total))) for g, rows, total in found}

    def texts(self, grouping: Grouping, groups: Sequence[int], extent: Extent) -> Iterator[Any]:
        """The keys of some groups as record batches of texts `k1`, `k2`, ...; spans of numbers are read by the index."""
        if not groups:
            return
        if self._texts is None:
            for batch in self._typed():
                yield self._here.texts(batch, grouping, groups)
            return
        if isinstance(grouping, ByWidth):
            for first, last in _runs(groups):
                yield from self._listed(*self._span(grouping, first, last, extent))
            return
        wanted = ", ".join(str(int(group)) for group in groups)
        number = key_number(self._session.dialect, self._texts)
        yield from self._listed(f"{group_by_hash(self._session.dialect, number, grouping.groups)} IN ({wanted})", ())

    def _span(self, grouping: ByWidth, first: int, last: int, extent: Extent) -> tuple[str, tuple[str, ...]]:
        """Within what there is: a bound beyond it may be none of the column's type."""
        assert extent.low is not None
        assert extent.high is not None
        low = max(grouping.low + first * grouping.width, extent.low)
        high = min(grouping.low + (last + 1) * grouping.width - 1, extent.high)
        column, dialect = self._columns[0], self._session.dialect
        name, cast = dialect.quote(column.name), dialect.cast("?", column.type)
        if low > high:
            return "1 = 0", ()
        return f"{name} >= {cast} AND {name} <= {cast}", (str(low), str(high))

    def _listed(self, condition: str, parameters: tuple[str, ...]) -> Iterator[Any]:
        assert self._texts is not None
        dialect = self._session.dialect
        columns = [
            ReadColumn(f"k{at}", text, pa.string(), pa.string(), text_size=_SIZES.get(column.type))
            for at, (text, column) in enumerate(zip(self._texts, self._contract.columns, strict=True), 1)
        ]
        listed = self._select(", ".join(f"{c.expression} AS {dialect.quote(c.name)}" for c in columns), condition)
        sql = listed.sql
        if any(column.text_size is None for column in columns):
            # A text beyond the buffers makes the session read anew and pass by what it gave: in the same order.
            sql += " ORDER BY " + ", ".join(f"t.{dialect.quote(column.name)}" for column in self._columns)
        yield from self._session.read(Statement(sql, parameters), columns)

    def _typed(self) -> Iterator[Any]:
        """The keys as the contract types them, in the table's order; rows that it refuses are in no target."""
        dialect = self._session.dialect
        columns = [
            replace(dialect.read_column(source, column.type), name=column.name)
            for source, column in zip(self._columns, self._contract.columns, strict=True)
        ]
        # What the driver may not carry comes as the server's text, and is typed or refused here.
        columns = [
            replace(c, expression=c.guarded, wire=pa.string(), arrow=pa.string(), hexed=c.in_hex) if c.guarded else c
            for c in columns
        ]
        statement = self._select(", ".join(f"{c.expression} AS {dialect.quote(c.name)}" for c in columns))
        order = ", ".join(f"t.{dialect.quote(column.name)}" for column in self._columns)
        for batch in self._session.read(Statement(f"{statement.sql} ORDER BY {order}"), columns):
            yield to_landed(batch, self._contract, columns)[0]

    def _numbered(self, grouping: Grouping) -> str:
        """A SELECT of each key's number `h`, with its span `g` for spans."""
        assert self._texts is not None
        dialect = self._session.dialect
        number = key_number(dialect, self._texts)
        what = f"{number} AS h"
        if isinstance(grouping, ByWidth):
            span = group_by_width(dialect, dialect.quote(self._columns[0].name), grouping.low, grouping.width)
            what += f", {span} AS g"
        # OFFSET 0 keeps PostgreSQL from working the digest out once for each use of it.
        tail = " OFFSET 0" if dialect.name == "postgresql" else ""
        return self._select(what).sql + tail

    def _select(self, what: str, condition: str | None = None) -> Statement:
        texts = [f"({each})" for each in (condition, self._query.filter) if each]
        where = " AND ".join(texts)
        if self._query.template is None:
            source = self._session.dialect.table(self._query.table)
        else:
            template = self._query.template.strip().rstrip(";")
            if _MARK in template:
                return Statement(f"SELECT {what} FROM ({template.replace(_MARK, where or '1 = 1')}) t")
            source = f"({template})"
        return Statement(f"SELECT {what} FROM {source} t" + (f" WHERE {where}" if where else ""))


_SIZES = {"integer": 20, "uuid": 36, "date": 10, "time": 15, "timestamp": 26, "boolean": 5}


def _runs(groups: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Neighbours as one span, so that a table of which much differs is read in few statements."""
    start: int | None = None
    before = 0
    for group in sorted(groups):
        if start is None:
            start = group
        elif group != before + 1:
            yield start, before
            start = group
        before = group
    if start is not None:
        yield start, before
