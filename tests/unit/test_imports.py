"""The rings hold: who may import whom is read from the files, so that a slip fails here and not in production."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import airflow_provider_integrations

NAME = "airflow_provider_integrations"
ROOT = Path(airflow_provider_integrations.__file__).parent
FILES = sorted(path for path in ROOT.rglob("*.py") if "migrations" not in path.parts)

SURFACE = re.compile(
    r"(hook|operators|sensors|triggers|assets|links|mirror|retry_policy|notifier|lineage|plugin|dag_\w+)\.py"
)
"""Files of these names are the Airflow surface; no others may import Airflow."""

CORE_MAY = {*sys.stdlib_module_names, "pydantic", "pyarrow"}

INNER = {
    "core": {"core"},
    "formats": {"core", "formats", "landing"},
    "landing": {"core", "landing"},
    "ledger": {"core", "ledger", "system"},
}
"""Of the package itself, what the inner rings may import."""


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports anywhere in it, functions and type checking included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            module = node.module or ""
            # `from package import module` imports the module.
            yield from (f"{module}.{alias.name}" for alias in node.names)


def own(path: Path) -> Iterator[tuple[str, ...]]:
    """The parts of this package that a file imports, as parts of a dotted name below the package."""
    for name in imports(path):
        if name == NAME or name.startswith(f"{NAME}."):
            yield tuple(name.split(".")[1:])


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def is_surface(path: Path) -> bool:
    return SURFACE.fullmatch(path.name) is not None


def is_surface_module(parts: tuple[str, ...]) -> bool:
    return any(SURFACE.fullmatch(f"{part}.py") for part in parts)


each_file = pytest.mark.parametrize("path", FILES, ids=shown)


@each_file
def test_only_the_surface_imports_airflow(path: Path) -> None:
    found = {name for name in imports(path) if name.split(".")[0] == "airflow"}
    assert not found or is_surface(path), f"{shown(path)} imports {sorted(found)}"


@each_file
def test_what_is_inside_does_not_import_the_surface(path: Path) -> None:
    if is_surface(path):
        return
    found = {".".join(parts) for parts in own(path) if is_surface_module(parts)}
    assert not found, f"{shown(path)} imports {sorted(found)}"


@pytest.mark.parametrize("path", [path for path in FILES if path.parent == ROOT / "core"], ids=shown)
def test_core_imports_the_standard_library_pydantic_and_pyarrow_alone(path: Path) -> None:
    foreign = {name for name in imports(path) if name.split(".")[0] not in {*CORE_MAY, NAME}}
    assert not foreign


@each_file
def test_inner_rings_do_not_import_outer_ones(path: Path) -> None:
    ring = path.relative_to(ROOT).parts[0]
    if ring not in INNER or is_surface(path):
        return
    found = {".".join(parts) for parts in own(path) if parts and parts[0] not in INNER[ring]}
    assert not found, f"{shown(path)} imports {sorted(found)}"


@each_file
def test_connectors_do_not_import_each_other(path: Path) -> None:
    where = path.relative_to(ROOT).parts
    mine = where[1] if where[0] == "connectors" and len(where) > 2 else None
    if mine is None:
        return
    others = {parts[1] for parts in own(path) if parts[:1] == ("connectors",) and len(parts) > 1} - {mine}
    assert not others, f"{shown(path)} imports the connectors {sorted(others)}"


@each_file
def test_nothing_imports_the_command_line_or_the_dags(path: Path) -> None:
    if path.relative_to(ROOT).parts[0] in ("cli", "cli.py"):
        return
    assert not {parts for parts in own(path) if parts[:1] == ("cli",)}
    assert not {name for name in imports(path) if name.split(".")[0] in ("dags", "plugins", "tests")}


@each_file
def test_great_expectations_is_imported_in_one_file(path: Path) -> None:
    found = {name for name in imports(path) if name.split(".")[0] == "great_expectations"}
    assert not found or shown(path) == "expectations/runner.py"


@each_file
def test_every_export_is_sorted_and_there(path: Path) -> None:
    tree = ast.parse(path.read_text())
    exported = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)
    ]
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    public = {node.name for node in defined if not node.name.startswith("_")}
    if path.name == "__init__.py" and not exported:
        return
    if not exported:
        assert not public, f"{shown(path)} has no __all__"
        return
    [names] = exported
    # As ruff sorts: constants first, then classes, then the rest.
    assert names == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    if not is_surface(path) and path != ROOT / "expectations" / "runner.py":
        relative = path.relative_to(ROOT).with_suffix("").parts
        module = importlib.import_module(".".join((NAME, *(part for part in relative if part != "__init__"))))
        assert [name for name in names if not hasattr(module, name)] == []


def test_no_file_is_called_by_a_name_that_says_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert [shown(path) for path in ROOT.rglob("*") if path.stem in empty] == []
