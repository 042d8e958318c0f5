"""The scanner: every byte in a piece, every fault with its place, at any block size, whatever comes in."""

from __future__ import annotations

import time
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.edi.edifact_acknowledge import acknowledge
from airflow_provider_integrations.connectors.edi.edifact_envelope import InterchangeHeader, MessageHeader, prepared_at
from airflow_provider_integrations.connectors.edi.edifact_interchange import MOST_GROUPS, MOST_NAMELESS
from airflow_provider_integrations.connectors.edi.edifact_pieces import Part, Piece
from airflow_provider_integrations.connectors.edi.edifact_scan import LONGEST_SEGMENT, scan
from airflow_provider_integrations.connectors.edi.edifact_tokens import segments_of, write_segments
from airflow_provider_integrations.connectors.edi.edifact_verdict import Status, verdicts
from airflow_provider_integrations.connectors.edi.model import Finding, Severity

UNB = b"UNB+UNOA:3+A:14+B:14+260102:0304+7'"
UNH = b"UNH+1+ORDERS:D:96A:UN:EAN008'"
BODY = b"BGM+220+PO1+9'DTM+137:20260102:102'"
SMALL = UNB + UNH + BODY + b"UNT+4+1'UNZ+1+7'"
GROUPED = UNB + b"UNG+ORDERS+S+R+260102:0304+9+UN+D:96A'" + UNH + BODY + b"UNT+4+1'UNE+1+9'UNZ+1+7'"

CLEAN = {
    "small": SMALL,
    "una": b"UNA:+.? '" + SMALL,
    "una, then a line break": b"UNA:+.? '\r\n" + SMALL.replace(b"'", b"'\r\n"),
    "groups": GROUPED,
    "line breaks": SMALL.replace(b"'", b"'\n"),
    "released": UNB + UNH + b"FTX+AAI+++IT?'S 3?+4?:5 ????'UNT+3+1'UNZ+1+7'",
    "own service characters": b"UNA;*,! ~UNB*UNOA;3*A*B*260102;0304*7~UNH*1*ORDERS;D;96A;UN~FTX*A'B+C~UNT*3*1~UNZ*1*7~",
    "level B": SMALL.replace(b"UNOA:3", b"UNOB:2").translate(bytes.maketrans(b"+:'", b"\x1d\x1f\x1c")),
    "version 1": SMALL.replace(b"UNOA:3", b"UNOA:1"),
    "version 2": SMALL.replace(b"UNOA:3", b"UNOB:2"),
    "version 4": SMALL.replace(b"UNOA:3", b"UNOC:4")
    .replace(b"260102:0304", b"20260102:0304")
    .replace(b"PO1", b"P\xf61*P2"),
    "UTF-8": SMALL.replace(b"UNOA:3", b"UNOW:4")
    .replace(b"260102:0304", b"20260102:0304")
    .replace(b"PO1", "東京".encode()),
    "shifted": SMALL.replace(b"UNOA:3", b"UNOX:3").replace(b"PO1", b"\x1b$B!'!+\x1b(B"),
    "several": b"\xef\xbb\xbf" + SMALL + b"\r\n" + GROUPED + b"\x1a\0",
    "UNS and words that begin with UN": UNB + UNH + b"UNS+S'FTX+UNH+UNT:UNZ+UNB'UNT+4+1'UNZ+1+7'",
}


def codes(pieces: list[Piece]) -> list[str]:
    return [finding.code.value for piece in pieces for finding in piece.findings]


def faults(stream: bytes) -> list[Finding]:
    return [finding for piece in scan([stream]) for finding in piece.findings]


@pytest.mark.parametrize("name", CLEAN)
def test_clean_stream_has_no_finding_and_goes_back_to_its_bytes(name: str) -> None:
    pieces = list(scan([CLEAN[name]]))
    assert codes(pieces) == []
    assert b"".join(piece.raw for piece in pieces) == CLEAN[name]
    assert all(verdict.status == "accepted" for verdict in verdicts(pieces))


