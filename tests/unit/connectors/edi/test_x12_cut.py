"""Interchanges that were cut off, followed by others: none of them swallows another, and none goes without an answer."""

from __future__ import annotations

import hashlib
import random
import time

import pytest

from airflow_provider_integrations.connectors.edi import x12_structure
from airflow_provider_integrations.connectors.edi.model import FindingCode, Severity
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange
from airflow_provider_integrations.connectors.edi.x12_scan import scan
from airflow_provider_integrations.connectors.edi.x12_tokens import Gap, GapKind, tokenize, write
from tests.unit.connectors.edi.x12_streams import BEG, SOUND, cut, isa, order, shown, stream, wrapped

SECOND = stream(control="000000008")


def read(data: bytes, size: int = 100) -> list[Interchange]:
    found = list(scan(cut(data, size), buffer=size, digest=True))
    assert all(isinstance(one, Interchange) for one in found), found
    return [one for one in found if isinstance(one, Interchange)]


def fatal(found: Interchange) -> set[FindingCode]:
    return {one.code for one in found.findings if one.severity is Severity.FATAL}


def test_of_too_many_ta1_the_first_that_is_left_out_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(x12_structure, "_MOST_TA1", 3)
    technical = "".join(f"TA1*{number:09d}*260102*0304*A*000~" for number in range(1, 6))
    [found] = scan([f"{isa()}{technical}IEA*0*000000007~".encode()])
    assert isinstance(found, Interchange)
    assert [each.elements[0] for each in found.acknowledgements] == ["000000001", "000000002", "000000003"]
    [told] = found.findings
    assert (told.code, told.severity, told.segment, told.position) == (
        FindingCode.SEGMENT_SURPLUS, Severity.ERROR, "TA1", 5,
    )  # fmt: skip
    assert found.is_acknowledgement


@pytest.mark.parametrize("lost", [1, 5, 12, 19, 25, 60, 150])
@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
def test_an_interchange_that_is_cut_off_within_a_segment_swallows_no_other(lost: int, size: int) -> None:
    """X12.5: ISA begins an interchange; a 106-byte ISA of the same separators is no data."""
    first = stream()[:-lost]
    one, other = read(first + SECOND, size)
    assert (one.offset, one.length, one.sha256) == (0, len(first), hashlib.sha256(first).hexdigest())
    assert fatal(one) & {FindingCode.TRAILER_MISSING, FindingCode.TERMINATOR_MISSING}
    assert (other.header.control, other.findings, other.offset) == ("000000008", (), len(first))
    assert other.sha256 == hashlib.sha256(SECOND).hexdigest()
    assert [len(group.sets) for group in other.groups] == [2]


def test_what_is_cut_off_is_read_as_if_the_stream_ended_there() -> None:
    for name, sound in SOUND.items():
        for lost in (1, 3, 10, 30, 100):
            first = sound[:-lost]
            alone = next(iter(scan([first])))
            found = next(iter(scan([first + SECOND])))
            # Within binary data the length alone says what belongs to them.
            if isinstance(alone, Interchange) and name not in {
                "other delimiters",
                "two with other delimiters",
                "wrapped",
                "binary",
            }:
                assert shown(found)[:-1] == shown(alone)[:-1], (name, lost)


def test_one_after_the_other_is_cut_off() -> None:
    parts = [stream(control=f"{number:09d}")[: -random.Random(number).randrange(1, 60)] for number in range(1, 60)]
    found = read(b"".join(parts) + SECOND, 1000)
    assert [one.header.control for one in found] == [f"{number:09d}" for number in range(1, 60)] + ["000000008"]
    assert sum(one.length for one in found) == sum(map(len, parts)) + len(SECOND)


def test_an_isa_that_is_cut_off_takes_nothing_of_the_next() -> None:
    for kept in (4, 30, 80, 103, 104, 105):
        for first in (b"", stream()):
            found = list(scan([first + isa().encode()[:kept] + SECOND]))
            *_, last = found
            assert isinstance(last, Interchange)
            assert (last.header.control, last.findings, len(found)) == ("000000008", (), 3 if first else 2)


def test_a_wrapped_interchange_that_is_cut_off_ends_where_the_next_begins() -> None:
    found = read(wrapped(stream()[:-25] + SECOND))
    assert [one.header.control for one in found] == ["000000007", "000000008"]
    assert found[1].findings == ()


def test_binary_data_may_hold_a_whole_interchange() -> None:
    for head in (f"BIN*{len(SECOND)}*", f"BDS*ASB*{len(SECOND)}*"):
        body = f"{head}{SECOND.decode()}~"
        [found] = read(stream(order("0001", BEG, body, "PO1*1*10*EA~"), order("0002", BEG)))
        assert found.findings == ()
        # And yet it is cut off after them.
        one, other = read(stream(order("0001", BEG, body, "PO1*1*10*EA~"))[:-40] + SECOND)
        assert FindingCode.TRAILER_MISSING in fatal(one)
        assert (other.header.control, other.findings) == ("000000008", ())


@pytest.mark.parametrize(
    "text",
    [
        "NM1*IL*1*SMITH*LOUISA*M~",
        "MSG*" + isa().replace("*", "|").replace("~", "!") + "~",
        "MSG*A " + isa()[:-3].replace("*00*", "*000*", 1) + "~",
    ],
    ids=["a name that ends in ISA", "a text that holds an ISA of other separators", "another width"],
)
def test_what_only_looks_like_isa_ends_nothing(text: str) -> None:
    for size in (50, 1 << 20):
        [found] = read(stream(order("0001", BEG, *[text] * 50)), size)
        assert (found.findings, len(found.groups[0].sets)) == ((), 1)


def test_the_tokens_of_what_is_cut_off_are_its_bytes_and_the_next_begins_anew() -> None:
    for lost in (1, 12, 60):
        data = stream()[:-lost] + SECOND
        tokens = list(tokenize(cut(data, 37)))
        assert b"".join(write(tokens)) == data
        assert [one.text for one in tokens if isinstance(one, Gap) and one.kind is GapKind.UNTERMINATED]
        assert [one.elements[12] for one in tokens if getattr(one, "tag", "") == "ISA"] == ["000000007", "000000008"]


def test_cutting_off_takes_no_more_than_linear_time() -> None:
    head = isa().encode()[:-1]

    def seconds(times: int) -> float:
        data, start = (head + b"~GS*PO") * times, time.process_time()
        assert sum(1 for _ in scan([data])) == times
        return time.process_time() - start

    # Ten times as many would take a hundred times as long, did each look at all that follows.
    assert seconds(5000) < 40 * max(seconds(500), 0.01)
