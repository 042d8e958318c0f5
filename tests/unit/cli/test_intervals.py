"""`integrations intervals` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from airflow_provider_integrations.cli import app


@pytest.mark.parametrize(
    ("zone", "day", "minutes", "printed"),
    [
        ("America/Chicago", "2025-03-09", "15", "92"),
        ("America/Chicago", "2025-11-02", "30", "50"),
        ("Australia/Lord_Howe", "2025-04-06", "60", "24.5"),
        ("Pacific/Apia", "2011-12-30", "60", "0"),
    ],
)
def test_the_number_of_slots_is_printed(zone: str, day: str, minutes: str, printed: str) -> None:
    told = CliRunner().invoke(app, ["intervals", "expected", "--zone", zone, "--date", day, "--minutes", minutes])
    assert (told.exit_code, told.stdout) == (0, f"{printed}\n")


def test_a_zone_that_is_none_is_told() -> None:
    told = CliRunner().invoke(
        app, ["intervals", "expected", "--zone", "Mars", "--date", "2025-01-01", "--minutes", "15"]
    )
    assert told.exit_code == 1
    assert json.loads(told.stderr)["error"] == "ConfigError"


def normalize(folder: Path, content: str, *options: str) -> tuple[int, dict[str, object]]:
    source, out = folder / "readings.csv", folder / "intervals.parquet"
    source.write_text(content)
    command = ["intervals", "normalize", str(source), "--zone", "America/Chicago", "--minutes", "15", "--out", str(out)]
    told = CliRunner().invoke(app, [*command, *options])
    return told.exit_code, json.loads(told.stdout or told.stderr)


READINGS = "service_point,timestamp,value\nSP1,2025-11-02 01:30,1\nSP1,2025-11-02 01:30,2\nSP1,2025-03-09 02:30,3\n"


def test_readings_become_intervals(tmp_path: Path) -> None:
    code, report = normalize(tmp_path, READINGS)
    assert (code, report["slots"], report["rejects"]) == (0, 2, {"nonexistent_time": 1})
    rows = pq.read_table(tmp_path / "intervals.parquet").to_pylist()
    assert [row["local_begin"] for row in rows] == ["2025-11-02T01:30:00-05:00", "2025-11-02T01:30:00-06:00"]
    assert pq.read_table(tmp_path / "intervals.rejects.parquet").num_rows == 1


def test_stamps_may_end_intervals(tmp_path: Path) -> None:
    normalize(tmp_path, READINGS, "--stamps", "ending")
    rows = pq.read_table(tmp_path / "intervals.parquet").to_pylist()
    assert [row["local_begin"] for row in rows] == ["2025-11-02T01:15:00-05:00", "2025-11-02T01:15:00-06:00"]


@pytest.mark.parametrize(
    ("content", "options", "error"),
    [
        ("", (), "RejectedError"),
        ("a,b\n1,2\n", (), "RejectedError"),
        (READINGS, ("--max-reject-share", "0.1"), "RejectedError"),
        (READINGS, ("--format", "%d"), "ConfigError"),
    ],
)
def test_what_cannot_be_normalised_is_told(content: str, options: tuple[str, ...], error: str, tmp_path: Path) -> None:
    code, told = normalize(tmp_path, content, *options)
    assert (code, told["error"]) == (1, error)
    assert not (tmp_path / "intervals.parquet").exists()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    command = [
        "intervals",
        "normalize",
        str(tmp_path / "none.csv"),
        "--zone",
        "UTC",
        "--minutes",
        "15",
        "--out",
        "x.parquet",
    ]
    told = CliRunner().invoke(app, command)
    assert (told.exit_code, json.loads(told.stderr)["error"]) == (1, "FileNotFoundError")
