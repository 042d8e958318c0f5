"""Groups of keys, by which two sides compare what they hold without a common order: a count and a sum of hashes for each.

>>> differing({0: KeyGroup(2, 11)}, {0: KeyGroup(2, 11), 1: KeyGroup(1, 5)})
[1]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["ByHash", "ByWidth", "Grouping", "KeyGroup", "differing"]


@dataclass(frozen=True, slots=True)
class ByHash:
    """Keys by the rest of their hash: for keys of any type, since it needs no order."""

    groups: int


@dataclass(frozen=True, slots=True)
class ByWidth:
    """Keys by equal spans of the first key column, a whole number: group n is `low + n * width` up to the next.

    New rows mostly lie in the last span, so that the others agree. Keys below `low` have negative groups.
    """

    low: int
    width: int


Grouping = ByHash | ByWidth


@dataclass(frozen=True, slots=True)
class KeyGroup:
    """How many keys a group has, and the sum of their hashes."""

    rows: int
    hash: int


def differing(here: Mapping[int, KeyGroup], there: Mapping[int, KeyGroup]) -> list[int]:
    """The groups whose count or hash is not the same on both sides."""
    return sorted(group for group in {*here, *there} if here.get(group) != there.get(group))
