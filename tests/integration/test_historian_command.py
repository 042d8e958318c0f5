"""`integrations historian backfill` as a user types it, against servers of both protocols."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from airflow_provider_integrations.cli import app
from airflow_provider_integrations.connectors.historian.model import to_iso
from tests.fakes.opcua.server import History, Served, records, serving
from tests.fakes.pi.archive import Archive, Value, system_state
from tests.fakes.pi.held import BEGIN, SECOND, ramp
from tests.fakes.pi.server import PiServer, serve
from tests.fakes.pi.service import PiService

pytestmark = pytest.mark.integration

ROWS = 2_500
END = BEGIN + ROWS * SECOND
PATH = "\\\\PISRV\\SINUSOID"
WINDOW = ("--from", to_iso(BEGIN), "--to", to_iso(END))


def backfill(out: Path, *arguments: str, **environment: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and what was printed: a report, or an error."""
    runner = CliRunner(env=environment)
    told = runner.invoke(app, ["historian", "backfill", *arguments, "--out", str(out)])
    return told.exit_code, json.loads(told.stdout if told.exit_code == 0 else told.stderr)


@pytest.fixture
def pi() -> Iterator[PiServer]:
    archive = Archive()
    archive.add(PATH, [*ramp(ROWS), Value(END, 1.0), Value(END + SECOND, system_state("Shutdown", 254), good=False)])
    archive.add("\\\\PISRV\\STATES", [Value(BEGIN + SECOND, system_state("I/O Timeout", 246), good=False)])
    with serve(PiService(archive, cap=1_000)) as server:
        yield server


