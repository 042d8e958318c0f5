"""Gaps of a historian's tags and what a ledger knows of them: opened when seen, changed as they shrink, closed by a backfill.

Instants of data are nanoseconds since 1970 UTC, as everywhere in the historian connector; when a gap was opened, tried and closed
is a time of ours.

>>> Gap("plant1.boiler1.steam_flow", 0, 120, GapReason.MISSING, expected=2, found=0).reason.value
'missing'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["Gap", "GapChanges", "GapReason", "KnownGap", "gaps_to_try", "merge_gaps", "widen"]


class GapReason(StrEnum):
    """Why samples are not there, or are there and do not count."""

    MISSING = "missing"
    BAD_QUALITY = "bad_quality"
    COMPRESSED_OK = "compressed_ok"
    NOT_YET_DUE = "not_yet_due"
    ESTIMATED = "estimated"


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """A stretch of one tag's time without the samples that it should have.

    Args:
        tag: Its name.
        begin: The first instant at which a sample was expected, in nanoseconds since 1970 UTC.
        end: Where it ends, not part of it.
        reason: Why.
        expected: How many samples there should be; None where nobody knows, since the tag has no cadence.
        found: How many there are in it, none of which counts as a good reading of its own.
    """

    tag: str
    begin: int
    end: int
    reason: GapReason
    expected: int | None
    found: int


@dataclass(frozen=True, slots=True)
class KnownGap:
    """A gap as the ledger has it.

    Args:
        gap: What is missing, as last seen.
        opened_at: When it was first seen; a gap that a fill split leaves its age to its parts.
        closed_at: When it was seen to be gone; None as long as it is there.
        closed_by: The backfill after which it was gone.
        attempts: How often a backfill asked for it and got no more than what is there; 1 again when it grows.
        tried_at: When the last one of them asked.
        number: The ledger's own; None of one that it does not have yet.
    """

    gap: Gap
    opened_at: datetime
    closed_at: datetime | None = None
    closed_by: str | None = None
    attempts: int = 0
    tried_at: datetime | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class GapChanges:
    """What a look at the samples changes in the ledger; nothing if the same is seen again."""

    opened: tuple[KnownGap, ...] = ()
    changed: tuple[KnownGap, ...] = ()
    closed: tuple[KnownGap, ...] = ()


def widen(known: Iterable[KnownGap], tag: str, begin: int, end: int) -> tuple[int, int]:
    """The span to look at so that no open gap of the tag is seen in part: those that touch it lie in it."""
    gaps = sorted(one.gap for one in known if one.gap.tag == tag and one.closed_at is None)
    for gap in (*gaps, *reversed(gaps)):  # One that lies in by now may touch the next one, on either side.
        if gap.begin <= end and gap.end >= begin:
            begin, end = min(begin, gap.begin), max(end, gap.end)
    return begin, end


def merge_gaps(
    known: Iterable[KnownGap],
    found: Iterable[Gap],
    looked: Mapping[str, tuple[int, int]],
    *,
    at: datetime,
    by: str | None = None,
) -> GapChanges:
    """Compare what the ledger knows with what is there now.

    A gap is the same as one of its tag and reason that it overlaps, so it keeps its number and its age while it shrinks or grows.
    What it is split into besides is opened with its age and its attempts. One of another reason is another gap: what was missing
    and came with bad quality is closed, and opened as bad.

    Args:
        known: What the ledger has; those that are closed do not count.
        found: What was found in the spans.
        looked: The span that was looked at, by tag; other tags are left alone.
        at: Now.
        by: The backfill that came before the look, for those that are closed.

    Raises:
        ConfigError: an open gap lies in its span in part only, so that nobody knows of the rest: `widen` first; or a gap was
            found where nobody looked.
    """
    open_gaps: dict[tuple[str, GapReason], list[KnownGap]] = {}
    for one in known:
        if one.closed_at is None and one.gap.tag in looked and _within(one.gap, *looked[one.gap.tag]):
            open_gaps.setdefault((one.gap.tag, one.gap.reason), []).append(one)
    found_gaps: dict[tuple[str, GapReason], list[Gap]] = {}
    for gap in found:
        if gap.tag not in looked or not _within(gap, *looked[gap.tag]):
            raise ConfigError(
                "a gap where nobody looked",
                tag=gap.tag,
                begin=gap.begin,
                end=gap.end,
                next_step="Give the span that the gaps were found in.",
            )
        found_gaps.setdefault((gap.tag, gap.reason), []).append(gap)
    opened, changed, closed = [], [], []
    for key in sorted({*open_gaps, *found_gaps}):
        before = sorted(open_gaps.get(key, ()), key=lambda one: one.gap)
        same, fresh = _matched(before, sorted(found_gaps.get(key, ())))
        opened += [_opened(gap, before, at) for gap in fresh]
        changed += [
            _changed(one, same[place]) for place, one in enumerate(before) if place in same and same[place] != one.gap
        ]
        closed += [replace(one, closed_at=at, closed_by=by) for place, one in enumerate(before) if place not in same]
    return GapChanges(tuple(opened), tuple(changed), tuple(closed))


def gaps_to_try(
    known: Iterable[KnownGap],
    at: datetime,
    *,
    reasons: Sequence[GapReason] = (GapReason.MISSING, GapReason.ESTIMATED),
    wait: timedelta = timedelta(hours=1),
    longest_wait: timedelta = timedelta(days=7),
    attempts: int | None = None,
) -> tuple[KnownGap, ...]:
    """The open gaps that a backfill should ask for now: what the server did not have is asked for ever more seldom.

    Args:
        known: What the ledger has.
        at: Now.
        reasons: Which are worth it.
        wait: After the first attempt; doubled after each one more.
        longest_wait: Between two attempts.
        attempts: After so many a gap is left to people.
    """

    def due(one: KnownGap) -> bool:
        if one.tried_at is None or not one.attempts:
            return True
        if attempts is not None and one.attempts >= attempts:
            return False
        # Bounded before it is doubled, since a timedelta ends at some days.
        pause = longest_wait if one.attempts > 20 else min(longest_wait, wait * 2 ** (one.attempts - 1))
        return one.tried_at + pause <= at

    return tuple(one for one in known if one.closed_at is None and one.gap.reason in reasons and due(one))


def _within(gap: Gap, begin: int, end: int) -> bool:
    if gap.end <= begin or gap.begin >= end:
        return False
    if begin <= gap.begin and gap.end <= end:
        return True
    raise ConfigError(
        "a gap lies in part where nobody looked",
        tag=gap.tag,
        begin=gap.begin,
        end=gap.end,
        looked_from=begin,
        looked_to=end,
        next_step="Widen the span by its open gaps before you look.",
    )


def _matched(before: Sequence[KnownGap], found: Sequence[Gap]) -> tuple[dict[int, Gap], list[Gap]]:
    """By place in `before` the gap that it is now, and those that are new; both are in order and overlap nothing of their own."""
    same: dict[int, Gap] = {}
    fresh, place = [], 0
    for gap in found:
        while place < len(before) and before[place].gap.end <= gap.begin:
            place += 1
        if place < len(before) and before[place].gap.begin < gap.end:
            same[place] = gap
            place += 1
        else:
            fresh.append(gap)
    return same, fresh


def _changed(one: KnownGap, gap: Gap) -> KnownGap:
    """What it grew by was never asked for: an outage that lasts longer than all attempts is asked for still."""
    grew = gap.begin < one.gap.begin or gap.end > one.gap.end
    return replace(one, gap=gap, attempts=min(one.attempts, 1) if grew else one.attempts)


def _opened(gap: Gap, before: Sequence[KnownGap], at: datetime) -> KnownGap:
    """A gap that is new; one that is left of an older one has its age and its attempts."""
    for one in before:
        if one.gap.begin < gap.end and gap.begin < one.gap.end:
            return replace(one, gap=gap, number=None)
    return KnownGap(gap, opened_at=at)
