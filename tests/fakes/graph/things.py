"""Things and the collections that hold them: versions of what changed, so that any two moments can be compared.

A thing remembers the version at which each property changed, when it came to be and when it went; that is all that a
delta query needs. A populated collection is made up as it is read, so that a million users cost no memory until they
are changed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, overload

__all__ = ["Collection", "Flavour", "Ids", "Link", "Properties", "Thing", "populated_id"]

Properties = dict[str, Any]


class Flavour(Enum):
    """How a service words its deltas.

    Sources: https://learn.microsoft.com/graph/delta-query-overview (directory),
    https://learn.microsoft.com/graph/api/driveitem-delta (drive),
    https://learn.microsoft.com/graph/delta-query-messages (Outlook),
    https://learn.microsoft.com/power-apps/developer/data-platform/use-change-tracking-synchronize-data-external-systems.
    """

    DIRECTORY = "directory"
    DRIVE = "drive"
    OUTLOOK = "outlook"
    DATAVERSE = "dataverse"


@dataclass(slots=True)
class Link:
    """One relation of a thing: to what, of which type, since which version, and whether it still holds."""

    kind: str
    version: int
    holds: bool = True


@dataclass(slots=True)
class Thing:
    """One object; `before` is its state before the last change, for answers that repeat an older occurrence."""

    id: str
    properties: Properties
    created: int
    changed: dict[str, int] = field(default_factory=dict)
    links: dict[str, dict[str, Link]] = field(default_factory=dict)
    removed: str | None = None
    removed_at: int = 0
    before: tuple[Properties, str | None] | None = None
    lost: list[tuple[str, str, str]] = field(default_factory=list)


class Ids(Sequence[str]):
    """The ids of a collection in the order in which it is enumerated, as they stood when this was taken."""

    def __init__(self, populated: int, added: list[str]) -> None:
        self._populated, self._added, self._length = populated, added, populated + len(added)

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self[index] for index in range(*at.indices(self._length))]
        return populated_id(at) if at < self._populated else self._added[at - self._populated]


def populated_id(index: int) -> str:
    return f"{index:08x}-0000-4000-8000-{index:012x}"


@dataclass
class Collection:
    """The things of one path, e.g. `users` or `drives/d1/root`.

    Args:
        path: Where it is served, without the API version.
        kind: Type of its things, e.g. `user`.
        flavour: How its deltas are worded.
        relations: Navigation properties that a delta can track.
        key: Name of the key property in answers; Dataverse names it after the table.
    """

    path: str
    kind: str
    flavour: Flavour = Flavour.DIRECTORY
    relations: tuple[str, ...] = ()
    key: str = "id"
    things: dict[str, Thing] = field(default_factory=dict)
    added: list[str] = field(default_factory=list)
    log: list[tuple[int, str]] = field(default_factory=list)
    populated: int = 0
    make: Callable[[int], Properties] = lambda index: {}

    def ids(self) -> Ids:
        return Ids(self.populated, self.added)

    def find(self, thing_id: str) -> Thing | None:
        """The thing, living or removed; one that was never changed is made up anew at each look."""
        thing = self.things.get(thing_id)
        if thing is None and self.populated:
            made = self.made(thing_id)
            return Thing(thing_id, made, 1) if made else None
        return thing

    def made(self, thing_id: str) -> Properties:
        """Properties of one that was never changed; none if the id is not of the population."""
        if thing_id[8:28] != "-0000-4000-8000-0000" or thing_id[28:] != thing_id[:8]:
            return {}
        index = int(thing_id[:8], 16)
        return self.make(index) if index < self.populated else {}

    def own(self, thing_id: str) -> Thing:
        """The thing, to change it."""
        thing = self.find(thing_id)
        if thing is None:
            raise KeyError(f"{self.path} has no {thing_id}")
        return self.things.setdefault(thing_id, thing)

    def touched(self, since: int, until: int) -> list[str]:
        """Ids changed after `since` and not after `until`, each once, in the order of their last change."""
        low, high = (bisect_right(self.log, (version, "\U0010ffff")) for version in (since, until))
        return list(dict.fromkeys(thing_id for _, thing_id in reversed(self.log[low:high])))[::-1]

    def living(self) -> Iterator[Thing]:
        for thing_id in self.ids():
            thing = self.find(thing_id)
            if thing is not None and thing.removed is None:
                yield thing
