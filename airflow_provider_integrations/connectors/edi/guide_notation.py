"""The short notation of `include/edi/*.yaml`, and the frozen rules that it stands for.

A dictionary says what an element is (`AN 1 30`, since 005010 `AN 1 50`; EDIFACT writes `an..35`) and which elements a
segment has (`98 M, 93 X, 66 X, 67 X | R0203 P0304`). A guide says in which order segments stand (`REF O >1`).

    >>> parse_segment("98 M, 93 X, 66 X, 67 X | R0203 P0304", "004010").conditions
    (Condition(kind='R', positions=(2, 3)), Condition(kind='P', positions=(3, 4)))
    >>> parse_type("an..35", "D96A")
    ElementType(kind='AN', least=1, most=35, decimals=0, codes=frozenset())
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

__all__ = [
    "UNBOUNDED",
    "Condition",
    "ElementType",
    "Place",
    "SegmentText",
    "Use",
    "parse_condition",
    "parse_place",
    "parse_segment",
    "parse_type",
    "written_for",
]

UNBOUNDED = 2**31
"""The maximum of what may repeat without limit (`>1`)."""

_X12_TYPE = re.compile(r"^(AN|ID|DT|TM|R|B|N\d?) (\d+) (\d+)$")
_EDIFACT_TYPE = re.compile(r"^(an|a|n)(\.\.)?(\d+)$")
_USE = re.compile(r"^(\w+) ([MOXCN])(?: x(\d+))?(?: since (\w+))?(?: until (\w+))?$")
_CONDITION = re.compile(r"^([PRECL])((?:\d\d){2,})$")
_PLACE = re.compile(r"^([A-Z][A-Z0-9]{1,2}) ([MOC]) (\d+|>1)(?: since (\w+))?(?: until (\w+))?$")


@dataclass(frozen=True, slots=True)
class ElementType:
    """What a simple element holds.

    Args:
        kind: `AN` text, `A` letters (EDIFACT), `ID` a code, `N` an integer with `decimals` implied, `R` a number with a
            decimal mark, `DT`, `TM`, `B` binary.
        least: Characters at least; sign, decimal mark and exponent are not counted (X12.6, 3.5.1).
        most: Characters at most.
        decimals: Of an `N`, how many digits stand right of the implied decimal mark.
        codes: The values allowed; none means any.
    """

    kind: str
    least: int
    most: int
    decimals: int = 0
    codes: frozenset[str] = frozenset()


class Condition(NamedTuple):
    """A relational condition between elements (X12.6, 3.7.3.3), e.g. `P0304`: both or none."""

    kind: str
    positions: tuple[int, ...]


class Use(NamedTuple):
    """One element of a segment, or one component of a composite: what it is, how it is used, how often it may repeat."""

    name: str
    usage: str
    repeats: int


@dataclass(frozen=True, slots=True)
class SegmentText:
    """A segment or composite as its line in the dictionary says."""

    uses: tuple[Use, ...]
    conditions: tuple[Condition, ...]


class Place(NamedTuple):
    """One segment of the structure, or one loop by its first segment."""

    tag: str
    mandatory: bool
    most: int


def written_for(version: str, since: str | None, until: str | None) -> bool:
    """Whether a rule of these versions, both inclusive, holds in `version`; versions compare as text, as in 004010."""
    return (since is None or version >= since) and (until is None or version <= until)


def parse_type(text: str, version: str, codes: str = "") -> ElementType:
    """The type of an element in one version.

    Args:
        text: `AN 1 30`, `N2 1 15`, `an..35`, `n3`; after a comma the same for later versions, `AN 1 30, 005010 AN 1 50`.
        version: E.g. 004010.
        codes: The codes allowed, between blanks.

    Raises:
        ValueError: with what is wrong.
    """
    first, *later = (part.strip() for part in text.split(","))
    for part in later:
        since, _, changed = part.partition(" ")
        if version >= since:
            first = changed
    allowed = frozenset(codes.split())
    if match := _X12_TYPE.match(first):
        kind, least, most = match[1], int(match[2]), int(match[3])
        if not 0 < least <= most:
            raise ValueError(f"{first!r} has no lengths in order")
        if kind[0] == "N":
            return ElementType("N", least, most, int(kind[1:] or 0), allowed)
        return ElementType(kind, least, most, 0, allowed)
    if match := _EDIFACT_TYPE.match(first):
        most = int(match[3])
        kind = {"an": "AN", "a": "A", "n": "R"}[match[1]]
        return ElementType(kind, 1 if match[2] else most, most, 0, allowed)
    raise ValueError(f"{first!r} is no type like 'AN 1 30' or 'an..35'")


def parse_condition(text: str) -> Condition:
    """`P0304` and its like: kind and element positions.

    Raises:
        ValueError: for anything else.
    """
    match = _CONDITION.match(text)
    if not match:
        raise ValueError(f"{text!r} is no condition like P0304")
    positions = tuple(int(match[2][at : at + 2]) for at in range(0, len(match[2]), 2))
    if len(set(positions)) < len(positions) or 0 in positions:
        raise ValueError(f"{text!r} names a position twice or position 00")
    return Condition(match[1], positions)


def parse_segment(text: str, version: str) -> SegmentText:
    """The elements and conditions of a segment or composite in one version.

    Raises:
        ValueError: with the part that is wrong.
    """
    elements, _, conditions = text.partition("|")
    uses = []
    for part in elements.split(","):
        match = _USE.match(part.strip())
        if not match:
            raise ValueError(f"{part.strip()!r} is no element like '98 M', '67 X', '127 O x3' or '1705 O since 005010'")
        if written_for(version, match[4], match[5]):
            uses.append(Use(match[1], match[2], int(match[3] or 1)))
    found = []
    for part in conditions.split():
        name, _, since = part.partition("@")
        if written_for(version, since or None, None):
            found.append(parse_condition(name))
    beyond = [condition for condition in found if max(condition.positions) > len(uses)]
    if beyond:
        raise ValueError(f"a condition names an element beyond the last one, {len(uses)}: {beyond[0]}")
    return SegmentText(tuple(uses), tuple(found))


def parse_place(text: str, version: str) -> Place | None:
    """One line of the structure, `REF O >1`; None where it does not hold in this version.

    Raises:
        ValueError: for anything else.
    """
    match = _PLACE.match(text.strip())
    if not match:
        raise ValueError(f"{text!r} is no place like 'REF O 12' or 'REF O >1'")
    if not written_for(version, match[4], match[5]):
        return None
    most = UNBOUNDED if match[3] == ">1" else int(match[3])
    if most < 1:
        raise ValueError(f"{text!r} may never stand")
    return Place(match[1], match[2] == "M", most)
