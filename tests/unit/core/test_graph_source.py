"""What a source of Graph or Dataverse declares."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.graph_source import GraphSource, relation_contract, relation_source_name

CONTENT = {
    "source": "entra_groups", "kind": "graph", "connection": "entra", "resource": "groups", "contract": "entra_groups",
    "load": {"table": "GROUPS"},
}  # fmt: skip
MEMBERS = {"load": {"table": "GROUP_MEMBERS"}}


def source(**changes: Any) -> GraphSource:
    return GraphSource.from_mapping(CONTENT | changes)


def test_a_column_is_of_the_property_in_camel_case_unless_it_is_named() -> None:
    plain = source(properties={"name": "displayName"})
    names = ("id", "display_name", "on_premises_sam_account_name", "mail", "name", "iOS_version")
    assert [plain.property_of(name) for name in names] == [
        "id", "displayName", "onPremisesSamAccountName", "mail", "displayName", "iOSVersion",
    ]  # fmt: skip


def test_columns_of_dataverse_are_called_as_they_are() -> None:
    """Its names have underscores of their own."""
    accounts = source(protocol="dataverse", resource="accounts", key="accountid", properties={"city": "address1_city"})
    assert [accounts.property_of(name) for name in ("accountid", "address1_line1", "city")] == [
        "accountid", "address1_line1", "address1_city",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"protocol": "dataverse", "relations": {"members": MEMBERS}}, "intersect table"),
        ({"relations": {"mem bers": MEMBERS}}, "mem bers"),
        ({"relations": {"a__b": MEMBERS}}, "a__b"),
        ({"gone_share": 1.5}, "gone_share"),
        ({"patience": "PT0S"}, "patience"),
        ({"patience": "P2D"}, "patience"),
        ({"begin": "yesterday"}, "begin"),
        ({"selct": ["id"]}, "selct"),
        ({"source": "Entra"}, "source"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_refused_by_name(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        source(**changes)


def test_a_relation_is_a_source_with_a_contract_of_its_own() -> None:
    assert relation_source_name("entra_groups", "transitiveMembers") == "entra_groups__transitivemembers"
    contract = relation_contract("entra_groups", "transitiveMembers")
    assert (contract.contract, contract.keys) == ("entra_groups_transitivemembers", ("owner_id", "member_id"))
    assert not any(contract.column(key).nullable for key in contract.keys)
