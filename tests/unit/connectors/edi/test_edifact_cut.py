"""EDIFACT interchanges that were cut off, followed by others: none swallows another (ISO 9735-1 clause 8: UNB begins one)."""

from __future__ import annotations

import hashlib

import pytest

from airflow_provider_integrations.connectors.edi.documents import Outcome, outcome, read_documents
from airflow_provider_integrations.connectors.edi.edifact_scan import scan
from airflow_provider_integrations.connectors.edi.edifact_verdict import InterchangeVerdict
from airflow_provider_integrations.connectors.edi.model import FindingCode
from tests.unit.connectors.edi.x12_streams import cut

UNB = b"UNB+UNOA:3+ACME:14+HUB:14+260102:0304+7'UNH+1+ORDERS:D:96A:UN'BGM+220+PO1+9'FTX+AAI+++IT?'S'UNT+4+1'UNZ+1+7'"
NEXT = UNB.replace(b"+7'", b"+8'")
OTHER_SIGNS = b"UNA;*,?!~" + NEXT.replace(b"+", b"*").replace(b":", b";").replace(b"'", b"~").replace(b"?~S", b"?'S")


def read(data: bytes, size: int) -> list[InterchangeVerdict]:
    found = list(read_documents(cut(data, size), digest=True))
    assert all(isinstance(one, InterchangeVerdict) and one.header for one in found), found
    return [one for one in found if isinstance(one, InterchangeVerdict)]


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
@pytest.mark.parametrize("lost", [1, 3, 8, 12, 20, 30, 45])
def test_an_interchange_that_is_cut_off_within_a_segment_swallows_no_other(lost: int, size: int) -> None:
    first = UNB[:-lost]
    one, other = read(first + NEXT, size)
    assert (one.offset, one.length, one.sha256) == (0, len(first), hashlib.sha256(first).hexdigest())
    assert FindingCode.TRAILER_MISSING in {each.code for each in one.findings}
    assert other.header is not None
    assert (other.header.reference, other.findings, other.offset) == ("8", (), len(first))
    assert other.sha256 == hashlib.sha256(NEXT).hexdigest()
    assert b"".join(piece.raw for piece in scan(cut(first + NEXT, size))) == first + NEXT


def test_the_advice_of_the_next_is_its_own() -> None:
    for lost in (20, 45):
        one, other = read(UNB[:-lost] + b"UNA:+,? '\r\n" + NEXT, 1 << 20)
        assert other.header is not None
        assert (other.header.advised, other.header.delimiters.decimal, outcome(other)) == (True, ",", Outcome.ACCEPTED)
        assert one.length == len(UNB) - lost


def test_a_text_that_holds_an_interchange_ends_nothing() -> None:
    text = NEXT.replace(b"?", b"??").replace(b"'", b"?'").replace(b"+", b"?+").replace(b":", b"?:")
    for inner in (text, b"UNB", b"UNB?+UNOA:3", OTHER_SIGNS.replace(b"?'", b"?? ")):
        for before in (b"", b"x"):
            [found] = read(UNB.replace(b"IT?'S", before + inner, 1), 1 << 20)
            assert found.messages == 1
