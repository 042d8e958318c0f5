"""Segments, service characters and the release character: ISO 9735-1 clauses 5 to 8."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.edi.edifact_tokens import (
    advice_fault,
    components,
    default_delimiters,
    escape,
    header_delimiters,
    hide_released,
    read_advice,
    repetitions,
    segments_of,
    unescape,
    write_advice,
    write_segments,
)
from airflow_provider_integrations.connectors.edi.model import Delimiters, Segment
from airflow_provider_integrations.core.errors import ConfigError

USUAL = default_delimiters(3)
FOUR = default_delimiters(4)
OWN = Delimiters("*", ";", "~", "^", "!", ",")
BARE = Delimiters("\x1d", "\x1f", "\x1c", None)

LATIN = st.characters(max_codepoint=255)


def test_trap_release_of_release() -> None:
    # `??'` ends the segment, `???'` does not: pairs go from the left.
    found = segments_of(b"A??'B???'C'D????'", USUAL)
    assert [segment.tag for segment in found] == ["A??", "B???'C", "D????"]
    assert [unescape(segment.tag, USUAL) for segment in found] == ["A?", "B?'C", "D??"]


def test_released_separators_divide_nothing() -> None:
    [segment] = segments_of(b"FTX+A?+B:C?:D+E?'F'", USUAL)
    assert segment.elements == ("A?+B:C?:D", "E?'F")
    assert [unescape(part, USUAL) for part in components(segment.elements[0], USUAL)] == ["A+B", "C:D"]


def test_release_of_an_ordinary_character_gives_the_character() -> None:
    assert unescape("?A?B", USUAL) == "AB"


def test_repetitions_are_of_version_4() -> None:
    assert repetitions("A*B?*C*D", FOUR) == ["A", "B?*C", "D"]
    assert repetitions("A*B", USUAL) == ["A*B"]


def test_positions_and_numbers_count_line_breaks_and_skip_empty_segments() -> None:
    found = segments_of(b"ABC+1'\r\nDEF'\n''GHI+2'", USUAL, number=5, offset=100)
    assert [(each.tag, each.number, each.offset) for each in found] == [
        ("ABC", 5, 100),
        ("DEF", 6, 108),
        ("GHI", 7, 115),
    ]


@pytest.mark.parametrize(
    ("una", "wanted"),
    [
        (b"UNA:+.? '", Delimiters("+", ":", "'", None, "?", ".")),
        (b"UNA:+,? '", Delimiters("+", ":", "'", None, "?", ",")),
        (b"UNA:+.?*'", Delimiters("+", ":", "'", "*", "?", ".")),
        (b"UNA:+.  '", Delimiters("+", ":", "'", None, None, ".")),
    ],
)
def test_trap_una_decimal_mark_release_and_repetition(una: bytes, wanted: Delimiters) -> None:
    assert read_advice(una) == wanted
    assert write_advice(wanted) == una.decode()


@pytest.mark.parametrize(
    "una", [b"UNA::.? '", b"UNAA+.? '", b"UNA:+.?''", b"UNA:+.? \n", b"UNA1+.? '", b"UNA:+.\xff '"]
)
def test_una_with_an_impossible_character_is_found(una: bytes) -> None:
    assert advice_fault(read_advice(una)) is not None


def test_default_service_characters_by_the_byte_after_unb() -> None:
    assert header_delimiters("+") == USUAL
    assert header_delimiters("\x1d") == BARE
    assert header_delimiters("*") is None


@pytest.mark.parametrize("delimiters", [USUAL, FOUR, OWN])
@given(value=st.text(LATIN, max_size=20))
def test_escape_and_back_is_the_identity(delimiters: Delimiters, value: str) -> None:
    escaped = escape(value, delimiters)
    assert unescape(escaped, delimiters) == value
    assert components(escaped, delimiters) == [escaped] if "\x1b" not in value else True
    assert delimiters.terminator not in hide_released(escaped.encode("latin-1"), delimiters).decode("latin-1")


def test_service_character_without_release_is_refused_and_the_value_not_told() -> None:
    with pytest.raises(ConfigError, match="cannot be released") as caught:
        escape("secret\x1dvalue", BARE)
    assert "secret" not in str(caught.value)


VALUES = st.text(st.characters(max_codepoint=255, exclude_characters="\x1b\r\n"), max_size=8)
SEGMENTS = st.lists(
    st.tuples(st.from_regex("[A-Z][A-Z0-9]{2}", fullmatch=True), st.lists(VALUES, max_size=5)), max_size=8
)


@pytest.mark.parametrize("delimiters", [USUAL, FOUR, OWN])
@pytest.mark.parametrize("line_break", ["", "\r\n", "\n"])
@given(told=SEGMENTS)
def test_write_then_read_is_the_identity(
    delimiters: Delimiters, line_break: str, told: list[tuple[str, list[str]]]
) -> None:
    segments = [Segment(tag, tuple(escape(value, delimiters) for value in values), 0, 0) for tag, values in told]
    data = write_segments(segments, delimiters, line_break)
    found = segments_of(data, delimiters)
    assert [(each.tag, each.elements) for each in found] == [(each.tag, each.elements) for each in segments]
    assert write_segments(found, delimiters, line_break) == data
    assert [data[each.offset : each.offset + 3] for each in found] == [each.tag.encode() for each in found]


@given(data=st.binary(max_size=60))
def test_any_bytes_hide_to_the_same_length_and_split_without_error(data: bytes) -> None:
    for delimiters in (USUAL, FOUR, OWN, BARE):
        assert len(hide_released(data, delimiters)) == len(data)
        for segment in segments_of(data, delimiters):
            assert segment.tag.encode("latin-1") == data[segment.offset : segment.offset + len(segment.tag)]


def test_shifted_bytes_of_unox_are_no_separators() -> None:
    # ESC $ B begins JIS X 0208, whose second bytes run through `'`, `+` and `:`.
    element = "\x1b$B!'!+!:\x1b(B:END"
    assert components(element, USUAL) == ["\x1b$B!'!+!:\x1b(B", "END"]
