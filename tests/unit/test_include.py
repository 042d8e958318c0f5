"""What the files under `include/` say of each other is checked when a task reads them, before anything is fetched."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.include import (
    read_delivery,
    read_source,
    read_source_contract,
    read_sources,
    read_table_source,
    read_template,
)

REFERENCE = {"columns": ["customer_id"], "to": "acme_customers", "to_columns": ["customer_id"]}


@pytest.fixture
def include(tmp_path: Path) -> Path:
    """ACME's customers, and orders of theirs that come from somebody else."""
    ours = Path(__file__).parents[2] / "include"
    for kind in ("sources", "contracts"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "acme_customers.yaml").write_text((ours / kind / "acme_customers.yaml").read_text())
    source = yaml.safe_load((ours / "sources" / "acme_customers.yaml").read_text())
    source |= {"source": "beta_orders", "contract": "beta_orders", "load": {"table": "ORDERS", "scd": 1}}
    (tmp_path / "sources" / "beta_orders.yaml").write_text(yaml.safe_dump(source))
    return tmp_path


def orders(include: Path, name: str = "beta_orders", **reference: Any) -> None:
    columns = [{"name": name, "type": "integer", "nullable": False} for name in ("order_id", "customer_id")]
    contract = {"contract": name, "version": "1.0.0", "keys": ["order_id"], "columns": columns}
    contract["references"] = [REFERENCE | reference]
    (include / "contracts" / "beta_orders.yaml").write_text(yaml.safe_dump(contract))


def test_a_source_and_its_contract_are_read_together(include: Path) -> None:
    orders(include)
    contract = read_source_contract(include, read_source(include, "beta_orders"))
    assert contract.references[0].to == "acme_customers"


@pytest.mark.parametrize(
    ("wrong", "said"), [({"to": "acme_custmers"}, "acme_custmers"), ({"to_columns": ["customerid"]}, "customerid")]
)
def test_a_reference_that_could_never_be_checked_is_an_error(include: Path, wrong: dict[str, Any], said: str) -> None:
    """An entity that nobody delivers looks like one of which nothing was published yet: no row would be held to it."""
    orders(include, **wrong)
    with pytest.raises(ConfigError, match=said):
        read_source_contract(include, read_source(include, "beta_orders"))


def test_a_contract_under_another_name_is_an_error(include: Path) -> None:
    orders(include, name="gamma_orders")
    with pytest.raises(ConfigError, match="gamma_orders"):
        read_source_contract(include, read_source(include, "beta_orders"))


@pytest.mark.parametrize("kind", ["sources", "contracts"])
def test_a_key_that_stands_twice_is_an_error(include: Path, kind: str) -> None:
    """YAML takes the last of them in silence: half of what was written would count."""
    path = include / kind / "acme_customers.yaml"
    path.write_text(path.read_text() + "description: another one\n")
    with pytest.raises(ConfigError, match=r"(?s)description stands twice.*line 1\d"):
        read_source_contract(include, read_source(include, "acme_customers"))


def table_source(include: Path, name: str, **changes: Any) -> None:
    content = yaml.safe_load((Path(__file__).parents[2] / "include" / "sources" / "erp_orders.yaml").read_text())
    (include / "sources" / f"{name}.yaml").write_text(yaml.safe_dump(content | {"source": name} | changes))


def test_a_sweep_by_a_float_is_refused_when_the_source_is_read(include: Path) -> None:
    """Not when it has run for a month and the first sweep comes."""
    columns = [{"name": "id", "type": "float", "nullable": False}, {"name": "at", "type": "time", "nullable": False}]
    for kind, keys in (("floats", ["at", "id"]), ("times", ["at"])):
        contract = {"contract": kind, "version": "1.0.0", "keys": keys, "columns": columns}
        (include / "contracts" / f"{kind}.yaml").write_text(yaml.safe_dump(contract))
    table_source(include, "floats", contract="floats", deletes={"range_rows": 100})
    with pytest.raises(ConfigError, match=r"no exact key.*columns=\['id'\]"):
        read_source_contract(include, read_source(include, "floats"))
    table_source(include, "floats", contract="floats", deletes=None)
    assert read_source_contract(include, read_source(include, "floats")).keys == ("at", "id")
    table_source(include, "times", contract="times", deletes={"range_rows": 100})
    assert read_source_contract(include, read_source(include, "times")).keys == ("at",)


def test_the_kind_says_which_model_a_source_is_read_by(include: Path) -> None:
    table_source(include, "erp_orders")
    assert read_table_source(include, "erp_orders").cursor == ("updated_at",)
    assert read_delivery(include, "acme_customers").folders.inbox
    with pytest.raises(ConfigError, match="another kind"):
        read_table_source(include, "acme_customers")
    with pytest.raises(ConfigError, match="another kind"):
        read_delivery(include, "erp_orders")


def test_each_source_is_shown_by_one_dag_file_alone_whatever_is_wrong_with_it(include: Path) -> None:
    table_source(include, "erp_orders")
    table_source(include, "erp_wrong", cursr=["updated_at"])
    table_source(include, "erp_other_kind", kind="odbcc")
    (include / "sources" / "no_yaml.yaml").write_text("kind: odbc\n  - [")
    (include / "sources" / "no_mapping.yaml").write_text("- kind: odbc\n")
    (include / "sources" / "no_kind.yaml").write_text("source: no_kind\n")
    tables = dict(read_sources(include, "odbc"))
    files = dict(read_sources(include, "sftp_pgp"))
    assert {name: isinstance(source, ConfigError) for name, source in tables.items()} == {
        "erp_orders": False,
        "erp_wrong": True,
    }
    assert {name for name, source in files.items() if isinstance(source, ConfigError)} == {
        "erp_other_kind", "no_yaml", "no_mapping", "no_kind",
    }  # fmt: skip
    assert {**tables, **files}.keys() == dict(read_sources(include)).keys()
    assert not tables.keys() & files.keys()


def test_a_template_that_is_not_there_is_named(include: Path) -> None:
    table_source(include, "erp_orders", table=None, template="orders.sql")
    source = read_table_source(include, "erp_orders")
    with pytest.raises(ConfigError, match="the template is not there"):
        read_template(include, source)
    (include / "sql" / "extract").mkdir(parents=True)
    (include / "sql" / "extract" / "orders.sql").write_text("-- It's one? {keyset}\nSELECT 1\n  -- and no more\n")
    assert read_template(include, source) == "SELECT 1"


@pytest.mark.parametrize("name", ["acme (1).yaml", "a" * 240 + ".yaml", "folder.yaml", "ünï.yaml"])
def test_no_name_under_sources_keeps_the_other_sources_from_being_read(include: Path, name: str) -> None:
    table_source(include, "erp_orders")
    path = include / "sources" / name
    if name == "folder.yaml":
        path.mkdir()
    else:
        path.write_text("kind: sftp_pgp\n")
    found = dict(read_sources(include))
    broken = [shown for shown, source in found.items() if isinstance(source, ConfigError)]
    assert {"acme_customers", "erp_orders"} <= {*found} - {*broken}
    assert len(broken) == 1
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,90}", broken[0]), "a DAG and its tags can be called so"
