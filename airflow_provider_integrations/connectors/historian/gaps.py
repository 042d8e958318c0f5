"""Finds the gaps of one tag, and says why each is there.

A tag with a cadence should have a sample that much after the one before, whatever the phase and with some tolerance, so that a
clock that wanders makes no gaps. Where it has none the gap begins at the instant of the first one that should be there, and ends
at the next sample. Bad and estimated samples are there, and leave gaps of their own reason. One that is due once a day has
one in each local day, however long that is. A tag of exception reporting may be silent for as long as its catalog says.

Samples come in any number of batches, ascending; the last one before the span and the first one after it are taken as neighbours
if they are given. What is held of them is the gaps alone.

>>> find_gaps(entry, samples, span, now=span.end).gaps  # doctest: +SKIP
(Gap(tag='plant1.boiler1.steam_flow', ...),)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from airflow_provider_integrations.connectors.historian.catalog import TagEntry
from airflow_provider_integrations.connectors.historian.gap_days import Days
from airflow_provider_integrations.connectors.historian.gap_points import points_of
from airflow_provider_integrations.connectors.historian.gap_steps import Steps
from airflow_provider_integrations.connectors.historian.model import Span
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.gap import Gap, GapReason

__all__ = ["TagGaps", "find_gaps", "spans_to_read"]

_LOST = frozenset({GapReason.MISSING, GapReason.BAD_QUALITY, GapReason.ESTIMATED})


@dataclass(frozen=True, slots=True)
class TagGaps:
    """What a look at one tag found.

    Args:
        tag: Its name.
        gaps: In the order of time; none lies over another.
        expected: How many samples are due in the span; None without a cadence.
        readings: Instants of the span that have one.
        uncertain: Of the readings, those of uncertain quality.
        out_of_limits: Of the readings, those outside the limits of the catalog.
    """

    tag: str
    gaps: tuple[Gap, ...]
    expected: int | None
    readings: int
    uncertain: int
    out_of_limits: int

    @property
    def completeness(self) -> float | None:
        """Per cent of what is due that is neither missing nor bad nor estimated; what is silent by right is there.

        None if nothing is due, or nobody knows what is. Never 100 if something is lost.
        """
        if not self.expected:
            return None
        lost = sum(gap.expected or 0 for gap in self.gaps if gap.reason in _LOST)
        if not lost:
            return 100.0
        return max(0.0, min(99.9999, round(100 * (self.expected - lost) / self.expected, 4)))


def find_gaps(entry: TagEntry, samples: Iterable[pa.RecordBatch], span: Span, *, now: int) -> TagGaps:
    """The gaps of one tag within a span.

    Args:
        entry: What the catalog says of it.
        samples: In the schema `PAGE` or `SAMPLES`, ascending by instant.
        span: Where gaps are looked for.
        now: In nanoseconds since 1970; what is not due by then is told as such.

    Raises:
        ConfigError: the samples are not in order.
    """
    finder = Days(entry, span, now) if entry.daily else Steps(entry, span, now)
    uncertain, outside, last = 0, 0, None
    for batch in samples:
        points = points_of(entry, batch)
        if not len(points.ts):
            continue
        if (last is not None and points.ts[0] < last) or bool(np.any(points.ts[1:] < points.ts[:-1])):
            step = "Sort them by ts and ordinal, and look again."
            raise ConfigError("samples that are not in order", tag=entry.name, next_step=step)
        last = int(points.ts[-1])
        within = slice(*np.searchsorted(points.ts, (span.begin, span.end)))
        uncertain += int(np.count_nonzero(points.uncertain[within]))
        outside += int(np.count_nonzero(points.out_of_limits[within]))
        finder.take(points)
    pieces, expected = finder.end()
    gaps = tuple(Gap(entry.name, one.begin, one.end, one.reason, one.expected, one.found) for one in pieces)
    return TagGaps(entry.name, gaps, expected, finder.readings, uncertain, outside)


def spans_to_read(entry: TagEntry, gaps: Iterable[Gap]) -> tuple[Span, ...]:
    """What a backfill has to ask for, merged: each gap, and before it as much as a sample may come early."""
    early = int((entry.period or 0) * entry.tolerance)
    spans: list[Span] = []
    for gap in sorted(gaps, key=lambda one: one.begin):
        begin = gap.begin - early
        if spans and begin <= spans[-1].end:
            spans[-1] = Span(spans[-1].begin, max(spans[-1].end, gap.end))
        else:
            spans.append(Span(begin, gap.end))
    return tuple(spans)
