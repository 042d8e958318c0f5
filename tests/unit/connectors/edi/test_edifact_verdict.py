"""Verdicts: what is refused at which level, with a guide and without."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator, Sequence

import pytest

from airflow_provider_integrations.connectors.edi.edifact_envelope import MessageHeader
from airflow_provider_integrations.connectors.edi.edifact_scan import scan
from airflow_provider_integrations.connectors.edi.edifact_verdict import (
    MOST_FINDINGS,
    MOST_OUTSIDE,
    Status,
    as_duplicate,
    verdicts,
)
from airflow_provider_integrations.connectors.edi.model import Delimiters, Finding, FindingCode, Segment, Severity

UNB = b"UNB+UNOA:3+A+B+260102:0304+7'"
ONE = b"UNH+1+ORDERS:D:96A:UN'BGM+220'UNT+3+1'"
TWO = b"UNH+2+INVOIC:D:96A:UN'BGM+380'UNT+3+2'"


def test_check_by_guide_sees_each_message_whole_with_places_in_the_stream() -> None:
    stream = UNB + ONE + TWO + b"UNZ+2+7'"
    seen: list[tuple[str, list[str]]] = []

    def check(header: MessageHeader, segments: Sequence[Segment], delimiters: Delimiters) -> list[Finding]:
        seen.append((header.type, [segment.tag for segment in segments]))
        assert all(stream.startswith(segment.tag.encode(), segment.offset) for segment in segments)
        assert [segment.number for segment in segments] == list(range(segments[0].number, segments[0].number + 3))
        bad = Finding(FindingCode.CODE_UNKNOWN, Severity.ERROR, "BGM", 2, 1)
        return [bad] if header.type == "INVOIC" else []

    [verdict] = verdicts(scan([stream]), check)
    assert seen == [("ORDERS", ["UNH", "BGM", "UNT"]), ("INVOIC", ["UNH", "BGM", "UNT"])]
    assert verdict.status is Status.PARTIAL
    assert [each.header.type for each in verdict.refused] == ["INVOIC"]


def test_message_without_trailer_is_not_checked_by_guide() -> None:
    def check(*_: object) -> list[Finding]:
        raise AssertionError

    [verdict] = verdicts(scan([UNB + b"UNH+1+ORDERS:D:96A:UN'BGM+220'"]), check)
    assert verdict.status is Status.REJECTED


def test_duplicate_is_rejected_and_its_reference_told() -> None:
    [verdict] = verdicts(scan([UNB + ONE + b"UNZ+1+7'"]))
    assert verdict.status is Status.ACCEPTED
    double = as_duplicate(verdict)
    assert double.status is Status.REJECTED
    assert double.findings[0].value == "7"


def test_each_interchange_has_its_own_verdict_and_garbage_between_has_one_without_header() -> None:
    stream = UNB + ONE + b"UNZ+1+7'" + b"GARBAGE" + UNB + ONE + b"UNZ+2+7'"
    found = list(verdicts(scan([stream])))
    assert [(each.header is not None, each.status.value) for each in found] == [
        (True, "accepted"),
        (False, "rejected"),
        (True, "rejected"),
    ]
    assert sum(each.length for each in found) == len(stream)


def test_findings_kept_are_bounded() -> None:
    [verdict] = verdicts(scan([UNB + b"UNH+1+ORDERS:D:96A:UN'" + b"x+1'" * 5000 + b"UNT+5002+1'UNZ+1+7'"]))
    assert len(verdict.refused[0].findings) == MOST_FINDINGS
    [outside] = verdicts(scan([b"UNB+" * 5000]))
    assert len(outside.findings) == MOST_OUTSIDE


LINES = b"LIN+1++5410738000152:SRV'" * 40


def one_long_message(count: int) -> Iterator[bytes]:
    yield UNB + b"UNH+1+ORDERS:D:96A:UN'"
    for _ in range(count):
        yield LINES
    yield b"UNT+%d+1'UNZ+1+7'" % (count * 40 + 2)


def many_messages(count: int) -> Iterator[bytes]:
    yield UNB
    for number in range(count):
        yield b"UNH+ME%06d+ORDERS:D:96A:UN'" % number + LINES + b"UNT+42+ME%06d'" % number
    yield b"UNZ+%d+7'" % count


@pytest.mark.parametrize("stream", [one_long_message, many_messages])
def test_memory_is_flat_in_the_length_of_a_message_and_of_an_interchange(
    stream: Callable[[int], Iterator[bytes]],
) -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        [verdict] = verdicts(scan(stream(count), block=1 << 16))
        assert verdict.status is Status.ACCEPTED
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)  # Patterns are compiled and kept once.
    assert peak(3000) < 1.2 * peak(500) + 50_000
