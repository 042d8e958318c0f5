"""Tables of which rows are between their document and the warehouse, and those alone."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.edi.under_way import tables_under_way
from airflow_provider_integrations.core.work_item import RemoteFile, State
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.ledgers import migrated

TABLES = ("sets", "orders", "order_lines")
WAY = (State.DISCOVERED, State.LANDED, State.GATED, State.LOADED, State.ARCHIVED)


@pytest.mark.parametrize(
    ("state", "found"),
    [
        (State.DISCOVERED, False),
        (State.LANDED, True),
        (State.GATED, True),
        (State.LOADED, True),
        (State.ARCHIVED, False),
    ],
)
def test_a_table_is_under_way_from_its_landing_until_it_is_closed(state: State, found: bool, tmp_path: Path) -> None:
    with Ledger.connect(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        migrated(ledger)
        item = ledger.items.enter("acme__orders", RemoteFile("parent/orders", 1, 1), facts={})
        ledger.items.enter("acme_other__sets", RemoteFile("parent/sets", 1, 1), facts={})
        for old, new in pairwise(WAY[: WAY.index(state) + 1]):
            taken = ledger.items.claim(item.id, "test", states=[old], lease=timedelta(minutes=1))
            assert taken is not None
            ledger.items.advance(taken[1], new)
        assert tables_under_way(ledger, "acme", TABLES) == (["orders"] if found else [])
