"""A set or message as typed rows, by its guide: the document, its parties, lines, amounts, each in a table of its own.

Each row has its number in its table, from 1 (`row`), and that of the row it belongs to (`parent`); what the guide names
no column for is not in the rows, it is in the kept original. A set without a guide becomes one row for each segment.

A value stands once: of several segments that fit a column the first one counts. A value that is not of its type becomes
null and a finding, since a set accepted with errors has rows too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from airflow_provider_integrations.connectors.edi.guide_rules import Column, Guide
from airflow_provider_integrations.connectors.edi.model import Delimiters, Finding, FindingCode, Segment, Severity
from airflow_provider_integrations.connectors.edi.row_values import Value, read_value, unreleased
from airflow_provider_integrations.connectors.edi.segment_check import divide
from airflow_provider_integrations.connectors.edi.set_walk import START, Walk

__all__ = ["EDIFACT_DATES", "Rows", "segment_rows", "to_rows"]

EDIFACT_DATES = {"2": 6, "102": 8, "203": 12, "204": 14}
"""Formats of a date (code list 2379) that begin with the day, and their lengths: DDMMYY is 2, CCYYMMDD... the others."""

Row = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one set.

    Args:
        tables: Rows by the name of their table; a table without rows is there and empty.
        findings: Values that are not of their column's kind.
    """

    tables: Mapping[str, list[Row]]
    findings: list[Finding] = field(default_factory=list)


class _Plan:
    """Which columns a place fills, and which place begins a row of which table."""

    def __init__(self, guide: Guide) -> None:
        self.walk = Walk(guide)
        self.begins: dict[int, str] = {}
        self.parents: dict[str, str | None] = {}
        self.columns: dict[int, list[tuple[str, Column]]] = {}
        self.empty: dict[str, Row] = {}
        for table in guide.tables:
            if table.loop is not None:
                self.begins[table.loop.first.number] = table.name
            self.parents[table.name] = table.parent
            self.empty[table.name] = {
                "row": 0,
                "parent": None,
                **dict.fromkeys(column.name for column in table.columns),
            }
            for column in table.columns:
                self.columns.setdefault(column.place.use, []).append((table.name, column))
        self.of_the_set = [table.name for table in guide.tables if table.loop is None]


@lru_cache(maxsize=64)
def _plan(guide: Guide) -> _Plan:
    return _Plan(guide)


def to_rows(guide: Guide, segments: Sequence[Segment], delimiters: Delimiters, *, encoding: str = "latin-1") -> Rows:
    """The rows of one set or message.

    Args:
        guide: Its guide; the tables are those of its `rows`.
        segments: From ST to SE or from UNH to UNT. What stands where the guide has no place for it is passed over.
        delimiters: Of the interchange.
        encoding: Of the interchange: values are decoded by it.
    """
    plan = _plan(guide)
    tables: dict[str, list[Row]] = {name: [] for name in plan.empty}
    findings: list[Finding] = []
    for name in plan.of_the_set:
        tables[name].append({**plan.empty[name], "row": 1})
    place = START
    for position, segment in enumerate(segments, 1):
        step = plan.walk.step(place, segment.tag)
        if step is None:
            continue
        place = step.place
        if place in plan.begins:
            name = plan.begins[place]
            above = plan.parents[name]
            parent = len(tables[above]) if above is not None else None
            tables[name].append({**plan.empty[name], "row": len(tables[name]) + 1, "parent": parent})
        for name, column in plan.columns.get(place, ()):
            row = tables[name][-1] if tables[name] else None
            if row is None or row[column.name] is not None:
                continue
            try:
                row[column.name] = _value(segment, column, delimiters, encoding)
            except ValueError as error:
                findings.append(_finding(segment, position, column, str(error)))
    return Rows(tables, findings)


def _value(segment: Segment, column: Column, delimiters: Delimiters, encoding: str) -> Value:
    place, elements, release = column.place, segment.elements, delimiters.release
    if place.qualifier is not None:
        first = divide(elements[0], delimiters.component, release)[0] if elements else ""
        if first != place.qualifier:
            return None
    number = place.element
    if place.paired is not None:
        at = range(place.element - 1, len(elements) - 1, 2)
        found = next((index + 2 for index in at if elements[index] == place.paired), None)
        if found is None:
            return None
        number = found
    text = elements[number - 1] if number <= len(elements) else ""
    form = ""
    if place.component is not None:
        parts = divide(text, delimiters.component, release)
        text = parts[place.component - 1] if place.component <= len(parts) else ""
        form = parts[place.component] if place.component < len(parts) else ""
    if not text:
        return None
    plain = unreleased(text, release) if release else text
    if not plain.isascii():
        plain = plain.encode("latin-1").decode(encoding)  # A UnicodeDecodeError is a ValueError: null and a finding.
    if column.kind == "edifact_date":
        return _edifact_date(plain, form)
    return read_value(plain, column.kind, column.decimals, "," if release else ".")


def _edifact_date(text: str, form: str) -> Value:
    length = EDIFACT_DATES.get(form or "102")
    if length is None or len(text) != length:
        raise ValueError(f"is no date in the format {form or 'that is not given'} (2379)")
    return read_value(text[4:] + text[2:4] + text[:2] if form == "2" else text[:8], "date", 0, ".")


def _finding(segment: Segment, position: int, column: Column, detail: str) -> Finding:
    dates = {
        "date": FindingCode.DATE_INVALID,
        "edifact_date": FindingCode.DATE_INVALID,
        "time": FindingCode.TIME_INVALID,
    }
    code = dates.get(column.kind, FindingCode.ELEMENT_TYPE)
    place = column.place
    if column.kind == "text":
        code, detail = FindingCode.CHARACTER_INVALID, "is not in the interchange's character set"
    return Finding(
        code, Severity.ERROR, segment.tag, position, place.element, place.component, detail=f"{column.name}: {detail}"
    )


def segment_rows(
    segments: Iterable[Segment], delimiters: Delimiters, *, encoding: str = "latin-1"
) -> Iterator[dict[str, Any]]:
    """One row for each segment of a set without a guide: `position`, `tag`, `elements` as text without release characters.

    What the character set does not have becomes U+FFFD: the kept original has the bytes.
    """
    release = delimiters.release
    for position, segment in enumerate(segments, 1):
        texts = (unreleased(text, release) if release else text for text in segment.elements)
        elements = [
            text if text.isascii() else text.encode("latin-1", "replace").decode(encoding, "replace") for text in texts
        ]
        yield {"position": position, "tag": segment.tag, "elements": elements}
