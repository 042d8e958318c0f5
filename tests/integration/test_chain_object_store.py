"""The landing root in an object store, which knows no rename and no folder, and cannot be read by path."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest
from upath import UPath

from airflow_provider_integrations.core.work_item import State
from tests.fakes.chain import Chain
from tests.fakes.chain_steps import Steps
from tests.fakes.chain_world import customer_row, customers
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.gnupg import PgpWorld

pytestmark = pytest.mark.integration

DAY = "2025-11-05"


def test_the_whole_chain_with_an_object_store(
    make_chain: Callable[..., Chain], pgp: PgpWorld, warehouse: Warehouse
) -> None:
    chain = make_chain()
    root = UPath(f"memory://{uuid.uuid4().hex}/landing")
    steps = Steps.of(chain, root=root)
    good = customers(range(1, 30))
    contents = {
        1: good,
        2: good + customer_row(60, balance="99000000").encode(),
        3: good + customer_row(61, country="usa").encode(),
        4: good.replace(b",US,", b",USA,"),
    }
    names = {n: chain.drop(pgp.partner, pgp.own, n, content, day=DAY) for n, content in contents.items()}
    chain.drop(pgp.stranger, pgp.own, 5, good, day=DAY)
    steps.take()
    steps.finish()
    items = steps.items()
    assert [items[names[n]].state for n in contents] == [State.ARCHIVED] * 3 + [State.QUARANTINED]
    assert items[names[2]].facts["rows_failed"] == 1, "the gate wrote files of its own"
    table = '"{db}"."SILVER"."CUSTOMERS"'
    assert warehouse.rows(f"select count(*) from {table} where is_current") == [(29,)]

    assert sorted(steps.replay(DAY, DAY, "again"), key=str) == [
        ("landed", None),
        ("landed", None),
        ("landed", None),
        ("quarantined", "too_many_rejects"),
        ("quarantined", "wrong_signer"),
    ]
    contract = {**chain.contract, "version": "2.0.0", "max_reject_share": 1.0}
    steps.intake.ledger.items.release(items[names[4]].id, who="test", why="let them be rejected")
    steps = Steps.of(replace(chain, contract=contract), root=root)
    steps.take()
    steps.finish()
    assert warehouse.rows(f"select count(*) from {table}") == [(29,)]
    assert {item.state for item in steps.intake.ledger.items.list()} <= {State.ARCHIVED, State.QUARANTINED}
