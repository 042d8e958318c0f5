"""Windows of PI Web API are read to their end: the traps of the field, each by name."""

from __future__ import annotations

import random

import pytest

from airflow_provider_integrations.connectors.historian.model import Page, Span
from airflow_provider_integrations.connectors.historian.pi_model import Limits, Way
from airflow_provider_integrations.connectors.historian.samples import ordinals_of
from tests.fakes.pi.archive import SECOND, Point, Value
from tests.fakes.pi.held import BEGIN, ROOT, Held, ramp, read_all, rows, wanted
from tests.fakes.pi.service import Call, PiService, Reply

DAY = Span(BEGIN, BEGIN + 86_400 * SECOND)


def _point(service: PiService, values: list[Value], name: str = "SINUSOID", **told: str) -> Point:
    return service.archive.add(rf"\\PISRV\{name}", values, **told)


def _check(held: Held, points: list[Point], span: Span) -> None:
    """All values, in order, none twice; pages meet, and no run of one instant is split."""
    for point in points:
        assert rows(held.pages, point.name) == wanted(point, span)
        pages = [page for page in held.pages if page.tag == point.name]
        assert pages[-1].read_to == span.end
        assert [page.read_to for page in pages] == sorted(page.read_to for page in pages)
        for page in pages:
            _check_page(page)


def _check_page(page: Page) -> None:
    ts = page.samples.column("ts").cast("int64").to_numpy()
    assert not len(ts) or ts[-1] < page.read_to
    assert page.samples.column("ordinal").to_pylist() == ordinals_of(ts).tolist()


def test_a_page_of_the_default_count_is_not_the_end() -> None:
    service = PiService()
    point = _point(service, ramp(2_500))
    held = read_all(service, [point], DAY)
    _check(held, [point], DAY)
    # Look-up, 1,000, the rest, and the question whether that was all.
    assert service.round_trips == 4


