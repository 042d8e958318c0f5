"""Which column of the rows a finding on a written set speaks of, so that whoever has the rows knows where to look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airflow_provider_integrations.connectors.edi.guide_rules import Column, Guide
from airflow_provider_integrations.connectors.edi.model import Delimiters, Finding, FindingCode, Segment
from airflow_provider_integrations.connectors.edi.segment_check import divide
from airflow_provider_integrations.connectors.edi.set_walk import START, Walk

__all__ = ["columns_of"]


def columns_of(
    guide: Guide, segments: Sequence[Segment], findings: Sequence[Finding], delimiters: Delimiters
) -> list[str]:
    """`table.column` of each finding on an element, or the table whose rows are missing, in order and each once."""
    places = _places(guide, segments)
    told: dict[str, None] = {}
    for finding in findings:
        if finding.code is FindingCode.SEGMENT_MISSING:
            told |= dict.fromkeys(_missing(guide, finding.segment or ""))
        elif finding.position and finding.element and finding.position <= len(segments):
            place, segment = places[finding.position - 1], segments[finding.position - 1]
            told |= {
                f"{table.name}.{column.name}": None
                for table in guide.tables
                for column in table.columns
                if column.place.use == place and _fits(column, finding, segment, delimiters)
            }
    return list(told)


def _places(guide: Guide, segments: Sequence[Segment]) -> list[int]:
    """The number of each segment's place in the guide; 0 where it has none."""
    walk, place, places = Walk(guide), START, []
    for segment in segments:
        step = walk.step(place, segment.tag)
        places.append(step.place if step else 0)
        place = step.place if step else place
    return places


def _fits(column: Column, finding: Finding, segment: Segment, delimiters: Delimiters) -> bool:
    place, element = column.place, finding.element or 0
    if place.paired is not None:
        before = element - 2
        return element > place.element and before < len(segment.elements) and segment.elements[before] == place.paired
    if place.qualifier is not None:
        first = divide(segment.elements[0], delimiters.component, delimiters.release)[0] if segment.elements else ""
        if first != place.qualifier:
            return False
    return place.element == element and finding.component in (None, place.component)


def _missing(guide: Guide, tag: str) -> Iterator[str]:
    """The tables whose rows begin with a segment, or else the columns that would fill it."""
    tables = [table.name for table in guide.tables if table.loop is not None and table.loop.tag == tag]
    uses = {use.number for use in guide.uses() if use.tag == tag}
    columns = [
        f"{table.name}.{column.name}"
        for table in guide.tables
        for column in table.columns
        if column.place.use in uses and table.loop is None
    ]
    yield from tables or columns
