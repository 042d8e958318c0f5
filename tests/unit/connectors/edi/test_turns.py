"""Streams of both syntaxes: each interchange is read, whatever stands before it, and what belongs to none is told of."""

from __future__ import annotations

import hashlib
import itertools
import time
from datetime import datetime

import pytest

from airflow_provider_integrations.connectors.edi.accepted import AcceptedSet, Level, Reading, SetVerdict
from airflow_provider_integrations.connectors.edi.accepted_sets import read_accepted, take_accepted
from airflow_provider_integrations.connectors.edi.answering import answer
from airflow_provider_integrations.connectors.edi.documents import (
    Document,
    GuideBook,
    Outcome,
    outcome,
    overall,
    read_documents,
)
from airflow_provider_integrations.connectors.edi.edifact_verdict import InterchangeVerdict
from airflow_provider_integrations.connectors.edi.model import FindingCode, Segment
from airflow_provider_integrations.connectors.edi.parsing import read_segments, read_sets
from airflow_provider_integrations.connectors.edi.turns import Turns
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange, Outside
from tests.unit.connectors.edi.x12_streams import SOUND, cut, stream

X12 = stream()
MESSAGE = "UNH+1+ORDERS:D:96A:UN'BGM+220+1'UNT+3+1'"
UNB = f"UNB+UNOA:3+ACME:14+HUB:14+260102:0304+7'{MESSAGE}UNZ+1+7'".encode()
UNA = b"UNA:+.? '\r\n" + UNB
SIZES = [1, 7, 64, 1000, 1 << 20]


def read(data: bytes, size: int = 100, **more: bool) -> list[Document]:
    return list(read_documents(cut(data, size), digest=True, **more))