def test_paging_by_inclusive_time_gives_each_value_of_equal_instants_once() -> None:
    service = PiService(cap=10)
    values = [Value(BEGIN + at // 4 * SECOND, float(at)) for at in range(400)]
    point = _point(service, values)
    _check(read_all(service, [point], DAY), [point], DAY)


@pytest.mark.parametrize("way", list(Way))
@pytest.mark.parametrize("cap", [5, 7, 1_000, 150_000])
def test_any_cap_and_any_way_give_the_same_values(cap: int, way: Way) -> None:
    service, points = PiService(cap=cap), []
    chance = random.Random(cap)
    for at in range(6):
        ts, values = BEGIN, []
        for _ in range(chance.choice([0, 1, 3, 40, 130])):
            ts += (
                0 if chance.random() < 0.2 and len(values) > 3 and values[-3].ts != ts else chance.choice([100, SECOND])
            )
            values.append(Value(ts, chance.random()))
        points.append(_point(service, values, f"T{at}"))
    _check(read_all(service, points, DAY, way=way), points, DAY)


def test_the_cap_is_refused_with_400_once_and_remembered() -> None:
    service = PiService(cap=600)
    points = [_point(service, ramp(3_000), f"T{at}") for at in range(3)]
    _check(read_all(service, points, DAY, way=Way.STREAM), points, DAY)
    over = [call for call in service.calls if int(call.one("maxCount", "0")) > 600]
    assert len(over) == 1


def test_a_refused_count_is_halved_where_the_message_names_no_number() -> None:
    service = PiService()

    def refuse(call: Call) -> Reply | None:
        if int(call.one("maxCount", "0")) > 150:
            return Reply.error(400, "Parameter maxCount is greater than the maximum allowed.")
        return None

    service.faults.append(refuse)
    point = _point(service, ramp(1_000))
    _check(read_all(service, [point], DAY), [point], DAY)
    assert {int(call.one("maxCount", "0")) for call in service.calls} >= {1_000, 500, 250, 125}


@pytest.mark.parametrize("cap", [2, 7, 1_000])
def test_a_cap_that_nobody_tells_of_loses_nothing(cap: int) -> None:
    service = PiService(silent_cap=cap)
    point = _point(service, ramp(cap * 5))
    _check(read_all(service, [point], DAY), [point], DAY)


def test_a_page_that_one_instant_fills_grows() -> None:
    service = PiService()
    values = [
        *ramp(5),
        *(Value(BEGIN + 10 * SECOND, float(at)) for at in range(2_500)),
        *ramp(5, begin=BEGIN + 20 * SECOND),
    ]
    point = _point(service, values)
    _check(read_all(service, [point], DAY), [point], DAY)


def test_a_run_larger_than_the_first_page_right_at_the_begin() -> None:
    service = PiService()
    point = _point(service, [Value(BEGIN, float(at)) for at in range(1_500)])
    _check(read_all(service, [point], DAY), [point], DAY)


def test_a_cap_on_all_values_of_a_set_together_leaves_no_stream_empty() -> None:
    service = PiService(total_cap=30)
    points = [_point(service, ramp(25), f"T{at}") for at in range(5)]
    _check(read_all(service, points, DAY, way=Way.STREAMSET), points, DAY)


def test_the_end_is_excluded_though_the_service_includes_it() -> None:
    service = PiService()
    span = Span(BEGIN + 2 * SECOND, BEGIN + 5 * SECOND)
    point = _point(service, ramp(10))
    held = read_all(service, [point], span)
    _check(held, [point], span)
    assert [ts for ts, _ in rows(held.pages, "SINUSOID")] == [BEGIN + at * SECOND for at in (2, 3, 4)]
    assert service.round_trips == 2  # The value right at the end proves that nothing is missing before it.


def test_boundary_type_is_inside_so_that_no_neighbour_counts_as_a_value() -> None:
    service = PiService()
    point = _point(service, [Value(BEGIN - SECOND, 1.0), Value(BEGIN + 3 * SECOND, 2.0)])
    held = read_all(service, [point], Span(BEGIN, BEGIN + 2 * SECOND))
    assert rows(held.pages, "SINUSOID") == []
    assert {call.one("boundaryType") for call in service.calls if call.path.endswith("recorded")} == {"Inside"}


def test_times_are_asked_for_in_utc_with_all_ticks_whatever_the_zone_of_the_server() -> None:
    service = PiService(zone=7_200)
    span = Span(BEGIN + 100, BEGIN + 1_000)
    point = _point(service, ramp(20, step=100))
    held = read_all(service, [point], span)
    _check(held, [point], span)
    asked = next(call for call in service.calls if call.path.endswith("recorded"))
    assert (asked.one("startTime"), asked.one("endTime")) == (
        "2026-01-01T00:00:00.0000001Z",
        "2026-01-01T00:00:00.0010000Z",  # A whole millisecond, not before the end.
    )


def test_a_window_finer_than_a_tick_begins_at_the_next_one() -> None:
    service = PiService()
    span = Span(BEGIN + 50, BEGIN + 250)
    point = _point(service, ramp(5, step=100))
    held = read_all(service, [point], span)
    assert [ts for ts, _ in rows(held.pages, "SINUSOID")] == [BEGIN + 100, BEGIN + 200]


@pytest.mark.parametrize("step", [1_000, 1_000_000])
def test_a_service_that_cuts_the_decimals_of_times_loses_nothing_and_doubles_nothing(step: int) -> None:
    service = PiService(cap=12)
    exact = service._time
    service._time = lambda text: exact(text) // step * step  # type: ignore[method-assign]
    point = _point(service, [Value(BEGIN + 300 + at * 700_300 // 100 * 100, float(at)) for at in range(60)])
    span = Span(BEGIN + 300, BEGIN + 40 * 700_300)
    _check(read_all(service, [point], span), [point], span)


def test_a_stream_without_values_says_so_twice() -> None:
    service = PiService()
    point = _point(service, [])
    held = read_all(service, [point], DAY)
    assert [(page.read_to, page.samples.num_rows) for page in held.pages] == [(DAY.end, 0)]
    assert len([call for call in service.calls if call.path.endswith("recorded")]) == 2


def test_compression_is_no_gap_and_nothing_is_put_in_its_place() -> None:
    service = PiService()
    point = _point(service, [Value(BEGIN, 1.0), Value(BEGIN + 80_000 * SECOND, 1.1)])
    held = read_all(service, [point], DAY)
    assert rows(held.pages, "SINUSOID") == [(BEGIN, 1.0), (BEGIN + 80_000 * SECOND, 1.1)]


def test_values_edited_later_are_there_when_the_window_is_read_again() -> None:
    service = PiService()
    point = _point(service, ramp(5))
    read_all(service, [point], DAY)
    point.set([*point.values[:2], Value(BEGIN + SECOND + 500, 9.0), *point.values[3:]])
    _check(read_all(service, [point], DAY), [point], DAY)


def test_200_points_take_few_round_trips() -> None:
    service = PiService()
    points = [_point(service, ramp(40), f"T{at:03}") for at in range(200)]
    held = read_all(service, points, DAY, Limits(ROOT, at_once=200_000))
    _check(held, points, DAY)
    assert service.round_trips <= 8


def test_a_service_that_takes_no_batch_is_read_by_sets_and_without_them_one_by_one() -> None:
    for sets in (True, False):
        service = PiService(batches=False, sets=sets)
        points = [_point(service, ramp(30), f"T{at}") for at in range(4)]
        held = read_all(service, points, DAY)
        _check(held, points, DAY)
        assert [request.method for request in held.sent].count("POST") == 1
        assert any(call.path == "streamsets/recorded" for call in service.calls)


def test_web_ids_that_change_after_a_failover_are_looked_up_again_once() -> None:
    service = PiService()
    point = _point(service, ramp(3_000))
    done = []

    def fail_over(call: Call) -> Reply | None:
        if len(service.calls) == 3 and not done:
            done.append(True)
            service.archive.fail_over()
        return None

    service.faults.append(fail_over)
    _check(read_all(service, [point], DAY), [point], DAY)
    assert [call.path for call in service.calls].count("points") == 2


def test_a_stream_set_that_names_streams_by_another_web_id_is_told_by_its_paths() -> None:
    service = PiService()  # Sets answer with the WebId of the path.
    points = [_point(service, ramp(20, begin=BEGIN + at * 100), f"T{at}") for at in range(3)]
    _check(read_all(service, points, DAY, way=Way.STREAMSET), points, DAY)


def test_attributes_are_read_by_their_path() -> None:
    service = PiService()
    point = service.archive.add(r"\\AF\Plant\Pump 1|Speed", ramp(10), type="Double")
    _check(read_all(service, [point], DAY), [point], DAY)
    assert service.calls[0].path == "attributes"


def test_a_part_of_a_batch_that_is_throttled_is_asked_for_again_after_the_pause() -> None:
    service = PiService()
    points = [_point(service, ramp(30), f"T{at}") for at in range(3)]
    busy = iter([True])

    def throttle(call: Call) -> Reply | None:
        if points[1].web_id() in call.path and next(busy, False):
            return Reply.error(429, "Too many requests", **{"Retry-After": "17"})
        return None

    service.faults.append(throttle)
    held = read_all(service, points, DAY)
    _check(held, points, DAY)
    assert held.waited == [17.0]


def test_only_what_is_needed_is_asked_for() -> None:
    service = PiService()
    point = _point(service, ramp(5), units="degC")
    read_all(service, [point], DAY)
    fields = next(call for call in service.calls if call.path.endswith("recorded")).one("selectedFields")
    assert "Items.Value" in fields
    assert "Units" not in fields