@pytest.mark.parametrize("name", CLEAN)
def test_segments_written_again_are_the_bytes(name: str) -> None:
    written = b""
    header: InterchangeHeader | None = None
    for piece in scan([CLEAN[name]]):
        if isinstance(piece.header, InterchangeHeader):
            header = piece.header
        if piece.segments and header is not None:
            segments = segments_of(piece.raw, header.delimiters, number=piece.number, offset=piece.offset)
            assert [each.number for each in segments] == list(range(piece.number, piece.number + piece.segments))
            written += write_segments(segments, header.delimiters)
    # UNA is no segment, and line breaks stand between segments.
    plain = CLEAN[name].translate(None, b"\r\n\0\x1a").removeprefix(b"\xef\xbb\xbf")
    assert written == (plain[9:] if plain.startswith(b"UNA") else plain)


def test_trap_two_and_four_digit_years_by_syntax_version() -> None:
    assert str(prepared_at("260102", "0304")) == "2026-01-02 03:04:00"
    assert str(prepared_at("991231", "2359")) == "1999-12-31 23:59:00"
    assert str(prepared_at("20260102", "0304")) == "2026-01-02 03:04:00"
    assert prepared_at("260230", "0304") is None
    assert prepared_at("2601023", "0304") is None
    assert prepared_at("260102", "2460") is None
    [note] = faults(SMALL.replace(b"UNOA:3", b"UNOA:4"))
    assert (note.code.value, note.severity) == ("date_invalid", Severity.NOTE)


def test_trap_s009_keeps_version_release_agency_and_association_apart() -> None:
    [header] = [piece.header for piece in scan([SMALL]) if isinstance(piece.header, MessageHeader)]
    assert (header.type, header.version, header.release, header.agency, header.association) == (
        "ORDERS",
        "D",
        "96A",
        "UN",
        "EAN008",
    )


def test_plain_and_exact_way_read_the_same_header() -> None:
    # A released character sends UNH and UNT the exact way.
    [plain] = [piece.header for piece in scan([SMALL]) if isinstance(piece.header, MessageHeader)]
    odd = SMALL.replace(b"UNH+1+", b"UNH+?1+").replace(b"UNT+4+1'", b"UNT+4+?1'")
    pieces = list(scan([odd]))
    [exact] = [piece.header for piece in pieces if isinstance(piece.header, MessageHeader)]
    assert codes(pieces) == []
    assert (exact.reference, exact.type, exact.association) == (plain.reference, plain.type, plain.association)
    assert (plain.segment.elements, plain.segment.number, plain.segment.offset) == (
        ("1", "ORDERS:D:96A:UN:EAN008"),
        2,
        len(UNB),
    )


@pytest.mark.parametrize(
    ("stream", "wanted"),
    [
        (SMALL.replace(b"'DTM", b"''DTM"), ("segment_empty", None, 3, None)),
        (SMALL.replace(b"DTM+", b"D+"), ("segment_tag_invalid", "D", 3, None)),
        (SMALL.replace(b"PO1", b"P\x07O"), ("character_invalid", "BGM", 2, 2)),
        (SMALL.replace(b"UNT+4", b"UNT+5"), ("count_wrong", "UNT", 4, 1)),
        (SMALL.replace(b"UNT+4+1", b"UNT+4+2"), ("control_number_differs", "UNT", 4, 2)),
        (SMALL.replace(b"UNT+4+1'", b""), ("trailer_missing", "UNT", 3, None)),
        (SMALL.replace(b"UNZ+1", b"UNZ+2"), ("count_wrong", "UNZ", 6, 1)),
        (SMALL.replace(b"UNZ+1+7'", b""), ("trailer_missing", "UNZ", 5, None)),
        (SMALL.replace(b"UNH+1+", b"DTM+1'UNH+1+"), ("segment_unexpected", "DTM", 2, None)),
        (SMALL.replace(b"UNOA:3", b"UNOA:9"), ("version_unsupported", "UNB", 1, 1)),
        (SMALL.replace(b":96A:UN:EAN008", b":96A:UN:EAN0089"), ("element_too_long", "UNH", 1, 2)),
        (SMALL.replace(b"PO1+9'", b"PO1+9+'"), ("separator_trailing", "BGM", 2, 3)),
        (SMALL + b"GARBAGE", ("bytes_outside", None, None, None)),
    ],
)
def test_one_fault_is_one_finding_with_its_place(stream: bytes, wanted: tuple[object, ...]) -> None:
    [finding] = faults(stream)
    assert (finding.code.value, finding.segment, finding.position, finding.element) == wanted


