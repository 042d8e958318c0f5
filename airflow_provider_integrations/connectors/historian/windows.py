"""Which window of which tags is read next: nothing that is read already, nothing that is being read, as much as the server likes.

A window is as wide as lets it hold `Sizing.target` samples by the density seen last: it grows by doubling, shrinks at once, and
is halved when the server refuses it for its size. No clock and no server: whoever reads tells the plan how it went.

>>> plan = WindowPlan(("a",), Span(0, 10), {"a": (Span(4, 6),)}, sizing=Sizing(width=3))
>>> [(window.span.begin, window.span.end) for window in iter(plan.take, None)]
[(0, 3), (3, 4), (6, 9), (9, 10)]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from airflow_provider_integrations.connectors.historian.model import Span, unread
from airflow_provider_integrations.core.errors import IntegrationError, PermanentError

__all__ = ["DAY", "Sizing", "Window", "WindowPlan", "merged", "split", "without"]

DAY = 86_400_000_000_000
_LONGEST = 3_660 * DAY
_SHORTEST = 1
"""A nanosecond: samples of one instant cannot be asked for apart."""
_SMALL_STEPS = 4


@dataclass(frozen=True, slots=True)
class Sizing:
    """How wide the next window is.

    Args:
        width: In nanoseconds.
        target: Samples that a window should hold.
        ceiling: Where the server refused what was wider; it is raised by small steps first.
        steps: How often it was raised since.
    """

    width: int = DAY
    target: int = 250_000
    ceiling: int = _LONGEST
    steps: int = 0

    def after(self, width: int, samples: int) -> Sizing:
        """With what a window of that width held."""
        fits = width * self.target // samples if samples else _LONGEST
        if fits < self.width:
            return replace(self, width=max(fits, _SHORTEST))
        if width < self.width:  # The rest of something: no proof that more would go well.
            return self
        if self.width < self.ceiling:
            return replace(self, width=min(fits, self.width * 2, self.ceiling))
        # By an eighth at first, as the limit is near; then faster, as it was a crowded place and no limit of the server's.
        step = max((self.ceiling >> 3) << max(min(self.steps - _SMALL_STEPS, 3), 0), 1)
        ceiling = min(self.ceiling + step, _LONGEST)
        return replace(self, width=min(fits, ceiling), ceiling=ceiling, steps=self.steps + 1)

    def refused(self, fits: int) -> Sizing:
        """With the news that the server gives no more at once than a window of about that width."""
        width = max(min(self.width, fits), _SHORTEST)
        return replace(self, width=width, ceiling=min(self.ceiling, width), steps=0)


@dataclass(frozen=True, slots=True)
class Window:
    """What is asked for at once."""

    tags: tuple[str, ...]
    span: Span


@dataclass(slots=True)
class _Group:
    """Tags that are read together, and how."""

    tags: list[str]
    sizing: Sizing
    under_way: list[Window] = field(default_factory=list)
    halves: list[Window] = field(default_factory=list)
    finished: bool = False


class WindowPlan:
    """What of a span is unread, tag by tag, and who reads it.

    Args:
        tags: Their names.
        span: What is wanted of each.
        read: What is there already, by tag.
        newest_first: Windows from the end to the beginning; within each one, samples are in the order of time all the same.
        together: Tags in one window at most.
        sizing: Of the first windows.
    """

    def __init__(
        self, tags: Sequence[str], span: Span, read: Mapping[str, Iterable[Span]] | None = None, *,
        newest_first: bool = False, together: int = 20, sizing: Sizing | None = None,
    ) -> None:  # fmt: skip
        self._span, self._newest_first = span, newest_first
        self._read = {tag: merged((read or {}).get(tag, ())) for tag in tags}
        first = sizing or Sizing()
        self._groups = [_Group(list(tags[at : at + together]), first) for at in range(0, len(tags), together)]
        self._group_of = {tag: group for group in self._groups for tag in group.tags}

    def unread(self, tag: str) -> tuple[Span, ...]:
        """What nobody has read, whether it is being read or not."""
        return without(self._span, self._read[tag])

    def take(self) -> Window | None:
        """The next window, of a group with the fewest windows under way; none while all the rest is under way."""
        for group in sorted(self._groups, key=lambda one: len(one.under_way)):
            if not group.finished and (window := self._next(group)) is not None:
                group.under_way.append(window)
                return window
        return None

    def ended(self, window: Window, read_to: Mapping[str, int], samples: int | None) -> None:
        """A window was read, or as much of it as `read_to` says, tag by tag; nothing is learned where `samples` is none."""
        group = self._come_back(window, read_to)
        if samples is not None and all(read_to.get(tag) == window.span.end for tag in window.tags):
            group.sizing = group.sizing.after(window.span.end - window.span.begin, samples)

    def refused(self, window: Window, read_to: Mapping[str, int], error: IntegrationError) -> None:
        """The server does not give a window at once; what it gave before it said so is good.

        Raises:
            PermanentError: nothing smaller can be asked for.
        """
        group = self._come_back(window, read_to)
        begin = min(read_to.get(tag, window.span.begin) for tag in window.tags)
        behind = tuple(tag for tag in window.tags if read_to.get(tag, window.span.begin) == begin)
        left = Span(begin, window.span.end)
        if left.end - left.begin <= _SHORTEST:
            raise unread(
                PermanentError,
                "the server refuses a single instant for its size",
                behind[0],
                left,
                answer=error.what,
                next_step="Raise the server's limit for one call, or have it give pages.",
            ) from error
        early, late = split(left)
        # Next and as it is, whatever width other windows have by then: so it comes to an end.
        group.halves.append(Window(behind, late if self._newest_first else early))
        if window.span.end - window.span.begin >= group.sizing.width:
            # What it gave before it refused the rest is something that it gives.
            group.sizing = group.sizing.refused(max(early.end - early.begin, begin - window.span.begin))

    def apart(self, window: Window, read_to: Mapping[str, int]) -> None:
        """Ask for the rest of a window tag by tag, as one of them cannot be read and nobody knows for sure which."""
        group = self._come_back(window, read_to)
        for tag in window.tags:
            begin = read_to.get(tag, window.span.begin)
            if begin < window.span.end and tag in group.tags:
                group.halves.append(Window((tag,), Span(begin, window.span.end)))

    def leave(self, tag: str) -> None:
        """Read nothing more of a tag."""
        group = self._group_of[tag]
        group.tags.remove(tag)
        halves = (Window(tuple(one for one in half.tags if one != tag), half.span) for half in group.halves)
        group.halves = [half for half in halves if half.tags]

    def _come_back(self, window: Window, read_to: Mapping[str, int]) -> _Group:
        group = self._group_of[window.tags[0]]
        group.under_way.remove(window)
        for tag, end in read_to.items():
            self._read[tag] = merged((*self._read[tag], Span(window.span.begin, end)))
        return group

    def _next(self, group: _Group) -> Window | None:
        """The first hole that is common to most: from its edge as far as no tag's own holes begin or end."""
        if group.halves:
            return group.halves.pop()
        holes = {
            tag: without(
                self._span, (*self._read[tag], *(one.span for one in group.under_way if tag in one.tags))
            )
            for tag in group.tags
        }  # fmt: skip
        holes = {tag: each for tag, each in holes.items() if each}
        if not holes:
            group.finished = not group.under_way
            return None
        width = group.sizing.width
        if self._newest_first:
            end = max(each[-1].end for each in holes.values())
            tags = tuple(tag for tag, each in holes.items() if each[-1].end == end)
            others = [each[-1].end for tag, each in holes.items() if tag not in tags]
            return Window(tags, Span(max(end - width, *(holes[tag][-1].begin for tag in tags), *others), end))
        begin = min(each[0].begin for each in holes.values())
        tags = tuple(tag for tag, each in holes.items() if each[0].begin == begin)
        others = [each[0].begin for tag, each in holes.items() if tag not in tags]
        return Window(tags, Span(begin, min(begin + width, *(holes[tag][0].end for tag in tags), *others)))


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same time in as few spans as possible, in order; those that touch become one, empty ones none.

    >>> merged([Span(3, 5), Span(0, 3), Span(7, 7)])
    (Span(begin=0, end=5),)
    """
    found: list[Span] = []
    for span in sorted(spans):
        if span.begin == span.end:
            continue
        if found and span.begin <= found[-1].end:
            found[-1] = Span(found[-1].begin, max(found[-1].end, span.end))
        else:
            found.append(span)
    return tuple(found)


def split(span: Span) -> tuple[Span, Span]:
    """Two halves; of a span that is one nanosecond longer than even, the later one is the longer."""
    middle = span.begin + (span.end - span.begin) // 2
    return Span(span.begin, middle), Span(middle, span.end)


def without(span: Span, gone: Iterable[Span]) -> tuple[Span, ...]:
    """What is left of a span, in order.

    >>> without(Span(0, 10), [Span(2, 3), Span(8, 20)])
    (Span(begin=0, end=2), Span(begin=3, end=8))
    """
    left, at = [], span.begin
    for each in merged(gone):
        if each.end <= at:
            continue
        if each.begin >= span.end:
            break
        if each.begin > at:
            left.append(Span(at, each.begin))
        at = each.end
    if at < span.end:
        left.append(Span(at, span.end))
    return tuple(left)
