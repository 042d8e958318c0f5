"""UNB, UNG and UNH as values, and what is wrong with a service segment.

Reading is total: whatever is missing is an empty text, and `check_service` says what the standard wants. Source: ISO 9735:1988
(versions 1 to 3) and ISO 9735-1:2002 annex C (version 4).

    >>> from airflow_provider_integrations.connectors.edi.edifact_tokens import default_delimiters, segments_of
    >>> usual = default_delimiters(3)
    >>> [unh] = segments_of(b"UNH+1+ORDERS:D:96A:UN:EAN008'", usual)
    >>> header = message_header(unh, usual)
    >>> header.reference, header.type, header.release, header.association
    ('1', 'ORDERS', '96A', 'EAN008')
    >>> [finding.code.value for finding in check_service(segments_of(b"UNT+x'", usual)[0], usual, 3)]
    ['element_type', 'element_missing']
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from airflow_provider_integrations.connectors.edi.edifact_charsets import character_set
from airflow_provider_integrations.connectors.edi.edifact_codes import Component, layout
from airflow_provider_integrations.connectors.edi.edifact_tokens import (
    components,
    default_delimiters,
    repetitions,
    unescape,
)
from airflow_provider_integrations.connectors.edi.model import Delimiters, Finding, FindingCode, Segment, Severity

__all__ = [
    "GroupHeader",
    "InterchangeHeader",
    "MessageHeader",
    "Party",
    "check_interchange",
    "check_service",
    "group_header",
    "interchange_header",
    "message_header",
    "prepared_at",
    "values",
]

_VERSIONS = (1, 2, 3, 4)
_PIVOT = 70
"""Years of two digits from here on are of the 1900s: the syntax itself is of 1987."""


@dataclass(frozen=True, slots=True)
class Party:
    """S002 or S003, S006 or S007: who sends or receives, unescaped."""

    identification: str
    qualifier: str = ""
    routing: str = ""


@dataclass(frozen=True, slots=True)
class InterchangeHeader:
    """UNB. Dates are as they stand: `prepared_at` reads them.

    Args:
        segment: UNB itself.
        delimiters: The service characters of this interchange.
        advised: Whether a UNA stood before it.
        syntax_identifier: 0001, which names the characters.
        version: 0002, from 1 to 4; None if it is none of them.
        reference: 0020, the interchange control reference.
        request: 0031: `1` asks for an acknowledgement, `2` for an indication of receipt alone.
        test: Whether 0035 is set.
    """

    segment: Segment
    delimiters: Delimiters
    advised: bool
    syntax_identifier: str
    version: int | None
    sender: Party
    recipient: Party
    date: str
    time: str
    reference: str
    application: str = ""
    request: str = ""
    agreement: str = ""
    test: bool = False


@dataclass(frozen=True, slots=True)
class GroupHeader:
    """UNG: a functional group; `reference` is 0048 and `type` is 0038."""

    segment: Segment
    type: str
    sender: Party
    recipient: Party
    reference: str


@dataclass(frozen=True, slots=True)
class MessageHeader:
    """UNH: `reference` is 0062; the others are the components of S009."""

    segment: Segment
    reference: str
    type: str
    version: str
    release: str
    agency: str
    association: str = ""


def values(element: str, delimiters: Delimiters) -> list[str]:
    """The components of an element, unescaped."""
    parts = components(element, delimiters)
    if delimiters.release is None or delimiters.release not in element:
        return parts
    return [unescape(part, delimiters) for part in parts]


def interchange_header(segment: Segment, delimiters: Delimiters, *, advised: bool) -> InterchangeHeader:
    """What UNB says; the repetition separator is settled by the version it names."""
    syntax = _element(segment, 1, delimiters)
    told = _at(syntax, 1)
    version = int(told) if told in ("1", "2", "3", "4") else None
    # The fifth place of UNA is reserved below version 4, and version 4 has a default of its own.
    if version != 4:
        delimiters = replace(delimiters, repetition=None)
    elif not advised and delimiters.element == "+":
        delimiters = default_delimiters(4)
    prepared = _element(segment, 4, delimiters)
    return InterchangeHeader(
        segment,
        delimiters,
        advised,
        _at(syntax, 0),
        version,
        _party(segment, 2, delimiters),
        _party(segment, 3, delimiters),
        _at(prepared, 0),
        _at(prepared, 1),
        _at(_element(segment, 5, delimiters), 0),
        _at(_element(segment, 7, delimiters), 0),
        _at(_element(segment, 9, delimiters), 0),
        _at(_element(segment, 10, delimiters), 0),
        _at(_element(segment, 11, delimiters), 0) not in ("", "0"),
    )


def group_header(segment: Segment, delimiters: Delimiters) -> GroupHeader:
    """What UNG says."""
    return GroupHeader(
        segment,
        _at(_element(segment, 1, delimiters), 0),
        _party(segment, 2, delimiters),
        _party(segment, 3, delimiters),
        _at(_element(segment, 5, delimiters), 0),
    )


def message_header(segment: Segment, delimiters: Delimiters) -> MessageHeader:
    """What UNH says."""
    kind = [*_element(segment, 2, delimiters), "", "", "", "", ""]
    return MessageHeader(segment, _at(_element(segment, 1, delimiters), 0), *kind[:5])


def prepared_at(date: str, time: str) -> datetime | None:
    """S004 as a moment with no zone; None if it is none. Six digits are of versions 1 to 3, eight of version 4."""
    if not (date + time).isascii() or not (date + time).isdigit() or len(time) != 4 or len(date) not in (6, 8):
        return None
    if len(date) == 6:
        date = ("19" if int(date[:2]) >= _PIVOT else "20") + date
    try:
        return datetime(int(date[:4]), int(date[4:6]), int(date[6:]), int(time[:2]), int(time[2:]))
    except ValueError:
        return None


def check_interchange(header: InterchangeHeader) -> list[Finding]:
    """What is wrong with UNB: its layout, its version, its character set, its date. All but notes refuse the interchange."""
    found = [
        replace(each, severity=Severity.FATAL)
        for each in check_service(header.segment, header.delimiters, header.version)
    ]
    syntax = _element(header.segment, 1, header.delimiters)
    if header.version is None and _at(syntax, 1):
        found.append(_unb(FindingCode.VERSION_UNSUPPORTED, 1, 2, _at(syntax, 1), "Syntax versions are 1 to 4."))
    if header.syntax_identifier and character_set(header.syntax_identifier) is None:
        found.append(
            _unb(FindingCode.CHARACTER_SET_UNKNOWN, 1, 1, header.syntax_identifier, "Not a syntax identifier.")
        )
    if prepared_at(header.date, header.time) is None and not any(each.element == 4 for each in found):
        found.append(_unb(FindingCode.DATE_INVALID, 4, None, f"{header.date}:{header.time}", "No such date and time."))
    elif len(header.date) != (8 if header.version == 4 else 6) and header.version in _VERSIONS:
        finding = _unb(
            FindingCode.DATE_INVALID, 4, 1, header.date, "The year has the digits of another syntax version."
        )
        found.append(replace(finding, severity=Severity.NOTE))
    return found


def check_service(
    segment: Segment, delimiters: Delimiters, version: int | None, position: int | None = None
) -> list[Finding]:
    """Each element and component of a service segment that is missing, surplus, too long, too short or of a wrong type.

    Args:
        segment: A UNB, UNG, UNH, UNT, UNE or UNZ.
        delimiters: The service characters in force.
        version: The syntax version, which chooses the layout.
        position: What the findings say of its place; its number in the interchange if None.
    """
    place = segment.number if position is None else position
    wanted = layout(segment.tag, version)
    found: list[Finding] = []
    for index, element in enumerate(wanted, 1):
        raw = segment.elements[index - 1] if index <= len(segment.elements) else ""
        if not raw:
            if element.mandatory:
                found.append(_finding(FindingCode.ELEMENT_MISSING, segment, place, index))
            continue
        if len(repetitions(raw, delimiters)) > 1:
            found.append(_finding(FindingCode.REPETITION_SURPLUS, segment, place, index, value=raw))
            continue
        parts = values(raw, delimiters)
        for at, component in enumerate(element.components, 1):
            for code in _faults(_at(parts, at - 1), component):
                inner = None if len(element.components) == 1 else at
                found.append(_finding(code, segment, place, index, inner, _at(parts, at - 1) or None))
        if len(parts) > len(element.components):
            surplus = len(element.components) + 1
            found.append(_finding(FindingCode.COMPONENT_SURPLUS, segment, place, index, surplus, parts[surplus - 1]))
    if len(segment.elements) > len(wanted):
        surplus = len(wanted) + 1
        found.append(
            _finding(FindingCode.ELEMENT_SURPLUS, segment, place, surplus, value=segment.elements[surplus - 1])
        )
    return found


def _faults(value: str, component: Component) -> Iterator[FindingCode]:
    if not value:
        if component.mandatory:
            yield FindingCode.ELEMENT_MISSING
        return
    digits = value.isascii() and value.isdigit()
    if (component.kind == "n" and not digits) or (component.kind == "a" and any(each.isdigit() for each in value)):
        yield FindingCode.ELEMENT_TYPE
    if len(value) > component.most:
        yield FindingCode.ELEMENT_TOO_LONG
    elif len(value) < component.least:
        yield FindingCode.ELEMENT_TOO_SHORT


def _finding(
    code: FindingCode,
    segment: Segment,
    position: int,
    element: int,
    component: int | None = None,
    value: str | None = None,
) -> Finding:
    return Finding(code, Severity.ERROR, segment.tag, position, element, component, None, value)


def _unb(code: FindingCode, element: int, component: int | None, value: str, detail: str) -> Finding:
    return Finding(code, Severity.FATAL, "UNB", 1, element, component, None, value, detail)


def _element(segment: Segment, index: int, delimiters: Delimiters) -> list[str]:
    return values(segment.elements[index - 1], delimiters) if index <= len(segment.elements) else []


def _at(parts: list[str], index: int) -> str:
    return parts[index] if index < len(parts) else ""


def _party(segment: Segment, index: int, delimiters: Delimiters) -> Party:
    parts = _element(segment, index, delimiters)
    return Party(_at(parts, 0), _at(parts, 1), _at(parts, 2))