def test_pydifact_s_two_silences_are_findings_here() -> None:
    # pydifact 0.2.3 takes wrong UNT and UNZ counts.
    assert [each.code.value for each in faults(SMALL.replace(b"UNT+4", b"UNT+9").replace(b"UNZ+1", b"UNZ+9"))] == [
        "count_wrong",
        "count_wrong",
    ]


@pytest.mark.parametrize("end", range(1, len(SMALL)))
def test_stream_cut_anywhere_never_passes(end: int) -> None:
    found = list(verdicts(scan([SMALL[:end]])))
    assert found
    assert all(verdict.status == "rejected" for verdict in found)


def test_segment_without_end_is_given_up_and_memory_with_it() -> None:
    stream = (UNB + UNH + b"FTX+" for _ in range(1))

    def chunks() -> object:
        yield from stream
        for _ in range(3 * LONGEST_SEGMENT >> 20):
            yield b"A" * (1 << 20)

    pieces = list(scan(chunks()))  # type: ignore[arg-type]
    assert codes(pieces)[0] == "segment_too_long"
    assert max(len(piece.raw) for piece in pieces) <= LONGEST_SEGMENT + (2 << 20)


def long_stream(messages: int, line_break: bytes = b"") -> bytes:
    lines = b"LIN+1++541:SRV'" + line_break + b"FTX+AAI+++IT?'S ??'" + line_break
    parts = [
        b"UNH+%d+ORDERS:D:96A:UN'" % n + line_break + lines * 5 + b"UNT+12+%d'" % n + line_break
        for n in range(messages)
    ]
    return UNB + b"".join(parts) + b"UNZ+%d+7'" % messages


