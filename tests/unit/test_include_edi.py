"""Sources of documents: what their files may say, and the sources that follow from their guides."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_integrations.core.edi_source import SETS, EdiOutbound, EdiSource, EdiTableSource
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.verdict import GateMode
from airflow_provider_integrations.include import (
    guide_book,
    read_delivery,
    read_edi_outbound,
    read_edi_source,
    read_loaded_source,
    read_outbox_source,
    read_source,
    read_source_contract,
    read_sources,
    read_table_source,
)
from airflow_provider_integrations.include_edi import edi_table_sources, edi_tables, guide_names, guides_named

OURS = Path(__file__).parents[2] / "include"
OUTBOUND = {
    "source": "acme_orders_out",
    "kind": "edi_outbound",
    "connection": "sftp_pgp_acme",
    "guide": "x12_850",
    "version": "004010",
    "ours": "ZZ:HUB",
    "partner": "ZZ:ACME",
    "rows": {"orders": "orders.sql"},
    "document": "order_number",
    "name": "orders_{control}.edi",
    "outbox": {"folder": "/inbound/orders"},
}
SMALL = {"guides": ["x12_850"]}


@pytest.fixture
def include(tmp_path: Path) -> Path:
    """The shipped guides and ACME's documents."""
    shutil.copytree(OURS / "edi", tmp_path / "edi")
    for kind in ("sources", "contracts"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "acme_customers.yaml").write_text((OURS / kind / "acme_customers.yaml").read_text())
    edi(tmp_path, **SMALL)
    return tmp_path


def edi(include: Path, name: str = "acme_edi", *, guides: list[str] | None = None, **changes: Any) -> None:
    """A source of documents like the shipped one."""
    content = yaml.safe_load((OURS / "sources" / "acme_edi.yaml").read_text()) | {"source": name} | changes
    if guides is not None:
        content["agreement"] = {**content["agreement"], "guides": guides}
    (include / "sources" / f"{name}.yaml").write_text(yaml.safe_dump(content))


def outbound(include: Path, name: str = "acme_orders_out", **changes: Any) -> None:
    (include / "sources" / f"{name}.yaml").write_text(yaml.safe_dump({**OUTBOUND, "source": name, **changes}))
    (include / "sql" / "outbound").mkdir(parents=True, exist_ok=True)
    (include / "sql" / "outbound" / "orders.sql").write_text("SELECT order_number FROM orders_to_send")


def test_the_shipped_source_gives_a_source_for_each_table_of_its_guides() -> None:
    source = read_edi_source(OURS, "acme_edi")
    tables = edi_table_sources(OURS, source)
    assert {"orders", "order_lines", "invoices", "shipments", "edifact_orders", "segments", SETS} < set(tables)
    assert tuple(sorted(tables)) == edi_tables(OURS, source)
    assert not any(isinstance(found, ConfigError) for _, found in read_sources(OURS, "edi_table"))


def test_a_derived_name_is_a_source_from_the_gate_on(include: Path) -> None:
    edi(
        include, **SMALL, load={"connection": "w", "database": "D", "prefix": "P_"},
        tables={"orders": {"gate": {"mode": "warn", "suites": ["o"]}}},
    )  # fmt: skip
    orders = read_source(include, "acme_edi__orders")
    assert isinstance(orders, EdiTableSource)
    assert (orders.source, orders.parent, orders.table) == ("acme_edi__orders", "acme_edi", "orders")
    assert orders.load.model_dump() == {"connection": "w", "database": "D", "table": "P_ORDERS", "scd": 1}
    assert (orders.gate.mode, orders.gate.suites) == (GateMode.WARN, ("o",))
    assert read_source_contract(include, orders) == orders.contract
    lines = read_loaded_source(include, "acme_edi__order_lines")
    assert (lines.gate.mode, lines.load.table) == (GateMode.BLOCK, "P_ORDER_LINES")
    assert read_loaded_source(include, f"acme_edi__{SETS}").load.table == "P_SETS"


