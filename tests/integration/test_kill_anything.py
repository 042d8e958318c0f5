"""SIGKILL at every boundary of the chain, then a rerun: every good row is loaded once and nothing is left behind.

The boundaries are enumerated by a run that is not killed, so that a new one is tested without being named here.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_integrations.core.work_item import END_STATES, State
from tests.fakes.chain import Chain, Killer
from tests.fakes.chain_world import HEADER, customer_row, customers
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.gnupg import PgpWorld

pytestmark = pytest.mark.integration

PLAINTEXT = b"Canaria Plain"
"""A name that every good row has; no file outside the landing may hold it."""

CROSSINGS = {
    "discovered": 1,
    "claimed": 3,
    "fetched": 3,
    "decoded": 2,
    "landed": 2,
    "noted as landed": 2,
    "kept in quarantine": 1,
    "claimed for the gate": 1,
    "gated": 1,
    "verdict stored": 2,
    "verdict settled": 2,
    "claimed for the load": 1,
    "loaded": 1,
    "noted as loaded": 2,
    "watermark moved": 1,
    "moved": 3,
    "archived": 1,
}
"""How often a run over the three files passes each boundary."""

KILLS = sorted({(name, count) for name, most in CROSSINGS.items() for count in (1, most)})


def drop_files(chain: Chain, pgp: PgpWorld) -> None:
    name = PLAINTEXT.decode()
    chain.drop(pgp.partner, pgp.own, 1, customers(range(1, 31), name), day="2025-11-03")
    mixed = HEADER + "".join(customer_row(n, name) for n in range(25, 61)) + customer_row(61, name, balance="no number")
    chain.drop(pgp.partner, pgp.own, 2, mixed.encode(), day="2025-11-04")
    chain.drop(pgp.stranger, pgp.own, 3, customers(range(61, 90), name), day="2025-11-05")


def check_end(chain: Chain, warehouse: Warehouse) -> None:
    items = chain.ledger().items.list()
    assert {item.state for item in items} <= END_STATES, [(item.name, item.state, item.detail) for item in items]
    assert sorted(item.state for item in items) == [State.ARCHIVED, State.ARCHIVED, State.QUARANTINED]
    table = '"{db}"."SILVER"."CUSTOMERS"'
    assert warehouse.rows(f"select count(*), count(distinct customer_id) from {table} where is_current") == [(60, 60)]
    assert warehouse.rows(f"select count(*) from {table}") == [(60,)], "unchanged rows are no new versions"
    assert chain.ledger().watermarks.get("acme_customers").cursor == (3, "2025-11-05")
    assert not any((Path(chain.sftp["extras"]["root"]) / "inbox").iterdir())
    assert plaintext_left(chain) == []


def plaintext_left(chain: Chain) -> list[str]:
    """Files outside the landed batches that hold rows; Parquet is compressed, so any there counts."""
    found = []
    for path in Path(chain.folder).rglob("*"):
        relative = path.relative_to(chain.folder).as_posix()
        if not path.is_file() or relative.startswith("landing/bronze/"):
            continue
        if path.suffix == ".parquet" or PLAINTEXT in path.read_bytes():
            found.append(relative)
    return found


def test_every_boundary_is_enumerated(
    make_chain: Callable[..., Chain], killer: Killer, pgp: PgpWorld, warehouse: Warehouse
) -> None:
    chain = make_chain(files_per_task=3)
    drop_files(chain, pgp)
    status, passed, error = killer.run(chain)
    assert status == 0, error
    assert dict(Counter(passed)) == CROSSINGS
    check_end(chain, warehouse)


@pytest.mark.parametrize(("boundary", "count"), KILLS)
def test_killed_and_tried_again_by_the_same_task(
    boundary: str,
    count: int,
    make_chain: Callable[..., Chain],
    killer: Killer,
    pgp: PgpWorld,
    warehouse: Warehouse,
) -> None:
    chain = make_chain(files_per_task=3)
    drop_files(chain, pgp)
    status, passed, error = killer.run(chain, kill_at=(boundary, count))
    assert status == signal.SIGKILL, (status, error)
    assert passed.count(boundary) == count
    status, _, error = killer.run(chain)
    assert status == 0, error
    check_end(chain, warehouse)


@pytest.mark.parametrize("boundary", sorted(CROSSINGS))
def test_killed_and_taken_up_by_another_worker(
    boundary: str, make_chain: Callable[..., Chain], killer: Killer, pgp: PgpWorld, warehouse: Warehouse
) -> None:
    chain = replace(make_chain(files_per_task=3), lease_seconds=1)
    drop_files(chain, pgp)
    status, _, error = killer.run(chain, kill_at=(boundary, 1))
    assert status == signal.SIGKILL, (status, error)
    time.sleep(1.1)  # the claims of the dead run out by themselves
    status, _, error = killer.run(replace(chain, owner="another worker", lease_seconds=120))
    assert status == 0, error
    check_end(chain, warehouse)
