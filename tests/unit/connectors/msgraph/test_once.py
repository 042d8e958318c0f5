"""What the command refuses before it asks for anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
from airflow_provider_integrations.connectors.msgraph.once import Order
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.core.errors import ConfigError

ROOT = endpoint("https://graph.microsoft.com/v1.0")


@pytest.mark.parametrize("select", [("_op",), ("displayName", "_Seq"), ("displayName", "displayname")])
def test_a_column_that_a_file_would_have_twice_is_refused(select: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="twice"):
        Order(Query(ROOT, "users", select=select), Path("out"))


def test_a_property_of_properties_is_one_column() -> None:
    Order(Query(ROOT, "users", select=("id", "ID", "manager/displayName", "manager/id")), Path("out"))
