"""Every way in which a PI Web API can end early: each is an error that says what is unread, or the values come all the same."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from airflow_provider_integrations.connectors.historian.model import Span, WindowTooLargeError, to_iso
from airflow_provider_integrations.connectors.historian.pi_model import Limits, Request, Way
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    PermanentError,
    StalledError,
    SystemicError,
    TransientError,
)
from tests.fakes.pi.archive import SECOND, Point, Value
from tests.fakes.pi.held import BEGIN, ROOT, ramp, read_all, rows, wanted
from tests.fakes.pi.service import Call, PiService, Reply

DAY = Span(BEGIN, BEGIN + 86_400 * SECOND)
SMALL = Limits(ROOT, first=10, largest=10)
HELD = BEGIN + 9 * SECOND
"""The last instant of the first page of ten: all before it was given."""


@dataclass
class World:
    """Two points of 30 values; what goes wrong begins with the second page of the first one."""

    service: PiService = field(default_factory=PiService)
    pages: int = 0

    def __post_init__(self) -> None:
        self.point = self.service.archive.add(r"\\PISRV\A", ramp(30))
        self.other = self.service.archive.add(r"\\PISRV\B", ramp(30))

    def later(self, reply: Callable[[], Reply]) -> None:
        """Answer like this from the second page of the first point on."""

        def fault(call: Call) -> Reply | None:
            if not call.path.endswith("recorded") or self.point.web_id() not in (
                *call.query.get("webId", []),
                *call.path.split("/"),
            ):
                return None
            self.pages += 1
            return reply() if self.pages > 1 else None

        self.service.faults.append(fault)

    def bent(self, bend: Callable[[Point, int, int], tuple[int, int] | bytes]) -> None:
        """Bend the answers from the second page of the first point on."""

        def bend_it(call: Call, point: Point, low: int, high: int) -> tuple[int, int] | bytes:
            self.pages += point is self.point
            return bend(point, low, high) if point is self.point and self.pages > 1 else (low, high)

        self.service.bend = bend_it


def _replace(status: int, *messages: str) -> Callable[[World], None]:
    return lambda world: world.later(lambda: Reply.error(status, *messages))


def _raw(body: bytes, kind: str = "application/json") -> Callable[[World], None]:
    return lambda world: world.later(lambda: Reply(200, body, {"Content-Type": kind}))


def _one_instant(world: World) -> None:
    world.service.cap = 12
    world.point.set([*ramp(9), *(Value(HELD, float(at)) for at in range(20))])


def _silent_one_instant(world: World) -> None:
    world.service.silent_cap = 4
    world.other.set([])
    world.point.set([Value(BEGIN + at // 6 * SECOND, float(at)) for at in range(30)])


def _untimed(world: World) -> None:
    world.point.set(
        [*ramp(10), Value(HELD, None, good=False, errors=("[-11059]",), untimed=True), *ramp(5, begin=HELD + 1_000)]
    )


def _backwards(point: Point, low: int, high: int) -> bytes:
    items = [point.text(at, at + 1, []) for at in range(low, high)]
    return b",".join([items[0], *reversed(items[1:])])


def _vanish(world: World) -> None:
    world.later(lambda: (world.point.set([each for each in world.point.values if each.ts != HELD]), None)[1])  # type: ignore[func-returns-value,return-value]


ENDS: dict[str, tuple[Callable[[World], None], type[IntegrationError]]] = {
    "an empty page though values are known to be there": (lambda w: w.bent(lambda p, low, high: (low, low)), TransientError),
    "the same page again and again": (lambda w: w.bent(lambda p, low, high: (0, 10)), SystemicError),
    "a page that begins behind the instant asked for": (lambda w: w.bent(lambda p, low, high: (low + 1, high)), TransientError),
    "values that were deleted in between": (_vanish, TransientError),
    "a page of another window": (lambda w: w.bent(lambda p, low, high: (low - 5, high)), SystemicError),
    "values out of order": (lambda w: w.bent(_backwards), SystemicError),
    "more values of one instant than the cap": (_one_instant, PermanentError),
    "more values of one instant than a cap that nobody tells of": (_silent_one_instant, PermanentError),
    "JSON that is cut": (_raw(b'{"Items":[{"Timestamp":"2026-01-01T00:00:10Z","Val'), TransientError),
    "a page of HTML": (_raw(b"<html>sign in</html>", "text/html"), TransientError),
    "an empty body": (_raw(b""), TransientError),
    "null": (_raw(b"null"), TransientError),
    "an answer without items": (_raw(b'{"Links":{}}'), TransientError),
    "Errors in a 200": (_raw(b'{"Errors":["An error occurred."],"Items":[]}'), TransientError),
    "a WebException in a 200": (_raw(b'{"Items":[],"WebException":{"Errors":["x"],"StatusCode":500}}'), TransientError),
    "an error without a time among the values": (_untimed, TransientError),
    "a timestamp that is none": (_raw(b'{"Items":[{"Timestamp":"yesterday","Value":1,"Good":true}]}'), TransientError),
    "a value without its quality": (_raw(b'{"Items":[{"Timestamp":"2026-01-01T00:00:09Z","Value":1}]}'), TransientError),
    "400": (_replace(400, "The request was malformed."), PermanentError),
    "400 for a count of one": (_replace(400, "Parameter 'maxCount' is greater than the maximum allowed (0)."), PermanentError),
    "an archive that collects no more": (_replace(500, "[-11091] Event collection exceeded"), WindowTooLargeError),
    "401": (_replace(401), ConfigError),
    "403": (_replace(403, "Access denied."), ConfigError),
    "404": (_replace(404, "The specified stream was not found."), ConfigError),
    "409": (_replace(409, "The data reference does not support this operation."), PermanentError),
    "413": (_replace(413), WindowTooLargeError),
    "429": (_replace(429), TransientError),
    "500": (_replace(500, "An error occurred."), TransientError),
    "502": (_replace(502, "The PI server cannot be reached."), TransientError),
    "503": (_replace(503), TransientError),
    "a redirect": (lambda w: w.later(lambda: Reply(302, b"", {"Location": "https://elsewhere.example.com/"})), SystemicError),
}  # fmt: skip


def test_each_way_to_end_early_is_an_error_that_says_what_is_unread() -> None:
    told = {}
    for (name, (go_wrong, kind)), way in itertools.product(ENDS.items(), (Way.BATCH, Way.STREAM)):
        world = World()
        go_wrong(world)
        # The least count is the same for all streams, so that another one may find it out first.
        points = [world.point] if "count of one" in name else [world.point, world.other]
        with pytest.raises(kind) as caught:
            read_all(world.service, points, DAY, SMALL, way=way)
        values = caught.value.values
        told[name] = values["unread_from"]
        assert (values["tag"], values["unread_to"]) == ("A", to_iso(DAY.end)), name
        assert caught.value.next_step, name
    late = {name for name, begin in told.items() if begin == to_iso(HELD)}
    # Of one it is only known after more of it was given; the rest stops where the first page ended.
    assert {name: told[name] for name in told.keys() - late} == {
        "more values of one instant than a cap that nobody tells of": to_iso(BEGIN),
    }


@pytest.mark.parametrize("error", [ConnectionLostError, StalledError])
def test_a_line_that_stays_broken_says_what_is_unread(error: type[IntegrationError]) -> None:
    world = World()
    sent = []

    def broken(request: Request) -> None:
        sent.append(request)
        if len(sent) > 2:
            raise error("no whole answer came", attempts=6, next_step="Try again later.")

    with pytest.raises(WindowTooLargeError if error is StalledError else error) as caught:
        read_all(world.service, [world.point], DAY, SMALL, broken=broken)
    assert caught.value.values["unread_from"] == to_iso(HELD)
    assert caught.value.values["attempts"] == 6


def test_a_stream_that_a_set_leaves_out_is_an_error() -> None:
    world = World()
    world.service.faults.append(
        lambda call: Reply.of(200, {"Items": []}) if call.path == "streamsets/recorded" else None,
    )
    with pytest.raises(TransientError, match="without a stream") as caught:
        read_all(world.service, [world.point, world.other], DAY, SMALL, way=Way.STREAMSET)
    assert caught.value.values["unread_from"] == to_iso(BEGIN)


@pytest.mark.parametrize("body", [b"{}", b'{"0":{"Status":200,"Content":{"Items":[]}}}', b"[]", b"<html>"])
def test_a_batch_that_lacks_a_part_is_an_error(body: bytes) -> None:
    world = World()
    world.service.faults.append(
        lambda call: Reply(207, body) if call.path == "batch" and b"recorded" in call.body else None
    )
    with pytest.raises(TransientError) as caught:
        read_all(world.service, [world.point, world.other], DAY, SMALL)
    assert caught.value.values["unread_from"] == to_iso(BEGIN)


PASSING: dict[str, Callable[[World], None]] = {
    "a page cut once by a gateway": lambda w: w.bent(_once(lambda p, low, high: (low, low + 3))),
    "a first page that is empty once": lambda w: setattr(w.service, "bend", _first_is_empty()),
    "an answer cut once": lambda w: w.later(_once_reply(w, b'{"Items":[')),
    "Errors once": lambda w: w.later(_once_reply(w, b'{"Errors":["An error occurred."],"Items":[]}')),
    "503 once": lambda w: w.later(_once_reply(w, b"", 503)),
}


def _once(bend: Callable[[Point, int, int], tuple[int, int]]) -> Callable[[Point, int, int], tuple[int, int]]:
    left = iter([bend])
    return lambda point, low, high: next(left, lambda p, a, b: (a, b))(point, low, high)


def _first_is_empty() -> Callable[[Call, Point, int, int], tuple[int, int]]:
    left = iter([True])
    return lambda call, point, low, high: (low, low) if next(left, False) else (low, high)


def _once_reply(world: World, body: bytes, status: int = 200) -> Callable[[], Reply]:
    left = iter([Reply(status, body)])
    return lambda: next(left, None)  # type: ignore[return-value]


@pytest.mark.parametrize("name", PASSING)
def test_what_goes_wrong_once_loses_nothing(name: str) -> None:
    world = World()
    PASSING[name](world)
    held = read_all(world.service, [world.point, world.other], DAY, SMALL)
    for point in (world.point, world.other):
        assert rows(held.pages, point.name) == wanted(point, DAY)


def test_an_error_in_place_of_one_value_rejects_that_row_alone() -> None:
    world = World()
    error = Value(BEGIN + 5 * SECOND + 500, None, good=False, errors=("[-11059] No good data",))
    world.point.set([*ramp(30), error])
    held = read_all(world.service, [world.point], DAY, SMALL)
    assert dict(rows(held.pages, "A", "quality_detail"))[error.ts] == "rejected: [-11059] No good data"
    assert dict(rows(held.pages, "A", "status"))[error.ts] == 0x8000_0000
    assert dict(rows(held.pages, "A"))[error.ts] is None
    assert len(rows(held.pages, "A")) == 31


def test_an_error_as_the_last_value_of_all_is_a_row_once_nothing_comes_behind_it() -> None:
    world = World()
    error = Value(BEGIN + 40 * SECOND, None, good=False, errors=("[-11059] No good data",))
    world.point.set([*ramp(30), error])
    held = read_all(world.service, [world.point], DAY, SMALL)
    assert rows(held.pages, "A", "status")[-1] == (error.ts, 0x8000_0000)
    asked = [call.one("startTime") for call in world.service.calls if call.path.endswith("recorded")]
    assert asked[-1] == "2026-01-01T00:00:40.0000001Z"


def test_an_answer_that_is_too_large_is_asked_for_in_parts() -> None:
    world = World()

    def broken(request: Request) -> None:
        if request.body.count(b"recorded") > 1 or "maxCount=10&" in request.target:
            raise WindowTooLargeError("an answer is larger than it may be", next_step="Ask for less at once.")

    held = read_all(world.service, [world.point, world.other], DAY, SMALL, broken=broken)
    for point in (world.point, world.other):
        assert rows(held.pages, point.name) == wanted(point, DAY)
