"""The history of one node as a conversation: it yields requests and pages and is sent answers; no page splits an instant.

The library's own loop ends in silence when a continuation point comes again (asyncua 2.1.0, `Node.read_raw_history`). Here no
end is believed: a page must bring something new, a lost point leads back to the last instant that is known to be whole, and
an answer without a point is asked once more from there, since servers cap pages and tell nobody. What cannot be read to the
end of the window is an error that names what is unread.

    conversation = read_history(Tag("level", "ns=2;i=3"), span, Reading(), Limits(), PageMaker())
    step = next(conversation)  # Asked
    step = conversation.send(None)  # Receive
    step = conversation.send(answer)  # the next Asked, or a Page

Sources: OPC 10000-4, 5.11.3 and 7.9; OPC 10000-11, 6.5.3 (raw) and 6.5.4 (processed).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace

from airflow_provider_integrations.connectors.historian.model import Page, Span, Tag
from airflow_provider_integrations.connectors.historian.opcua_decode import Values, no_values
from airflow_provider_integrations.connectors.historian.opcua_early import Early
from airflow_provider_integrations.connectors.historian.opcua_endings import Endings
from airflow_provider_integrations.connectors.historian.opcua_model import (
    Asked,
    Conversation,
    Fault,
    Limits,
    Reading,
    Receive,
    Release,
    Request,
    Response,
    Step,
)
from airflow_provider_integrations.connectors.historian.opcua_pages import (
    head_of,
    of_window,
    repeated,
    sort_page,
    split_last,
)
from airflow_provider_integrations.connectors.historian.opcua_status import GOOD_MORE_DATA, Meaning, meaning_of
from airflow_provider_integrations.connectors.historian.opcua_values import PageMaker
from airflow_provider_integrations.core.errors import IntegrationError

__all__ = ["read_history"]

_ENOUGH = 2_000  # Values that make a page of ours: a server's may have a single one.

_Steps = Generator[Step, Response | Fault | None, bool]


def read_history(tag: Tag, span: Span, reading: Reading, limits: Limits, to_page: PageMaker) -> Conversation:
    """Read a window to its end.

    Args:
        tag: Whose history.
        span: The window.
        reading: Which history.
        limits: How much at once, and how much patience.
        to_page: Makes columns of values.

    Raises:
        WindowTooLargeError: the server does not give so much at once, or not in order; half of it may work.
        StalledError: it gives nothing new, and does not end either.
        ConfigError: it has no such history, or not for this user.
        SystemicError: its answers cannot be read.
        TransientError: it cannot answer now, or the session is lost again and again.
    """
    early = Early.of(span.begin, enabled=not reading.bounds and not reading.aggregate)
    read = _Read(tag, span, reading, limits, to_page, Endings(tag.name, span, limits), span.begin, early)
    try:
        if span.begin < span.end:
            while not (yield from read.from_last()):
                pass
    except IntegrationError:
        yield from read.give_ready()
        raise
    yield read.last_page()


@dataclass(slots=True)
class _Read:
    """Where a read stands.

    Args:
        whole_to: Everything before it is ready or given; a fresh request begins here.
        held: The values of the instant `whole_to` as far as they are known.
        ready: Values before `whole_to` that wait for company.
        known: How many values of that instant were seen at some time.
        outside: Bounds before and after the window.
        alone: Whether nothing but `held` came since the read began anew.
        rows: Values of the last page.
        ended_rows: Values of the page that ended without a point when `confirming` began, 0 where our own limit cut it.
        confirming: How many values of the instant are to be found again if the end is the end.
        early: Where requests begin.
    """

    tag: Tag
    span: Span
    reading: Reading
    limits: Limits
    to_page: PageMaker
    endings: Endings
    whole_to: int
    early: Early
    held: Values = field(default_factory=no_values)
    ready: list[Values] = field(default_factory=list)
    waiting: int = 0
    known: int = 0
    outside: tuple[Values, Values] = field(default_factory=lambda: (no_values(), no_values()))
    alone: bool = False
    rows: int = 0
    ended_rows: int = 0
    confirming: int | None = None
    asked_again: bool = False

    def from_last(self) -> _Steps:
        """Read from the last whole instant on, until the end (true) or until a new beginning is needed (false)."""
        self.known, self.held, self.alone = max(self.known, len(self.held)), no_values(), True
        span, begin = Span(self.whole_to, self.span.end), self.early.start(self.whole_to)
        request = Request(self.tag.address, Span(begin, span.end), self.reading, self.endings.page)
        previous: Values | None = None
        yield Asked(request)
        while True:
            if (response := (yield from self._received())) is None:
                return False
            following = yield from self.early.next_page(request, response)
            if following:
                yield Asked(following)  # The server is at work while this page is read.
            values, skipped = self._values(response, span)
            if previous is not None and repeated(values, previous, request.point == response.point):
                self.endings.nothing_new("the server sends the same page again", self.whole_to)
            elif not len(values) and following:
                if not skipped:
                    self.endings.nothing_new("the server sends empty pages with continuation points", self.whole_to)
                elif self.early.stuck():
                    return (yield from self._abandon(following))
            elif not (yield from self._taken(values, span, following, skipped)):
                return False
            if following is None:
                return (yield from self._ended(response, span))
            request, previous = following, values

    def _received(self) -> Generator[Step, Response | Fault | None, Response | None]:
        """The answer; none where it is no page, and all begins anew."""
        response = yield Receive()
        assert response is not None, "a receipt is answered"
        if isinstance(response, Fault) or meaning_of(response.status) not in (Meaning.DATA, Meaning.NO_DATA):
            self.endings.refused(response, self.whole_to)
            return None
        return response

    def give_ready(self) -> Generator[Page, None, None]:
        """The values that wait."""
        if self.waiting:
            yield self._page([self.outside[0], *self.ready], self.whole_to)
            self.ready, self.waiting, self.outside = [], 0, (no_values(), self.outside[1])

    def last_page(self) -> Page:
        """All that is left, up to the end of the window."""
        return self._page([self.outside[0], *self.ready, self.held, self.outside[1]], self.span.end)

    def _gone(self) -> bool:
        """Values of the last instant did not come again."""
        self.early.exclusive = True
        self.endings.nothing_new("values that were there are gone", self.whole_to)
        return False

    def _values(self, response: Response, span: Span) -> tuple[Values, int]:
        values, before, after = self._parted(response, span)
        if self.reading.bounds:
            self.outside = before if span == self.span and len(before) else self.outside[0], after
        return values, self.early.skip(before)

    def _parted(self, response: Response, span: Span) -> tuple[Values, Values, Values]:
        try:
            return of_window(response.values(), span)
        except ValueError as error:
            raise self.endings.unreadable(str(error), self.whole_to) from None

    def _taken(self, values: Values, span: Span, following: Request | None, skipped: int) -> _Steps:
        """Take a page; false where its values cannot be joined to those before, and all begins at the last instant."""
        if not len(values):
            return True
        first, page, within = not len(self.held), sort_page(values), span.begin != self.whole_to or self.early.skipped
        capped = following is not None or 0 < self.endings.page <= len(values) + skipped
        behind = not first and page.values.ts[0] < self.held.ts[0]
        if behind or (not page.came_sorted and (capped or not first)):
            yield from self._abandon(following)
            raise self.endings.unordered(self.whole_to)
        values, self.rows = page.values, len(page.values) + skipped
        if not first and within and values.ts[0] == self.held.ts[0] and self._doubtful(values):
            # Servers whose points are times (asyncua's own) begin an instant anew that a page cut in two: then its values
            # would come twice. From its beginning the instant is whole in one page, or the points lead through it.
            if self.early.exclusive:
                self.endings.nothing_new("the server begins an instant anew on each page", self.whole_to)
            return (yield from self._abandon(following))
        joined = self.held.joined([values]) if len(self.held) else values
        if self.early.misses(joined, self.known):
            yield from self._abandon(following)
            return self._gone()
        rest, self.held = split_last(joined)
        self.alone &= not len(rest)
        if len(rest):
            self.ready.append(rest)
            self.waiting += len(rest)
        self._advance(int(self.held.ts[0]))
        self.endings.held(len(self.held), self.whole_to)
        if self.waiting >= _ENOUGH:
            yield from self.give_ready()
        return True

    def _advance(self, instant: int) -> None:
        """All before this instant is whole; values outside of the window (bounds) do not move its edges."""
        instant = min(max(instant, self.span.begin), self.span.end)
        if instant > self.whole_to:
            if self.confirming is not None:
                self.endings.ended_early(self.ended_rows)
            self.whole_to, self.known, self.confirming, self.asked_again = instant, 0, None, False
            self.endings.progress()

    def _doubtful(self, values: Values) -> bool:
        """Whether a page may begin an instant anew, rather than go on in it."""
        known, head = len(self.held), head_of(values, int(self.held.ts[0]))
        return len(head) >= known and head.part(0, known).same(self.held)

    def _ended(self, response: Response, span: Span) -> _Steps:
        """Whether an answer without a point is the end; otherwise all begins at the last instant."""
        if self.reading.aggregate:
            return self._all_intervals(span)
        more = response.status & 0xFFFF0000 == GOOD_MORE_DATA
        if not len(self.held):
            if self.early.goes_on():
                return False
            if self.known:
                return self._gone()
            if more:
                self.endings.nothing_new("the server says that there is more, and does not give it", self.whole_to)
            elif meaning_of(response.status) is Meaning.NO_DATA or self.asked_again:
                return True
            self.asked_again = True  # "Good" and nothing in it: asked twice.
            return False
        if self.alone and self.endings.may_be_cut(len(self.held) + self.early.skipped):
            return False
        if self.confirming == len(self.held) and self.alone and not more:
            if self.early.exclusive:
                return (yield from self._nothing_after())
            if not self.endings.fills_cap(len(self.held)):
                return True
            self.endings.instant_fills(len(self.held), self.whole_to)
            return False
        if self.alone and self.confirming is None and not more and not self.early.skipped:
            return (yield from self._nothing_after())
        if self.confirming is not None:
            self.endings.ended_early(self.ended_rows)
            self.endings.nothing_new("the server ends, and has more", self.whole_to)
        self.confirming, self.ended_rows = len(self.held), 0 if 0 < self.endings.page <= self.rows else self.rows
        return False

    def _all_intervals(self, span: Span) -> bool:
        """An aggregate has a value for each interval, good or not."""
        length = int(self.reading.interval * 1_000_000)
        if not length or (not len(self.held) and self.whole_to == self.span.begin):
            return True
        last = self.span.begin + (self.span.end - 1 - self.span.begin) // length * length
        if len(self.held) and self.held.ts[0] >= last:
            return True
        self.endings.nothing_new("the server ends before the last interval", self.whole_to)
        return False

    def _nothing_after(self) -> _Steps:
        """Whether nothing comes after an instant that was all of a page: else that page is what the server caps."""
        held = len(self.held)
        for span, asked in self.early.behind(self.whole_to, self.span.end):
            request = Request(self.tag.address, asked, self.reading, self.endings.page)
            yield Asked(request)
            if (response := (yield from self._received())) is None:
                return False
            if response.point:
                yield Release(self.tag.address, replace(request, point=response.point))
            after, before, _ = self._parted(response, span)
            if response.point or len(after):
                self.endings.instant_fills(held, self.whole_to)
                return False
            if not len(before):
                break  # Otherwise the server's clock is coarser than the question, and it gave the instant itself again.
        return True

    def _abandon(self, following: Request | None) -> _Steps:
        """Take the answer that is on its way, and give its point back; false, as all begins anew."""
        if following is not None and not isinstance(response := (yield Receive()), Fault | None) and response.point:
            yield Release(self.tag.address, replace(following, point=response.point))
        return False

    def _page(self, parts: list[Values], read_to: int) -> Page:
        values = parts[0].joined(parts[1:])
        return Page(self.tag.name, self.to_page(values, begin=self.span.begin, end=self.span.end), read_to)
