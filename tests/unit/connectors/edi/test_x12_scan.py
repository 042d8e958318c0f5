"""The fast reading finds what the exact one sees, wherever the stream is cut."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.edi.model import Finding, FindingCode, Segment, Severity
from airflow_provider_integrations.connectors.edi.x12_envelope import Agreement, Interchange, Outside
from airflow_provider_integrations.connectors.edi.x12_scan import scan
from airflow_provider_integrations.connectors.edi.x12_tokens import Gap, GapKind, tokenize
from tests.unit.connectors.edi.x12_streams import BEG, GS, SOUND, cut, isa, order, shown, stream, worn, wrapped


def one(data: bytes, agreement: Agreement | None = None) -> Interchange:
    [found] = scan([data], agreement=agreement)
    assert isinstance(found, Interchange)
    return found


def codes(data: bytes, agreement: Agreement | None = None) -> list[tuple[str, FindingCode, str | None, int | None]]:
    """All findings that are no notes: of which level, what, on which segment, at which position."""
    found = one(data, agreement)
    levels: list[tuple[str, Finding]] = [("interchange", each) for each in found.findings]
    for group in found.groups:
        levels += [("group", each) for each in group.findings]
        levels += [(f"set {result.index}", each) for result in group.sets for each in result.findings]
    return [
        (level, each.code, each.segment, each.position) for level, each in levels if each.severity is not Severity.NOTE
    ]


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_stream_has_no_finding(name: str) -> None:
    for found in scan([SOUND[name]]):
        assert isinstance(found, Interchange)
        assert [each for each in found.findings if each.severity is not Severity.NOTE] == []
        assert [(group.findings, group.sets.flawed) for group in found.groups] == [((), {})] * len(found.groups)


def test_ta1_position_before_gs_within_a_set_it_is_a_wrong_segment_and_acknowledges_nothing() -> None:
    """X12.5 section 6. The set goes on behind it: it is counted on, and seen whole by `visit`."""
    data = stream(order("0001", BEG, "TA1*000000001*260102*0304*A*000~", "PO1*1*1*EA*1~"), order("0002"))
    seen: list[bytes] = []
    [found] = scan([data], visit=lambda read: seen.append(read.raw) or (), wanted={"850"})
    assert isinstance(found, Interchange)
    assert found.acknowledgements == ()
    assert codes(data) == [("set 0", FindingCode.SEGMENT_UNEXPECTED, "TA1", 3)]
    assert [raw.count(b"~") for raw in seen] == [5, 5]
    # Between groups it stands wrong too, and is heard.
    assert len(one(data.replace(b"IEA*1", b"TA1*000000001*260102*0304*A*000~IEA*1")).acknowledgements) == 1


@pytest.mark.parametrize("name", SOUND)
def test_segments_are_counted_as_the_tokens_are(name: str) -> None:
    tokens = [token for token in tokenize([SOUND[name]]) if isinstance(token, Segment)]
    assert sum(found.segments for found in scan([SOUND[name]]) if isinstance(found, Interchange)) == len(tokens)


def test_where_a_worn_stream_is_cut_and_whether_its_sets_are_kept_changes_nothing() -> None:
    rng = random.Random(7)
    for _ in range(500):
        data = worn(rng.choice([*SOUND.values()]), rng)
        whole = [shown(found) for found in scan([data])]
        buffer = rng.choice([1, 30, 300])
        chunks = cut(data, rng.choice([1, 7, 50, 10_000]))
        assert [shown(found) for found in scan(chunks, buffer=buffer)] == whole
        kept = scan(chunks, buffer=buffer, visit=lambda _: (), wanted={"850"})
        assert [shown(found) for found in kept] == whole


def test_every_byte_of_a_worn_stream_is_in_an_interchange_or_outside_of_any() -> None:
    rng, padding = random.Random(11), b" \t\r\n\x00\x1a\xef\xbb\xbf"
    for _ in range(500):
        data = worn(rng.choice([*SOUND.values()]), rng)
        every, at = list(scan([data])), 0
        if any(isinstance(found, Interchange) and found.header.wrapped for found in every):
            # The line breaks of a wrapped stream do not count in its offsets.
            continue
        for found in every:
            # Mere padding is not told; all else is, without a gap and without an overlap.
            assert found.offset >= at
            assert not data[at : found.offset].strip(padding)
            at = found.offset + found.length
        assert not data[at:].strip(padding)


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=400), size=st.integers(1, 500))
@example(data=b"", size=1)
@example(data=isa().encode() + b"~~~", size=3)
@example(data=isa().encode() + b"ST~SE~GE~GS~IEA~", size=500)
@example(data=isa().encode() + b"BIN*99999999999999*abc", size=9)
def test_any_bytes_give_a_verdict(data: bytes, size: int) -> None:
    assert list(scan(cut(data, size), buffer=size))


def test_a_stream_without_an_interchange_is_no_edi() -> None:
    for data in (b"", b"\r\n", b"PK\x03\x04", b"ISA", "ÏSA*".encode("utf-16")):
        [found] = scan([data])
        assert isinstance(found, Outside)
        assert (found.finding.code, found.length) == (FindingCode.NOT_EDI, len(data))


def test_a_set_says_its_place_and_what_is_wrong_with_it() -> None:
    data = stream(order("0001"), order("0002", BEG, "~", "po1*1~", "PO1*\x01~").replace("SE*6", "SE*9"))
    assert codes(data) == [
        ("set 1", FindingCode.SEGMENT_EMPTY, None, 3),
        ("set 1", FindingCode.SEGMENT_TAG_INVALID, None, 3),
        ("set 1", FindingCode.CHARACTER_INVALID, "PO1", 4),
        ("set 1", FindingCode.COUNT_WRONG, "SE", 5),
    ]


def test_se01_counts_from_st_to_se() -> None:
    assert codes(stream(order("0001", *[BEG] * 7))) == []
    assert codes(stream(order("0001", *[BEG] * 7).replace("SE*9", "SE*7"))) == [
        ("set 0", FindingCode.COUNT_WRONG, "SE", 9)
    ]


def test_a_missing_trailer_is_one_finding_and_what_follows_is_read() -> None:
    lost = order("0001").replace("SE*5*0001~", "")
    assert codes(stream(lost, order("0002"))) == [("set 0", FindingCode.TRAILER_MISSING, "SE", 5)]
    assert codes(stream().replace(b"GE*2*12~", b"")) == [("group", FindingCode.TRAILER_MISSING, "GE", 11)]
    both = (stream().replace(b"IEA*1*000000007~", b"") + stream()).replace(b"*", b"*")
    first, second = (found for found in scan([both]) if isinstance(found, Interchange))
    assert [each.code for each in first.findings] == [FindingCode.TRAILER_MISSING]
    assert second.findings == ()


def test_an_isa_with_other_delimiters_ends_the_interchange_before_it() -> None:
    data = stream().replace(b"IEA*1*000000007~", b"") + stream().replace(b"*", b"|")
    first, second = (found for found in scan([data]) if isinstance(found, Interchange))
    assert [each.code for each in first.findings] == [FindingCode.TRAILER_MISSING]
    assert (second.findings, second.header.delimiters.element) == ((), "|")


def test_segments_outside_of_any_set_refuse_the_interchange() -> None:
    for data in (
        stream().replace(b"ST*850*0002~", b"N1*BY~ST*850*0002~"),
        stream().replace(b"GE*", b"N1*BY~GE*"),
        stream().replace(b"IEA", b"N1*BY~IEA"),
        stream().replace(b"GS*", b"N1*BY~GS*"),
    ):
        assert [code[:2] for code in codes(data)] == [("interchange", FindingCode.SEGMENT_UNEXPECTED)]


def test_st02_is_unique_in_a_group_in_whatever_order_they_come() -> None:
    sets = [order(number) for number in ("0001", "0009", "0004", "0004", "00010", "0009", "0002")]
    found = codes(stream(*sets))
    assert [(level, code) for level, code, *_ in found] == [
        ("set 3", FindingCode.CONTROL_NUMBER_DUPLICATE),
        ("set 5", FindingCode.CONTROL_NUMBER_DUPLICATE),
    ]


def test_the_same_st02_in_another_group_is_in_order() -> None:
    group = stream()[106:-16]
    data = isa().encode() + group + group.replace(b"*12*", b"*13*").replace(b"*12~", b"*13~") + b"IEA*2*000000007~"
    assert codes(data) == []


def test_leading_zeros_do_not_make_another_group_number() -> None:
    assert codes(stream().replace(b"GE*2*12~", b"GE*2*000012~")) == []
    assert codes(stream().replace(b"GE*2*12~", b"GE*2*120~")) == [
        ("group", FindingCode.CONTROL_NUMBER_DIFFERS, "GE", 11)
    ]


def test_gs08_and_not_isa12_says_the_version_of_the_sets() -> None:
    assert one(stream(version="00501", standard="^")).groups[0].header.version == "004010"
    assert codes(stream(version="00501", standard="^")) == []


def test_st03_must_name_the_guide_of_gs08() -> None:
    head = GS.replace("004010", "005010X222A1").replace("GS*PO", "GS*HC")
    sound = order().replace("ST*850*0001~", "ST*837*0001*005010X222A1~")
    assert codes(stream(sound, head=head)) == []
    assert codes(stream(sound.replace("X222A1", "X223A2"), head=head)) == [
        ("set 0", FindingCode.VERSION_UNSUPPORTED, "ST", 1)
    ]


def test_binary_data_hide_control_segments_and_end_by_length_even_across_buffers() -> None:
    data = b"~SE*2*0001~\x00" * 900
    text = order("0001", BEG, f"BIN*{len(data)}*{data.decode()}~")
    for buffer in (1, 100, 1 << 20):
        [found] = scan(cut(stream(text), 333), buffer=buffer)
        assert isinstance(found, Interchange)
        assert (found.segments, found.groups[0].sets.flawed) == (8, {})


def test_binary_data_that_are_longer_or_shorter_than_they_say_are_told() -> None:
    for length in (2, 6):
        found = codes(stream(order("0001", BEG, f"BIN*{length}*ABCDE~"), order("0002")))
        assert found[0] == ("set 0", FindingCode.BINARY_LENGTH_WRONG, "BIN", 3)
    assert codes(stream(order("0001", BEG, "BIN*X*ABCDE~"))) == [("set 0", FindingCode.BINARY_LENGTH_WRONG, "BIN", 3)]


def test_a_length_beyond_the_stream_ends_it() -> None:
    found = one(stream(order("0001", BEG, "BIN*999999999999999*A~")))
    assert [each.code for each in found.findings] == [FindingCode.BINARY_LENGTH_WRONG, FindingCode.TRAILER_MISSING]


def test_trailing_separators_are_a_note_that_is_told_ten_times() -> None:
    found = one(stream(*[order(f"{number:04d}", "BEG*00***~") for number in range(30)]))
    assert [each.code for each in found.findings] == [FindingCode.SEPARATOR_TRAILING] * 10
    assert [each.position for each in found.findings[:3]] == [4, 7, 10]
    assert {each.severity for each in found.findings} == {Severity.NOTE}


def test_a_line_break_within_data_is_a_control_character() -> None:
    text = order("0001", BEG, "MSG*two\nlines~")
    for data in (stream(text), stream(text).replace(b"~", b"~\r\n"), stream(text).replace(b"~", b"~\n")):
        assert codes(data) == [("set 0", FindingCode.CHARACTER_INVALID, "MSG", 3)]


def test_blanks_before_a_segment_are_a_note_even_before_a_control_segment() -> None:
    assert codes(stream().replace(b"~BEG", b"~ \tBEG")) == []
    assert codes(stream().replace(b"~SE", b"~  SE").replace(b"~ST", b"~ ST").replace(b"~GE", b"~ GE")) == []


def test_ta1_of_the_partner_is_handed_on() -> None:
    found = one(SOUND["no groups"])
    assert [each.elements for each in found.acknowledgements] == [("000000001", "260102", "0304", "A", "000")]
    assert found.is_acknowledgement


def test_who_and_what_is_taken_is_agreed() -> None:
    def fatal(agreement: Agreement) -> list[FindingCode]:
        return [each.code for each in one(stream(), agreement).findings]

    assert fatal(Agreement(senders=frozenset({("ZZ", "ACME")}), receivers=frozenset({("ZZ", "HUB")}), usage="P")) == []
    assert fatal(Agreement(senders=frozenset({("01", "ACME")}))) == [FindingCode.SENDER_UNKNOWN]
    assert fatal(Agreement(receivers=frozenset())) == [FindingCode.RECEIVER_UNKNOWN]
    assert fatal(Agreement(usage="T")) == [FindingCode.USAGE_INDICATOR_INVALID]
    assert codes(stream(), Agreement(sets=frozenset({"810"})))[0][:2] == ("set 0", FindingCode.SET_UNKNOWN)
    assert codes(stream(), Agreement(functional=frozenset({"IN"})))[0][:2] == ("group", FindingCode.GROUP_UNKNOWN)


def test_the_same_in_lines_of_eighty_is_the_same() -> None:
    plain, lines = one(stream()), one(wrapped(stream()))
    assert [list(group.sets) for group in lines.groups] == [list(group.sets) for group in plain.groups]
    assert (lines.segments, lines.findings) == (plain.segments, plain.findings)


def test_a_worn_stream_has_as_many_segments_as_tokens() -> None:
    rng = random.Random(13)
    compared = 0
    for _ in range(500):
        data = worn(rng.choice([each for name, each in SOUND.items() if "wrapped" not in name]), rng)
        tokens = list(tokenize([data]))
        # The scan takes an empty segment, and one of blanks alone, for none.
        blank = [
            each
            for each in tokens
            if isinstance(each, Segment)
            and not (each.tag + "".join(each.elements)).strip(" \t\r\n\x00\x1a\xef\xbb\xbf")
        ]
        whole = [each for each in tokens if isinstance(each, Segment)]
        tails = [each for each in tokens if isinstance(each, Gap) and each.kind is GapKind.UNTERMINATED]
        if blank or any(isinstance(each, Interchange) and each.header.wrapped for each in scan([data])):
            continue
        compared += 1
        found = sum(each.segments for each in scan([data]) if isinstance(each, Interchange))
        assert found == len(whole) + len(tails), data
    assert compared > 150
