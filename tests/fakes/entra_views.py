"""Users, groups and members in a warehouse for tests of the views over them, loaded and deleted by the day."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlglot

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.include import read_loaded_source, read_source_contract
from airflow_provider_integrations.warehouse.loader import load_batches
from airflow_provider_integrations.warehouse.soft_deletes import GoneKeys, apply_deletes
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.warehouse_batches import batch

INCLUDE = Path(__file__).parents[2] / "include"
VIEWS = ("silver/entra_tables", "gold/current_users_with_groups", "gold/users_as_of")
NAMES = ("entra_users", "entra_groups", "entra_groups__members")


def _declared(name: str) -> tuple[Contract, LoadPolicy]:
    source = read_loaded_source(INCLUDE, name)
    return read_source_contract(INCLUDE, source), source.load


SOURCES = {name: _declared(name) for name in NAMES}


def statements(name: str) -> list[sqlglot.Expression]:
    """Those of a file under `include/sql/`."""
    found = sqlglot.parse((INCLUDE / "sql" / f"{name}.sql").read_text(), read="snowflake")
    return [each for each in found if each is not None]


def version(day: int) -> str:
    return f"2026-01-{day:02d}T03:04:05.000000Z/round-{day:08d}"


class Tenant:
    """The three tables and the views over them."""

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self._warehouse, self._folder = warehouse, folder
        self._connection = warehouse.connect()
        for name in VIEWS:
            for statement in statements(name):
                if statement.args.get("kind") != "FUNCTION":  # fakesnow has none that give tables
                    text = statement.sql(dialect="snowflake", comments=False)
                    self._connection.cursor().execute(text.replace("INTEGRATIONS", warehouse.database))

    def load(self, day: int, name: str, *rows: dict[str, Any]) -> None:
        contract, load = SOURCES[name]
        batches = [batch(self._folder, f"{name}-{day}", version(day), rows, of=contract)]
        load_batches(self._connection, batches, contract, self._at(load))

    def delete(self, day: int, name: str, *keys: tuple[str, ...]) -> None:
        contract, load = SOURCES[name]
        columns = {key: pa.array(values) for key, values in zip(contract.keys, zip(*keys, strict=True), strict=True)}
        gone = GoneKeys(f"{name}-{day}-deleted", name, version(day), pa.table(columns))
        apply_deletes(self._connection, gone, contract, self._at(load))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self._warehouse.rows(sql)

    def _at(self, load: LoadPolicy) -> LoadPolicy:
        return load.model_copy(update={"database": self._warehouse.database})
