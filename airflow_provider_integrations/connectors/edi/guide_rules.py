"""A guide as frozen rules: what stands in a set or message, in which order, how often, and what becomes rows of it.

`guide.py` reads them from YAML; `check_set.py`, `rows.py` and `write.py` go by them. A loop's first member is the
segment that begins it: mandatory, and once in each repetition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from airflow_provider_integrations.connectors.edi.guide_notation import Condition, ElementType
from airflow_provider_integrations.connectors.edi.model import Syntax

__all__ = ["Column", "ElementRule", "Guide", "LoopRule", "Member", "Place", "SegmentRule", "SegmentUse", "Table"]


@dataclass(frozen=True, slots=True)
class ElementRule:
    """One element of a segment or component of a composite.

    Args:
        name: Its number in the standard's dictionary, e.g. 353, C507.
        usage: `M` mandatory, `O`, `X` or `C` not (conditions may demand it), `N` not used.
        repeats: How often it may stand, parted by the repetition separator.
        type: Of a simple element; None of a composite.
        components: Of a composite.
        conditions: Between the components.
    """

    name: str
    usage: str
    repeats: int = 1
    type: ElementType | None = None
    components: tuple[ElementRule, ...] = ()
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """The elements of a segment and the conditions between them."""

    tag: str
    elements: tuple[ElementRule, ...]
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentUse:
    """A segment at its place; `number` is the place's own in the guide, from 1, in order.

    Without a `rule` only its place and count are checked.
    """

    number: int
    tag: str
    mandatory: bool
    most: int
    rule: SegmentRule | None


@dataclass(frozen=True, slots=True)
class LoopRule:
    """A loop (X12) or segment group (EDIFACT); named by the tag of its first segment."""

    tag: str
    mandatory: bool
    most: int
    members: tuple[Member, ...]

    @property
    def first(self) -> SegmentUse:
        """The segment that begins each repetition."""
        member = self.members[0]
        assert isinstance(member, SegmentUse)
        return member


Member = SegmentUse | LoopRule


class Place(NamedTuple):
    """Where a column's value stands.

    Args:
        use: Number of the segment's place in the guide.
        element: From 1; of pairs the element at which the first qualifier may stand.
        component: From 1; None for a simple element.
        qualifier: The first component of the first element must be this; None for any.
        paired: The value stands behind this qualifier, somewhere in the pairs that begin at `element`.
    """

    use: int
    element: int
    component: int | None
    qualifier: str | None
    paired: str | None


class Column(NamedTuple):
    """One column of a table: a value's place and its kind.

    `kind` is `text`, `integer`, `decimal`, `date`, `time`, or `edifact_date` (a date whose format code is the next
    component, 2379).
    """

    name: str
    place: Place
    kind: str
    decimals: int


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one kind: one of the whole set, or one for each repetition of a loop.

    Args:
        name: The table's.
        loop: The loop of which each repetition is a row; None for one row of the set.
        parent: The table whose rows these belong to; None of the set itself.
        columns: In the order of the guide.
    """

    name: str
    loop: LoopRule | None
    parent: str | None
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Guide:
    """The rules of one set or message in one version; two guides are the same only if they are one object."""

    name: str
    syntax: Syntax
    set: str
    version: str
    group: str
    members: tuple[Member, ...]
    segments: Mapping[str, SegmentRule | None]
    tables: tuple[Table, ...]

    def uses(self) -> Iterator[SegmentUse]:
        """All places of segments, in order."""
        yield from _uses(self.members)


def _uses(members: tuple[Member, ...]) -> Iterator[SegmentUse]:
    for member in members:
        if isinstance(member, SegmentUse):
            yield member
        else:
            yield from _uses(member.members)
