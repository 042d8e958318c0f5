"""The character repertoires that UNB 0001 names, and what of a stream does not belong to them.

The structure of an interchange is read from bytes alone: in every repertoire the service characters are single bytes
below 0x80. Only UNOX shifts, by ISO 2022 escapes, to sets whose bytes look like service characters; `hide_shifted` takes
them out of the tokenizer's sight. Source: ISO 9735-1 annex A and service code list 0001 (releases 3 and 40100 to 40219).

    >>> decode("M\\xfcller", "UNOC"), decode("\\xf1", "UNOA")
    ('Müller', None)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["CharacterSet", "character_set", "decode", "encode", "hide_shifted", "unfit_places"]

_LINE = b"\r\n"
_LEVEL_A = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,-()/=!\"%&*;<>'+:?"
_LEVEL_B = _LEVEL_A + b"abcdefghijklmnopqrstuvwxyz"
_CODECS = {
    "UNOA": "ascii",
    "UNOB": "ascii",
    "UNOC": "iso8859-1",
    "UNOD": "iso8859-2",
    "UNOE": "iso8859-5",
    "UNOF": "iso8859-7",
    "UNOG": "iso8859-3",
    "UNOH": "iso8859-4",
    "UNOI": "iso8859-6",
    "UNOJ": "iso8859-8",
    "UNOK": "iso8859-9",
    "UNOW": "utf-8",
    # Python's widest ISO 2022 codec: Japanese, simplified Chinese, Korean, Latin-1 and Greek after ASCII.
    "UNOX": "iso2022_jp_2",
    # "ISO 10646-1 octet without code extension": with ASCII service characters of one byte this can only be UTF-8.
    "UNOY": "utf-8",
}
_SHIFTED = re.compile(rb"\x1b\$[^\x1b]*")


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """One repertoire.

    Args:
        identifier: 0001, as `UNOC`.
        codec: Python's name of its encoding.
        allowed: Every single byte that may stand in data, line breaks left out.
        several: Whether a character may take several bytes, so that only decoding tells what is valid.
        shifting: Whether escapes change what the bytes mean (ISO 2022).
    """

    identifier: str
    codec: str
    allowed: bytes
    several: bool = False
    shifting: bool = False


@lru_cache(maxsize=64)
def character_set(identifier: str) -> CharacterSet | None:
    """The repertoire of a syntax identifier (0001), None for one that the standard does not have."""
    codec = _CODECS.get(identifier)
    if codec is None:
        return None
    if identifier in ("UNOA", "UNOB"):
        return CharacterSet(identifier, codec, _LEVEL_A if identifier == "UNOA" else _LEVEL_B)
    graphic = bytes(range(0x20, 0x7F))
    if codec == "utf-8":
        return CharacterSet(identifier, codec, graphic + bytes(range(0x80, 0x100)), several=True)
    if codec == "iso2022_jp_2":
        return CharacterSet(
            identifier, codec, graphic + b"\x1b" + bytes(range(0xA0, 0x100)), several=True, shifting=True
        )
    upper = bytes(byte for byte in range(0xA0, 0x100) if _decodes(bytes([byte]), codec))
    return CharacterSet(identifier, codec, graphic + upper)


def decode(text: str, identifier: str) -> str | None:
    """A value of the structure (Latin-1 of its bytes) in its own characters; None if it is not of the repertoire."""
    charset = character_set(identifier)
    if charset is None:
        return None
    try:
        return text.encode("latin-1").decode(charset.codec)
    except UnicodeError:
        return None


def encode(value: str, identifier: str) -> str | None:
    """The way back of `decode`: the value's bytes as Latin-1; None if the repertoire lacks one of its characters."""
    charset = character_set(identifier)
    if charset is None:
        return None
    try:
        raw = value.encode(charset.codec)
    except UnicodeError:
        return None
    return raw.decode("latin-1") if charset.several or not raw.translate(None, charset.allowed) else None


def hide_shifted(data: bytes) -> bytes:
    """The same length, with every byte between an ISO 2022 shift and the next escape made NUL."""
    return _SHIFTED.sub(lambda match: b"\0" * len(match.group()), data) if b"\x1b$" in data else data


def unfit_places(data: bytes, charset: CharacterSet, service: bytes, terminator: bytes, most: int) -> list[int]:
    """Where bytes stand that are not of the repertoire, in order, at most `most` of them.

    A line break belongs to no repertoire; it is let pass where it follows a segment terminator, as files have it.

    Args:
        data: Whole segments.
        charset: The repertoire.
        service: The service characters in force, allowed whatever the repertoire.
        terminator: The one that a line break may follow.
        most: The number of places wanted.
    """
    places: list[int] = []
    rest = data.translate(None, charset.allowed + service)
    if rest:
        odd = rest.translate(None, _LINE)
        if odd:
            places = [match.start() for match in _first(_odd(charset.allowed + service), data, most)]
        if len(rest) > len(odd) and _inner_lines(data, terminator):
            places += [match.end() - 1 for match in _first(_inner_line(terminator), data, most)]
    if (charset.several and not data.isascii()) or charset.shifting:
        places += _undecodable(data, charset.codec, most)
    return sorted(set(places))[:most]


def _first(pattern: re.Pattern[bytes], data: bytes, most: int) -> list[re.Match[bytes]]:
    return [match for match, _ in zip(pattern.finditer(data), range(most), strict=False)]


@lru_cache(maxsize=64)
def _odd(allowed: bytes) -> re.Pattern[bytes]:
    return re.compile(b"[^" + re.escape(allowed + _LINE) + b"]")


@lru_cache(maxsize=64)
def _inner_line(terminator: bytes) -> re.Pattern[bytes]:
    return re.compile(b"[^\r\n" + re.escape(terminator) + b"][\r\n]")


def _inner_lines(data: bytes, terminator: bytes) -> bool:
    """Whether there may be line breaks elsewhere than after terminators; ten times as fast as the exact pattern."""
    rest = (terminator + data).replace(terminator + b"\r\n", terminator).replace(terminator + b"\n", terminator)
    return b"\n" in rest or b"\r" in rest


def _decodes(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _undecodable(data: bytes, codec: str, most: int) -> list[int]:
    places: list[int] = []
    start = 0
    while start < len(data) and len(places) < most:
        try:
            data[start:].decode(codec)
            break
        except UnicodeDecodeError as error:
            places.append(start + error.start)
            start += max(error.end, error.start + 1)
    return places
