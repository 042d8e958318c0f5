"""ISA: delimiters by their fixed places, and each of its elements."""

from __future__ import annotations

import pytest

from airflow_provider_integrations.connectors.edi.model import FindingCode, Severity
from airflow_provider_integrations.connectors.edi.x12_codes import interchange_code
from airflow_provider_integrations.connectors.edi.x12_header import (
    InterchangeHeader,
    check_header,
    find_header,
    is_date,
    is_time,
    read_header,
)
from tests.unit.connectors.edi.x12_streams import isa, stream, wrapped


def read(text: str) -> InterchangeHeader:
    header = read_header(text.encode("latin-1"), 0)
    assert header is not None
    return header


def test_isa_is_106_bytes_and_its_delimiters_stand_at_3_104_and_105() -> None:
    header = read(isa())
    assert len(isa()) == header.length == 106
    delimiters = header.delimiters
    assert (delimiters.element, delimiters.component, delimiters.terminator) == (isa()[3], isa()[104], isa()[105])
    assert (header.sender, header.receiver) == (("ZZ", "ACME"), ("ZZ", "HUB"))
    assert (header.control, header.version, header.usage, header.wants_ta1) == ("000000007", "00401", "P", False)
    assert check_header(header) == []


@pytest.mark.parametrize(
    ("version", "standard", "repetition"),
    [
        ("00401", "U", None),
        # Below 00402 ISA11 names the standards body, whatever is written there.
        ("00401", "^", None),
        ("00402", "^", "^"),
        ("00501", "^", "^"),
        ("00801", "!", "!"),
        # Many write U with every version: a letter separates nothing.
        ("00501", "U", None),
        ("00501", "1", None),
        ("00501", ">", None),
    ],
)
def test_isa11_separates_repetitions_from_00402_on_and_never_as_a_letter(
    version: str, standard: str, repetition: str | None
) -> None:
    assert read(isa(version=version, standard=standard)).delimiters.repetition == repetition


@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_an_isa_broken_into_lines_is_read_without_them(line: str) -> None:
    header = read_header(wrapped(stream(), 80, line.encode()), 0)
    assert header is not None
    assert header.wrapped
    assert header.elements == read(isa()).elements


def test_a_line_break_that_ends_the_isa_is_its_terminator_and_no_wrap() -> None:
    header = read_header(stream().replace(b"~", b"\n"), 0)
    assert header is not None
    assert (header.delimiters.terminator, header.wrapped) == ("\n", False)


def test_a_sender_who_does_not_pad_is_still_read_and_told() -> None:
    header = read(stream().decode().replace("ACME           ", "ACME"))
    assert header.sender == ("ZZ", "ACME")
    assert header.delimiters == read(isa()).delimiters
    [found] = check_header(header)
    assert (found.code, found.severity) == (FindingCode.HEADER_INVALID, Severity.FATAL)
    assert "ISA06" in found.detail


@pytest.mark.parametrize("text", ["", "ISA", "ISA*", "ISA*00*", "ISABELLA*" * 30, "ISA, I said, " * 40, "GS*PO~" * 99])
def test_text_that_only_begins_like_an_isa_is_none(text: str) -> None:
    assert read_header(text.encode(), 0) is None


def test_find_header_passes_over_words() -> None:
    assert find_header(b"ISABELLA " + isa().encode(), 0) == 9
    assert find_header(b"ISA", 0) == -1


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("ISA*00*", "ISA*09*", "010"),
        ("*00*          *ZZ", "*02*          *ZZ", "012"),
        ("*ZZ*ACME", "*05*ACME", "005"),
        ("ACME", "    ", "006"),
        ("*ZZ*HUB", "*  *HUB", "007"),
        ("HUB", "   ", "008"),
        ("260102", "260229", "014"),
        ("260102", "2601\xb22", "014"),
        ("0304", "2400", "015"),
        ("00401", "0040A", "003"),
        ("000000007", "+00000007", "018"),
        ("000000007", "\xb20000000\xb2", "018"),
        ("*0*P", "*3*P", "019"),
        ("*0*P", "*0*Q", "020"),
        ("*>~", "*X~", "027"),
        ("*>~", "*>X", "004"),
    ],
)
def test_each_element_of_isa_has_its_code_of_ta1(old: str, new: str, code: str) -> None:
    assert old in isa()
    found = [one for one in check_header(read(isa().replace(old, new, 1))) if one.severity is Severity.FATAL]
    assert interchange_code(found[0].code, found[0].element) == code


def test_an_unusual_isa11_is_only_a_note() -> None:
    assert [one.severity for one in check_header(read(isa(standard="^")))] == [Severity.NOTE]


@pytest.mark.parametrize("text", ["20240229", "20000229", "240229", "20261231"])
def test_days_that_are(text: str) -> None:
    assert is_date(text)


@pytest.mark.parametrize(
    "text", ["20230229", "19000229", "20261301", "20260100", "2026010", "2026010\xb2", "", "ABCDEF"]
)
def test_days_that_are_none(text: str) -> None:
    assert not is_date(text)


def test_times() -> None:
    assert all(is_time(text) for text in ("0000", "2359", "235959", "2359591", "23595999"))
    assert not any(is_time(text) for text in ("2400", "0060", "000060", "235", "23595", "12:00", ""))
