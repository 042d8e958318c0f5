"""Gaps of a tag that is due once in each local day, whatever the clocks do in it.

A day counts if it lies in the span as a whole, and its best sample says what it has. A day that the calendar left out (Samoa,
2011-12-30) expects nothing.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np

from airflow_provider_integrations.connectors.historian.catalog import TagEntry
from airflow_provider_integrations.connectors.historian.gap_points import BAD, ESTIMATED, READING, Points
from airflow_provider_integrations.connectors.historian.gap_steps import Piece
from airflow_provider_integrations.connectors.historian.local_days import local_day, zone_named
from airflow_provider_integrations.connectors.historian.model import Span
from airflow_provider_integrations.core.gap import GapReason

__all__ = ["Days"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NOTHING = 3
_REASONS = {ESTIMATED: GapReason.ESTIMATED, BAD: GapReason.BAD_QUALITY, _NOTHING: GapReason.MISSING}


class Days:
    """Takes points in the order of time, and at the end has the gaps."""

    def __init__(self, entry: TagEntry, span: Span, now: int) -> None:
        self._due = now - entry.late
        days = _days_within(entry.zone, span)
        self._begins = np.array([begin for begin, _ in days], dtype=np.int64)
        self._ends = np.array([end for _, end in days], dtype=np.int64)
        self._best = np.full(len(days), _NOTHING, dtype=np.uint8)
        self._found = np.zeros(len(days), dtype=np.int64)

    @property
    def readings(self) -> int:
        """Days that have one."""
        return int(np.count_nonzero(self._best == READING))

    def take(self, points: Points) -> None:
        """The next points."""
        if not len(self._begins):
            return
        places = np.searchsorted(self._begins, points.ts, side="right") - 1
        within = (places >= 0) & (points.ts < self._ends[places])
        np.minimum.at(self._best, places[within], points.worth[within])
        np.add.at(self._found, places[within], 1)

    def end(self) -> tuple[list[Piece], int]:
        """The gaps, and how many samples are due."""
        pieces: list[Piece] = []
        waiting = 0
        for begin, end, best, found in zip(self._begins, self._ends, self._best, self._found, strict=True):
            if best == READING:
                continue
            reason = _REASONS[int(best)]
            if best == _NOTHING and end > self._due:
                reason, waiting = GapReason.NOT_YET_DUE, waiting + 1
            if pieces and pieces[-1].reason is reason and pieces[-1].end == begin:
                before = pieces.pop()
                pieces.append(
                    Piece(before.begin, int(end), reason, (before.expected or 0) + 1, before.found + int(found))
                )
            else:
                pieces.append(Piece(int(begin), int(end), reason, 1, int(found)))
        return pieces, len(self._begins) - waiting


def _days_within(zone_name: str, span: Span) -> list[tuple[int, int]]:
    zone = zone_named(zone_name)
    days = []
    day, last = _date(zone_name, span.begin), _date(zone_name, span.end)
    while day <= last:
        bounds = local_day(zone, day)
        begin, end = _instant(bounds.start), _instant(bounds.end)
        if span.begin <= begin < end <= span.end:
            days.append((begin, end))
        day += timedelta(days=1)
    return days


def _date(zone_name: str, instant: int) -> date:
    return (_EPOCH + timedelta(microseconds=instant // 1_000)).astimezone(zone_named(zone_name)).date()


def _instant(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND * 1_000
