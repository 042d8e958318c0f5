"""The work items of a run, planned: groups of tags times spans of time, never more than a scheduler can map.

>>> day = Span(0, 86_400 * 10**9)
>>> [work.span.seconds for work in plan_work([Tag("a", "ns=2;i=1")], day, window=timedelta(hours=12), tags_per_item=50)]
[43200.0, 43200.0]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any, Self

from airflow_provider_integrations.connectors.historian.model import Span, Tag

__all__ = ["MOST", "RunPlan", "Work", "plan_gaps", "plan_work"]

MOST = 500
"""Work items of one run: Airflow maps a task 1,024 times at the most (`[core] max_map_length`)."""

_MICROSECOND = 1_000


@dataclass(frozen=True, slots=True)
class Work:
    """What one work item reads: some tags over one span."""

    tags: tuple[Tag, ...]
    span: Span

    def to_json(self) -> dict[str, Any]:
        """As facts of a work item: `tags` with their addresses, and nanoseconds."""
        return {"tags": [[tag.name, tag.address] for tag in self.tags], "begin": self.span.begin, "end": self.span.end}

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(tuple(Tag(name, address) for name, address in facts["tags"]), Span(facts["begin"], facts["end"]))


@dataclass(frozen=True, slots=True)
class RunPlan:
    """All of a run.

    Args:
        works: Each is one work item, in the order in which they are read.
        until: Where the watermark stands when all of it is loaded; None for a run that moves nothing.
        position: Where it stood; None before the first run.
        newest_first: In which order each item reads.
        why: `schedule`, `span` or `gaps`.
    """

    works: tuple[Work, ...]
    until: int | None = None
    position: int | None = None
    newest_first: bool = False
    why: str = "span"

    @property
    def advances(self) -> bool:
        """Whether the watermark follows it."""
        return self.until is not None

    @property
    def tags(self) -> tuple[Tag, ...]:
        """Each tag once, in the order of first use."""
        return tuple(dict.fromkeys(tag for work in self.works for tag in work.tags))

    def to_json(self) -> dict[str, Any]:
        """As JSON values; a group of tags stands once, however many spans it is read over."""
        groups = list(dict.fromkeys(work.tags for work in self.works))
        places = {group: place for place, group in enumerate(groups)}
        return {
            "groups": [[[tag.name, tag.address] for tag in group] for group in groups],
            "works": [[places[work.tags], work.span.begin, work.span.end] for work in self.works],
            "until": self.until,
            "position": self.position,
            "newest_first": self.newest_first,
            "why": self.why,
        }

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        groups = [tuple(Tag(name, address) for name, address in group) for group in raw["groups"]]
        works = tuple(Work(groups[place], Span(begin, end)) for place, begin, end in raw["works"])
        return cls(works, raw["until"], raw["position"], raw["newest_first"], raw["why"])


def plan_work(
    tags: Sequence[Tag],
    span: Span,
    *,
    window: timedelta,
    tags_per_item: int,
    newest_first: bool = False,
    most: int = MOST,
) -> tuple[Work, ...]:
    """Cut tags and time into work items; spans grow where there would be too many, and then the groups.

    Args:
        tags: What is read.
        span: From when to before when.
        window: The longest span of an item, where they are not too many.
        tags_per_item: The most tags of an item, likewise.
        newest_first: The latest span comes first.
        most: So many items at the most.
    """
    if not tags or span.begin == span.end:
        return ()
    per_item = max(tags_per_item, ceil(len(tags) / most))
    groups = [tuple(tags[first : first + per_item]) for first in range(0, len(tags), per_item)]
    length = window // timedelta(microseconds=1) * _MICROSECOND
    length *= ceil(ceil((span.end - span.begin) / length) / max(1, most // len(groups)))
    spans = [Span(begin, min(begin + length, span.end)) for begin in range(span.begin, span.end, length)]
    if newest_first:
        spans.reverse()
    return tuple(Work(group, part) for part in spans for group in groups)


def plan_gaps(wanted: Iterable[tuple[Tag, Span]], *, tags_per_item: int, most: int = MOST) -> tuple[Work, ...]:
    """Work items for gaps and for nothing besides: tags that lack the same span share one; what is too much is left for later.

    Args:
        wanted: Each gap.
        tags_per_item: The most tags of an item.
        most: So many items at the most, the oldest spans first.
    """
    together: dict[Span, dict[Tag, None]] = {}
    for tag, span in wanted:
        together.setdefault(span, {})[tag] = None
    works = [
        Work(tuple(tags[first : first + tags_per_item]), span)
        for span, named in sorted(together.items(), key=lambda entry: entry[0])
        for tags in [sorted(named, key=lambda tag: tag.name)]
        for first in range(0, len(tags), tags_per_item)
    ]
    return tuple(works[:most])
