"""What is odd in whole segments of an interchange, found at C speed and told exactly only where something is odd.

>>> from airflow_provider_integrations.connectors.edi.edifact_charsets import character_set
>>> from airflow_provider_integrations.connectors.edi.edifact_tokens import default_delimiters
>>> grammar = grammar_of(default_delimiters(3), character_set("UNOA"))
>>> data = b"BGM+220+x+9''LIN+1'"
>>> [(odd.place, odd.code.value) for odd in oddities(data, data, grammar)]
[(8, 'character_invalid'), (12, 'segment_empty')]
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from airflow_provider_integrations.connectors.edi.edifact_charsets import CharacterSet, unfit_places
from airflow_provider_integrations.connectors.edi.model import Delimiters, Finding, FindingCode, Severity

__all__ = ["MOST_ODDITIES", "Grammar", "Oddity", "between", "empties", "grammar_of", "oddities", "told"]

MOST_ODDITIES = 1000
"""Told of one kind in one block; what comes after is not told singly, so that garbage cannot fill the memory."""

_TAG = re.compile("[A-Za-z0-9]{1,3}")


@dataclass(frozen=True, slots=True)
class Grammar:
    """The patterns and bytes that one set of service characters gives."""

    delimiters: Delimiters
    charset: CharacterSet | None
    element: bytes
    component: bytes
    terminator: bytes
    service: bytes
    bad_tag: re.Pattern[bytes]
    trailing: re.Pattern[bytes]
    trailing_pairs: tuple[bytes, ...]
    control: re.Pattern[bytes]
    """The service segments of the envelope; a match counts only where a segment begins."""
    begun: re.Pattern[bytes]
    """An interchange by the same service characters, of which no text can hold the beginning without releasing it."""
    last: re.Pattern[bytes]
    """What may be a whole UNZ, or the UNB of an interchange after one that has none."""
    plain_header: re.Pattern[bytes]
    """A UNH as nearly all are: nothing wrong in its form, nothing released, no element after S009."""
    plain_trailer: re.Pattern[bytes]
    """A UNT of that kind."""


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something odd at a byte of a block."""

    place: int
    code: FindingCode
    severity: Severity = Severity.ERROR
    detail: str = ""


@lru_cache(maxsize=64)
def grammar_of(delimiters: Delimiters, charset: CharacterSet | None) -> Grammar:
    """The patterns for these service characters; `charset` None leaves the characters unchecked."""
    element, component, terminator = (
        each.encode("latin-1") for each in (delimiters.element, delimiters.component, delimiters.terminator)
    )
    repetition = (delimiters.repetition or "").encode("latin-1")
    release = (delimiters.release or "").encode("latin-1")
    after = b"[" + re.escape(element + component + terminator) + b"]"
    inner = re.escape(component + repetition)
    any_separator = re.escape(element + component + repetition)
    end = re.escape(terminator)
    # NUL marks what was released: such a value takes the exact way.
    value = b"([^" + any_separator + re.escape(terminator + release) + b"\0]{1,%d})"
    plus, colon = re.escape(element), re.escape(component)
    kind = colon.join((value % 6, value % 3, value % 3, value % 3))
    pairs = [element + terminator, component + terminator, component + element]
    if repetition:
        pairs += [repetition + terminator, repetition + element, component + repetition]
    return Grammar(
        delimiters,
        charset,
        element,
        component,
        terminator,
        element + component + terminator + repetition + release,
        # Possessive, so that a line break is never given back to be taken for the tag.
        re.compile(end + b"(?![\r\n]*+(?:[A-Z][A-Z0-9]{2}" + after + b"|\\Z))"),
        re.compile(b"[" + any_separator + b"](?=" + end + b")|[" + inner + b"](?=" + re.escape(element) + b")"),
        tuple(pairs),
        re.compile(b"UN(?:[BGHTEZ](?=" + after + b")|A(?![A-Za-z0-9]))"),
        re.compile(
            b"UN(?:B%b|A%b%b.{3}%b[\r\n ]{0,8}UNB%b)" % (plus + b"UNO[A-Z]" + colon, colon, plus, end, plus), re.DOTALL
        ),
        # Bounded: both are shorter, and a search without bound would run to the end from each of many.
        re.compile(b"UN[BZ](?=" + after + b")[^" + end + b"]{0,700}" + end),
        re.compile(b"UNH" + plus + value % 14 + plus + b"(" + kind + b"(?:" + colon + value % 6 + b")?)" + end),
        re.compile(b"UNT" + plus + b"([0-9]{1,6})" + plus + value % 14 + end),
    )


