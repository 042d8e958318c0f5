"""Estimates of a folder: beside the samples, replaced by what came since, and each replacement told once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
import typer
from typer.testing import CliRunner

from airflow_provider_integrations.cli.historian_estimate import estimate_gaps
from airflow_provider_integrations.connectors.historian.estimate_files import Request, estimate_folder
from airflow_provider_integrations.connectors.historian.gap_report import report
from airflow_provider_integrations.connectors.historian.model import Span, from_iso
from airflow_provider_integrations.connectors.historian.samples import SAMPLES
from airflow_provider_integrations.core.errors import ConfigError

pq: Any = pyarrow.parquet

MIN = 60_000_000_000
DAY = 1440
BEGIN = from_iso("2026-01-01T00:00:00Z")
TEN = Span(BEGIN, BEGIN + 10 * MIN)
NOW = BEGIN + 100 * DAY * MIN


def write(path: Path, minutes: Sequence[float], tag: str = "flow", row_group: int = 3, **values: Any) -> None:
    rows = [
        {
            "tag": tag,
            "ts": BEGIN + int(minute * MIN),
            "ordinal": 0,
            "value_number": float(minute),
            "status": 0,
            "quality": "good",
            "origin": "actual",
            **values,
        }
        for minute in minutes
    ]
    table = pa.table([pa.array([row.get(field.name) for row in rows], field.type) for field in SAMPLES], schema=SAMPLES)
    pq.write_table(table, path, row_group_size=row_group, store_schema=False)


class World:
    def __init__(self, home: Path) -> None:
        self.home, self.samples, self.out = home, home / "samples", home / "estimates"
        self.samples.mkdir()
        self.catalog = home / "tags.yaml"
        self.catalog.write_text("tags: [{name: flow, address: ns=2;i=3, cadence: PT1M}]\n")

    def estimate(self, method: str = "linear_interpolation", **more: Any) -> dict[str, Any]:
        request = {"span": TEN, "now": NOW, **more}
        return estimate_folder(Request(self.samples, self.catalog, self.out, method, **request))

    def rows(self) -> dict[float, float]:
        [path] = self.out.glob("*.parquet")
        table = pq.read_table(path)
        assert table.schema == SAMPLES
        instants = table.column("ts").cast(pa.int64()).to_pylist()
        values = table.column("value_number").to_pylist()
        return {(ts - BEGIN) / MIN: value for ts, value in zip(instants, values, strict=True)}

    def audit(self) -> list[dict[str, Any]]:
        return [json.loads(line) for path in sorted(self.out.glob("*.jsonl")) for line in path.read_text().splitlines()]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_gaps_are_filled_beside_the_samples_which_stay_as_they_are(world: World) -> None:
    write(world.samples / "a.parquet", [0, 1, 2, 5, 6, 9])
    before = (world.samples / "a.parquet").read_bytes()
    found = world.estimate()
    assert (found["estimates"], found["replaced"], found["tags"][0]["lacking"]) == (4, 0, 0)
    assert world.rows() == {3: 3, 4: 4, 7: 7, 8: 8}
    assert (world.samples / "a.parquet").read_bytes() == before
    reasons = report(world.home, world.catalog, now=NOW, span=TEN)["gaps"]
    assert (reasons["missing"], reasons["estimated"]) == (0, 2)


def test_a_run_that_finds_the_same_changes_nothing(world: World) -> None:
    write(world.samples / "a.parquet", [0, 1, 4, 5, 6, 7, 8, 9])
    world.estimate()
    before = {path: path.stat().st_mtime_ns for path in world.out.iterdir()}
    world.estimate(now=NOW + DAY)
    assert {path: path.stat().st_mtime_ns for path in world.out.iterdir()} == before


def test_an_actual_that_came_since_takes_the_place_of_an_estimate_and_is_told_once(world: World) -> None:
    write(world.samples / "a.parquet", [0, 1, 4, 5, 6, 7, 8, 9])
    world.estimate()
    write(world.samples / "b.parquet", [2.2], tag="ns=2;i=3", value_number=77.0)
    found = world.estimate()
    assert (found["estimates"], found["replaced"]) == (1, 2)
    assert list(world.rows()) == [3.2]  # In step with what came, in place of the estimate at 3.
    world.estimate()
    (told,) = [line for line in world.audit() if line["new"]["origin"] == "actual"]
    assert (told["tag"], told["ts"], told["replaced_at"]) == ("flow", "2026-01-01T00:02:00Z", "2026-04-11T00:00:00Z")
    assert (told["old"]["value_number"], told["old"]["origin"], told["old"]["method"]) == (
        2.0,
        "estimated",
        "linear_interpolation",
    )
    assert (told["new"]["value_number"], told["new"]["ts"], told["new"]["method"]) == (
        77.0,
        "2026-01-01T00:02:12Z",
        None,
    )


def test_a_run_that_dies_after_its_audit_tells_it_once(world: World) -> None:
    write(world.samples / "a.parquet", [0, 1, 4, 5, 6, 7, 8, 9])
    world.estimate()
    [path] = world.out.glob("*.parquet")
    before = path.read_bytes()
    write(world.samples / "b.parquet", [2, 3])
    world.estimate()
    told = world.audit()
    path.write_bytes(before)  # As it was between the two.
    world.estimate()
    assert world.audit() == told
    assert (len(told), world.rows()) == (2, {})


def test_no_estimate_reaches_farther_than_it_may(world: World) -> None:
    write(world.samples / "a.parquet", [0, 1])
    found = world.estimate("last_good_value", reach=timedelta(minutes=3))
    assert list(world.rows()) == [2, 3, 4]
    assert found["tags"][0]["lacking"] == 5
    assert world.estimate(reach=timedelta(minutes=3))["estimates"] == 0


def test_a_gap_of_weeks_takes_the_weeks_before_and_nothing_from_itself(world: World) -> None:
    world.catalog.write_text("tags: [{name: flow, cadence: PT1H}]\n")
    write(world.samples / "a.parquet", [60 * hour for hour in range(24 * 10)], row_group=50)
    span = Span(BEGIN, BEGIN + 30 * DAY * MIN)
    found = world.estimate("same_day_last_week", span=span)
    assert found["estimates"] == 24 * 7
    assert world.rows() == {60 * hour: 60 * (hour - 168) for hour in range(240, 408)}


def test_many_gaps_far_apart_are_filled_as_gaps_near_each_other(world: World) -> None:
    world.catalog.write_text("tags: [{name: flow, cadence: PT1H}]\n")
    write(world.samples / "a.parquet", [60 * hour for hour in range(24 * 60) if hour % 100], row_group=50)
    span = Span(BEGIN + 60 * MIN, BEGIN + 60 * DAY * MIN)
    assert world.estimate(span=span)["estimates"] == 14
    assert world.rows() == {6000 * place: 6000 * place for place in range(1, 15)}


def test_states_have_no_line_and_it_is_said(world: World) -> None:
    world.catalog.write_text("tags: [{name: flow, kind: state, cadence: PT1M}]\n")
    write(world.samples / "a.parquet", [0], value_number=None, value_state="Open")
    assert world.estimate()["tags"][0]["why_not"] == "no line between states"


def test_estimates_among_the_samples_are_refused(world: World) -> None:
    world.out = world.samples / "estimates"
    with pytest.raises(ConfigError, match="among the samples"):
        world.estimate()
    with pytest.raises(ConfigError, match="no such method"):
        world.estimate("guess")


def test_the_command_says_what_it_made(world: World) -> None:
    write(world.samples / "a.parquet", [0, 1, 4, 5, 6, 7, 8, 9])
    app = typer.Typer()
    app.command()(estimate_gaps)
    words = [
        str(world.samples),
        "--catalog",
        str(world.catalog),
        "--out",
        str(world.out),
        "--method",
        "last_good_value",
    ]
    result = CliRunner().invoke(app, words)
    assert (result.exit_code, json.loads(result.output)["estimates"]) == (0, 2)
    assert json.loads(CliRunner().invoke(app, [*words, "--from", "x"]).output)["error"] == "ConfigError"
