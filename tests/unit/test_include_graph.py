"""Sources of Graph under `include/`: their relations, their contracts, their tables of the warehouse."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
from airflow_provider_integrations.connectors.msgraph.selection import query_of
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.graph_source import GraphRelationSource, GraphSource
from airflow_provider_integrations.include import (
    read_graph_source,
    read_loaded_source,
    read_source,
    read_source_contract,
    read_sources,
)

OURS = Path(__file__).parents[2] / "include"


@pytest.fixture
def include(tmp_path: Path) -> Path:
    for kind in ("sources", "contracts"):
        (tmp_path / kind).mkdir()
        for name in ("entra_users", "entra_groups"):
            shutil.copy(OURS / kind / f"{name}.yaml", tmp_path / kind)
    return tmp_path


def graph(include: Path, name: str, like: str = "entra_groups", **changes: Any) -> None:
    content = yaml.safe_load((OURS / "sources" / f"{like}.yaml").read_text())
    (include / "sources" / f"{name}.yaml").write_text(yaml.safe_dump(content | {"source": name} | changes))


def contract(include: Path, name: str = "entra_groups", **changes: Any) -> None:
    content = yaml.safe_load((OURS / "contracts" / f"{name}.yaml").read_text())
    (include / "contracts" / f"{name}.yaml").write_text(yaml.safe_dump(content | changes))


def both(include: Path, name: str = "entra_groups") -> Any:
    source = read_source(include, name)
    return source, read_source_contract(include, source)


def test_our_samples_ask_for_what_their_contracts_have() -> None:
    root = endpoint("https://graph.microsoft.com/v1.0")
    for name, expected in (("entra_users", ("id", "userPrincipalName")), ("entra_groups", ("id", "displayName"))):
        source, columns = both(OURS, name)
        query = query_of(source, columns, root, tenant="contoso")
        assert query.select[:2] == expected
        assert (query.resource, query.tenant) == (source.resource, "contoso")
    assert query.select[-1] == "members"
    users = read_graph_source(OURS, "entra_users")
    assert users.load.scd == 2
    assert {column.pii for column in both(OURS, "entra_users")[1].columns} == {None, "name", "email", "phone"}


def test_a_relation_is_a_source_from_the_gate_on(include: Path) -> None:
    members = read_loaded_source(include, "entra_groups__members")
    assert isinstance(members, GraphRelationSource)
    assert (members.parent, members.relation, members.load.table) == ("entra_groups", "members", "ENTRA_GROUP_MEMBERS")
    assert read_source_contract(include, members).keys == ("owner_id", "member_id")
    with pytest.raises(ConfigError, match=r"no such relation.*entra_groups__members"):
        read_source(include, "entra_groups__owners")
    with pytest.raises(ConfigError, match="no such relation"):
        read_source(include, "entra_users__members")
    with pytest.raises(ConfigError, match="another kind"):
        read_graph_source(include, "entra_groups__members")


def test_relations_are_listed_where_they_are_asked_for(include: Path) -> None:
    assert set(dict(read_sources(include))) == {"entra_users", "entra_groups"}
    assert set(dict(read_sources(include, "graph"))) == {"entra_users", "entra_groups"}
    assert set(dict(read_sources(include, "graph_relation"))) == {"entra_groups__members"}
    graph(include, "entra_groups", gone="1")
    assert isinstance(dict(read_sources(include, "graph_relation"))["entra_groups"], ConfigError)
    assert isinstance(dict(read_sources(include, "graph"))["entra_users"], GraphSource)


def test_the_name_of_a_relation_is_not_that_of_a_file(include: Path) -> None:
    graph(include, "entra_groups__members", like="entra_users", load={"table": "OTHER"})
    with pytest.raises(ConfigError, match="taken by what comes of another"):
        read_source(include, "entra_groups__members")


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("entra__groups", {}, "told apart"),
        ("entra_groups_", {}, "told apart"),
        (
            "entra_groups",
            {"relations": {name: {"load": {"table": name}} for name in ("owners", "Owners")}},
            "case of letters",
        ),
        ("entra_groups", {"relations": {"members": {"load": {"table": "entra_Groups"}}}}, "ENTRA_GROUPS"),
    ],
)
def test_names_that_clash_are_refused(include: Path, name: str, changes: dict[str, Any], said: str) -> None:
    graph(include, name, **changes)
    with pytest.raises(ConfigError, match=said):
        read_source(include, name)


def test_two_sources_with_different_rows_share_no_table(include: Path) -> None:
    graph(include, "zeta_groups")  # Another tenant's groups, of the same contract.
    graph(include, "zeta_members", load={"table": "entra_group_members"}, relations={})
    graph(include, "zeta_users", like="entra_users", load={"table": "ENTRA_GROUPS", "database": "OTHER"})
    found = dict(read_sources(include, "graph"))
    broken = {name: str(one) for name, one in found.items() if isinstance(one, ConfigError)}
    assert set(broken) == {"zeta_members"}
    assert "ENTRA_GROUP_MEMBERS" in broken["zeta_members"]
    assert "entra_groups" in broken["zeta_members"]


def columns(*names: str, **types: str) -> list[dict[str, Any]]:
    return [{"name": name, "type": types.get(name, "string"), "nullable": False} for name in names]


@pytest.mark.parametrize(
    ("columns", "keys", "changes", "said"),
    [
        (columns("id", "mail"), ["mail"], {}, "not the property that identifies"),
        (columns("id", "mail"), ["id", "mail"], {}, "not the property that identifies"),
        (columns("id", id="integer"), ["id"], {}, "ids of objects are texts"),
        (columns("id", "mail"), ["id"], {"properties": {"email": "mail"}}, "properties. .*email"),
        (columns("id", "mail", "email"), ["id"], {"properties": {"email": "Mail"}}, "a property comes twice.*mail"),
        (columns("id", "members"), ["id"], {}, "a property comes twice.*members"),
        (columns("id", "mail"), ["id"], {"key": "objectId"}, "not the property that identifies"),
    ],
)
def test_a_contract_that_no_object_can_be_a_row_of_is_refused(
    include: Path, columns: list[dict[str, Any]], keys: list[str], changes: dict[str, Any], said: str
) -> None:
    graph(include, "entra_groups", **changes)
    contract(include, columns=columns, keys=keys)
    with pytest.raises(ConfigError, match=said):
        both(include)


def test_a_key_may_be_called_otherwise(include: Path) -> None:
    graph(include, "entra_groups", properties={"group_id": "id"})
    contract(include, columns=columns("group_id", group_id="uuid"), keys=["group_id"])
    source, its = both(include)
    query = query_of(source, its, endpoint("https://graph.microsoft.com/v1.0"), tenant="t")
    assert query.select == ("id", "members")


def test_a_reference_may_point_at_objects_and_at_relations(include: Path) -> None:
    for to, column, there in (
        ("entra_users", "id", True), ("entra_users", "oid", False),
        ("entra_groups__members", "owner_id", True), ("entra_groups__members", "id", False),
    ):  # fmt: skip
        contract(include, references=[{"columns": ["id"], "to": to, "to_columns": [column]}])
        if there:
            assert both(include)[1].references
        else:
            with pytest.raises(ConfigError, match="columns that are not there"):
                both(include)


def test_a_dag_file_reads_graph_sources_without_arrow_or_the_engines() -> None:
    program = f"""
import sys
from pathlib import Path
from airflow_provider_integrations.include import read_sources
assert len(list(read_sources(Path({str(OURS)!r}), "graph", "graph_relation"))) >= 3
heavy = ("pyarrow", "numpy", "great_expectations", "sqlalchemy", "airflow", "httpx", "azure", "duckdb")
print(sorted(name for name in heavy if name in sys.modules), [n for n in sys.modules if ".connectors." in n])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[] []"
