"""A contract that changes while files of the earlier version are on their way."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.work_item import State
from tests.fakes.chain import Chain
from tests.fakes.chain_steps import Steps
from tests.fakes.chain_world import HEADER, customer_row, customers
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.gnupg import PgpWorld

pytestmark = pytest.mark.integration

MakeChain = Callable[..., Chain]
NOTE = {"name": "note", "type": "string", "max_length": 50, "enum": ["hi"]}


def with_column(chain: Chain, column: dict[str, Any], version: str = "1.1.0") -> Chain:
    contract = copy.deepcopy(chain.contract)
    return replace(chain, contract={**contract, "version": version, "columns": [*contract["columns"], column]})


def noted(*numbers: int) -> bytes:
    rows = (customer_row(number).strip() + ",hi\n" for number in numbers)
    return (HEADER.strip() + ",note\n" + "".join(rows)).encode()


@pytest.mark.parametrize("done", ["landed", "gated"])
def test_files_of_the_earlier_version_go_on_beside_those_of_the_next(
    make_chain: MakeChain, pgp: PgpWorld, warehouse: Warehouse, done: str
) -> None:
    old = make_chain()
    spoilt = customer_row(5, balance="99999999.00").encode()  # The gate takes it out, and writes the rest anew.
    old.drop(pgp.partner, pgp.own, 1, customers(range(10, 30)) + spoilt, day="2025-11-05")
    before = Steps.of(old)
    before.take()
    if done == "gated":
        before.gate()
    new = Steps.of(with_column(old, NOTE))
    old.drop(pgp.partner, pgp.own, 2, noted(10, 11), day="2025-11-06")
    new.take()
    new.finish()
    assert {item.state for item in new.items().values()} == {State.ARCHIVED}, new.items()
    found = warehouse.rows(
        'select note, count(*) from "{db}"."SILVER"."CUSTOMERS" where is_current group by 1 order by 1'
    )
    assert sorted(found, key=str) == [("hi", 2), (None, 18)]


def test_a_required_column_stops_the_load_and_says_what_to_do(make_chain: MakeChain, pgp: PgpWorld) -> None:
    old = make_chain()
    old.drop(pgp.partner, pgp.own, 1, customers(range(1, 5)), day="2025-11-05")
    before = Steps.of(old)
    before.take()
    before.gate()
    new = Steps.of(with_column(old, {**NOTE, "nullable": False}, "2.0.0"))
    with pytest.raises(ConfigError, match=r"missing=\['note'\].*earlier contract"):
        new.load()
    before.load()
    assert {item.state for item in before.items().values()} == {State.LOADED}