def between(odd: list[Oddity], start: int, end: int) -> list[Oddity]:
    """Those from one place to before another, of some in their order."""
    return odd[bisect_left(odd, start, key=_place) : bisect_left(odd, end, key=_place)]


def _place(odd: Oddity) -> int:
    return odd.place


def oddities(block: bytes, hidden: bytes, grammar: Grammar) -> list[Oddity]:
    """Empty segments, bad tags, bytes outside of the repertoire, separators for nothing; in the order of their places.

    Args:
        block: Whole segments.
        hidden: The same with released characters neutral.
        grammar: Of the interchange.
    """
    end = grammar.terminator
    found = [_bad_tag(match.end() - 1, hidden, grammar) for match in _first(grammar.bad_tag, end + hidden)]
    if grammar.charset is not None:
        places = unfit_places(block, grammar.charset, grammar.service, end, MOST_ODDITIES)
        found += [Oddity(place, FindingCode.CHARACTER_INVALID) for place in places]
    if any(pair in hidden for pair in grammar.trailing_pairs):
        match = grammar.trailing.search(hidden)
        if match:
            found.append(
                Oddity(match.start(), FindingCode.SEPARATOR_TRAILING, Severity.NOTE, "The first of its block is told.")
            )
    return sorted(found, key=lambda odd: odd.place) if found else found


def _bad_tag(place: int, hidden: bytes, grammar: Grammar) -> Oddity:
    rest = hidden[place : place + 8].lstrip(b"\r\n")
    empty = rest.startswith(grammar.terminator)
    return Oddity(place, FindingCode.SEGMENT_EMPTY if empty else FindingCode.SEGMENT_TAG_INVALID)


def told(
    odd: Sequence[Oddity], block: bytes, hidden: bytes, grammar: Grammar, start: int, position: int
) -> list[Finding]:
    """The findings of oddities: in which segment, element and component each stands.

    Args:
        odd: What is odd, in the order of places.
        block: The block it was found in.
        hidden: The same with released characters neutral.
        grammar: Of the interchange.
        start: A place in the block where a segment begins, at or before the first oddity.
        position: The place in the message of the segment that begins at `start`.

    Returns:
        One finding for each, but of several unfit characters in one element the first alone.
    """
    found: list[Finding] = []
    seen: tuple[int, int] | None = None
    for each in odd:
        begin = max(hidden.rfind(grammar.terminator, start, each.place) + 1, start)
        position += hidden.count(grammar.terminator, start, begin) - empties(hidden, grammar, start, begin)
        start = begin
        element = hidden.count(grammar.element, begin, each.place)
        if each.code is FindingCode.SEGMENT_TAG_INVALID:
            seen = (begin, 0)
        elif each.code is FindingCode.CHARACTER_INVALID:
            if seen == (begin, element):
                continue
            seen = (begin, element)
        found.append(_finding(each, block, hidden, grammar, begin, position, element))
    return found


def _finding(
    odd: Oddity, block: bytes, hidden: bytes, grammar: Grammar, begin: int, position: int, element: int
) -> Finding:
    end = hidden.find(grammar.terminator, odd.place)
    text = block[begin : min(end, begin + 64)].decode("latin-1").lstrip("\r\n")
    tag = _TAG.match(text)
    shown = tag.group() if tag else None
    if odd.code in (FindingCode.SEGMENT_EMPTY, FindingCode.SEGMENT_TAG_INVALID):
        return Finding(odd.code, odd.severity, shown, position, value=text[:35] or None, detail=odd.detail)
    last = hidden.rfind(grammar.element, begin, odd.place) + 1
    component = hidden.count(grammar.component, last, odd.place) + 1 if element else 0
    value = block[odd.place : odd.place + 1].decode("latin-1")
    inner = component if component > 1 else None
    return Finding(odd.code, odd.severity, shown, position, element or None, inner, None, value, odd.detail)


def empties(hidden: bytes, grammar: Grammar, start: int, end: int) -> int:
    """How many empty segments end between two places: they are no segments and are not counted."""
    part = hidden[start:end]
    terminator = grammar.terminator
    if terminator * 2 not in part and b"\n" + terminator not in part and b"\r" + terminator not in part:
        return int(part.startswith(terminator))
    return sum(not piece.strip(b"\r\n") for piece in part.split(terminator)[:-1])


def _first(pattern: re.Pattern[bytes], data: bytes) -> Iterator[re.Match[bytes]]:
    return (match for match, _ in zip(pattern.finditer(data), range(MOST_ODDITIES), strict=False))
