"""What the documents say must be true: links, commands, reason codes, targets, and the README's own DAG."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from airflow_provider_integrations.cli import app
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.work_item import State

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")], key=lambda path: path.relative_to(REPOSITORY)
)
ids = [str(path.relative_to(REPOSITORY)) for path in DOCUMENTS]


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_every_link_within_the_repository_leads_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    broken = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_every_command_exists_with_its_options(path: Path) -> None:
    command = get_command(app)
    groups = "pgp|contract|decode|ledger|odbc|edi|graph|historian|intervals"
    for line in re.findall(rf"(?<![\w./-])integrations ((?:{groups})\b[^`\n|&]*)", path.read_text()):
        words = line.split()
        found = command
        while words and getattr(found, "commands", None):
            name = words.pop(0)
            assert name in found.commands, f"integrations {line}"  # type: ignore[attr-defined]
            found = found.commands[name]  # type: ignore[attr-defined]
        known = {option for parameter in found.params for option in parameter.opts}
        used = {word.split("=")[0].strip("[]") for word in words if word.strip("[").startswith("--")}
        assert used <= known, f"integrations {line}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_every_make_target_exists(path: Path) -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = re.findall(r"(?:^ {4}|`)make ([a-z-]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= targets


def test_reason_codes_and_states_in_runbooks_exist() -> None:
    known = {reason.value for reason in Reason} | {state.value for state in State}
    words = set()
    for path in (REPOSITORY / "docs" / "runbooks").glob("*.md"):
        tables = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip().startswith("|")]
        cells = [line.strip().split("|")[1] for line in tables]
        words |= {word for cell in cells for word in re.findall(r"`([a-z]+_[a-z_]+)`", cell)}
    assert words
    assert words <= known


def test_paths_of_the_repository_in_the_architecture_exist() -> None:
    text = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    package = REPOSITORY / "airflow_provider_integrations"
    named = set(re.findall(r"`((?:core|ledger|landing|formats|connectors|expectations|warehouse)/[\w/.]*)`", text))
    assert named
    assert [name for name in sorted(named) if not (package / name).exists()] == []


@pytest.mark.integration  # Imports Airflow: seconds.
def test_the_dag_of_the_readme_can_be_read() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip() and "import" not in line]) <= 12
    check = "\nfound = acme()\nprint(sorted(found.task_ids), sorted(found.get_task('load').upstream_task_ids))"
    done = subprocess.run(
        [sys.executable, "-c", code + check],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "['archive', 'discover', 'gate', 'intake', 'load'] ['gate']" in done.stdout


def test_the_lock_holds_no_host_name() -> None:
    assert "://" not in (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")


def test_what_ci_runs_is_the_test_command_of_the_readme() -> None:
    assert "exec make test" in (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")
    assert "    make test " in (REPOSITORY / "README.md").read_text(encoding="utf-8")
