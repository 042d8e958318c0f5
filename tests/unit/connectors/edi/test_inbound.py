"""The step that parses what was landed, over a real ledger and a real bronze: what is entered, and which rows come out."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from upath import UPath

from airflow_provider_integrations.core.errors import StateConflictError
from airflow_provider_integrations.core.interchange import Pair
from airflow_provider_integrations.core.work_item import State, WorkItem
from tests.fakes.edi_documents import Documents
from tests.unit.connectors.edi.x12_streams import BEG, order, stream, wrapped

OURS = Pair("x12", "ZZ:HUB", "ZZ:ACME")
LINE = "PO1*1*10*EA*9.25**VP*A1~"
GOOD = order("0001", BEG, LINE, "CTT*1~")
OTHER = order("0003", BEG.replace("PO1", "PO2"), "PO1*1*2.5*LB*1~", "PO1*2*3*EA*2~", "CTT*2~")
BAD = order("0002", "BEG*QQ*SA*SECRET4711**20260102~", LINE, "CTT*1~")
MESSAGE = (
    "UNH+1+ORDERS:D:96A:UN'BGM+220+PO?+4711+9'DTM+137:20260102:102'NAD+BY+541::9'LIN+1'QTY+21:12,5:KGM'UNS+S'UNT+8+1'"
)


@pytest.fixture
def documents(tmp_path: Path) -> Documents:
    return Documents(tmp_path, guides=("x12_850", "edifact_orders_d96a"))


def parsed(documents: Documents, data: bytes, name: str = "one.edi.gpg") -> WorkItem:
    [item] = documents.parse(documents.land(data, name))
    return item


def children(documents: Documents, table: str) -> list[WorkItem]:
    return documents.ledger.items.list(f"acme_edi__{table}", limit=None)[::-1]


def read(documents: Documents, item: WorkItem) -> list[dict[str, Any]]:
    folder = documents.root / item.facts["folder"]
    return [row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(str(path)).to_pylist()]


def rows(documents: Documents, table: str, *columns: str) -> list[tuple[Any, ...]]:
    found = [row for item in children(documents, table) for row in read(documents, item)]
    return [tuple(row[column] for column in columns) for row in found]


def release(documents: Documents, item: WorkItem, data: bytes) -> WorkItem:
    """Out of quarantine, taken in again and parsed."""
    documents.ledger.items.release(item.id, who="ann", why="the guide was wrong")
    documents.land_item(documents.ledger.items.get(item.id), data)
    [again] = documents.parse(item.id)
    return again


def test_partially_accepted_groups_give_the_rows_of_accepted_sets_only(documents: Documents) -> None:
    item = parsed(documents, stream(GOOD, BAD, OTHER))
    assert item.state is State.GATED
    assert item.facts["tables"] == {"order_lines": 3, "orders": 2, "sets": 3}
    assert rows(documents, "orders", "set_number", "row", "order_number", "ordered_on", "line_count") == [
        (1, 1, "PO1", date(2026, 1, 2), 1),
        (3, 1, "PO2", date(2026, 1, 2), 2),
    ]
    assert rows(documents, "order_lines", "set_number", "row", "parent", "quantity", "unit", "unit_price") == [
        (1, 1, None, Decimal(10), "EA", Decimal("9.25")),
        (3, 1, None, Decimal("2.5"), "LB", Decimal(1)),
        (3, 2, None, Decimal(3), "EA", Decimal(2)),
    ]
    told = rows(documents, "sets", "set_number", "level", "set_id", "version", "guide", "verdict", "set_control")
    assert told == [
        (1, "set", "850", "004010", "x12_850", "accepted", "0001"),
        (2, "set", "850", "004010", "x12_850", "rejected", "0002"),
        (3, "set", "850", "004010", "x12_850", "accepted", "0003"),
    ]
    [first, second, _] = rows(documents, "sets", "findings")
    assert first == (None,)
    [finding] = json.loads(second[0])
    assert (finding["code"], finding["segment"], finding["element"], finding["value"]) == (
        "code_unknown",
        "BEG",
        1,
        "'**'",
    )


def test_rows_are_keyed_by_the_document_and_carry_what_every_landed_row_carries(documents: Documents) -> None:
    item = parsed(documents, stream(GOOD))
    [child] = children(documents, "orders")
    [row] = read(documents, child)
    assert row["document"] == item.facts["plaintext_sha256"]
    envelope = ("sender", "receiver", "usage", "interchange_control", "group_control", "set_control")
    assert [row[name] for name in envelope] == ["ZZ/ACME", "ZZ/HUB", "P", "000000007", "12", "0001"]
    assert (row["_line"], row["_dq_valid"], row["_dq_flags"]) == (1, True, None)
    assert (row["_batch_id"], row["_version"]) == (child.facts["batch_id"], child.facts["version"])
    assert (child.state, child.path) == (State.LANDED, f"{item.id}/orders")
    assert child.facts["version"].startswith(f"2025-11-05/{0:018d}/")


def test_the_facts_hold_counts_and_no_payload(documents: Documents) -> None:
    data = stream(GOOD, BAD) + b"trailing SECRET4711 garbage"
    item = parsed(documents, data)
    [told] = item.facts["judged"]
    assert told == {"number": 1, "place": 0, "control": "7", "verdict": "partial", "accepted": 1, "refused": 1}
    assert (item.facts["verdict"], item.facts["sets"]) == ("partial", {"accepted": 1, "refused": 1})
    assert item.facts["outside"] == {"runs": 1, "bytes": len(b"trailing SECRET4711 garbage")}
    history = documents.ledger.items.history(item.id)
    assert "SECRET4711" not in json.dumps([item.facts, [event.facts for event in history]])
    assert "SECRET4711" not in repr(rows(documents, "sets", "findings"))


def test_what_stands_where_a_tag_is_expected_is_masked(documents: Documents) -> None:
    parsed(documents, stream(order("0001", BEG, "CNRY4711*X~", "CTT*1~"), order("0002", BEG, "ZZZ*X~", "CTT*1~")))
    told = repr(rows(documents, "sets", "findings"))
    assert "CNRY" not in told
    assert '"segment": "ZZZ"' in told


def test_a_thousand_interchanges_are_counted_and_a_hundred_told(documents: Documents) -> None:
    data = b"".join(stream(GOOD, control=f"{control:09d}") for control in range(1, 121))
    item = parsed(documents, data)
    assert (len(item.facts["judged"]), item.facts["judged_interchanges"], item.facts["tables"]["orders"]) == (
        100,
        120,
        120,
    )


def test_duplicate_rules_give_no_rows_though_the_sets_are_sound(documents: Documents) -> None:
    parsed(documents, stream(GOOD))
    before = {table: children(documents, table) for table in ("orders", "order_lines", "sets")}
    item = parsed(documents, stream(OTHER), "two.edi.gpg")
    assert (item.state, item.facts["verdict"], item.facts["tables"]) == (State.GATED, "duplicate", {})
    assert before == {table: children(documents, table) for table in before}
    [first, second] = documents.ledger.interchanges.owed_by_us()
    assert (first.verdict, second.verdict, second.duplicate_of) == ("accepted", "duplicate", first.number)


def test_a_duplicate_beside_a_new_interchange_gives_the_rows_of_the_new_one(documents: Documents) -> None:
    parsed(documents, stream(GOOD))
    data = stream(GOOD, BAD) + stream(OTHER, control="000000008")
    item = parsed(documents, data, "two.edi.gpg")
    assert [one["verdict"] for one in item.facts["judged"]] == ["duplicate", "accepted"]
    assert item.facts["tables"] == {"order_lines": 2, "orders": 1, "sets": 1}
    assert rows(documents, "orders", "set_number", "order_number") == [(1, "PO1"), (3, "PO2")]


def test_a_number_that_stands_twice_in_one_document_is_a_duplicate_there(documents: Documents) -> None:
    item = parsed(documents, stream(GOOD) + stream(GOOD))
    assert [one["verdict"] for one in item.facts["judged"]] == ["accepted", "duplicate"]
    assert item.facts["tables"]["orders"] == 1


def test_an_answer_is_due_where_one_is_owed(tmp_path: Path) -> None:
    documents = Documents(tmp_path, {"functional": "none"})
    parsed(documents, stream())
    assert documents.ledger.interchanges.owed_by_us() == []
    parsed(documents, stream(), "two.edi.gpg")  # A duplicate is told of by TA1.
    [owed] = documents.ledger.interchanges.owed_by_us()
    assert (owed.verdict, owed.answer_due_at) == ("duplicate", owed.received_at + timedelta(hours=24))


def test_a_refused_duplicate_is_owed_nothing_where_no_ta1_is_agreed_upon(tmp_path: Path) -> None:
    documents = Documents(tmp_path, {"technical": "never"})
    parsed(documents, stream())
    parsed(documents, stream(), "two.edi.gpg")
    assert [owed.verdict for owed in documents.ledger.interchanges.owed_by_us()] == ["accepted"]


def test_what_is_no_edi_goes_into_quarantine_with_its_reason(documents: Documents) -> None:
    item = parsed(documents, b"customer_id,name\n1,SECRET4711\n")
    assert (item.state, item.reason, item.facts["verdict"]) == (State.QUARANTINED, "not_edi", "not_edi")
    kept = documents.root / item.facts["kept"]
    assert (kept / "original.pgp").read_bytes() == b"sealed customer_id,name\n1,SECRET4711\n"
    assert "SECRET4711" not in (kept / "reason.json").read_text() + item.detail
    assert children(documents, "sets") == []


@pytest.mark.parametrize("data", [b"", b"\r\n", b"ISA*00*          ", b"UNH+1+ORDERS:D:96A:UN'UNT+2+1'"])
def test_a_document_without_an_interchange_is_none(documents: Documents, data: bytes) -> None:
    assert parsed(documents, data).reason == "not_edi"


@pytest.mark.parametrize(
    "header", [{"sender": "EVE"}, {"usage": "T"}, {"control": "7", "asked": "1"}], ids=["foreign", "test", "broken"]
)
def test_a_refused_interchange_gives_no_rows_but_what_became_of_each_set(documents: Documents, header: Any) -> None:
    item = parsed(documents, stream(GOOD, OTHER, **header))
    assert (item.facts["verdict"], item.facts["tables"]) == ("rejected", {"sets": 4})
    told = rows(documents, "sets", "set_number", "level", "verdict", "sets")
    # The group is refused with the interchange.
    assert told == [
        (-1, "interchange", "rejected", 2),
        (-2, "group", "rejected", 2),
        (1, "set", "rejected", None),
        (2, "set", "rejected", None),
    ]
    assert rows(documents, "sets", "findings")[0] != (None,)


def test_several_partners_in_one_document_have_accounts_of_their_own(tmp_path: Path) -> None:
    documents = Documents(tmp_path, {"partners": ["ZZ:ACME", "ZZ:BETA"]}, guides=("x12_850",))
    item = parsed(documents, stream(GOOD) + stream(GOOD, sender="BETA") + stream(GOOD, sender="EVE"))
    assert [one["verdict"] for one in item.facts["judged"]] == ["accepted", "accepted", "rejected"]
    assert rows(documents, "orders", "sender", "set_number") == [("ZZ/ACME", 1), ("ZZ/BETA", 2)]
    assert {one.pair.partner for one in documents.ledger.interchanges.owed_by_us()} == {"ZZ:ACME", "ZZ:BETA", "ZZ:EVE"}


def test_messages_of_edifact_have_rows_and_verdicts_in_groups_or_not(documents: Documents) -> None:
    broken = MESSAGE.replace("UNT+8+1", "UNT+9+1")
    ung = "UNG+ORDERS+A+B+260102:0304+{}+UN+D:96A'"
    second = MESSAGE.replace("UNH+1", "UNH+2").replace("UNT+8+1", "UNT+8+2")
    head = "UNB+UNOC:3+ACME:14+HUB:14+260102:0304+R{}'"
    groups = ung.format("G1") + broken + second + "UNE+2+G1'" + ung.format("G2") + MESSAGE + "UNE+4+G2'"
    plain = head.format(2) + MESSAGE.replace("541", "Zoë") + "UNZ+1+R2'"
    item = parsed(documents, (head.format(1) + groups + "UNZ+2+R1'").encode() + plain.encode("latin-1"))
    assert item.facts["sets"] == {"accepted": 2, "refused": 2}
    columns = ("set_number", "level", "group_control", "set_control", "set_id", "version", "verdict")
    assert rows(documents, "sets", *columns) == [
        (1, "set", "G1", "1", "ORDERS", "D96A", "rejected"),
        (2, "set", "G1", "2", "ORDERS", "D96A", "accepted"),
        (-3, "group", "G2", None, None, None, "rejected"),
        (3, "set", "G2", "1", "ORDERS", "D96A", "rejected"),
        (4, "set", None, "1", "ORDERS", "D96A", "accepted"),
    ]
    assert rows(documents, "edifact_orders", "sender", "set_number", "order_number") == [
        ("14/ACME", 2, "PO+4711"),
        ("14/ACME", 4, "PO+4711"),
    ]
    assert [one["control"] for one in item.facts["judged"]] == ["R1", "R2"]


def test_sets_without_a_guide_are_segments(tmp_path: Path) -> None:
    documents = Documents(tmp_path)
    parsed(documents, wrapped(stream(order("0001", BEG, 'N1*BY*Caf\xe9 "X"~'))))
    assert rows(documents, "segments", "position", "tag", "elements") == [
        (1, "ST", '["850", "0001"]'),
        (2, "BEG", '["00", "SA", "PO1", "", "20260102"]'),
        (3, "N1", '["BY", "Café \\"X\\""]'),
        (4, "SE", '["4", "0001"]'),
    ]


@pytest.mark.parametrize("where", ["local", "object store"])
@pytest.mark.parametrize("found", [stream(OTHER, control="000000009"), b"", None], ids=["changed", "cut", "gone"])
def test_a_changed_document_is_told_of_enters_nothing_and_holds_up_no_other(
    documents: Documents, found: bytes | None, where: str
) -> None:
    if where == "object store":
        documents.root = UPath(f"memory://{documents.folder.name}/landing")
    one, two = documents.land(stream(GOOD)), documents.land(stream(OTHER, control="000000008"), "two.edi.gpg")
    landed = documents.root / documents.ledger.items.get(one).facts["folder"] / "document"
    landed.unlink()
    if found is not None:
        landed.write_bytes(found)
    with pytest.raises(StateConflictError, match="a file of a batch is missing"):
        documents.parse()
    assert [documents.ledger.items.get(each).state for each in (one, two)] == [State.LANDED, State.GATED]
    assert documents.ledger.interchanges.of_family(one) == []
    assert documents.owed() == ["8"]
    # Once bronze is restored it goes on.
    if found is not None:
        landed.unlink()
    landed.write_bytes(stream(GOOD))
    [again] = documents.parse()
    assert (again.id, again.state) == (one, State.GATED)


def test_a_second_run_finds_nothing_to_do(documents: Documents) -> None:
    item = parsed(documents, stream(GOOD))
    assert documents.parse() == []
    assert documents.parse(item.id) == [item]
    assert [len(children(documents, table)) for table in ("orders", "sets")] == [1, 1]
