"""Gaps of a tag by the distance of each sample from the one before, a batch at a time.

What is held between two batches is the last instant and the gaps so far. A batch is looked at in one go, by NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from airflow_provider_integrations.connectors.historian.catalog import TagEntry
from airflow_provider_integrations.connectors.historian.gap_points import BAD, ESTIMATED, READING, Points
from airflow_provider_integrations.connectors.historian.model import Span
from airflow_provider_integrations.core.gap import GapReason

__all__ = ["Piece", "Steps"]

_TICK = 100
"""The silence of a tag without a cadence begins so long after a sample: a historian counts in units of 100 ns."""
_FOREVER = 1 << 62
_REASONS = {ESTIMATED: GapReason.ESTIMATED, BAD: GapReason.BAD_QUALITY}
_Ints = npt.NDArray[np.int64]


@dataclass(slots=True)
class Piece:
    """A gap of the one tag that is looked at, which may go on in the next batch; see `core.gap.Gap`.

    `covered` is the time that its samples stand for, by which is counted how many there should be.
    """

    begin: int
    end: int
    reason: GapReason
    expected: int | None = 0
    found: int = 0
    covered: int = 0


class Steps:
    """Takes points in the order of time, and at the end has the gaps."""

    def __init__(self, entry: TagEntry, span: Span, now: int) -> None:
        self._span, self._due = span, max(span.begin, min(span.end, now - entry.late))
        self._cadence, self._lead = entry.period, entry.period or _TICK
        self._slack = int((entry.period or 0) * entry.tolerance)
        self._silent_by_right = entry.exception or entry.period is None
        self._longest = _FOREVER if entry.silence is None else entry.silence + self._slack
        self._pieces: list[Piece] = []
        self._before: int | None = None
        self._after: int | None = None
        self._last: tuple[int, int] | None = None  # The last instant within the span, and its worth.
        self._first_due, self._waiting = span.begin, 0
        self.readings = 0

    def take(self, points: Points) -> None:
        """The next points."""
        low, high = (int(place) for place in np.searchsorted(points.ts, (self._span.begin, self._span.end)))
        if low:
            self._before = int(points.ts[low - 1])
        if high < len(points.ts) and self._after is None:
            self._after = int(points.ts[high])
        if low == high:
            return
        ts, worth = points.ts[low:high], points.worth[low:high]
        silent_for = None
        if self._last is None:
            first = int(ts[0])
            silent_for = first - (self._span.begin if self._before is None else self._before)
            self._last = self._instant_before(first), READING
            if self._cadence is not None:
                missed = int(self._missed(np.array([first - self._last[0]]))[0])
                self._first_due = first - missed * self._cadence
        ts = np.concatenate((np.array([self._last[0]], dtype=np.int64), ts))
        worth = np.concatenate((np.array([self._last[1]], dtype=np.uint8), worth))
        begins = np.flatnonzero(np.concatenate((np.array([True]), ts[1:] != ts[:-1])))
        ts, worth = ts[begins], np.minimum.reduceat(worth, begins)
        # The one before was counted, or is none of the tag's.
        self.readings += int(np.count_nonzero(worth == READING)) - (self._last[1] == READING)
        self._last = int(ts[-1]), int(worth[-1])
        if len(ts) > 1:
            for piece in sorted(self._looked(ts, worth, silent_for), key=lambda one: one.begin):
                self._add(piece)

    def end(self) -> tuple[list[Piece], int | None]:
        """The gaps, and how many samples are due; None without a cadence."""
        end_due = self._tail()
        for piece in self._pieces:
            if self._cadence is None:
                piece.expected = None
            elif piece.covered:
                piece.expected = _rounded(piece.covered, self._cadence)
            elif piece.reason is GapReason.COMPRESSED_OK:
                # By its length: what changes is told at odd times, and counting around each would count too much.
                piece.expected = max(1, _rounded(piece.end - piece.begin, self._cadence))
        pieces = [piece for piece in self._pieces if piece.begin < piece.end]
        if self._cadence is None:
            return pieces, None
        return pieces, max(0, _rounded(end_due - self._first_due, self._cadence) - self._waiting)

    def _instant_before(self, first: int | None) -> int:
        """Where the sample before the span's first one would be if all were there: before the span, and in step."""
        begin, cadence = self._span.begin, self._cadence
        if cadence is None:
            return begin - _TICK if self._before is None else self._before
        if self._before is not None:
            return self._before + (-(-(begin - self._before) // cadence) - 1) * cadence
        known = begin if first is None else first
        return known - ((known - begin) // cadence + 1) * cadence

    def _missed(self, distance: _Ints) -> _Ints:
        """How many samples are missing between two."""
        if self._cadence is None:
            return (distance > self._longest).astype(np.int64)
        return np.maximum(0, -((self._slack - distance) // self._cadence) - 1)

    def _looked(self, ts: _Ints, worth: npt.NDArray[np.uint8], silent_for: int | None) -> Iterator[Piece]:
        """What is between each instant and the next; the last one stays for the next batch.

        Args:
            ts: Instants, each once.
            worth: Of each.
            silent_for: For how long the tag was silent before the second of them, if the first is none of its own.
        """
        distance, worth = np.diff(ts), worth[:-1]
        true_distance = distance.copy()
        if silent_for is not None:
            true_distance[0] = silent_for
        missed = self._missed(true_distance if self._cadence is None else distance)
        silent = missed > 0
        legal = silent & (true_distance <= self._longest) if self._silent_by_right else np.zeros_like(silent)
        covered_to = np.where(silent, ts[:-1] + self._lead, ts[1:])
        for first, last in _runs((worth[1:] == worth[:-1]) & ~silent[:-1], worth != READING):
            begin, end = int(ts[first]), int(covered_to[last])
            yield Piece(begin, end, _REASONS[int(worth[first])], found=last - first + 1, covered=end - begin)
        for place in np.flatnonzero(silent & ~legal):
            begin, count = max(self._span.begin, int(ts[place]) + self._lead), int(missed[place])
            waits = begin >= self._due  # Later ones came before it did.
            self._waiting += count if waits else 0
            yield Piece(begin, int(ts[place + 1]), GapReason.NOT_YET_DUE if waits else GapReason.MISSING, count)
        for first, last in _runs(legal[1:] & legal[:-1] & (worth[1:] == READING), legal):
            begin = max(self._span.begin, int(ts[first]) + self._lead)
            yield Piece(begin, int(ts[last + 1]), GapReason.COMPRESSED_OK, found=last - first)

    def _tail(self) -> int:
        """What comes after the last sample; gives where the first one after the span would be."""
        nothing = self._last is None
        if self._last is None:
            self._last = self._instant_before(None if self._after is None else self._after), READING
            self._first_due = self._last[0] + (self._cadence or 0)
        since = self._last[0]
        if nothing:
            since = self._span.begin if self._before is None else self._before
        silent_for = (self._due if self._after is None else self._after) - since
        if self._cadence is None:
            self._tail_without_cadence(silent_for, nothing)
            return self._span.end
        return self._tail_in_step(self._cadence, silent_for)

    def _tail_in_step(self, cadence: int, silent_for: int) -> int:
        assert self._last is not None
        (at, worth), end = self._last, self._span.end
        missed = int(self._missed(np.array([end - at]))[0])
        if self._after is not None:
            missed = min(missed, int(self._missed(np.array([self._after - at]))[0]))
        due = min(missed, max(0, -(-(self._due - at) // cadence) - 1))
        if worth != READING:
            self._add(Piece(at, min(end, at + cadence), _REASONS[worth], found=1, covered=cadence))
        begin = at + cadence
        if due:
            legal = self._silent_by_right and silent_for <= self._longest
            reason = GapReason.COMPRESSED_OK if legal else GapReason.MISSING
            self._add(Piece(begin, end if due == missed else self._due, reason, due))
            begin = self._due
        if missed > due:
            self._waiting += missed - due
            self._add(Piece(begin, end, GapReason.NOT_YET_DUE, missed - due))
        return at + (missed + 1) * cadence

    def _tail_without_cadence(self, silent_for: int, nothing: bool) -> None:
        assert self._last is not None
        (at, worth), begin = self._last, self._span.begin
        until = self._span.end if self._after is not None else max(self._due, min(at + _TICK, self._span.end))
        silent = silent_for > self._longest
        if worth != READING:
            end = at + _TICK if silent else until
            self._add(Piece(at, end, _REASONS[worth], found=1, covered=end - at))
        if silent or nothing:
            reason = GapReason.MISSING if silent else GapReason.COMPRESSED_OK
            self._add(Piece(max(begin, at + _TICK), until, reason))
        if until < self._span.end:
            self._add(Piece(until, self._span.end, GapReason.NOT_YET_DUE))

    def _add(self, piece: Piece) -> None:
        """Enter the next one; what a border of two batches cut in two becomes one again."""
        last = self._pieces[-1] if self._pieces else None
        if last is not None and last.reason is piece.reason:
            if piece.covered and last.end == piece.begin:
                last.end, last.found, last.covered = piece.end, last.found + piece.found, last.covered + piece.covered
                return
            # One sample lies between two silences.
            if piece.reason is GapReason.COMPRESSED_OK and piece.begin == last.end + self._lead:
                last.end, last.found = piece.end, last.found + piece.found + 1
                return
        self._pieces.append(piece)


def _runs(goes_on: npt.NDArray[np.bool_], wanted: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First and last place of each run that is wanted; `goes_on` says of each but the first whether its run goes on."""
    firsts = np.flatnonzero(np.concatenate((np.array([True]), ~goes_on)))
    lasts = np.append(firsts[1:] - 1, len(wanted) - 1)
    chosen = wanted[firsts]
    yield from zip(firsts[chosen].tolist(), lasts[chosen].tolist(), strict=True)


def _rounded(length: int, cadence: int) -> int:
    return (2 * length + cadence) // (2 * cadence)
