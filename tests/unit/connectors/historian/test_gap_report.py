"""The gaps of a folder: whatever files it holds, in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from airflow_provider_integrations.cli import historian_gaps
from airflow_provider_integrations.connectors.historian.gap_report import report
from airflow_provider_integrations.connectors.historian.model import Span, from_iso
from airflow_provider_integrations.connectors.historian.samples import SAMPLES
from airflow_provider_integrations.core.errors import ConfigError

pq: Any = pyarrow.parquet

MIN = 60_000_000_000
BEGIN = from_iso("2026-01-01T00:00:00Z")
TEN = Span(BEGIN, BEGIN + 10 * MIN)
NOW = BEGIN + 1_000 * MIN


def rows(tag: str, minutes: Sequence[int], *, status: int = 0) -> pa.Table:
    count = len(minutes)
    made: dict[str, Any] = {
        "tag": pa.array([tag] * count),
        "ts": pa.array([BEGIN + minute * MIN for minute in minutes], pa.timestamp("ns", tz="UTC")),
        "ordinal": pa.array(np.zeros(count, dtype=np.int32)),
        "value_number": pa.array(np.ones(count)),
        "status": pa.array(np.full(count, status, dtype=np.uint32)),
        "quality": pa.array(["good"] * count),
        "origin": pa.array(["actual"] * count),
    }
    columns = [made.get(field.name, pa.nulls(count, field.type)) for field in SAMPLES]
    return pa.table(columns, schema=SAMPLES)


def write(path: Path, *tables: pa.Table, row_group: int = 4) -> None:
    pq.write_table(pa.concat_tables(tables), path, row_group_size=row_group, store_schema=False)


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "tags.yaml"
    path.write_text(
        "defaults: {cadence: PT1M}\ntags: [{name: flow, unit: t/h}, {name: level, address: ns=2;i=3}, {name: absent}]\n"
    )
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "out"
    path.mkdir()
    return path


def gaps(found: dict[str, Any]) -> dict[str, list[tuple[str, str, str, int]]]:
    return {
        tag["tag"]: [(gap["from"][11:16], gap["to"][11:16], gap["reason"], gap["expected"]) for gap in tag["gaps"]]
        for tag in found["tags"]
    }


ABSENT = [("00:00", "00:10", "missing", 10)]


def test_each_tag_of_the_catalog_is_told_of(folder: Path, catalog: Path) -> None:
    write(folder / "a.parquet", rows("flow", [0, 1, 2, 5, 6, 7, 8, 9]))
    write(folder / "b.parquet", rows("ns=2;i=3", range(9)), rows("ns=2;i=3", [9], status=0x80000000))
    write(folder / "c.parquet", rows("other", [1]))
    found = report(folder, catalog, now=NOW, span=TEN)
    assert gaps(found) == {
        "flow": [("00:03", "00:05", "missing", 2)],
        "level": [("00:09", "00:10", "bad_quality", 1)],
        "absent": ABSENT,
    }
    assert [tag["completeness_percent"] for tag in found["tags"]] == [80.0, 90.0, 0.0]
    assert found["gaps"] == {"missing": 2, "bad_quality": 1, "compressed_ok": 0, "not_yet_due": 0, "estimated": 0}
    assert (found["not_in_catalog"], found["files"], found["from"]) == (["other"], 3, "2026-01-01T00:00:00Z")


def test_several_tags_in_a_file_and_several_files_of_a_tag_are_one_history(folder: Path, catalog: Path) -> None:
    write(folder / "a.parquet", rows("flow", [0, 2, 4]), rows("level", [0, 1]), rows("flow", [6, 8]), row_group=100)
    (folder / "later").mkdir()
    write(folder / "later" / "b.parquet", rows("flow", [1, 3, 7]), rows("level", range(2, 10)), row_group=3)
    assert gaps(report(folder, catalog, now=NOW, span=TEN)) == {
        "flow": [("00:05", "00:06", "missing", 1), ("00:09", "00:10", "missing", 1)],
        "level": [],
        "absent": ABSENT,
    }


def test_samples_beside_the_span_are_its_neighbours(folder: Path, catalog: Path) -> None:
    write(folder / "a.parquet", rows("flow", range(-20, 0)), rows("flow", range(1, 40)))
    inner = Span(BEGIN + 20 * MIN, BEGIN + 30 * MIN)
    assert gaps(report(folder, catalog, now=NOW, span=inner))["flow"] == []
    assert gaps(report(folder, catalog, now=NOW, span=TEN))["flow"] == [("00:00", "00:01", "missing", 1)]
    empty = Span(BEGIN + 60 * MIN, BEGIN + 61 * MIN)
    assert gaps(report(folder, catalog, now=NOW, span=empty))["flow"] == [("01:00", "01:01", "missing", 1)]


def test_without_a_span_it_looks_where_the_backfill_was_asked_to(folder: Path, catalog: Path) -> None:
    write(folder / "a.parquet", rows("flow", [1, 2]))
    found = report(folder, catalog, now=NOW)
    assert (found["from"], found["to"]) == ("2026-01-01T00:01:00Z", "2026-01-01T00:02:00.000000001Z")
    assert found["tags"][0]["completeness_percent"] == 100.0
    (folder / ".backfill.json").write_text(json.dumps({"begin": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:10:00Z"}))
    assert gaps(report(folder, catalog, now=NOW))["flow"] == [
        ("00:00", "00:01", "missing", 1),
        ("00:03", "00:10", "missing", 7),
    ]
    (folder / ".backfill.json").write_text("{}")
    with pytest.raises(ConfigError, match="state of the backfill"):
        report(folder, catalog, now=NOW)


def test_what_is_begun_is_not_looked_at(folder: Path, catalog: Path) -> None:
    (folder / ".backfill.parts").mkdir()
    (folder / ".backfill.parts" / "x.parquet").write_bytes(b"torn")
    (folder / ".flow.parquet.new").write_bytes(b"torn")
    write(folder / "empty.parquet", rows("flow", []))
    assert gaps(report(folder, catalog, now=NOW, span=TEN))["flow"] == ABSENT
    with pytest.raises(ConfigError, match="without samples"):
        report(folder, catalog, now=NOW)


def test_a_folder_or_file_that_is_none_is_told(folder: Path, catalog: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        report(folder / "x", catalog, now=NOW)
    pq.write_table(pa.table({"a": [1]}), folder / "a.parquet")
    with pytest.raises(ConfigError, match="a file without samples") as error:
        report(folder, catalog, now=NOW)
    assert "tag" in error.value.values["missing"]
    (folder / "a.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ConfigError, match="no Parquet"):
        report(folder, catalog, now=NOW)


def test_more_gaps_than_are_asked_for_are_counted(folder: Path, catalog: Path) -> None:
    write(folder / "a.parquet", rows("flow", range(0, 10, 2)))
    found = report(folder, catalog, now=NOW, span=TEN, limit=2)
    assert (len(found["tags"][0]["gaps"]), found["tags"][0]["gaps_not_listed"], found["gaps"]["missing"]) == (2, 3, 7)


def command(*words: str) -> tuple[int, dict[str, Any]]:
    import typer

    app = typer.Typer()
    app.command()(historian_gaps.report_gaps)
    result = CliRunner().invoke(app, words)
    return result.exit_code, json.loads(result.output)


def test_the_command_prints_the_report_and_ends_with_0_though_there_are_gaps(folder: Path, catalog: Path) -> None:
    write(folder / "a.parquet", rows("flow", range(9)))
    span = ("--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T00:10:00Z")
    code, told = command(str(folder), "--catalog", str(catalog), *span, "--now", "2026-01-01T00:09:00Z")
    assert (code, gaps(told)["flow"]) == (0, [("00:09", "00:10", "not_yet_due", 1)])
    code, told = command(str(folder), "--catalog", str(catalog), *span)
    assert (code, gaps(told)["flow"]) == (0, [("00:09", "00:10", "missing", 1)])


def test_the_command_tells_what_is_wrong(folder: Path, catalog: Path) -> None:
    code, told = command(str(folder), "--catalog", str(catalog), "--from", "2026-01-01")
    assert (code, told["error"]) == (1, "ConfigError")
    code, told = command(str(folder), "--catalog", str(catalog.with_name("none.yaml")))
    assert (code, told["error"]) == (1, "ConfigError")
