"""Two partners whose documents go to one table of the warehouse: the same columns, or a refusal that says which differ."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_integrations.core.edi_source import EdiSource
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.include import read_sources

OURS = Path(__file__).parents[2] / "include"


@pytest.fixture
def include(tmp_path: Path) -> Path:
    shutil.copytree(OURS / "edi", tmp_path / "edi")
    (tmp_path / "sources").mkdir()
    return tmp_path


def partner(include: Path, name: str, *guides: str, **load: Any) -> None:
    content = yaml.safe_load((OURS / "sources" / "acme_edi.yaml").read_text()) | {"source": name}
    content["agreement"] = {**content["agreement"], "guides": list(guides)}
    content["load"] = {"prefix": "EDI_", **load}
    (include / "sources" / f"{name}.yaml").write_text(yaml.safe_dump(content))


def guide(include: Path, name: str, **columns: str) -> None:
    """The guide of orders under another name, with some columns of its table named otherwise."""
    content = yaml.safe_load((include / "edi" / "x12_850.yaml").read_text()) | {"guide": name}
    table = content["rows"]["orders"]
    kept = {column: place for column, place in table["columns"].items() if place not in columns.values()}
    table["columns"] = kept | columns
    (include / "edi" / f"{name}.yaml").write_text(yaml.safe_dump(content))


def refused(include: Path) -> dict[str, str]:
    """Why, by source, and nothing where all are well."""
    found = dict(read_sources(include, "edi"))
    assert all(isinstance(one, EdiSource | ConfigError) for one in found.values())
    return {name: str(one) for name, one in found.items() if isinstance(one, ConfigError)}


def test_partners_share_tables_of_the_same_columns(include: Path) -> None:
    guide(include, "x12_850_beta")  # Another guide, and the same columns.
    partner(include, "acme_edi", "x12_850", "x12_810")
    partner(include, "beta_edi", "x12_850_beta")
    partner(include, "gamma_edi", "x12_810", "x12_850")
    partner(include, "delta_edi", "edifact_orders_d96a")
    assert refused(include) == {}


def test_one_table_of_different_columns_is_refused_for_the_second_alone(include: Path) -> None:
    guide(include, "x12_850_beta", colour="CTT02")
    partner(include, "acme_edi", "x12_850")
    partner(include, "beta_edi", "x12_850_beta")
    partner(include, "gamma_edi", "x12_850")
    [(name, why)] = refused(include).items()
    assert name == "beta_edi"
    for word in ("EDI_ORDERS", "acme_edi", "beta_edi", "colour", "hash_total", "load.prefix"):
        assert word in why
    assert "order_number" not in why
    tables = dict(read_sources(include, "edi_table"))
    assert isinstance(tables["beta_edi"], ConfigError)
    assert "gamma_edi__orders" in tables
    assert "beta_edi__orders" not in tables


@pytest.mark.parametrize(
    ("load", "is_another"),
    [
        ({"prefix": "BETA_"}, True),
        ({"database": "BETA"}, True),
        ({"connection": "beta"}, True),
        # Names of the warehouse know no case.
        ({"prefix": "edi_"}, False),
        ({"database": "integrations"}, False),
    ],
)
def test_another_place_in_the_warehouse_is_another_table(include: Path, load: dict[str, str], is_another: bool) -> None:
    guide(include, "x12_850_beta", colour="CTT02")
    partner(include, "acme_edi", "x12_850")
    partner(include, "beta_edi", "x12_850_beta", **load)
    assert (refused(include) == {}) is is_another


def test_a_prefix_may_end_where_the_name_of_another_table_begins(include: Path) -> None:
    """EDI_ORDERS_ and `sets` are EDI_ and a table `orders_sets`."""
    content = yaml.safe_load((include / "edi" / "x12_850.yaml").read_text())
    content["rows"]["orders_sets"] = content["rows"].pop("order_parties")
    (include / "edi" / "x12_850.yaml").write_text(yaml.safe_dump(content))
    partner(include, "acme_edi", "x12_850")
    partner(include, "beta_edi", "x12_810", prefix="EDI_ORDERS_")
    assert "EDI_ORDERS_SETS" in refused(include)["beta_edi"]


def test_a_guide_that_cannot_be_read_is_told_by_whoever_reads_it(include: Path) -> None:
    guide(include, "x12_850_beta", colour="NOSUCH99")
    partner(include, "acme_edi", "x12_850_beta")
    partner(include, "beta_edi", "x12_850")
    (include / "edi" / "x12_810.yaml").write_text("guide: x12_810\nrows: {Wrong-Name: {}}\n")
    partner(include, "gamma_edi", "x12_810")
    assert refused(include) == {}


def test_guides_are_not_resolved_where_nothing_can_differ(include: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    partner(include, "acme_edi", "x12_850", "x12_810")
    partner(include, "beta_edi", "x12_850")
    partner(include, "gamma_edi", "x12_810", "x12_850")
    monkeypatch.setitem(sys.modules, "airflow_provider_integrations.connectors.edi.row_contract", None)
    assert refused(include) == {}
