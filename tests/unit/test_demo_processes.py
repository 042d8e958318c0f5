"""The demo's process keeping: exactly what it started, nothing else, whatever state it finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from demo.home import DemoError, Home
from demo.processes import descendants, running, start, stop_all

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")
ENVIRONMENT = {"PATH": os.environ["PATH"]}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "demo")


def test_a_pid_that_was_handed_out_again_is_neither_alive_nor_ended(home: Home) -> None:
    stranger = subprocess.Popen(SLEEP)
    try:
        time.sleep(0.05)  # A clock tick is 10 ms: no pid comes round in one, but two starts may share it.
        server = start(home, "one", SLEEP, ENVIRONMENT)
        stop_all(home)
        reused = replace(server, pid=stranger.pid)
        (home / "run").mkdir(exist_ok=True)
        (home / "run" / "one.json").write_text(json.dumps(asdict(reused)))
        assert running(home, "one") is None
        assert stop_all(home) == 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_children_in_sessions_of_their_own_are_ended_too(home: Home) -> None:
    child = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
    start(home, "parent", (sys.executable, "-c", f"{child} start_new_session=True); time.sleep(60)"), ENVIRONMENT)
    deadline = time.monotonic() + 10
    while len(descendants(home)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert stop_all(home) == 2
    assert descendants(home) == []


def test_orphans_of_a_parent_that_was_killed_are_ended(home: Home) -> None:
    child = "import subprocess, sys, os; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    start(home, "parent", (sys.executable, "-c", f"{child} os._exit(9)"), ENVIRONMENT)
    deadline = time.monotonic() + 10
    while running(home, "parent") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running(home, "parent") is None
    assert stop_all(home) >= 1


def test_one_that_ignores_the_question_is_ended_all_the_same(home: Home) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    start(home, "deaf", (sys.executable, "-c", deaf), ENVIRONMENT)
    log = home / "logs" / "deaf.log"
    deadline = time.monotonic() + 10
    while "deaf" not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert stop_all(home, patience=0.3) == 1
    assert descendants(home) == []


def test_two_demos_do_not_end_each_other(home: Home, tmp_path: Path) -> None:
    other = Home.at(tmp_path / "other")
    start(home, "one", SLEEP, ENVIRONMENT)
    start(other, "one", SLEEP, ENVIRONMENT)
    assert stop_all(home) == 1
    assert running(other, "one") is not None
    assert stop_all(other) == 1


def test_a_torn_pid_file_is_no_server(home: Home) -> None:
    (home / "run").mkdir()
    (home / "run" / "one.json").write_text('{"name": "one", "pid": 1')
    assert running(home, "one") is None
    assert stop_all(home) == 0


def test_a_second_demo_in_the_same_folder_is_refused(home: Home) -> None:
    with home.locked(), pytest.raises(DemoError, match="another `make demo`"), home.locked():
        pass


def test_ports_are_remembered_and_differ(home: Home) -> None:
    ports = [home.port(name) for name in ("sftp", "warehouse", "airflow")]
    assert len(set(ports)) == 3
    assert [Home(home.root).port(name) for name in ("sftp", "warehouse", "airflow")] == ports
