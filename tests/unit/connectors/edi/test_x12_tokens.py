"""Tokens are the whole stream, and writing them gives it back."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.edi.model import Segment
from airflow_provider_integrations.connectors.edi.x12_header import LONGEST_SEGMENT, InterchangeHeader
from airflow_provider_integrations.connectors.edi.x12_tokens import (
    Gap,
    GapKind,
    Token,
    split_segments,
    tokenize,
    write,
)
from tests.unit.connectors.edi.x12_streams import SOUND, isa, order, stream, worn, wrapped


def tokens(data: bytes, size: int | None = None) -> list[Token]:
    chunks = [data] if size is None else [data[at : at + size] for at in range(0, len(data), size)]
    return list(tokenize(chunks, at_least=1 if size else 1 << 16))


def segments(data: bytes) -> list[Segment]:
    return [token for token in tokens(data) if isinstance(token, Segment)]


def gaps(data: bytes, *kinds: GapKind) -> list[str]:
    return [token.text for token in tokens(data) if isinstance(token, Gap) and token.kind in kinds]


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_stream_is_written_byte_by_byte_as_it_was_read(name: str) -> None:
    found = tokens(SOUND[name])
    assert b"".join(write(found)) == SOUND[name]
    assert not [one for one in found if isinstance(one, Gap) and one.kind in {GapKind.OUTSIDE, GapKind.UNTERMINATED}]


@pytest.mark.parametrize("name", SOUND)
def test_where_the_stream_is_cut_changes_nothing(name: str) -> None:
    whole = [one for one in tokens(SOUND[name]) if isinstance(one, Segment | InterchangeHeader)]
    for size in (1, 7, 105, 106, 107, 600):
        assert [one for one in tokens(SOUND[name], size) if isinstance(one, Segment | InterchangeHeader)] == whole


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=600), size=st.integers(1, 700))
@example(data=isa().encode() + b"~~~", size=3)
@example(data=isa().encode() + isa().encode() + b"GS*1", size=700)
@example(data=isa().encode() + b"BIN*99999*abc", size=9)
@example(data=b"ISA*" * 100, size=50)
def test_any_bytes_come_back_as_they_were(data: bytes, size: int) -> None:
    assert b"".join(write(tokens(data, size))) == data


def test_worn_streams_come_back_as_they_were() -> None:
    rng = random.Random(4)
    for _ in range(500):
        data = worn(rng.choice([*SOUND.values()]), rng)
        size = rng.choice([1, 50, 100_000])
        assert b"".join(write(tokens(data, size))) == data


def test_each_segment_tells_where_it_begins() -> None:
    for name, data in SOUND.items():
        if not name.startswith("wrapped"):
            for one in segments(data):
                assert data[one.offset :].startswith(one.tag.encode()), name


def test_terminators_followed_by_line_breaks_leave_the_tags_clean() -> None:
    found = segments(SOUND["carriage returns and line feeds"])
    assert [one.tag for one in found[:4]] == ["ISA", "GS", "ST", "BEG"]
    assert gaps(SOUND["carriage returns and line feeds"], GapKind.PADDING) == ["\r\n"] * len(found)


def test_line_breaks_within_segments_of_a_wrapped_stream_are_no_data() -> None:
    assert [(one.tag, one.elements) for one in segments(wrapped(stream()))] == [
        (one.tag, one.elements) for one in segments(stream())
    ]


def test_data_of_bin_and_bds_end_by_their_length() -> None:
    found = {one.tag: one.elements for one in segments(SOUND["binary"])}
    assert found["BIN"] == ("8", "~SE*\x00\xff\r\n")
    assert found["BDS"] == ("ASB", "3", "~*~")


def test_an_empty_segment_is_a_segment_and_no_end() -> None:
    found = segments(stream(order("0001", "~", "BEG*00~")))
    assert [one.tag for one in found][2:6] == ["ST", "", "BEG", "SE"]


def test_what_has_no_terminator_is_told() -> None:
    assert gaps(stream()[:-1], GapKind.UNTERMINATED) == ["IEA*1*000000007"]
    assert gaps(stream() + b"\r\n\x1a", GapKind.UNTERMINATED) == []


def test_bytes_outside_of_interchanges_are_told_and_padding_is_not() -> None:
    data = b"\xef\xbb\xbf\r\n" + stream() + b"Regards, Bob\n" + stream() + b"\x1a\x00"
    assert gaps(data, GapKind.OUTSIDE) == ["Regards, Bob\n"]


def test_a_segment_that_never_ends_is_given_up_in_bounded_memory() -> None:
    data = isa().encode() + b"X" * (3 * LONGEST_SEGMENT) + stream()
    found = tokens(data, 1 << 19)
    assert b"".join(write(found)) == data
    assert len([one for one in found if isinstance(one, InterchangeHeader)]) == 2


def test_a_set_is_split_as_the_stream_is() -> None:
    for name in ("plain", "carriage returns and line feeds", "binary", "Latin-1"):
        data = SOUND[name]
        every = segments(data)
        delimiters = next(one.delimiters for one in tokens(data) if isinstance(one, InterchangeHeader))
        first = next(one for one in every if one.tag == "ST")
        last = next(one for one in every if one.tag == "SE")
        raw = data[first.offset : data.index(b"~", last.offset) + 1]
        assert split_segments(raw, delimiters, first.number, first.offset) == every[first.number - 1 : last.number]


def test_segments_without_a_header_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="before any header"):
        list(write([Segment("ST", (), 1, 0)]))
