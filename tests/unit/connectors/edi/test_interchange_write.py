"""Interchanges that we write are read as accepted with nothing to be said of them, and give the rows again."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.edi.documents import GuideBook, Outcome, outcome, read_documents
from airflow_provider_integrations.connectors.edi.edifact_interchange_write import write_edifact
from airflow_provider_integrations.connectors.edi.edifact_tokens import default_delimiters
from airflow_provider_integrations.connectors.edi.edifact_verdict import InterchangeVerdict
from airflow_provider_integrations.connectors.edi.envelope import Envelope
from airflow_provider_integrations.connectors.edi.guide_rules import Guide
from airflow_provider_integrations.connectors.edi.interchange_write import (
    Numbers,
    check_written,
    same_interchange,
    write_interchange,
)
from airflow_provider_integrations.connectors.edi.model import Segment, Syntax
from airflow_provider_integrations.connectors.edi.parsing import read_segments
from airflow_provider_integrations.connectors.edi.rows import to_rows
from airflow_provider_integrations.connectors.edi.write import render, write_set
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange
from airflow_provider_integrations.connectors.edi.x12_interchange_write import SetGroup, pick_delimiters, write_x12
from airflow_provider_integrations.core.errors import ConfigError, PermanentError
from tests.unit.connectors.edi.guided import NAMES, guide, guides, signs, split, text
from tests.unit.connectors.edi.test_write import Tables, documents

NOW = datetime(2026, 1, 2, 3, 4, 59, tzinfo=UTC)
ENVELOPE = Envelope("ZZ:HUB", "14:5012345678900")
HEADS = {"ST": "SE", "UNH": "UNT"}


def rows_of(of: Guide, data: bytes) -> list[dict[str, Any]]:
    """The rows of each set of an interchange, as a partner reads them."""
    found: list[dict[str, Any]] = []
    held: list[Segment] = []
    for segment, delimiters in read_segments([data]):
        assert isinstance(segment, Segment), segment
        if segment.tag in HEADS:
            held = []
        held.append(segment)
        if segment.tag in HEADS.values():
            assert delimiters is not None
            rows = to_rows(of, held, delimiters)
            assert rows.findings == []
            found.append(dict(rows.tables))
    return found


def minimal(**changes: Any) -> Tables:
    order = {"purpose": "00", "order_type": "SA", "order_number": "1", "ordered_on": date(2026, 1, 2)} | changes
    return {"orders": [order], "order_lines": [{"quantity": Decimal(1), "unit": "EA"}]}


def x12_set(control: str = "0001", version: str = "004010") -> tuple[Segment, ...]:
    return write_set(guide("850", version), minimal(), control, pick_delimiters([], version))


@pytest.mark.parametrize("document", NAMES)
def test_a_document_written_and_read_is_accepted_and_gives_its_rows(document: str) -> None:
    of = guide(document)
    tables = to_rows(of, split(text(document), signs(of)), signs(of)).tables
    data = write_interchange(of, [tables, tables], ENVELOPE, NOW, Numbers(17, 23))
    check_written(data, guides(NAMES[document]))
    assert rows_of(of, data) == [tables, tables]
    assert write_interchange(of, [tables, tables], ENVELOPE, NOW, Numbers(17, 23)) == data


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    cases=st.lists(documents(), min_size=1, max_size=2), usage=st.sampled_from("PT"), control=st.integers(1, 10**9 - 1)
)
def test_write_then_read_through_the_whole_interchange_is_the_identity(
    cases: list[tuple[Guide, Tables]], usage: str, control: int
) -> None:
    of = cases[0][0]
    tables = [in_unoc(tables) if of.syntax is Syntax.EDIFACT else tables for each, tables in cases if each is of]
    data = write_interchange(of, tables, Envelope("ZZ:HUB", "ZZ:ACME", usage), NOW, Numbers(control, control))
    check_written(data, guides(of.name))
    assert rows_of(of, data) == tables


def in_unoc(tables: Tables) -> Tables:
    """UNOC has none of the control characters from 80 to 9F."""
    letters = {number: number + 0x40 for number in range(0x80, 0xA0)}
    return {
        name: [
            {column: value.translate(letters) if isinstance(value, str) else value for column, value in row.items()}
            for row in rows
        ]
        for name, rows in tables.items()
    }


def test_isa_has_106_bytes_and_each_element_its_place() -> None:
    data = write_interchange(guide("850"), [minimal()], ENVELOPE, NOW, Numbers(17, 23))
    assert data == (
        b"ISA*00*          *00*          *ZZ*HUB            *14*5012345678900  *260102*0304*U*00401*000000017*0*P*>~"
        b"GS*PO*HUB*5012345678900*20260102*0304*23*X*004010~"
        b"ST*850*0001~BEG*00*SA*1**20260102~PO1**1*EA~SE*4*0001~GE*1*23~IEA*1*000000017~"
    )
    assert data[105:106] == b"~"


def test_from_00402_on_isa11_is_the_repetition_separator() -> None:
    data = write_interchange(guide("850", "005010"), [minimal()], ENVELOPE, NOW, Numbers(17, 23))
    assert (data[82:83], data[84:89]) == (b"^", b"00501")
    [found] = read_documents([data])
    assert isinstance(found, Interchange)
    assert found.header.delimiters.repetition == "^"


def test_gs04_has_no_century_before_004010() -> None:
    signs_ = pick_delimiters([], "003060")
    sets = (write_set(guide("850"), minimal(), "0001", signs_),)
    data = write_x12([SetGroup("PO", "003060", 1, sets)], ENVELOPE, signs_, NOW, 1)
    assert b"*260102*0304*1*X*003060~" in data
    assert data[84:89] == b"00306"


def test_isa14_asks_for_a_ta1_and_isa15_says_test_if_so_agreed() -> None:
    for asks, usage in ((True, "T"), (False, "P")):
        data = write_interchange(
            guide("850"), [minimal()], Envelope("ZZ:HUB", "ZZ:ACME", usage, asks=asks), NOW, Numbers(1, 1)
        )
        [found] = read_documents([data])
        assert isinstance(found, Interchange)
        assert (found.header.wants_ta1, found.header.usage) == (asks, usage)


def test_several_groups_and_sets_are_counted() -> None:
    signs_ = pick_delimiters([], "004010")
    groups = [
        SetGroup("PO", "004010", 5, (x12_set("0001"), x12_set("0002"))),
        SetGroup("PO", "004010", 6, (x12_set("0001"),)),
    ]
    data = write_x12(groups, ENVELOPE, signs_, NOW, 1)
    assert (b"~GE*2*5~" in data, b"~GE*1*6~IEA*2*000000001~" in data) == (True, True)
    check_written(data, guides("x12_850"))


@pytest.mark.parametrize("sign", ["*", ">", "~", "^", "*>~^", "|:'\x1d", "*>~^|:'@"])
def test_delimiters_do_not_occur_in_the_data(sign: str) -> None:
    """X12 has no release character."""
    number = f"a{sign.replace(chr(29), '')}b"
    for version in ("004010", "005010"):
        of = guide("850", version)
        data = write_interchange(of, [minimal(order_number=number)], ENVELOPE, NOW, Numbers(1, 1))
        check_written(data, guides("x12_850"))
        assert rows_of(of, data)[0]["orders"][0]["order_number"] == number


def test_a_delimiter_in_an_identity_is_none() -> None:
    data = write_interchange(guide("850"), [minimal()], Envelope("ZZ:A*B", "ZZ:C~D"), NOW, Numbers(1, 1))
    [found] = read_documents([data], GuideBook((guides("x12_850"),)))
    assert isinstance(found, Interchange)
    assert (outcome(found), found.header.sender, found.header.receiver) == (
        Outcome.ACCEPTED,
        ("ZZ", "A*B"),
        ("ZZ", "C~D"),
    )


def test_data_that_holds_every_delimiter_is_refused() -> None:
    with pytest.raises(PermanentError, match="every character"):
        pick_delimiters(["*|\x1d`"], "004010")


def test_unb_of_each_syntax_version() -> None:
    """The year has two digits below version 4 and four in it; the test indicator stands in 0035."""
    order: Tables = {"edifact_orders": [{"order_number": "1", "ordered_on": date(2026, 1, 2), "section": "S"}]}
    for version, prepared in ((3, b"260102:0304"), (4, b"20260102:0304")):
        message = write_set(guide("orders"), order, "1", default_delimiters(version))
        data = write_edifact([message], Envelope("14:HUB", "ZZ:A+C", "T", asks=True), NOW, 17, syntax_version=version)
        assert b"UNB+UNOC:%d+HUB:14+A?+C:ZZ+%b+17++++1++1'" % (version, prepared) in data
        check_written(data, guides("edifact_orders_d96a"))
        [found] = read_documents([data])
        assert isinstance(found, InterchangeVerdict)
        assert found.header is not None
        assert (found.header.version, found.header.test, found.header.request) == (version, True, "1")
    plain = write_interchange(guide("orders"), [order], Envelope(":HUB", "14:ACME"), NOW, Numbers(17, 1))
    assert plain.startswith(b"UNA:+.? 'UNB+UNOC:3+HUB+ACME:14+260102:0304+17'UNH+1+ORDERS:D:96A:UN'")
    assert plain.endswith(b"UNT+5+1'UNZ+1+17'")


def test_what_latin_1_has_and_unoc_has_not_is_found_before_it_is_sent() -> None:
    order: Tables = {"edifact_orders": [{"order_number": "a\x85b", "ordered_on": date(2026, 1, 2), "section": "S"}]}
    data = write_interchange(guide("orders"), [order], ENVELOPE, NOW, Numbers(1, 1))
    with pytest.raises(PermanentError, match="character_invalid"):
        check_written(data, guides("edifact_orders_d96a"))


X12_WRONG: list[tuple[dict[str, Any], str]] = [
    ({"sender": "ZZ:" + "A" * 16}, "name of the sender"),
    ({"receiver": "ZZ:" + "A" * 16}, "name of the receiver"),
    ({"receiver": "ZZ:Łódź"}, "name of the receiver"),
    ({"receiver": "ZZ: A"}, "name of the receiver"),
    ({"receiver": "ZZ:"}, "qualifier:name"),
    ({"receiver": "ACME"}, "qualifier:name"),
    ({"receiver": "ZZ:A:B"}, "qualifier:name"),
    ({"receiver": "99:ACME"}, "none of X12"),
    ({"usage": "X"}, "usage"),
    ({"group_receiver": "A"}, "receiver of the group"),
    ({"group_sender": "A" * 16}, "sender of the group"),
    ({"receiver": "ZZ:A"}, "receiver of the group"),
]


@pytest.mark.parametrize(("change", "said"), X12_WRONG, ids=[said for _, said in X12_WRONG])
def test_what_has_no_place_in_the_envelope_of_x12_is_refused(change: dict[str, Any], said: str) -> None:
    envelope = Envelope(**{"sender": "ZZ:HUB", "receiver": "ZZ:ACME"} | change)
    with pytest.raises(ConfigError, match=said) as raised:
        write_interchange(guide("850"), [minimal()], envelope, NOW, Numbers(1, 1))
    assert raised.value.next_step


EDIFACT_WRONG: list[tuple[dict[str, Any], str]] = [
    ({"sender": "ZZ:" + "A" * 36}, "no place in UNB"),
    ({"receiver": "ZZZZZ:A"}, "no place in UNB"),
    ({"receiver": "14:Łódź"}, "characters that UNOC"),
    ({"usage": "I"}, "usage"),
]


@pytest.mark.parametrize(("change", "said"), EDIFACT_WRONG, ids=[said for _, said in EDIFACT_WRONG])
def test_what_has_no_place_in_unb_is_refused(change: dict[str, Any], said: str) -> None:
    envelope = Envelope(**{"sender": "ZZ:HUB", "receiver": "ZZ:ACME"} | change)
    order: Tables = {"edifact_orders": [{"order_number": "1", "ordered_on": date(2026, 1, 2), "section": "S"}]}
    with pytest.raises(ConfigError, match=said) as raised:
        write_interchange(guide("orders"), [order], envelope, NOW, Numbers(1, 1))
    assert raised.value.next_step


@pytest.mark.parametrize(("interchange", "group"), [(0, 1), (1, 0), (10**9, 1), (1, 10**9), (-1, 1)])
def test_control_numbers_out_of_range_are_refused(interchange: int, group: int) -> None:
    with pytest.raises(ConfigError, match="out of range"):
        write_interchange(guide("850"), [minimal()], ENVELOPE, NOW, Numbers(interchange, group))
    with pytest.raises(ConfigError, match="out of range"):
        write_edifact([], ENVELOPE, NOW, 10**14)


def test_sets_whose_own_envelope_is_wrong_are_refused() -> None:
    good = x12_set()
    tail = good[-1]
    wrong = [
        (),
        (good, good),
        ((*good[:-1], Segment("SE", ("9", "0001"), 4, 0)),),
        ((*good[:-1], Segment("SE", (tail.elements[0], "0002"), 4, 0)),),
        (good[1:],),
    ]
    for sets in wrong:
        with pytest.raises(ConfigError):
            write_x12([SetGroup("PO", "004010", 1, sets)], ENVELOPE, pick_delimiters([], "004010"), NOW, 1)
    with pytest.raises(ConfigError):
        write_x12([], ENVELOPE, pick_delimiters([], "004010"), NOW, 1)
    for version, functional in (("4010", "PO"), ("004010" + "X" * 7, "PO"), ("004010", "POX"), ("004010", "")):
        with pytest.raises(ConfigError):
            write_x12([SetGroup(functional, version, 1, (good,))], ENVELOPE, pick_delimiters([], "004010"), NOW, 1)


def test_a_refusal_names_the_columns() -> None:
    long: Tables = {"order_lines": [{"quantity": Decimal(1), "unit": "EA", "vendor_part": "x" * 49}]}
    cases = [
        (minimal(order_number=None), ["orders.order_number"]),
        (minimal(order_number="x" * 23, purpose="99"), ["orders.purpose", "orders.order_number"]),
        ({"orders": minimal()["orders"]}, ["order_lines"]),
        (minimal() | long, ["order_lines.vendor_part"]),
        (minimal(requested_delivery=None, department="x" * 51), ["orders.department"]),
    ]
    for tables, columns in cases:
        with pytest.raises(PermanentError) as raised:
            write_set(guide("850"), tables, "0001", pick_delimiters([], "004010"))
        assert raised.value.values["columns"] == columns


def test_the_same_interchange_is_known_by_parties_usage_and_number() -> None:
    def made(of: Guide, tables: Tables, control: int, usage: str = "P") -> bytes:
        return write_interchange(of, [tables], Envelope("ZZ:HUB", "ZZ:ACME", usage), NOW, Numbers(control, 1))

    order: Tables = {"edifact_orders": [{"order_number": "1", "ordered_on": date(2026, 1, 2), "section": "S"}]}
    other: Tables = {"edifact_orders": [{"order_number": "2", "ordered_on": date(2026, 1, 2), "section": "S"}]}
    for of, one, two in ((guide("850"), minimal(), minimal(order_number="*2*")), (guide("orders"), order, other)):
        assert same_interchange(made(of, one, 1), made(of, two, 1))
        assert not same_interchange(made(of, one, 1), made(of, one, 2))
        assert not same_interchange(made(of, one, 1), made(of, one, 1, "T"))


def test_the_bytes_of_a_set_are_those_of_write_set() -> None:
    data = write_interchange(guide("850"), [minimal()], ENVELOPE, NOW, Numbers(1, 1))
    assert render(x12_set(), pick_delimiters([], "004010")) in data
