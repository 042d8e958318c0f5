"""A table source file: what its settings mean together."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.table_source import TableSource

TRACKED: dict[str, Any] = {
    "source": "orders", "kind": "odbc", "connection": "erp", "contract": "orders", "table": "dbo.orders",
    "mode": "change_tracking", "load": {"table": "ORDERS"},
}  # fmt: skip


def test_change_tracking_needs_no_more_than_a_table() -> None:
    source = TableSource.from_mapping(TRACKED | {"guarantee": "strict", "shards": 4, "filter": "x > 1"})
    assert (source.mode, source.cursor, source.lag) == ("change_tracking", (), None)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"cursor": ["updated_at"]}, "takes no `cursor`"),
        ({"cursor": ["updated_at"], "lag": "PT5M"}, "takes no `cursor`, `lag`"),
        ({"begin": "2025-01-01"}, "takes no `begin`"),
        ({"table": None, "template": "orders.sql"}, "not a `template`"),
        ({"guarantee": "best_effort"}, "nothing less"),
    ],
)
def test_change_tracking_refuses_what_it_would_not_heed(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        TableSource.from_mapping(TRACKED | more)
    if "guarantee" not in more:
        TableSource.from_mapping(TRACKED | more | {"mode": "incremental"})