def kinds(documents: list[Document]) -> list[str]:
    shown = {Interchange: "x12", Outside: "outside"}
    return [
        shown.get(type(one)) or ("edifact" if isinstance(one, InterchangeVerdict) and one.header else "outside")
        for one in documents
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("between", [b"", b"\r\n", b"\n\n\0\x1a "])
def test_both_syntaxes_in_one_file_are_read_in_their_order(size: int, between: bytes) -> None:
    for parts in itertools.permutations([X12, UNB, UNA, stream(control="000000008")]):
        data = between.join(parts)
        found = read(data, size)
        assert kinds(found) == ["x12" if part.startswith(b"ISA") else "edifact" for part in parts]
        assert [outcome(one) for one in found] == [Outcome.ACCEPTED] * 4
        at = 0
        for one, part in zip(found, parts, strict=True):
            at = data.index(part, at)
            assert (one.offset, one.length) == (at, len(part))
            assert not isinstance(one, Outside)
            assert one.sha256 == hashlib.sha256(part).hexdigest()
            at += len(part)


@pytest.mark.parametrize("size", SIZES)
def test_each_is_answered_in_its_own_syntax(size: int) -> None:
    x12, edifact = read(X12 + UNB, size)
    assert next(answer(x12, "997", datetime(2026, 1, 2), 1)).startswith(b"ISA")
    assert next(answer(edifact, "CONTRL", datetime(2026, 1, 2), 1)).startswith(b"UNB")


@pytest.mark.parametrize("size", SIZES)
def test_garbage_between_them_is_told_of_by_its_place(size: int) -> None:
    data = b"first" + X12 + b"second" + UNB + b"third" + X12 + b"fourth" + UNA + b"fifth"
    found = read(data, size)
    assert kinds(found) == ["outside", "x12", "outside", "edifact", "outside", "x12", "outside", "edifact", "outside"]
    for one, word in zip(found[::2], (b"first", b"second", b"third", b"fourth", b"fifth"), strict=True):
        assert (one.offset, one.length) == (data.index(word), len(word))
    assert overall([outcome(one) for one in found]) is Outcome.PARTIAL


@pytest.mark.parametrize("size", SIZES)
def test_an_interchange_without_its_end_leaves_the_other_syntax_to_its_reader(size: int) -> None:
    no_iea, no_unz = X12[: X12.index(b"IEA")], UNB[: UNB.index(b"UNZ")]
    for parts in ((no_iea, UNB), (no_iea, UNA), (no_unz, X12), (no_unz + b"\r\n", X12), (no_iea + b"\n", no_unz, X12)):
        found = read(b"".join(parts), size)
        assert kinds(found) == ["x12" if part.startswith(b"ISA") else "edifact" for part in parts]
        assert [outcome(one) for one in found] == [Outcome.REJECTED] * (len(parts) - 1) + [Outcome.ACCEPTED]


def test_a_text_that_holds_the_other_syntax_ends_nothing() -> None:
    order = X12.decode()
    text = order.replace("'", "?'").replace("+", "?+")
    [found] = read(UNB.replace(b"BGM+220+1'", f"BGM+220+1'FTX+AAI+++x?'{text}'".encode()).replace(b"UNT+3", b"UNT+4"))
    assert isinstance(found, InterchangeVerdict)
    assert found.messages == 1
    [other] = read(X12.replace(b"BEG*00", b"MSG*" + UNB + b"~BEG*00", 1).replace(b"SE*5", b"SE*6", 1))
    assert isinstance(other, Interchange)
    assert outcome(other) is Outcome.ACCEPTED


@pytest.mark.parametrize("size", SIZES)
def test_the_segments_of_both_stand_in_their_order(size: int) -> None:
    data = X12 + b"junk" + UNA + b"\n" + X12
    found = [one for one, _ in read_segments(cut(data, size))]
    tags = [one.tag for one in found if isinstance(one, Segment)]
    assert [tag for tag in tags if tag in {"ISA", "IEA", "UNB", "UNZ"}] == ["ISA", "IEA", "UNB", "UNZ", "ISA", "IEA"]
    offsets = [one.offset if isinstance(one, Segment) else one[0] for one in found]
    assert offsets == sorted({*offsets})
    assert [one for one in found if not isinstance(one, Segment)] == [(len(X12), "junk")]
    assert all(data.startswith(one.tag.encode(), one.offset) for one in found if isinstance(one, Segment))
    assert [one.segments[0].tag for one in read_sets(cut(data, size))] == ["ST", "ST", "UNH", "ST", "ST"]


@pytest.mark.parametrize("size", SIZES)
def test_the_sets_of_both_are_given_each_once_with_numbers_that_go_on(size: int) -> None:
    data = X12 + UNB + b"junk" + UNA + X12 + X12[:-16] + UNB
    given: list[AcceptedSet] = []
    reading = read_accepted(cut(data, size), cut(data, size), GuideBook(), given.append)
    assert [one.envelope.set_number for one in given] == [1, 2, 3, 4, 5, 6, 9]
    assert [one.segments[0].tag for one in given] == ["ST", "ST", "UNH", "UNH", "ST", "ST", "UNH"]
    assert (reading.accepted, reading.refused, reading.verdict) == (7, 2, Outcome.PARTIAL)
    heard: list[SetVerdict] = []
    take_accepted(read_documents([data], whole=True), [data], GuideBook(), given.append, Reading(hear=heard.append))
    assert [one.number for one in heard if one.level is Level.SET] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert len({one.number for one in heard}) == len(heard)


def test_what_is_passed_over_is_no_edi_only_where_there_is_none() -> None:
    assert [outcome(one) for one in read(b"ISA*junk " * 99)] == [Outcome.NOT_EDI]
    found = read(b"ISA*junk " + UNB)
    assert kinds(found) == ["outside", "edifact"]
    assert [one.code for one in found[1].findings if not isinstance(found[1], Outside)] == []  # type: ignore[union-attr]
    assert FindingCode.NOT_EDI not in [one.finding.code for one in found if isinstance(one, Outside)]


def test_after_every_layout_of_x12_edifact_is_found() -> None:
    for sound in SOUND.values():
        for size in (7, 1 << 20):
            assert kinds(read(sound + UNB, size))[-1] == "edifact"


@pytest.mark.parametrize("size", [1, 3, 5, 100, 1 << 17])
def test_who_reads_first_does_not_depend_on_how_the_stream_is_cut(size: int) -> None:
    for junk in (b"x", b"\r\n \xef\xbb\xbfjunk", b"u" * 70_000):
        found = read(junk + UNB, size)
        assert [(type(one), one.offset, one.length) for one in found] == [
            (type(one), one.offset, one.length) for one in read(junk + UNB, 1 << 20)
        ]
        assert kinds(found) == ["outside", "edifact"]


def test_turns_give_every_byte_once() -> None:
    turns = Turns([b"ISA*12", b"3456"])
    got = [next(turns), next(turns)]
    turns.hand_over(b"56", b"78", offset=8)
    assert (b"".join(got), b"".join(turns)) == (b"ISA*123456", b"5678")


def test_turns_take_no_more_than_linear_time() -> None:
    def seconds(times: int) -> float:
        data, start = (X12[:110] + UNB[:44]) * times, time.process_time()
        assert sum(1 for _ in read_documents([data])) >= times
        return time.process_time() - start

    # Ten times as many would take a hundred times as long, were all that follows copied at each turn.
    assert seconds(6000) < 40 * max(seconds(600), 0.02)
