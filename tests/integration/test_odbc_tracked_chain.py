"""Change tracking into the warehouse: what is deleted at the source is marked there, once; killed anywhere, it converges."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.connectors.odbc.dialects import DIALECTS
from airflow_provider_integrations.connectors.odbc.position import Position
from airflow_provider_integrations.core.errors import StateConflictError, TransientError
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.odbc_servers import OdbcDatabase
from tests.fakes.odbc_tracked import TRACKED
from tests.fakes.odbc_tracked_world import Killed, World, make_orders, make_world

pytestmark = pytest.mark.integration


@pytest.fixture
def chain(
    odbc_sqlite: OdbcDatabase,
    warehouse: Warehouse,
    tracked_ledger: Ledger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    monkeypatch.setitem(DIALECTS, "sqlite", TRACKED["sqlite"])
    load = {"table": "ORDERS", "database": warehouse.database}
    world = make_world(make_orders(odbc_sqlite, "sqlite"), tracked_ledger, tmp_path, load=load, gate={"mode": "block"})
    world.connect = warehouse.connect
    return world


def _alive(warehouse: Warehouse, current: str = "_deleted_version IS NULL") -> list[tuple[Any, ...]]:
    return warehouse.rows('SELECT id, note FROM "{db}"."SILVER"."ORDERS" WHERE ' + f"{current} ORDER BY id")


def _there(world: World) -> list[tuple[Any, ...]]:
    return [(int(number), note) for number, note in world.source.execute("SELECT id, note FROM orders ORDER BY id")]


# Those where an increment is another than a keyset's; `test_odbc_chain` has all.
POINTS = (
    "plan entered", "page saved", "shard done", "report noted", "promoted", "landed", "loaded", "noted as loaded",
    "deletions marked", "deletions noted",
)  # fmt: skip


@pytest.mark.parametrize("point", POINTS)
def test_an_increment_that_dies_anywhere_converges(chain: World, warehouse: Warehouse, point: str) -> None:
    chain.insert(range(20))
    chain.whole_run()
    assert _alive(warehouse) == _there(chain)
    chain.insert(range(20, 32), "new")
    chain.source.execute("UPDATE orders SET note = 'changed' WHERE id = 2", "DELETE FROM orders WHERE id IN (3, 17)")
    chain.at = (point, 2 if point.startswith("page") else 1)
    with pytest.raises(Killed):
        chain.whole_run()
    assert chain.position()[1] == 1
    # Also of what was read before it died.
    chain.source.execute("DELETE FROM orders WHERE id IN (4, 20)", "INSERT INTO orders VALUES (3, 'back', 1)")
    chain.whole_run()
    chain.whole_run()
    assert _alive(warehouse) == _there(chain)
    kept = warehouse.rows('SELECT COUNT(*) FROM "{db}"."SILVER"."ORDERS" WHERE id < 20')
    assert kept == [(20,)], "nothing is removed"
    assert chain.position()[0] == Position(None, f"version:{chain.version()}")


@pytest.mark.parametrize("scd", [1, 2])
def test_deletions_alone_are_marked_once_and_a_key_that_comes_back_is_alive(
    chain: World, warehouse: Warehouse, scd: int
) -> None:
    load = chain.job.source.load.model_copy(update={"scd": scd})
    chain.job = replace(chain.job, source=chain.job.source.model_copy(update={"load": load}))
    current = "is_current" if scd == 2 else "_deleted_version IS NULL"
    chain.insert(range(5))
    chain.whole_run()
    chain.source.execute("DELETE FROM orders WHERE id IN (1, 2)")
    chain.whole_run()
    (item,) = [item for item in chain.job.ledger.items.list("orders") if item.facts.get("keys_deleted") == 2]
    assert (item.state, item.facts["rows_deleted"], item.facts["rows_landed"]) == (State.ARCHIVED, 2, 0)
    assert _alive(warehouse, current) == _there(chain)
    chain.insert(range(1, 2), "back")
    chain.whole_run()
    assert _alive(warehouse, current) == _there(chain) == [(0, "first"), (1, "back"), (3, "first"), (4, "first")]


def test_keys_that_were_changed_on_disk_are_not_marked(chain: World, warehouse: Warehouse) -> None:
    chain.insert(range(5))
    chain.whole_run()
    chain.source.execute("DELETE FROM orders WHERE id = 1")
    chain.at = ("landed", 1)
    with pytest.raises(Killed):
        chain.whole_run()
    (path,) = Path(str(chain.job.root)).rglob("bronze/**/deleted.arrow")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(StateConflictError, match="changed after they were written"):
        chain.whole_run()
    assert len(_alive(warehouse)) == 5


def test_deletions_that_another_worker_marks_are_waited_for(chain: World) -> None:
    chain.insert(range(5))
    chain.whole_run()
    chain.source.execute("DELETE FROM orders WHERE id = 1")
    (item,) = chain.extract(chain.plan())
    chain.job.ledger.items.claim(item.id, "another", states=[State.LOADED], lease=timedelta(minutes=1))
    with pytest.raises(TransientError, match="claimed by another worker"):
        chain.whole_run()
