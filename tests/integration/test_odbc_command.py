"""The command that is told to end, and the source whose tables others want to lock."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.connectors.odbc.dialects.dialect import Dialect
from airflow_provider_integrations.connectors.odbc.once import Request, extract_once
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.core.errors import ConfigError, TransientError
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration

_RUN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);" \
       " from airflow_provider_integrations.cli import app; app()"  # fmt: skip
_AT_WORK = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'integrations' AND state <> 'idle'"
    " AND datname = current_database()"
)


def _command(database: OdbcDatabase, out: Path) -> subprocess.Popen[str]:
    command = ["odbc", "extract", "--table", "slow", "--key", "u,id", "--out", str(out)]
    return subprocess.Popen(
        [sys.executable, "-c", _RUN, *command], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"INTEGRATIONS_ODBC_CONNECTION_STRING": database.connection_string, "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


def _until(database: OdbcDatabase, sql: str, wanted: bool, within: float = 60) -> None:
    end = time.monotonic() + within
    while (int(database.execute(sql)[0][0]) > 0) is not wanted:
        assert time.monotonic() < end, f"{sql}: never became {'true' if wanted else 'false'}"
        time.sleep(0.05)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, None)])
@pytest.mark.parametrize("where", ["reading", "planning"])
def test_a_command_that_is_told_to_end_leaves_nothing_running(
    number: signal.Signals, code: int | None, where: str, odbc_postgres: OdbcDatabase, tmp_path: Path
) -> None:
    odbc_postgres.execute("CREATE TABLE t AS SELECT i AS u, i AS id FROM generate_series(1, 2000) i")
    odbc_postgres.execute("CREATE VIEW slow AS SELECT u, id, CAST(pg_sleep(0.05) AS text) AS s FROM t")
    lock = odbc_postgres.connect(autocommit=False)
    try:
        if where == "planning":
            lock.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        process = _command(odbc_postgres, tmp_path)
        waiting = " AND wait_event_type = 'Lock'" if where == "planning" else " AND wait_event = 'PgSleep'"
        _until(odbc_postgres, _AT_WORK + waiting, True)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        assert process.returncode == code or (code is None and process.returncode not in (0, None))
        assert (out, "Traceback" in err) == ("", False)
        _until(odbc_postgres, _AT_WORK, False, within=5)
    finally:
        lock.close()


def test_who_waits_for_a_lock_of_another_is_told_so_and_lets_go(
    odbc_database: OdbcDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of the table that waits for the run, while the run waits behind it: no server sees that deadlock."""
    if "SQLite" in odbc_database.connection_string:
        pytest.skip("readers of SQLite lock no table")
    monkeypatch.setattr(Dialect, "lock_timeout", 1)
    odbc_database.execute("CREATE TABLE t (u bigint NOT NULL, id bigint PRIMARY KEY)")
    odbc_database.execute("INSERT INTO t VALUES " + ", ".join(f"({i}, {i})" for i in range(50)))
    changed: list[BaseException | None] = []

    def change() -> None:
        try:
            odbc_database.execute("ALTER TABLE t ADD COLUMN more int")
            changed.append(None)
        except Exception as error:
            changed.append(error)

    thread = threading.Thread(target=change)
    check = OdbcSession.check_first_page

    def meanwhile(*args: Any, **more: Any) -> int:
        monkeypatch.undo()
        thread.start()
        time.sleep(0.5)
        return check(*args, **more)

    monkeypatch.setattr(OdbcSession, "check_first_page", meanwhile)
    settings = OdbcSettings.from_string(odbc_database.connection_string)
    request = Request("t", ("u", "id"), tmp_path / "out", tmp_path / "state.json", page_rows=20)
    with pytest.raises(TransientError):
        extract_once(settings, request)
    thread.join(30)
    assert changed == [None], "the change still waits"
    assert extract_once(settings, request)["source_rows"] == 50


def test_a_state_that_is_no_file_is_refused(odbc_sqlite: OdbcDatabase, tmp_path: Path) -> None:
    odbc_sqlite.execute("CREATE TABLE t (u integer NOT NULL, id integer PRIMARY KEY)")
    settings = OdbcSettings.from_string(odbc_sqlite.connection_string)
    for path in (Path("/dev/full"), tmp_path):
        with pytest.raises(ConfigError, match="no file"):
            extract_once(settings, Request("t", ("u", "id"), tmp_path / "out", path))
