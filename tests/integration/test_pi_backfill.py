"""A backfill from PI Web API to files: whole, the same whatever went wrong on the way, and an error where something is unread."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_integrations.connectors.historian.backfill import Limits, Order
from airflow_provider_integrations.connectors.historian.model import Span, Tag
from airflow_provider_integrations.connectors.historian.once import Request, backfill_once
from airflow_provider_integrations.connectors.historian.pi_client import open_pi
from airflow_provider_integrations.connectors.historian.pi_settings import PiSettings
from airflow_provider_integrations.core.errors import PermanentError
from tests.fakes.pi.archive import SECOND, Point, Value, state, system_state
from tests.fakes.pi.held import BEGIN
from tests.fakes.pi.server import PiServer
from tests.fakes.pi.service import Call, Reply

pytestmark = pytest.mark.integration

SPAN = Span(BEGIN, BEGIN + 4 * 86_400 * SECOND)


def _mixed(server: PiServer, count: int = 5) -> list[Point]:
    """Points with numbers, states, runs of one instant and spells without values."""
    chance = random.Random(7)
    points = []
    for number in range(count):
        ts, values = BEGIN - 5 * SECOND, []
        while ts < SPAN.end + 5 * SECOND:
            ts += chance.choice([0, 100, 60 * SECOND, 300 * SECOND, 600 * SECOND, 3_600 * SECOND])
            value: Any = round(chance.uniform(-50, 50), 3)
            good = True
            if chance.random() < 0.05:
                value, good = chance.choice([system_state("I/O Timeout", 246), system_state("Bad Input", 255)]), False
            elif number == 0:
                value = state(*chance.choice([("Open", 1), ("Closed", 0)]))
            values.append(Value(ts, value, good=good, annotated=chance.random() < 0.05))
        points.append(server.service.archive.add(rf"\\PISRV\M{number}", values))
    return points


def _run(server: PiServer, points: list[Point], folder: Path, **told: Any) -> dict[str, Any]:
    order = Order(tuple(Tag(point.name, point.path) for point in points), SPAN)
    request = Request(order, server.url, folder / "out", folder / "state.json", Limits(at_once=2))
    return backfill_once(request, lambda: open_pi(PiSettings.from_url(server.url)), **told)


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "out").glob("*.parquet")}


def test_the_files_hold_what_the_archive_holds(pi_server: PiServer, tmp_path: Path) -> None:
    points = _mixed(pi_server)
    told = _run(pi_server, points, tmp_path)
    for made, point in zip(told["files"], points, strict=True):
        rows = pq.read_table(tmp_path / "out" / made["file"])
        inside = [value for value in point.values if SPAN.begin <= value.ts < SPAN.end]
        assert rows["ts"].cast(pa.int64()).to_pylist() == [value.ts for value in inside]
        numbers = [value.value if isinstance(value.value, float) else None for value in inside]
        assert rows["value_number"].to_pylist() == numbers
        names = [value.value["Name"] if isinstance(value.value, dict) else None for value in inside]
        assert rows["value_state"].to_pylist() == names
        assert rows["quality"].to_pylist() == ["good" if value.good else "bad" for value in inside]


def _caps(server: PiServer) -> None:
    server.service.cap = 23


def _silent(server: PiServer) -> None:
    server.service.silent_cap = 31


def _no_batch(server: PiServer) -> None:
    server.service.batches = False


def _fail_over(server: PiServer) -> None:
    asked: list[Call] = []

    def each(call: Call) -> Reply | None:
        asked.append(call)
        if len(asked) == 20:
            server.service.archive.fail_over()
        return None

    server.service.faults.append(each)


@pytest.mark.parametrize("go_wrong", [_caps, _silent, _no_batch, _fail_over])
def test_the_files_are_byte_for_byte_the_same_whatever_the_server_gives_at_once(
    go_wrong: Callable[[PiServer], None], pi_server: PiServer, tmp_path: Path
) -> None:
    points = _mixed(pi_server, 3)
    _run(pi_server, points, tmp_path / "plain")
    go_wrong(pi_server)
    _run(pi_server, points, tmp_path / "other")
    assert _files(tmp_path / "plain") == _files(tmp_path / "other") != {}


def test_a_run_that_could_not_read_all_makes_no_file_and_the_next_one_goes_on(
    pi_server: PiServer, tmp_path: Path
) -> None:
    points = _mixed(pi_server, 3)
    _run(pi_server, points, tmp_path / "plain")
    third = points[2].web_id()
    late = BEGIN + 2 * 86_400 * SECOND

    def refuse(call: Call) -> Reply | None:
        is_late = third in call.path and pi_server.service._time(call.one("startTime", "*")) >= late
        return Reply.error(400, "no") if is_late else None

    pi_server.service.faults.append(refuse)
    with pytest.raises(PermanentError) as caught:
        _run(pi_server, points, tmp_path / "other")
    assert caught.value.values["tag"] == "M2"
    assert _files(tmp_path / "other") == {}
    pi_server.service.faults.clear()
    pi_server.service.calls.clear()
    _run(pi_server, points, tmp_path / "other")
    assert _files(tmp_path / "other") == _files(tmp_path / "plain")
    assert {call.path.split("/")[1] for call in pi_server.service.calls if "recorded" in call.path} == {third}
