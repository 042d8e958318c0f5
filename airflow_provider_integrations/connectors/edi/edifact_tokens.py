"""From bytes to segments and back: service characters, the release character, elements and components.

The trick of speed is `hide_released`: a copy of the same length in which released characters are neutral, so that counting
and splitting run at C speed on the copy and every place holds in the original. Source: ISO 9735-1 clauses 5 to 8
(version 4), ISO 9735:1988 clauses 5 to 7 (versions 1 to 3).

    >>> usual = default_delimiters(3)
    >>> [segment.elements for segment in segments_of(b"FTX+AAI+++it?'s 3?+4:??'", usual)]
    [('AAI', '', '', "it?'s 3?+4:??")]
    >>> [unescape(part, usual) for part in components("it?'s 3?+4:??", usual)]
    ["it's 3+4", '?']
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from airflow_provider_integrations.connectors.edi.edifact_charsets import hide_shifted
from airflow_provider_integrations.connectors.edi.model import Delimiters, Segment
from airflow_provider_integrations.core.errors import ConfigError

__all__ = [
    "ADVICE_LENGTH",
    "advice_fault",
    "components",
    "default_delimiters",
    "escape",
    "header_delimiters",
    "hide_released",
    "read_advice",
    "repetitions",
    "segments_of",
    "unescape",
    "write_advice",
    "write_segments",
]

ADVICE_LENGTH = 9
"""Bytes of UNA: the tag and six service characters."""

_LEVEL_A = Delimiters("+", ":", "'", None, "?")
_LEVEL_B = Delimiters("\x1d", "\x1f", "\x1c", None, None)
"""ISO 9735:1988 clause 5.2: IS3, IS1 and IS4, with no release character, for lines that carry eight bits."""


def default_delimiters(version: int | None) -> Delimiters:
    """What holds without UNA: `+ : '` released by `?`, and from version 4 on `*` between repetitions."""
    return replace(_LEVEL_A, repetition="*") if version == 4 else _LEVEL_A


def read_advice(una: bytes) -> Delimiters:
    """The service characters of a UNA: component, element, decimal mark, release, repetition, terminator.

    A blank in the place of the release or the repetition means that there is none (ISO 9735-1 clause 8.1). Below version 4
    the fifth place is reserved: the caller drops the repetition when it knows the version.

    Args:
        una: The nine bytes that begin with `UNA`.
    """
    component, element, decimal, release, repetition, terminator = list(una[3:9].decode("latin-1"))
    return Delimiters(
        element,
        component,
        terminator,
        None if repetition == " " else repetition,
        None if release == " " else release,
        decimal,
    )


def advice_fault(delimiters: Delimiters) -> str | None:
    """The first of the service characters that cannot be one: a letter, digit or blank, not ASCII, or there twice.

    The decimal mark is not looked at: version 4 has no use for its place.
    """
    used = [delimiters.component, delimiters.element, delimiters.terminator]
    used += [each for each in (delimiters.release, delimiters.repetition) if each is not None]
    for place, each in enumerate(used):
        if each.isalnum() or each in " \0\r\n" or not each.isascii() or each in used[:place]:
            return each
    return None


def write_advice(delimiters: Delimiters) -> str:
    """UNA for these service characters.

    >>> write_advice(default_delimiters(4))
    "UNA:+.?*'"
    """
    return "".join(
        (
            "UNA",
            delimiters.component,
            delimiters.element,
            delimiters.decimal,
            delimiters.release or " ",
            delimiters.repetition or " ",
            delimiters.terminator,
        )
    )


def header_delimiters(after_tag: str) -> Delimiters | None:
    """What the byte after `UNB` tells where there is no UNA: level A's or level B's service characters."""
    return {"+": _LEVEL_A, "\x1d": _LEVEL_B}.get(after_tag)


def hide_released(data: bytes, delimiters: Delimiters) -> bytes:
    """The same length, with each released service character and its release made NUL.

    The release of the release goes first and from the left, so that `???'` is a released release and a released
    terminator, and `??'` ends the segment.

    Args:
        data: Bytes that do not begin within a released pair.
        delimiters: The service characters in force.
    """
    if delimiters.release is None:
        return data
    release = delimiters.release.encode("latin-1")
    if release not in data:
        return data
    data = data.replace(release * 2, b"\0\0")
    for each in (delimiters.terminator, delimiters.element, delimiters.component, delimiters.repetition):
        if each is not None:
            data = data.replace(release + each.encode("latin-1"), b"\0\0")
    return data


def segments_of(
    data: bytes, delimiters: Delimiters, *, number: int = 1, offset: int = 0, hidden: bytes | None = None
) -> list[Segment]:
    """The segments of whole segments' bytes; line breaks before a tag are passed over, empty segments left out.

    Args:
        data: Bytes that end with a terminator, or with line breaks after one.
        delimiters: The service characters in force.
        number: The place of the first segment in the interchange.
        offset: The byte in the stream at which `data` begins.
        hidden: `data` with everything neutral that only looks like a service character, if the caller has it.
    """
    text = data.decode("latin-1")
    plain = (hide_released(hide_shifted(data), delimiters) if hidden is None else hidden).decode("latin-1")
    element, found = delimiters.element, []
    at = 0
    for piece in plain.split(delimiters.terminator)[:-1]:
        end = at + len(piece)
        body = piece.lstrip("\r\n")
        start = end - len(body)
        if body:
            # Without a release in it the piece is its own original: one split does it.
            parts = body.split(element) if "\0" not in body else _cut(text, start, body, element)
            found.append(Segment(parts[0], tuple(parts[1:]), number, offset + start))
            number += 1
        at = end + 1
    return found


def _cut(text: str, start: int, plain: str, separator: str) -> list[str]:
    parts = []
    for piece in plain.split(separator):
        parts.append(text[start : start + len(piece)])
        start += len(piece) + 1
    return parts


def components(element: str, delimiters: Delimiters) -> list[str]:
    """The components of an element, release characters kept."""
    return _divide(element, delimiters.component, delimiters)


def repetitions(element: str, delimiters: Delimiters) -> list[str]:
    """The repetitions of an element (version 4 on), release characters kept; below, the element itself."""
    return [element] if delimiters.repetition is None else _divide(element, delimiters.repetition, delimiters)


def _divide(text: str, separator: str, delimiters: Delimiters) -> list[str]:
    if (delimiters.release is None or delimiters.release not in text) and "\x1b" not in text:
        return text.split(separator)
    plain = hide_released(hide_shifted(text.encode("latin-1")), delimiters).decode("latin-1")
    return _cut(text, 0, plain, separator)


def unescape(text: str, delimiters: Delimiters) -> str:
    """The value itself: each release goes, the character after it stays (ISO 9735-1 clause 5.1.4)."""
    release = delimiters.release
    if release is None or release not in text:
        return text
    return _released(release).sub(r"\1", text)


def escape(value: str, delimiters: Delimiters) -> str:
    """The value fit to stand between separators.

    Raises:
        ConfigError: if a service character stands in it and these delimiters know no release.
    """
    service = [delimiters.element, delimiters.component, delimiters.terminator, delimiters.repetition]
    if not any(each in value for each in (*service, delimiters.release) if each is not None):
        return value
    if delimiters.release is None:
        raise ConfigError(
            "a value holds a service character that cannot be released",
            service=[each for each in service if each is not None and each in value],
            next_step="Write with a UNA that names a release character.",
        )
    release = delimiters.release
    special = {release, *(each for each in service if each is not None)}
    return "".join(release + character if character in special else character for character in value)


def write_segments(segments: Iterable[Segment], delimiters: Delimiters, line_break: str = "") -> bytes:
    """The bytes of segments: the way back of `segments_of`, to the byte.

    Args:
        segments: Their elements are raw: released where needed.
        delimiters: The service characters in force.
        line_break: What stands after each terminator.
    """
    end = delimiters.terminator + line_break
    element = delimiters.element
    return "".join(element.join((segment.tag, *segment.elements)) + end for segment in segments).encode("latin-1")


@lru_cache(maxsize=64)
def _released(release: str) -> re.Pattern[str]:
    return re.compile(re.escape(release) + "(.)", re.DOTALL)