@pytest.mark.parametrize("line_break", [b"", b"\r\n"])
@pytest.mark.parametrize("block", [1, 997, 4096, 100_000])
def test_block_s_edge_changes_nothing(block: int, line_break: bytes) -> None:
    # The twentieth message has a bad tag, the hundredth a wrong count; both must be told the same at any block size.
    stream = long_stream(200, line_break).replace(b"UNT+12+100'", b"UNT+13+100'")
    place = stream.index(b"LIN", stream.index(b"UNH+20+"))
    stream = stream[:place] + b"L-N" + stream[place + 3 :]
    size = max(block // 3, 1)
    pieces = list(scan((stream[at : at + size] for at in range(0, len(stream), size)), block))
    assert b"".join(piece.raw for piece in pieces) == stream
    [verdict] = verdicts(pieces)
    found = [(each.header.reference, *(finding.shown() for finding in each.findings)) for each in verdict.refused]
    assert found == [
        ("20", "segment_tag_invalid at L position 2 value '*-*+*++***:***'"),
        ("100", "count_wrong at UNT position 12 element 1 value '**'"),
    ]
    assert (verdict.messages, verdict.segments, verdict.length) == (200, 2402, len(stream))


@pytest.mark.parametrize("garbage", [b"UNG'", b"UNG+++++'", b"UNH+'", b"UNE+'", b"UNT+'", b"UNG+A+\x01+:+\xff+'"])
def test_an_interchange_of_nameless_groups_and_messages_is_given_up(garbage: bytes) -> None:
    """Each of them has CONTRL reject the level above; a million of them would take a gigabyte to be listed."""
    head, tail = UNB, b"UNZ+1+7'"
    stream = head + garbage * 20_000 + tail + SMALL
    pieces = [*scan([stream])]
    assert b"".join(piece.raw for piece in pieces) == stream
    assert len(pieces) < 5 * MOST_NAMELESS
    given_up, outside, sound = verdicts(pieces)
    assert (given_up.status, sound.status) == (Status.REJECTED, Status.ACCEPTED)
    assert "header_invalid" in codes(pieces)
    assert outside.header is None
    contrl = acknowledge(given_up, datetime(2026, 1, 2), "1")
    assert contrl is not None
    assert b"UCI+7+A:14+B:14+4+" in contrl
    # As many as that are told of one by one.
    few = head + garbage * MOST_NAMELESS + tail
    assert "header_invalid" not in codes([*scan([few])])


def test_an_interchange_of_too_many_groups_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is held until it is acknowledged: 50,000 took 300 MB."""
    assert MOST_GROUPS == 99_999
    monkeypatch.setattr("airflow_provider_integrations.connectors.edi.edifact_interchange.MOST_GROUPS", 20)

    def groups(count: int) -> bytes:
        made = b"".join(b"UNG+ORDERS+A+B+260102:0304+%d+UN+D:96A'UNE+0+%d'" % (at, at) for at in range(1, count + 1))
        return UNB + made + b"UNZ+%d+7'" % count

    assert "header_invalid" not in codes([*scan([groups(20)])])
    stream = groups(30) + SMALL
    given_up, outside, sound = verdicts(scan([stream]))
    assert (given_up.status, sound.status, len(given_up.groups)) == (Status.REJECTED, Status.ACCEPTED, 21)
    assert outside.header is None
    assert given_up.length + outside.length + sound.length == len(stream)


def test_many_small_interchanges_take_linear_time() -> None:
    def seconds(count: int) -> float:
        begun = time.process_time()
        assert len(list(verdicts(scan([SMALL * count])))) == count
        return time.process_time() - begun

    seconds(200)
    assert seconds(4000) < 40 * max(seconds(400), 0.01)


TOKENS = [
    b"UNA:+.? '",
    UNB,
    UNH,
    BODY,
    b"UNT+4+1'",
    b"UNE+1+9'",
    b"UNZ+1+7'",
    b"UNG+ORDERS+S+R+260102:0304+9+UN+D:96A'",
]
BITS = [
    b"'",
    b"?",
    b"+",
    b":",
    b"*",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\x1b$B",
    b"UNA",
    b"UNB",
    b"UNH",
    b"UNT",
    b"UNZ",
    b"A",
    b"1",
    b"\x1d",
]
SHAPES = st.lists(st.sampled_from(TOKENS + BITS) | st.binary(max_size=4), max_size=25).map(b"".join)


@given(stream=SHAPES, block=st.sampled_from([1, 50, 1 << 20]))
def test_any_bytes_give_pieces_that_are_the_stream_and_a_verdict(stream: bytes, block: int) -> None:
    pieces = list(scan([stream], block))
    assert b"".join(piece.raw for piece in pieces) == stream
    offset = 0
    for piece in pieces:
        assert piece.offset == offset
        offset += len(piece.raw)
        assert piece.findings or piece.part not in (Part.JUNK, Part.STRAY)
        assert all(finding.shown() for finding in piece.findings)
    found = list(verdicts(pieces))
    assert found
    told = sum(verdict.length for verdict in found)
    assert told + sum(len(piece.raw) for piece in pieces if piece.part is Part.FILLER) >= len(stream)


@given(data=st.data())
def test_one_byte_changed_in_a_clean_stream_is_lost_nowhere(data: st.DataObject) -> None:
    stream = bytearray(CLEAN[data.draw(st.sampled_from(sorted(CLEAN)))])
    stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    pieces = list(scan([bytes(stream)]))
    assert b"".join(piece.raw for piece in pieces) == bytes(stream)
    assert list(verdicts(pieces))
