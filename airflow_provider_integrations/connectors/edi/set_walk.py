"""Finds for each segment its place in a guide's structure, in one look-up once the way was gone before.

X12.6 and ISO 9735 read a structure from front to back: a segment is the next one that bears its tag, first further on
in the loop it is in, then as a repetition of that loop, then further on in the loop around it. Which place follows
which by which tag is found once and kept; only the counts differ between two sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from airflow_provider_integrations.connectors.edi.guide_rules import Guide, LoopRule, Member, SegmentUse

__all__ = ["AGAIN", "BEGIN", "FORWARD", "NEXT", "START", "Missing", "Step", "Walk"]

START = 0
"""The place before the first: behind ST or UNH."""

FORWARD, AGAIN, BEGIN, NEXT = range(4)
"""A step to another segment, to the same one again, into a loop, or to a loop's next repetition."""


class Missing(NamedTuple):
    """Something mandatory that did not come: the tag of the segment, and of the loop that it belongs into, if it is one."""

    tag: str
    loop: str | None


class Step(NamedTuple):
    """From one place to the next.

    Args:
        place: Number of the place reached.
        kind: One of `FORWARD`, `AGAIN`, `BEGIN`, `NEXT`.
        counter: Number of the loop whose repetitions count, or 0.
        most: How often the segment may stand or the loop repeat.
        missing: Mandatory segments and loops that were passed over.
    """

    place: int
    kind: int
    counter: int
    most: int
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True)
class _Loop:
    tag: str
    most: int
    around: int
    index: int
    members: tuple[Member, ...]


class Walk:
    """The steps of one guide, found as they are asked for.

    Loops are numbered from 1 in the order of the structure, which itself is 0.
    """

    def __init__(self, guide: Guide) -> None:
        self.uses: list[SegmentUse | None] = [None, *guide.uses()]
        self._loops = [_Loop("", 1, 0, 0, guide.members)]
        self._at: list[tuple[int, int]] = [(0, -1)] * len(self.uses)
        self._loop_of: dict[int, int] = {}
        self._number(0, guide.members)
        self._known: list[dict[str, Step | None]] = [{} for _ in self.uses]

    @property
    def loops(self) -> int:
        """How many loops there are, with the structure itself."""
        return len(self._loops)

    def _number(self, around: int, members: tuple[Member, ...]) -> None:
        for index, member in enumerate(members):
            if isinstance(member, SegmentUse):
                self._at[member.number] = (around, index)
            else:
                self._loops.append(_Loop(member.tag, member.most, around, index, member.members))
                number = len(self._loops) - 1
                self._loop_of[member.first.number] = number
                self._number(number, member.members)

    def loop_at(self, place: int) -> str | None:
        """The tag of the innermost loop that a place is in; None outside of all."""
        return self._loops[self._at[place][0]].tag or None

    def loop_begun_by(self, place: int) -> int | None:
        """Number of the loop of which the place is the first segment."""
        return self._loop_of.get(place)

    def step(self, place: int, tag: str) -> Step | None:
        """Where a segment of this tag stands after `place`; None if nowhere."""
        known = self._known[place]
        if tag in known:
            return known[tag]
        found = self._find(place, tag)
        if found is not None:  # Tags that fit nowhere are without number in hostile input: they are not kept.
            known[tag] = found
        return found

    def missing_at_end(self, place: int) -> tuple[Missing, ...]:
        """What is mandatory and did not come, if the set ends at `place`."""
        loop, index = self._at[place]
        missing: list[Missing] = []
        while True:
            here = self._loops[loop]
            missing += [_missing(member, here) for member in here.members[index + 1 :] if member.mandatory]
            if loop == 0:
                return tuple(missing)
            loop, index = here.around, here.index

    def _find(self, place: int, tag: str) -> Step | None:
        use = self.uses[place]
        again = None
        if use is not None and use.tag == tag and place not in self._loop_of:
            again = Step(place, AGAIN, 0, use.most, ())
            if use.most > 1:
                return again
        loop, index = self._at[place]
        missing: list[Missing] = []
        while True:
            here = self._loops[loop]
            for member in here.members[index + 1 :]:
                if member.tag == tag:
                    # One too many is likelier than a leap over what must stand.
                    return again if again and missing else self._into(member, tuple(missing))
                if member.mandatory:
                    missing.append(_missing(member, here))
            if loop == 0:
                return again  # Once more than it may, and nowhere further on.
            if here.tag == tag:
                first = here.members[0]
                assert isinstance(first, SegmentUse)
                return Step(first.number, NEXT, loop, here.most, tuple(missing))
            loop, index = here.around, here.index

    def _into(self, member: Member, missing: tuple[Missing, ...]) -> Step:
        if isinstance(member, LoopRule):
            first = member.first.number
            return Step(first, BEGIN, self._loop_of[first], member.most, missing)
        return Step(member.number, FORWARD, 0, member.most, missing)


def _missing(member: Member, around: _Loop) -> Missing:
    return Missing(member.tag, member.tag if isinstance(member, LoopRule) else around.tag or None)
