"""An Airflow home that belongs to the tests, set before anything imports Airflow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]

# Whichever test imports Airflow first: it makes files in its home, which must not be the user's.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-home-"))
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")


def airflow_environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a child process with its own Airflow home, and with nobody else's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return {
        **kept,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPO / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "PYTHONPATH": str(REPO),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        **more,
    }


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A metadata database as `airflow db migrate` leaves it, made once: a copy as `airflow.db` is a home of its own."""
    home = tmp_path_factory.mktemp("migrated")
    env = airflow_environment(home)
    subprocess.run(["airflow", "db", "migrate"], env=env, check=True, capture_output=True, timeout=200)
    assert not list(home.glob("airflow.db-*")), "what SQLite has not written back yet would be missing in a copy"
    return home / "airflow.db"


@pytest.fixture
def run_dag(tmp_path: Path, migrated_database: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Writes a DAG file, gives it a metadata database and runs it; its `__main__` calls `dag.test()`."""

    def run(source: str, **environment: str) -> subprocess.CompletedProcess[str]:
        dags = tmp_path / "dags"
        dags.mkdir(exist_ok=True)
        file = dags / "dag_under_test.py"
        file.write_text(source)
        env = airflow_environment(tmp_path, **environment)
        if not (tmp_path / "airflow.db").exists():  # Runs after the first go on with what it left.
            shutil.copy(migrated_database, tmp_path / "airflow.db")
        log = tmp_path / "run.log"
        with log.open("w") as output:
            done = subprocess.run(
                [sys.executable, str(file)], env=env, stdout=output, stderr=output, timeout=250, check=False
            )
        return subprocess.CompletedProcess(done.args, done.returncode, log.read_text(), "")

    return run
