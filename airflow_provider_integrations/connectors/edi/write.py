"""Rows to a set or message by the same guide that reads it: reading what was written gives the rows again.

    segments = write_set(guide, {"orders": [{...}], "order_lines": [{...}]}, "0001", delimiters)

Control numbers are arguments. Nothing is written that the guide's own check refuses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_integrations.connectors.edi.check_set import check
from airflow_provider_integrations.connectors.edi.finding_columns import columns_of
from airflow_provider_integrations.connectors.edi.guide_rules import (
    Column,
    Guide,
    Member,
    SegmentUse,
    Table,
)
from airflow_provider_integrations.connectors.edi.model import Delimiters, Segment, Severity, Syntax
from airflow_provider_integrations.connectors.edi.outbound_values import to_number
from airflow_provider_integrations.connectors.edi.row_values import released, write_value
from airflow_provider_integrations.core.errors import PermanentError

__all__ = ["Row", "render", "write_set"]

Row = Mapping[str, Any]
_KEYS = frozenset({"row", "parent"})


def write_set(
    guide: Guide,
    tables: Mapping[str, Sequence[Row]],
    control: str,
    delimiters: Delimiters,
    *,
    encoding: str = "latin-1",
    convention: str = "",
) -> tuple[Segment, ...]:
    """The segments of one set or message, from ST to SE or from UNH to UNT.

    Args:
        guide: Names the tables and columns.
        tables: Rows by table. `row` and `parent` tie rows of inner tables to their own; without `row` they are numbered in
            their order.
        control: Control number of the set, ST02 or UNH 0062.
        delimiters: Of the interchange; in X12 no value may hold one, in EDIFACT they are released.
        encoding: Of the interchange.
        convention: ST03 (1705) from 005010 on, or the association's code in UNH (0057).

    Raises:
        PermanentError: when rows name what the guide does not have, a value does not fit its column, or the set would break
            the guide.
    """
    writer = _Writer(guide, tables, delimiters, encoding)
    body = list(writer.body())
    if guide.syntax is Syntax.X12:
        head = ("ST", [guide.set, control, convention] if convention else [guide.set, control])
        tail = ("SE", [str(len(body) + 2), control])
    else:
        kind = [guide.set, guide.version[:1], guide.version[1:], "UN", *([convention] if convention else [])]
        head = ("UNH", [control, delimiters.component.join(kind)])
        tail = ("UNT", [str(len(body) + 2), control])
    segments, offset = [], 0
    for number, (tag, elements) in enumerate((head, *body, tail), 1):
        segments.append(Segment(tag, tuple(elements), number, offset))
        offset += len(tag) + sum(len(element) + 1 for element in elements) + 1
    found = check(guide, segments, delimiters, encoding=encoding)
    if wrong := [finding for finding in found if finding.severity is not Severity.NOTE][:20]:
        raise PermanentError(
            f"the rows make no valid {guide.set}",
            guide=guide.name,
            columns=columns_of(guide, segments, wrong, delimiters),
            findings=[finding.shown() for finding in wrong],
            next_step="Correct the rows; nothing was written.",
        )
    return tuple(segments)


def render(segments: Sequence[Segment], delimiters: Delimiters) -> bytes:
    """The bytes of segments, each with its terminator."""
    join = delimiters.element.join
    text = "".join(join((segment.tag, *segment.elements)) + delimiters.terminator for segment in segments)
    return text.encode("latin-1")


class _Writer:
    def __init__(
        self, guide: Guide, tables: Mapping[str, Sequence[Row]], delimiters: Delimiters, encoding: str
    ) -> None:
        self._guide = guide
        self._delimiters = delimiters
        self._encoding = encoding
        self._signs = "".join(
            sign
            for sign in (
                delimiters.element,
                delimiters.component,
                delimiters.terminator,
                delimiters.repetition,
                delimiters.release,
            )
            if sign
        )
        self._by_loop = {id(table.loop): table for table in guide.tables if table.loop is not None}
        known = {table.name: table for table in guide.tables}
        if unknown := sorted(set(tables) - set(known)):
            raise self._error("the guide has no such tables", tables=unknown)
        self._rows: dict[str, dict[int | None, list[tuple[int, Row]]]] = {name: {} for name in known}
        for name, rows in tables.items():
            self._take(known[name], rows)
        for table in guide.tables:
            self._tied(table)

    def _take(self, table: Table, rows: Sequence[Row]) -> None:
        names = {column.name for column in table.columns} | _KEYS
        seen: set[int] = set()
        for index, row in enumerate(rows, 1):
            if unknown := sorted(set(row) - names):
                raise self._error("a row has columns that its table does not have", table=table.name, columns=unknown)
            numbers = {name: self._number(table, row, name) for name in _KEYS}
            number = numbers["row"] or index
            if number in seen or (table.loop is None and seen):
                raise self._error("a row stands twice, or a set has two", table=table.name, row=number)
            seen.add(number)
            self._rows[table.name].setdefault(numbers["parent"], []).append((number, row))

    def _number(self, table: Table, row: Row, name: str) -> int | None:
        try:
            return to_number(row.get(name))
        except ValueError as error:
            raise self._error(f"a value {error}", table=table.name, column=name) from None

    def _tied(self, table: Table) -> None:
        above: set[int | None] = {None}
        if table.parent is not None:
            above = {number for rows in self._rows[table.parent].values() for number, _ in rows}
        if astray := [parent for parent in self._rows[table.name] if parent not in above]:
            raise self._error("a row belongs to no row of the table above it", table=table.name, parent=astray[0])

    def body(self) -> Iterator[tuple[str, list[str]]]:
        """All segments between header and trailer, in the order of the structure."""
        filled: dict[int, list[list[str]]] = {}
        for table in self._guide.tables:
            if table.loop is None:
                for _, row in self._rows[table.name].get(None, []):
                    filled |= self._segments(table, row)
        yield from self._members(self._guide.members, filled, None)

    def _members(
        self, members: tuple[Member, ...], filled: Mapping[int, list[list[str]]], above: int | None
    ) -> Iterator[tuple[str, list[str]]]:
        for member in members:
            if isinstance(member, SegmentUse):
                yield from ((member.tag, elements) for elements in filled.get(member.number, []))
                continue
            table = self._by_loop.get(id(member))
            if (
                table is None
            ):  # Of a loop without rows of its own the first segment may hold columns of the row around it.
                yield from ((member.tag, elements) for elements in filled.get(member.first.number, []))
                continue
            for number, row in self._rows[table.name].get(above if table.parent else None, []):
                inner: dict[int, list[list[str]]] = {member.first.number: [[]]}
                inner |= self._segments(table, row)
                yield from self._members(member.members, inner, number)

    def _segments(self, table: Table, row: Row) -> dict[int, list[list[str]]]:
        """The segments that a row fills, by the number of their place: one for each qualifier."""
        groups: dict[tuple[int, str | None], list[tuple[Column, str]]] = {}
        for column in table.columns:
            try:
                text = self._text(column, row.get(column.name))
            except ValueError as error:
                # Without the value: it is a partner's data.
                raise self._error(f"a value {error}", table=table.name, column=column.name) from None
            if text:
                groups.setdefault((column.place.use, column.place.qualifier), []).append((column, text))
        filled: dict[int, list[list[str]]] = {}
        for (use, qualifier), values in groups.items():
            filled.setdefault(use, []).append(self._elements(table, qualifier, values))
        return filled

    def _elements(self, table: Table, qualifier: str | None, values: list[tuple[Column, str]]) -> list[str]:
        parts: dict[int, dict[int, str]] = {}
        for column, text in values:
            place = column.place
            element, component = place.element, place.component or 1
            if place.paired is not None:
                while element in parts:
                    element += 2
                parts[element] = {1: place.paired}
                element += 1
            parts.setdefault(element, {})[component] = text
            if column.kind == "edifact_date":
                parts[element][component + 1] = "102"
        if qualifier is not None:
            parts.setdefault(1, {})[1] = qualifier
        join = self._delimiters.component.join
        return [
            join(parts[at].get(number, "") for number in range(1, max(parts[at]) + 1)) if at in parts else ""
            for at in range(1, max(parts) + 1)
        ]

    def _text(self, column: Column, value: Any) -> str:
        text = write_value(value, column.kind, column.decimals)
        if column.kind == "decimal" and self._delimiters.decimal != ".":
            text = text.replace(".", self._delimiters.decimal)
        if not text.isascii():
            try:
                text = text.encode(self._encoding).decode("latin-1")
            except UnicodeEncodeError:
                raise ValueError(f"has characters that {self._encoding} does not have") from None
        if self._delimiters.release is not None:
            return released(text, self._signs, self._delimiters.release)
        if any(sign in text for sign in self._signs):
            raise ValueError("holds a delimiter of the interchange")
        return text

    def _error(self, what: str, **values: Any) -> PermanentError:
        step = "Correct the rows; nothing was written."
        return PermanentError(what, guide=self._guide.name, next_step=step, **values)
