"""The wheel as a user gets it: built, installed with one extra beside plain Airflow, and looked at from there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

REPO = Path(__file__).parents[2]

EVERY_PATH = """
import importlib
from airflow_provider_integrations.get_provider_info import get_provider_info
info = get_provider_info()
kinds = ("hooks", "operators", "sensors", "triggers")
paths = [path for kind in kinds for entry in info[kind] for path in entry["python-modules"]]
for path in paths:
    importlib.import_module(path)
for path in [*info["extra-links"], *(entry["hook-class-name"] for entry in info["connection-types"])]:
    module, _, name = path.rpartition(".")
    getattr(importlib.import_module(module), name)
print("IMPORTED", len(paths))
"""

FORMS = """
import json
from airflow.providers_manager import ProvidersManager
manager = ProvidersManager()
def fields(kind):
    start = f"extra__{kind}__"
    return sorted(name.removeprefix(start) for name in manager.connection_form_widgets if name.startswith(start))
print("FORMS " + json.dumps({
    kind: {
        "fields": fields(kind),
        "behaviour": sorted(manager.field_behaviours[kind]),
        "hook": manager.hooks[kind].hook_class_name,
    }
    for kind in ("sftp_pgp", "integrations_ledger")
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    # The build backend is a test dependency, so that no build environment has to be fetched.
    subprocess.run(
        [uv(), "build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", folder, REPO],
        check=True,
        capture_output=True,
        timeout=300,
    )
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment that holds plain Airflow and the wheel with one extra; gives its Python."""
    folder = tmp_path_factory.mktemp("fresh")
    python = folder / "venv" / "bin" / "python"
    subprocess.run([uv(), "venv", "-q", "--python", sys.executable, folder / "venv"], check=True, timeout=300)
    # The versions that the lock tested; what the wheel needs beyond them would fail the check below.
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(line.rstrip(" \\") for line in lock() if line[:1].isalnum() and "==" in line))
    done = subprocess.run(
        [uv(), "pip", "install", "-q", "--python", python, "-c", constraints, f"{wheel}[sftp-pgp]"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return python


def uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    program = str(beside) if beside.exists() else shutil.which("uv")
    assert program, "uv is one of the test dependencies: `make setup` installs it"
    return program


def lock() -> list[str]:
    return (REPO / "requirements.lock").read_text().splitlines()


def run(python: Path, *arguments: str) -> str:
    """Run in an empty folder, so that the checkout's package is not what is imported."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [str(python.with_name(arguments[0])), *arguments[1:]],
            env={**kept, "AIRFLOW_HOME": home, "COLUMNS": "200"},
            cwd=home,
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


def test_the_wheel_holds_the_package_and_nothing_of_the_checkout(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"airflow_provider_integrations"}
    assert "airflow_provider_integrations/py.typed" in names
    assert any(name.endswith("LICENSE") for name in names)
    assert any("ledger/migrations" in name for name in names), "the migrations must travel with the ledger"
    assert not [name for name in names if "__pycache__" in name]


def test_what_it_requires_fits_together(installed: Path) -> None:
    done = subprocess.run(
        [uv(), "pip", "check", "--python", installed], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_airflow_lists_the_provider(installed: Path) -> None:
    listed = json.loads(run(installed, "airflow", "providers", "list", "--output", "json"))
    assert [entry for entry in listed if entry["package_name"] == "airflow-provider-integrations"]


def test_every_path_of_the_provider_info_imports_with_one_extra(installed: Path) -> None:
    assert "IMPORTED" in run(installed, "python", "-c", EVERY_PATH)


def test_every_connection_form_is_there(installed: Path) -> None:
    [line] = [line for line in run(installed, "python", "-c", FORMS).splitlines() if line.startswith("FORMS ")]
    forms = json.loads(line.removeprefix("FORMS "))
    assert "host_key" in forms["sftp_pgp"]["fields"]
    assert "path" in forms["integrations_ledger"]["fields"]
    for form in forms.values():
        assert form["behaviour"] == ["hidden_fields", "placeholders", "relabeling"]


def test_the_plugin_is_loaded(installed: Path) -> None:
    listed = json.loads(run(installed, "airflow", "plugins", "--output", "json"))
    assert "integrations" in {entry["name"] for entry in listed}


def test_the_command_line_starts_without_airflow(installed: Path) -> None:
    code = (
        "import sys, airflow_provider_integrations.cli; "
        "heavy = {'airflow', 'great_expectations', 'pandas', 'snowflake'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    run(installed, "python", "-c", code)
    assert "ledger" in run(installed, "integrations", "--help")


@pytest.mark.parametrize(
    "module",
    [
        "airflow_provider_integrations.get_provider_info",
        "airflow_provider_integrations.connectors.sftp_pgp.operators",
        "airflow_provider_integrations.connectors.sftp_pgp.sensors",
        "airflow_provider_integrations.expectations.operators",
        "airflow_provider_integrations.warehouse.operators",
    ],
)
def test_nothing_that_a_dag_file_imports_loads_great_expectations(installed: Path, module: str) -> None:
    code = f"import sys, {module}; heavy = {{'great_expectations', 'duckdb', 'snowflake.connector', 'holidays'}}"
    run(installed, "python", "-c", f"{code} & set(sys.modules); assert not heavy, heavy")
