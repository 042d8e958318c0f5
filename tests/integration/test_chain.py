"""The chain from the partner's folder to the warehouse, on real parts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airflow_provider_integrations.core.work_item import State
from tests.fakes.chain import Chain
from tests.fakes.chain_world import customers
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.gnupg import PgpWorld

pytestmark = pytest.mark.integration


def test_a_file_goes_from_the_inbox_to_the_warehouse(
    make_chain: Callable[..., Chain], pgp: PgpWorld, warehouse: Warehouse
) -> None:
    chain = make_chain()
    chain.drop(pgp.partner, pgp.own, 1, customers(range(1, 101)), day="2025-11-05")
    chain.run()
    (item,) = chain.ledger().items.list()
    assert (item.state, item.reason) == (State.ARCHIVED, None), item
    assert item.facts["rows_loaded"] == 100
    assert warehouse.rows('select count(*) from "{db}"."SILVER"."CUSTOMERS"') == [(100,)]
