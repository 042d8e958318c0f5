"""Where requests begin: a little before their window, as some servers leave out, or round, the very instant they begin at.

asyncua's history in SQLite compares times as text, so one that was stored without an offset is less than itself with one, and
"from its instant on" leaves it out; its continuation points are such instants, so each would lose a value. The first request of
a window begins early, and so do all once that was seen.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from airflow_provider_integrations.connectors.historian.model import Span
from airflow_provider_integrations.connectors.historian.opcua_binary import EPOCH
from airflow_provider_integrations.connectors.historian.opcua_decode import Values
from airflow_provider_integrations.connectors.historian.opcua_model import (
    Asked,
    Fault,
    Receive,
    Release,
    Request,
    Response,
    Step,
)
from airflow_provider_integrations.connectors.historian.opcua_pages import head_of
from airflow_provider_integrations.connectors.historian.opcua_status import Meaning, meaning_of

__all__ = ["Early"]

_T = TypeVar("_T")

_Asking = Generator[Step, "Response | Fault | None", _T]
_EARLY = 1_000_000  # Nanoseconds.
_PAGES = 20
_RESOLUTIONS = (100, 1_000, 1_000_000, 1_000_000_000)  # Of servers' clocks: a tick, then what many cut instants to.


@dataclass(slots=True)
class Early:
    """Counts what lies before the window and is left out.

    Args:
        enabled: Whether requests may begin early; with bounds or aggregates it would change what is answered.
        following: Where the next request begins, if that is set.
        exclusive: Whether the server left out values at the very beginning.
        begin: Where the request at hand begins.
        whole_to: Where its window does.
        skipped: Values since the read began anew that were left out.
        last: The last of them.
        pages: That had nothing but such values.
        moves: How often it was asked from the last of them on.
        lossy: Whether continuation points lead past values; none until there is one.
    """

    enabled: bool
    following: int | None = None
    exclusive: bool = False
    begin: int = 0
    whole_to: int = 0
    skipped: int = 0
    last: int = 0
    pages: int = 0
    moves: int = 0
    lossy: bool | None = None

    @classmethod
    def of(cls, begin: int, *, enabled: bool) -> Early:
        """For a window that begins there."""
        return cls(enabled, begin - _EARLY)

    def start(self, whole_to: int) -> int:
        """Where a request for what comes from `whole_to` on begins."""
        usual = whole_to - _EARLY if self.exclusive else whole_to
        begin = usual if self.following is None else self.following
        self.following, self.skipped, self.whole_to = None, 0, whole_to
        self.begin = begin if self.enabled else whole_to
        return self.begin

    def skip(self, before: Values) -> int:
        """How many values of a page are left out, where it was asked for so."""
        if self.begin >= self.whole_to or not len(before):
            return 0
        self.skipped, self.last = self.skipped + len(before), int(before.ts.max())
        return len(before)

    def stuck(self) -> bool:
        """One more page with nothing else: whether these are too many, so that it is asked anew."""
        self.pages += 1
        if self.pages % _PAGES:
            return False
        return self.goes_on()

    def goes_on(self) -> bool:
        """All that came lies before the window: whether to ask again, from the last of it, or from where the window begins.

        A server that leaves out the beginning goes on behind that value, and any other one from it on.
        """
        if not self.skipped:
            return False
        self.moves += 1
        self.following = self.last if self.last > self.begin and self.moves < _PAGES else self.whole_to
        return True

    def misses(self, values: Values, known: int) -> bool:
        """Whether values go on behind the window's first instant, of which so many are known and not all came again."""
        return self.enabled and bool(values.ts[-1] > self.whole_to) and len(head_of(values, self.whole_to)) < known

    def next_page(self, request: Request, response: Response) -> _Asking[Request | None]:
        """The request for the next page; none where there is no point, or none that can be trusted."""
        if not response.point:
            return None
        if self.lossy is None:
            self.lossy = yield from _leads_past(request, response.point)
            self.exclusive |= self.lossy
        found = replace(request, point=response.point)
        if self.lossy:
            yield Release(request.address, found)
        return None if self.lossy else found

    def behind(self, instant: int, end: int) -> Iterator[tuple[Span, Span]]:
        """What lies behind an instant, by coarser and coarser clocks, and what to ask for it."""
        for step in _RESOLUTIONS:
            begin = (instant // step + 1) * step
            if begin >= end:
                return
            exactly = self.exclusive and step == _RESOLUTIONS[0]  # What begins there would be left out.
            yield Span(begin, end), Span(instant if exactly else begin, end)


def _leads_past(request: Request, point: bytes) -> _Asking[bool]:
    """Whether a point that is an instant, as asyncua's are, is one at which a request leaves out the value."""
    instant = (int.from_bytes(point, "little", signed=True) - EPOCH) * 100
    if len(point) != 8 or not request.span.begin <= instant < request.span.end:
        return False
    asked = replace(request, span=Span(instant, request.span.end), page=1, point=None)
    yield Asked(asked)
    answer = yield Receive()
    if answer is None or isinstance(answer, Fault) or meaning_of(answer.status) not in (Meaning.DATA, Meaning.NO_DATA):
        return False
    if answer.point:
        yield Release(asked.address, replace(asked, point=answer.point))
    try:
        values = answer.values()
    except ValueError:
        return False
    return not len(values) or bool(values.ts.min() > instant)