def test_a_table_that_no_guide_has_is_told_with_those_that_there_are(include: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such tables.*invoices.*order_lines") as caught:
        read_source(include, "acme_edi__invoices")
    assert caught.value.values["source"] == "acme_edi"
    edi(include, **SMALL, tables={"ordrs": {}})
    with pytest.raises(ConfigError, match=r"no such tables.*ordrs.*order_lines"):
        read_source(include, "acme_edi")


def test_a_derived_name_of_a_source_that_has_no_tables_is_refused(include: Path) -> None:
    outbound(include)
    with pytest.raises(ConfigError, match=r"another kind.*edi_outbound"):
        read_source(include, "acme_orders_out__orders")
    with pytest.raises(ConfigError, match=r"acme_customers__orders\.yaml"):
        read_source(include, "acme_customers__orders")
    with pytest.raises(ConfigError, match=r"nobody__orders\.yaml"):
        read_source(include, "nobody__orders")


def other(include: Path, name: str) -> None:
    content = yaml.safe_load((OURS / "sources" / "acme_customers.yaml").read_text()) | {"source": name}
    (include / "sources" / f"{name}.yaml").write_text(yaml.safe_dump(content))


def test_a_file_with_the_name_of_a_derived_source_is_refused(include: Path) -> None:
    """Two sources of one name would share work items and watermark."""
    other(include, "acme_edi__orders")
    with pytest.raises(ConfigError, match=r"taken.*acme_edi"):
        read_source(include, "acme_edi__orders")
    found = dict(read_sources(include))
    assert isinstance(found["acme_edi__orders"], ConfigError)
    assert isinstance(found["acme_edi"], EdiSource)


def test_a_file_with_two_underscores_is_a_source_like_any_other_where_it_collides_with_none(include: Path) -> None:
    other(include, "beta__orders")
    assert read_delivery(include, "beta__orders").source == "beta__orders"
    edi(include, "beta", guides=["no_such"])  # Broken, and not the fault of the file beside it.
    assert read_delivery(include, "beta__orders").source == "beta__orders"
    with pytest.raises(ConfigError, match="no such guides"):
        read_source(include, "beta__lines")


@pytest.mark.parametrize("name", ["acme__edi", "acme_edi_"])
def test_the_name_of_an_edi_source_leaves_room_for_its_tables(include: Path, name: str) -> None:
    """`a__b__c` would be a table of two sources, and so would `a___b`."""
    edi(include, name, **SMALL)
    outbound(include, f"out_{name}")
    for each in (name, f"out_{name}"):
        with pytest.raises(ConfigError, match="tables are told apart"):
            read_source(include, each)


def test_a_guide_that_is_not_there_is_told_with_those_that_are(include: Path) -> None:
    edi(include, guides=["x12_850", "x12_851"])
    outbound(include, guide="x12_851")
    for name in ("acme_edi", "acme_orders_out"):
        with pytest.raises(ConfigError, match=r"no such guides.*'x12_851'.*'x12_850'"):
            read_source(include, name)


def test_without_names_an_agreement_has_all_guides(include: Path) -> None:
    edi(include, guides=[])
    source = read_edi_source(include, "acme_edi")
    assert tuple(each.name for each in guide_book(include, source.agreement).guides) == guide_names(include)
    assert "x12" not in guide_names(include)
    assert "edifact_orders" in edi_tables(include, source)
    assert [each.name for each in guides_named(include, ("x12_810", "x12_850")).guides] == ["x12_810", "x12_850"]


def partners_guide(include: Path, name: str, **changes: Any) -> None:
    data = yaml.safe_load((include / "edi" / "x12_850.yaml").read_text())
    (include / "edi" / f"{name}.yaml").write_text(yaml.safe_dump({**data, "guide": name, **changes}))


def test_two_guides_of_one_set_are_refused_since_only_the_first_would_count(include: Path) -> None:
    """Of `acme_850` and `x12_850` it would be another partner's, by the alphabet."""
    partners_guide(include, "acme_850")
    edi(include, guides=[])
    with pytest.raises(ConfigError, match=r"same set.*850.*'acme_850', 'x12_850'"):
        read_source(include, "acme_edi__orders")
    edi(include, guides=["acme_850"])
    assert read_loaded_source(include, "acme_edi__orders").load.table == "EDI_ORDERS"


def test_two_guides_with_one_table_of_different_columns_are_refused(include: Path) -> None:
    partners_guide(include, "acme_860", set="860", rows={"orders": {"columns": {"purpose": "BEG01"}}})
    edi(include, guides=["x12_850", "acme_860"])
    with pytest.raises(ConfigError, match=r"different columns.*orders.*acme_860"):
        read_source(include, "acme_edi__orders")


@pytest.mark.parametrize("table", ["Orders", "order-lines", "1st", "orders.new", "Übersicht"])
def test_a_table_that_no_task_could_be_named_by_is_told_and_breaks_no_dag_file(include: Path, table: str) -> None:
    partners_guide(include, "acme_850", rows={table: {"columns": {"purpose": "BEG01"}}})
    edi(include, guides=["acme_850"])
    with pytest.raises(ConfigError, match=rf"lower-case letters.*acme_850\.yaml.*{table}"):
        edi_tables(include, read_edi_source(include, "acme_edi"))


@pytest.mark.parametrize("party", ["ACME", "ZZ:", "ZZ:ACME:1", "ZZ/ACME"])
def test_an_identity_is_a_qualifier_and_a_name(include: Path, party: str) -> None:
    content = yaml.safe_load((OURS / "sources" / "acme_edi.yaml").read_text())
    edi(include, agreement={**content["agreement"], "partners": ["ZZ:BETA", party]})
    outbound(include, partner=party)
    for name in ("acme_edi", "acme_orders_out"):
        with pytest.raises(ConfigError, match=rf"{name}.yaml.*qualifier:name: {party}") as caught:
            read_source(include, name)
        assert "ZZ:BETA" not in str(caught.value)


def test_each_kind_is_read_where_it_belongs(include: Path) -> None:
    outbound(include)
    assert isinstance(read_delivery(include, "acme_edi"), EdiSource)
    assert read_delivery(include, "acme_customers").kind == "sftp_pgp"
    assert read_outbox_source(include, "acme_edi").outbox.folder == "/inbound/edi"
    assert isinstance(read_outbox_source(include, "acme_orders_out"), EdiOutbound)
    assert read_edi_outbound(include, "acme_orders_out").document == "order_number"
    wrong = [
        (read_table_source, "acme_edi"), (read_edi_source, "acme_orders_out"), (read_edi_outbound, "acme_edi"),
        (read_delivery, "acme_orders_out"), (read_outbox_source, "acme_customers"), (read_loaded_source, "acme_edi"),
        (read_loaded_source, "acme_orders_out"), (read_delivery, "acme_edi__orders"),
    ]  # fmt: skip
    for read, name in wrong:
        with pytest.raises(ConfigError, match="another kind"):
            read(include, name)


def test_a_kind_that_there_is_not_is_told_with_those_that_there_are(include: Path) -> None:
    edi(include, kind="edi_inbound")
    with pytest.raises(
        ConfigError, match=r"no such kind.*edi_inbound.*'edi', 'edi_outbound', 'graph', 'historian', 'odbc', 'sftp_pgp'"
    ):
        read_source(include, "acme_edi")
    edi(include, kind=["edi"])
    with pytest.raises(ConfigError, match="kind: Input should be"):
        read_source(include, "acme_edi")


def test_documents_have_no_contract_but_their_tables_have(include: Path) -> None:
    with pytest.raises(ConfigError, match=r"no contract of their own.*acme_edi"):
        read_source_contract(include, read_source(include, "acme_edi"))


def test_a_reference_may_point_at_a_table_of_documents_and_not_at_the_documents(include: Path) -> None:
    other(include, "acme_customers")
    path = include / "contracts" / "acme_customers.yaml"
    contract = yaml.safe_load(path.read_text())

    def refer(to: str, column: str) -> None:
        reference = {"columns": ["customer_id"], "to": to, "to_columns": [column]}
        path.write_text(yaml.safe_dump({**contract, "references": [reference]}))
        read_source_contract(include, read_source(include, "acme_customers"))

    refer("acme_edi__orders", "order_number")
    with pytest.raises(ConfigError, match=r"columns that are not there.*ordernumber"):
        refer("acme_edi__orders", "ordernumber")
    with pytest.raises(ConfigError, match="no source delivers"):
        refer("acme_edi", "order_number")
    with pytest.raises(ConfigError, match="no source delivers"):
        refer("nobody__orders", "order_number")


def test_each_source_is_listed_once_by_its_kind(include: Path) -> None:
    outbound(include)
    outbound(include, "out_wrong", ruws=1)
    (include / "sources" / "strange.yaml").write_text("source: strange\nkind: [edi]\n")
    kinds = ("sftp_pgp", "odbc", "edi", "edi_outbound")
    listed = {kind: {name for name, _ in read_sources(include, kind)} for kind in kinds}
    assert listed == {
        "sftp_pgp": {"acme_customers", "strange"}, "odbc": set(), "edi": {"acme_edi"},
        "edi_outbound": {"acme_orders_out", "out_wrong"},
    }  # fmt: skip
    assert {name for name, _ in read_sources(include)} == set().union(*listed.values())


def test_tables_are_listed_where_they_are_asked_for(include: Path) -> None:
    edi(include, "beta_edi", guides=["gone"])
    found = dict(read_sources(include, "edi_table"))
    assert isinstance(found.pop("beta_edi"), ConfigError)
    assert {"acme_edi__orders", "acme_edi__sets"} < set(found)
    assert all(isinstance(one, EdiTableSource) and one.source == name for name, one in found.items())
    assert set(dict(read_sources(include, "edi", "edi_table"))) == {*found, "acme_edi", "beta_edi"}


@pytest.mark.parametrize(("kind", "reads_guides"), [("edi", False), ("edi_outbound", True)])
def test_a_dag_file_reads_documents_sources_without_arrow_or_the_engines(kind: str, reads_guides: bool) -> None:
    """It is parsed every half minute: Arrow, Great Expectations and SQLAlchemy are for tasks; one guide is a few ms."""
    program = f"""
import sys
from pathlib import Path
from airflow_provider_integrations.include import read_sources
from airflow_provider_integrations.include_edi import edi_tables
for _, source in read_sources(Path({str(OURS)!r}), {kind!r}):
    assert not isinstance(source, Exception), source
    if source.kind == "edi":
        assert "orders" in edi_tables(Path({str(OURS)!r}), source)
heavy = ("pyarrow", "numpy", "great_expectations", "sqlalchemy", "airflow", "asyncssh", "duckdb")
print(sorted(name for name in heavy if name in sys.modules), any(".connectors.edi" in n for n in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == f"[] {reads_guides}"