@pytest.fixture(scope="module")
def opcua() -> Iterator[Served]:
    history = History(
        {1: records(BEGIN + np.arange(ROWS) * SECOND), 2: records(BEGIN + np.arange(3) // 2 * SECOND)}, cap=700
    )

    async def prepare(server: Any) -> None:
        server.iserver.history_manager.read_history = history.read_history

    with serving([1, 2, 3], prepare) as served:
        yield served


def test_pi_gives_every_value_of_the_window_and_not_its_end(pi: PiServer, tmp_path: Path) -> None:
    code, report = backfill(tmp_path, "--pi", pi.url, "--point", PATH, *WINDOW)
    assert (code, report["samples"]) == (0, ROWS)
    [table] = [pq.read_table(path) for path in tmp_path.glob("*.parquet")]
    assert table["value_number"].to_pylist() == [at + 0.5 for at in range(ROWS)]
    assert set(table["tag"].to_pylist()) == {PATH}


def test_a_system_state_is_a_state_and_no_number(pi: PiServer, tmp_path: Path) -> None:
    _, report = backfill(tmp_path, "--pi", pi.url, "--point", "\\\\PISRV\\STATES", "--tag", "states", *WINDOW)
    [row] = pq.read_table(tmp_path / report["files"][0]["file"]).to_pylist()
    assert (row["tag"], row["value_state"], row["value_number"], row["quality"]) == (
        "states",
        "I/O Timeout",
        None,
        "bad",
    )


def test_opc_ua_gives_every_value_of_the_window(opcua: Served, tmp_path: Path) -> None:
    options = ("--opcua", opcua.url, "--node", opcua.node(1), "--node", opcua.node(2), "--newest-first", "--progress")
    told = CliRunner().invoke(app, ["historian", "backfill", *options, *WINDOW, "--out", str(tmp_path)])
    assert told.exit_code == 0, told.stderr
    report = json.loads(told.stdout)
    assert [each["rows"] for each in report["files"]] == [ROWS, 3]
    assert json.loads(told.stderr.splitlines()[-1])["share"] == 1
    table = pq.read_table(tmp_path / report["files"][1]["file"])
    assert table["ordinal"].to_pylist() == [0, 1, 0]


def test_again_changes_nothing_and_needs_no_server(opcua: Served, pi: PiServer, tmp_path: Path) -> None:
    arguments = ("--pi", pi.url, "--point", PATH, *WINDOW, "--state", str(tmp_path / "state" / "s.json"))
    assert backfill(tmp_path / "out", *arguments)[0] == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    asked = pi.service.round_trips
    code, report = backfill(tmp_path / "out", *arguments)
    assert (code, report["samples_read"], pi.service.round_trips) == (0, 0, asked)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_what_cannot_be_read_is_an_error_with_what_is_unread(opcua: Served, tmp_path: Path) -> None:
    nodes = ("--node", opcua.node(3), "--node", opcua.node(1))
    code, error = backfill(tmp_path, "--opcua", opcua.url, *nodes, *WINDOW)
    assert code == 1
    assert error["unread"] == [{"tag": opcua.node(3), "from": to_iso(BEGIN), "to": to_iso(END)}]
    assert list(tmp_path.glob("*.parquet")) == []


def test_a_dry_run_asks_no_server(tmp_path: Path) -> None:
    options = ("--opcua", "opc.tcp://nowhere.invalid:4840", "--node", "ns=2;i=3")
    code, plan = backfill(tmp_path / "out", *options, *WINDOW, "--dry-run")
    assert (code, plan["windows"], plan["tags"]) == (0, 1, ["ns=2;i=3"])
    assert list(tmp_path.iterdir()) == []


def test_credentials_are_taken_from_the_environment(pi: PiServer, tmp_path: Path) -> None:
    pi.service.users = {"anna": "canary-1"}
    arguments = ("--pi", pi.url, "--point", PATH, *WINDOW)
    assert backfill(tmp_path / "without", *arguments)[0] == 1
    known = {"INTEGRATIONS_HISTORIAN_USER": "anna", "INTEGRATIONS_HISTORIAN_PASSWORD": "canary-1"}
    assert backfill(tmp_path / "with", *arguments, **known)[0] == 0
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"canary-1" not in kept


def test_a_token_is_taken_from_the_environment(pi: PiServer, tmp_path: Path) -> None:
    pi.service.token = "canary-2"
    arguments = ("--pi", pi.url, "--point", PATH, *WINDOW)
    assert backfill(tmp_path, *arguments, INTEGRATIONS_HISTORIAN_TOKEN="canary-2")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "which server is not said"),
        (("--pi", "https://a/piwebapi", "--opcua", "opc.tcp://b", "--node", "i=1"), "two are named"),
        (("--pi", "https://a/piwebapi"), "no tags"),
        (("--pi", "https://a/piwebapi", "--node", "i=1"), "no tags"),
        (("--opcua", "opc.tcp://b", "--node", "i=1", "--point", "x"), "no tags"),
        (("--opcua", "opc.tcp://b", "--node", "i=1", "--node", "i=1"), "not told apart"),
        (("--opcua", "opc.tcp://b", "--node", "i=1", "--tag", "a", "--tag", "b"), "names for some tags"),
        (("--opcua", "opc.tcp://u:canary-3@b", "--node", "i=1"), "credentials in an address"),
        (("--opcua", "opc.tcp://b", "--node", "i=1", "--set", "private-key=canary-3"), "secrets among the options"),
        (("--opcua", "opc.tcp://b", "--node", "i=1", "--set", "timeout"), "sets nothing"),
        (("--opcua", "opc.tcp://b", "--node", "i=1", "--set", "colour=red"), "colour"),
    ],
)
def test_what_is_typed_wrongly_is_told_before_anything_is_asked(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    code, error = backfill(tmp_path / "out", *arguments, *WINDOW)
    assert (code, error["error"]) == (1, "ConfigError")
    assert said in error["message"]
    assert "canary-3" not in json.dumps(error)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("begin", "end"),
    [("0001-01-01T00:00:00+14:00", "2026-01-01"), ("0001-01-01", "2026-01-01"), ("2026-01-01", "9999-12-31")],
)
def test_instants_that_no_timestamp_holds_are_refused(tmp_path: Path, begin: str, end: str) -> None:
    code, error = backfill(tmp_path / "out", "--opcua", "opc.tcp://b", "--node", "i=1", "--from", begin, "--to", end)
    assert (code, error["error"]) == (1, "ConfigError")
    assert not (tmp_path / "out").exists()


def test_a_window_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    code, error = backfill(
        tmp_path, "--opcua", "opc.tcp://b", "--node", "i=1", "--from", "2026-01-02", "--to", "2026-01-01"
    )
    assert (code, error["error"]) == (1, "ConfigError")
