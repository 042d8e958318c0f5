"""Samples of a historian in a warehouse for tests of the views over them: read by the window, loaded, and settled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlglot
from upath import UPath

from airflow_provider_integrations.batch_job import BatchJob
from airflow_provider_integrations.connectors.historian.catalog import TagEntry
from airflow_provider_integrations.connectors.historian.model import Span, Tag, from_iso
from airflow_provider_integrations.connectors.historian.read_windows import WINDOWS, mark_gone, windows_policy
from airflow_provider_integrations.connectors.historian.run_plan import Work
from airflow_provider_integrations.connectors.historian.tag_tables import DAYS, TAGS
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.source import GatePolicy, LoadPolicy
from airflow_provider_integrations.core.work_item import RemoteFile, State
from airflow_provider_integrations.include_contract import read_contract
from airflow_provider_integrations.ledger.closing import close_settled
from airflow_provider_integrations.ledger.holding import holding
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.warehouse.loader import load_batches
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.ledgers import migrated
from tests.fakes.warehouse_batches import batch

INCLUDE = Path(__file__).parents[2] / "include"
VIEWS = ("silver/historian_tables", "gold/historian_current", "gold/historian_periods")
SAMPLES = read_contract(INCLUDE / "contracts" / "historian_samples.yaml")
LOAD = LoadPolicy(table="HISTORIAN_SAMPLES", scd=2)


def _beside(table: str, scd: int = 1) -> LoadPolicy:
    return LoadPolicy.model_validate({"table": table, "scd": scd})


TABLES: dict[str, tuple[Contract, LoadPolicy]] = {
    "HISTORIAN_SAMPLES": (SAMPLES, LOAD),
    "HISTORIAN_ESTIMATES": (SAMPLES, _beside("HISTORIAN_ESTIMATES", 2)),
    "HISTORIAN_SAMPLES_WINDOWS": (WINDOWS, windows_policy(LOAD)),
    "HISTORIAN_TAGS": (TAGS, _beside("HISTORIAN_TAGS")),
    "HISTORIAN_DAYS": (DAYS, _beside("HISTORIAN_DAYS")),
}


def version(number: int) -> str:
    """Of the reading at a minute of 2026-01-01, at most 1,440."""
    return f"2026-01-01T{number // 60:02d}:{number % 60:02d}:00.000000Z/run-{number:04d}"


def sample(tag: str, at: str | int, value: float | str | None = 1.0, ordinal: int = 0, **more: Any) -> dict[str, Any]:
    """A good reading, unless told otherwise; a text is a digital state."""
    ns = from_iso(at) if isinstance(at, str) else at
    placed = {"value_state": value} if isinstance(value, str) else {"value_number": value}
    return {
        "tag": tag, "ts": ns // 1_000, "ts_ns": ns, "ordinal": ordinal, "status": 0, "quality": "good", "origin": "actual",
        **placed, **more,
    }  # fmt: skip


class Plant:
    """A source in a ledger of its own, its tables in the warehouse, and the views over them.

    Args:
        entries: Of its catalog.

    Attributes:
        prefix: Before the name of each tag, so that tests that share a plant have tags of their own.
    """

    def __init__(self, warehouse: Warehouse, folder: Path, entries: Sequence[TagEntry] = ()) -> None:
        self._warehouse, self._folder, self._entries, self._reads = warehouse, folder, entries, 0
        self.prefix = ""
        self.connection = warehouse.connect()
        self.ledger = migrated(Ledger.connect(f"sqlite:///{folder / 'ledger.sqlite'}"))
        self.job = BatchJob(
            "plant1", SAMPLES, GatePolicy(), self._at(LOAD), self.ledger, UPath(folder), "tests/settle"
        )  # fmt: skip
        for name in VIEWS:
            for statement in statements(name):
                if statement.args.get("kind") != "FUNCTION":  # fakesnow has none that give tables
                    text = statement.sql(dialect="snowflake", comments=False)
                    self.connection.cursor().execute(text.replace("INTEGRATIONS", warehouse.database))

    def read(
        self,
        number: int,
        tags: Iterable[str],
        begin: str | int,
        end: str | int,
        *rows: dict[str, Any],
        kept_back: int = 0,
    ) -> None:
        """One window, read whole at a minute: landed, loaded, its gone samples marked, closed.

        Args:
            kept_back: Rows that the gate did not let through.
        """
        self.load(number, tags, begin, end, *rows, kept_back=kept_back)
        self.settle()

    def load(
        self,
        number: int,
        tags: Iterable[str],
        begin: str | int,
        end: str | int,
        *rows: dict[str, Any],
        kept_back: int = 0,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """The same as far as it is loaded; `facts` are more ones of its item."""
        span = Span(*(from_iso(at) if isinstance(at, str) else at for at in (begin, end)))
        work = Work(tuple(Tag(f"{self.prefix}{tag}", "") for tag in tags), span)
        self._reads += 1
        all_facts = {
            **(facts or {}), **work.to_json(), "version": version(number), "rows_rejected": 0, "rows_read": len(rows) + kept_back,
            "rows_loaded": len(rows),
        }  # fmt: skip
        if rows:
            self.batch(f"read-{self._reads}", number, "HISTORIAN_SAMPLES", rows)
        path = f"historian/{version(number)}/item-{self._reads:04d}"
        item = self.ledger.items.enter("plant1", RemoteFile(path, 0, 0), facts=all_facts)
        with holding(self.ledger, "tests") as held:
            [taken] = held.take_all([item.id], State.DISCOVERED)
            held.advance(taken, State.LOADED)

    def settle(self, *, allow: bool = False) -> None:
        mark_gone(self.job, self.connection, entries=self._entries, allow=allow)
        close_settled(self.ledger, "plant1", [item.id for item in self.ledger.items.list("plant1", [State.LOADED])])

    def batch(self, batch_id: str, number: int, table: str, rows: Sequence[dict[str, Any]]) -> None:
        contract, load = TABLES[table]
        named = [{**row, "tag": f"{self.prefix}{row['tag']}"} for row in rows]
        written = batch(self._folder / "batches", batch_id, version(number), named, of=contract)
        load_batches(self.connection, [written], contract, self._at(load))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        text = sql.replace("{db}", self._warehouse.database)
        return list(self.connection.cursor().execute(text).fetchall())

    def history(self) -> list[tuple[Any, ...]]:
        """Every version of every sample of this test's tags, with from when to when it was known."""
        return self.rows(
            f"SELECT SUBSTR(tag, {len(self.prefix) + 1}), ts_ns, ordinal, value_number, value_state, valid_from, "
            "CASE WHEN valid_to IS NULL THEN NULL ELSE valid_to::VARCHAR END, _deleted_at IS NOT NULL "
            f"FROM {{db}}.SILVER.HISTORIAN_SAMPLES WHERE STARTSWITH(tag, '{self.prefix}') ORDER BY 1, 2, 3, valid_from"
        )

    def _at(self, load: LoadPolicy) -> LoadPolicy:
        return load.model_copy(update={"database": self._warehouse.database})


def statements(name: str) -> list[sqlglot.Expression]:
    """Those of a file under `include/sql/`."""
    found = sqlglot.parse((INCLUDE / "sql" / f"{name}.sql").read_text(), read="snowflake")
    return [each for each in found if each is not None]
