"""The contracts of tables follow from the guides: the same types as their rows, and the same digest everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_integrations.connectors.edi.guide import Guides
from airflow_provider_integrations.connectors.edi.row_batches import ENVELOPE
from airflow_provider_integrations.connectors.edi.row_contract import DOCUMENT, SEGMENT_TABLE, table_contracts
from airflow_provider_integrations.connectors.edi.row_schema import SEGMENTS, table_schema
from airflow_provider_integrations.core.contract import RESERVED
from airflow_provider_integrations.core.edi_source import SETS
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.expectations.suites import contract_suite
from airflow_provider_integrations.formats.schema import arrow_schema
from tests.unit.connectors.edi.guided import NAMES, guides

SHIPPED = [guides(name) for name in NAMES.values()]
KEY = pa.field(DOCUMENT, pa.string(), nullable=False)

DICTIONARY = {
    "dictionary": "x",
    "elements": {"353": "ID 2 2", "782": "R 1 18", "373": "DT 8 8", "337": "TM 4 8", "610": "N2 1 15", "350": "N0 1 9"},
    "segments": {"BEG": "353 M, 782 O, 373 O, 337 O, 610 O, 350 O"},
}


def guide(name: str = "po", set_id: str = "850", rows: Mapping[str, Any] | None = None, **more: Any) -> Guides:
    tables = rows if rows is not None else {"orders": {"columns": {"purpose": "BEG01"}}}
    data = {"guide": name, "syntax": "x12", "set": set_id, "versions": ["004010"], "dictionary": "x"}
    return Guides.from_mappings({**data, "structure": ["BEG M 1"], "rows": tables, **more}, DICTIONARY)


def columns(**places: str) -> dict[str, Any]:
    return {"orders": {"columns": places}}


@pytest.mark.parametrize("document", NAMES)
def test_a_contract_has_the_columns_and_types_of_its_rows(document: str) -> None:
    """In the order: document, envelope, number of the row, then the guide's; in each version of the guide."""
    made = table_contracts(SHIPPED)
    for version in guides(NAMES[document]).versions.values():
        for table in version.tables:
            own = pa.schema([field for field in arrow_schema(made[table.name]) if field.name not in RESERVED])
            assert own == pa.schema([KEY, *ENVELOPE, *table_schema(table)])
            assert made[table.name].keys == (DOCUMENT, "set_number", "row")


def test_segments_have_their_elements_as_text_since_the_warehouse_has_no_lists() -> None:
    contract = table_contracts(())[SEGMENT_TABLE]
    own = pa.schema([field for field in arrow_schema(contract) if field.name not in RESERVED])
    elements = SEGMENTS.get_field_index("elements")
    text = SEGMENTS.set(elements, pa.field("elements", pa.string(), nullable=False))
    assert own == pa.schema([KEY, *ENVELOPE, *text])
    assert contract.keys == (DOCUMENT, "set_number", "position")


def test_sets_have_room_for_what_is_refused_before_its_envelope_is_known() -> None:
    contract = table_contracts(())[SETS]
    assert contract.keys == (DOCUMENT, "set_number")
    needed = {column.name for column in contract.columns if not column.nullable}
    assert needed == {DOCUMENT, "set_number", "level", "verdict"}


def test_every_contract_gives_the_gate_something_to_check() -> None:
    """An empty suite proves nothing, and the gate refuses it."""
    for contract in table_contracts(SHIPPED).values():
        kinds = [entry["type"] for entry in contract_suite(contract).expectations]
        assert "expect_compound_columns_to_be_unique" in kinds
        assert kinds.count("expect_column_values_to_not_be_null") >= 4


def test_every_table_of_the_shipped_guides_has_one() -> None:
    named = {table.name for each in SHIPPED for one in each.versions.values() for table in one.tables}
    assert set(table_contracts(SHIPPED)) == named | {SETS, SEGMENT_TABLE}
    assert {"orders", "order_lines", "invoices", "edifact_orders", "shipments"} < named


def test_the_digest_does_not_hang_on_the_order_of_guides_or_on_what_else_there_is() -> None:
    one, other = table_contracts(SHIPPED), table_contracts([guides("x12_850"), *reversed(SHIPPED)])
    assert {name: contract.digest for name, contract in one.items()} == {
        name: contract.digest for name, contract in other.items()
    }
    assert table_contracts([guides("x12_850")])["orders"].digest == one["orders"].digest


def test_types_come_from_the_dictionary() -> None:
    places = {f"c{number}": f"BEG{number:02}" for number in range(1, 7)}
    contract = table_contracts([guide(rows=columns(**places))])["orders"]
    assert [column.type for column in contract.columns[-6:]] == [
        "string", "decimal(38,12)", "date", "time", "decimal(38,12)", "integer",
    ]  # fmt: skip


def test_one_table_of_two_guides_is_one_contract_if_its_columns_are_the_same() -> None:
    both = [guide(), guide("po_860", "860", rows_version="1.2.0"), guide("po_875", "875", rows_version="1.1.0")]
    assert table_contracts(both)["orders"].version == "1.2.0"


@pytest.mark.parametrize("other", [columns(amount="BEG02"), columns(purpose="BEG02"), {}])
def test_one_table_with_two_sets_of_columns_is_refused_with_the_columns(other: dict[str, Any]) -> None:
    more = other or columns(purpose="BEG01", amount="BEG02")
    with pytest.raises(ConfigError, match="different columns") as caught:
        table_contracts([guide(), guide("po_860", "860", rows=more)])
    assert caught.value.values["guides"] == ["po", "po_860"]
    assert set(caught.value.values["columns"]) <= {"purpose", "amount"}
    assert caught.value.values["columns"]


def test_one_table_with_another_order_of_columns_is_refused() -> None:
    one, other = columns(a="BEG01", b="BEG02"), columns(b="BEG02", a="BEG01")
    with pytest.raises(ConfigError, match=r"different columns.*\['a', 'b'\]"):
        table_contracts([guide(rows=one), guide("po_860", "860", rows=other)])


def test_a_table_that_changes_with_the_version_of_one_guide_is_refused() -> None:
    later = guide(rows=columns(amount="BEG05")).of("004010")
    both = replace(guide(rows=columns(amount="BEG01")))
    with pytest.raises(ConfigError, match=r"two versions of one.*'amount'"):
        table_contracts([replace(both, versions={**both.versions, "005010": later})])


@pytest.mark.parametrize("name", [SETS, SEGMENT_TABLE, "outbox"])
def test_a_guide_may_not_take_a_name_that_is_ours(name: str) -> None:
    with pytest.raises(ConfigError, match=f"ours.*{name}"):
        table_contracts([guide(rows={name: {"columns": {"purpose": "BEG01"}}})])


@pytest.mark.parametrize("name", [DOCUMENT, "sender", "set_number"])
def test_a_guide_may_not_have_columns_of_the_envelope(name: str) -> None:
    with pytest.raises(ConfigError, match=f"columns of the envelope.*{name}"):
        table_contracts([guide(rows=columns(**{name: "BEG01"}))])
