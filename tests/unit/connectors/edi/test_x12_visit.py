"""What `visit` is given, and that neither sets nor findings nor streams without end fill the memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import datetime

import pytest

from airflow_provider_integrations.connectors.edi.check_set import check
from airflow_provider_integrations.connectors.edi.model import Finding, FindingCode, Segment, Severity
from airflow_provider_integrations.connectors.edi.x12_acknowledge import ControlNumbers, Kind, acknowledge
from airflow_provider_integrations.connectors.edi.x12_envelope import Agreement, Interchange, SetRead
from airflow_provider_integrations.connectors.edi.x12_header import LONGEST_SEGMENT
from airflow_provider_integrations.connectors.edi.x12_scan import scan
from airflow_provider_integrations.connectors.edi.x12_structure import MOST_FINDINGS
from airflow_provider_integrations.connectors.edi.x12_tokens import tokenize
from tests.unit.connectors.edi import guided
from tests.unit.connectors.edi.x12_streams import BEG, GS, cut, isa, order, stream


def test_visit_is_given_each_wanted_set_whole_and_its_findings_are_the_sets() -> None:
    seen: list[SetRead] = []
    wrong = Finding(FindingCode.CODE_UNKNOWN, Severity.ERROR, "BEG", 2, 1, value="ZZ")

    def visit(read: SetRead) -> list[Finding]:
        seen.append(read)
        return [wrong] if read.control == "0002" else []

    data = stream(order("0001"), order("0002", BEG), order("0003"))
    for buffer in (1, 1 << 20):
        seen.clear()
        [found] = scan(cut(data, 50), visit=visit, wanted={"850"}, buffer=buffer)
        assert isinstance(found, Interchange)
        assert {index: result.findings for index, result in found.groups[0].sets.flawed.items()} == {1: (wrong,)}
        assert [(read.control, read.number, data[read.offset :].startswith(read.raw)) for read in seen] == [
            ("0001", 3, True),
            ("0002", 8, True),
            ("0003", 11, True),
        ]
        every = [token for token in tokenize([data]) if isinstance(token, Segment)]
        assert seen[1].segments() == every[7:10]


def test_visit_is_not_given_a_set_that_is_not_taken() -> None:
    seen: list[SetRead] = []
    list(
        scan(
            [stream()],
            agreement=Agreement(sets=frozenset()),
            visit=lambda read: seen.append(read) or (),
            wanted={"850"},
        )
    )
    assert seen == []


def test_a_set_too_large_to_be_kept_is_refused_and_not_half_checked() -> None:
    seen: list[SetRead] = []
    agreement = Agreement(largest_set=1000)
    data = stream(order("0001", *[BEG] * 500), order("0002"))
    found = scan(
        cut(data, 100), agreement=agreement, visit=lambda read: seen.append(read) or (), wanted={"850"}, buffer=100
    )
    [interchange] = [each for each in found if isinstance(each, Interchange)]
    [result] = interchange.groups[0].sets.flawed.values()
    assert [each.code for each in result.findings] == [FindingCode.SET_TOO_LARGE]
    assert [read.control for read in seen] == ["0002"]


def test_a_segment_that_never_ends_gives_its_interchange_up() -> None:
    data = stream()[:200] + b"X" * (3 * LONGEST_SEGMENT) + stream()
    found = list(scan(cut(data, 1 << 19)))
    first, second = (each for each in found if isinstance(each, Interchange))
    assert FindingCode.SEGMENT_TOO_LONG in [each.code for each in first.findings]
    assert second.findings == ()


def test_findings_are_bounded() -> None:
    bad = order("0001", *["n1~"] * (3 * MOST_FINDINGS))
    [found] = scan([stream(bad)])
    assert isinstance(found, Interchange)
    assert len(found.groups[0].sets.flawed[0].findings) == MOST_FINDINGS


def many(sets: int) -> Iterator[bytes]:
    yield (isa() + GS).encode()
    for number in range(sets):
        yield order(f"{number:09d}", *[BEG] * 20).encode()
    yield f"GE*{sets}*12~IEA*1*000000007~".encode()


def test_memory_is_a_buffer_and_a_few_bytes_for_each_set() -> None:
    def peak(sets: int) -> int:
        tracemalloc.start()
        [found] = scan(many(sets), buffer=1 << 12)
        assert isinstance(found, Interchange)
        assert found.segments == sets * 22 + 4
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    # From the first packing of lines on, 5,000 sets more, of 520 bytes each, are kept in less than the 14 bytes of their lines.
    few, more = peak(5_000), peak(10_000)
    assert more - few < 5_000 * 14


def test_many_small_interchanges_in_one_buffer_are_each_looked_at_once() -> None:
    small = stream(order("0001", BEG))
    found = list(scan([small * 500]))
    assert [each.offset for each in found] == [len(small) * number for number in range(500)]


def answered(document: str, old: str = "", new: str = "") -> list[str]:
    """The 997 of a golden document, checked by its guide after a change."""
    guide = guided.guide(document)
    functional = {"850": "PO", "810": "IN", "855": "PR", "856": "SH"}[document]
    text = guided.text(document)
    assert old in text
    head = GS.replace("*PO*", f"*{functional}*").replace("004010", guide.version)
    data = stream(text.replace(old, new, 1), head=head, version="00501", standard="^")
    visit = lambda read: check(guide, read.segments(), read.delimiters)  # noqa: E731
    [found] = scan([data], visit=visit, wanted={document})
    assert isinstance(found, Interchange)
    sent = acknowledge(found, Kind.FUNCTIONAL, datetime(2026, 1, 2), ControlNumbers(1, 1)).data.decode()
    return [line for line in sent.split("~") if line[:3] in {"AK3", "AK4", "AK5", "AK9"}]


@pytest.mark.parametrize("document", ["850", "810", "855", "856"])
def test_a_document_by_its_guide_is_accepted(document: str) -> None:
    assert answered(document) == ["AK5*A", "AK9*A*1*1*1"]


def test_a_document_against_its_guide_is_refused_at_the_place() -> None:
    assert answered("850", "BEG*00*SA*4500012345", "BEG*QQ*SA*") == [
        "AK3*BEG*2**8",
        "AK4*1*353*7*QQ",
        "AK4*3*324*1",
        "AK5*R*5",
        "AK9*R*1*1*0",
    ]
