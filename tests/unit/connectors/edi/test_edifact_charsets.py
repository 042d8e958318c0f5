"""The repertoires of UNB 0001: ISO 9735-1 annex A."""

from __future__ import annotations

import pytest

from airflow_provider_integrations.connectors.edi.edifact_charsets import (
    character_set,
    decode,
    encode,
    hide_shifted,
    unfit_places,
)

IDENTIFIERS = [
    "UNOA",
    "UNOB",
    "UNOC",
    "UNOD",
    "UNOE",
    "UNOF",
    "UNOG",
    "UNOH",
    "UNOI",
    "UNOJ",
    "UNOK",
    "UNOW",
    "UNOX",
    "UNOY",
]
SERVICE = b"+:'?*"


def places(data: bytes, identifier: str, most: int = 10) -> list[int]:
    charset = character_set(identifier)
    assert charset is not None
    return unfit_places(data, charset, SERVICE, b"'", most)


@pytest.mark.parametrize(
    ("identifier", "value"),
    [
        ("UNOA", "ABC 123"),
        ("UNOB", "Abc"),
        ("UNOC", "Müller §"),
        ("UNOD", "Łódź"),
        ("UNOE", "Москва"),
        ("UNOF", "Αθήνα"),
        ("UNOG", "Ħal"),
        ("UNOH", "Rīga"),
        ("UNOI", "سلام"),
        ("UNOJ", "שלום"),
        ("UNOK", "İzmir ş"),
        ("UNOW", "Łódź 東京 €"),
        ("UNOX", "東京 TOKYO"),
        ("UNOY", "東京"),
    ],
)
def test_value_goes_to_bytes_and_back(identifier: str, value: str) -> None:
    text = encode(value, identifier)
    assert text is not None
    assert decode(text, identifier) == value
    assert places(text.encode("latin-1"), identifier) == []


@pytest.mark.parametrize(("identifier", "value"), [("UNOA", "abc"), ("UNOB", "ü"), ("UNOC", "Ł"), ("UNOA", "#")])
def test_value_outside_of_the_repertoire_is_none(identifier: str, value: str) -> None:
    assert encode(value, identifier) is None


def test_unknown_identifier_is_none() -> None:
    assert character_set("UNOZ") is None
    assert decode("A", "UNOZ") is None
    assert encode("A", "UNOZ") is None


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_control_characters_belong_to_none(identifier: str) -> None:
    assert places(b"AB\0C\x07'", identifier) == [2, 4]


@pytest.mark.parametrize(
    ("identifier", "data", "wanted"),
    [
        ("UNOA", b"ABc#D'", [2, 3]),
        ("UNOB", b"ABc#D'", [3]),
        ("UNOB", b"M\xfcller'", [1]),
        ("UNOC", b"M\xfcller'", []),
        ("UNOC", b"A\x85'", [1]),
        ("UNOF", b"A\xae'", [1]),
        ("UNOW", b"M\xc3\xbcller'", []),
        ("UNOW", b"M\xc3'\xff'", [1, 3]),
    ],
)
def test_unfit_bytes_are_found_at_their_places(identifier: str, data: bytes, wanted: list[int]) -> None:
    assert places(data, identifier) == wanted


def test_line_break_passes_after_a_terminator_alone() -> None:
    assert places(b"\r\nABC'\r\nDEF'\nGHI'", "UNOA") == []
    assert places(b"AB\nC'\r\nDEF'", "UNOA") == [2]
    assert places(b"AB\r\nC'", "UNOA") == [2]
    assert places(b"A'\n\nB'", "UNOA") == []


def test_no_more_places_than_asked_for() -> None:
    assert places(b"a" * 100 + b"'", "UNOA", most=3) == [0, 1, 2]


def test_shifted_bytes_are_hidden_to_the_next_escape() -> None:
    data = b"A+\x1b$B'+:\x1b(B+C'"
    hidden = hide_shifted(data)
    assert len(hidden) == len(data)
    assert hidden.count(b"'") == 1
    assert hide_shifted(b"no escape") == b"no escape"
