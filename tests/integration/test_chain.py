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


def test_versions_of_a_customer_within_one_load_become_history(
    make_chain: Callable[..., Chain], pgp: PgpWorld, warehouse: Warehouse
) -> None:
    chain = make_chain()
    chain.drop(pgp.partner, pgp.own, 1, customers(range(1, 51)), day="2025-11-03")
    chain.drop(pgp.partner, pgp.own, 2, customers(range(1, 51), "Anna Sund"), day="2025-11-04")
    chain.drop(pgp.stranger, pgp.own, 3, customers(range(1, 51)), day="2025-11-05")
    chain.run()
    table = '"{db}"."SILVER"."CUSTOMERS"'
    query = f"select full_name, is_current, count(*) from {table} group by 1, 2 order by 1"
    assert warehouse.rows(query) == [("Anna Berg", False, 50), ("Anna Sund", True, 50)]
