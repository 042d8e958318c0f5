"""CONTRL: the acknowledgement of an EDIFACT interchange, as bytes, from its verdict.

Everything that changes is an argument, so that a rerun gives the same bytes. Source: ISO 9735-4:2002 (CONTRL 4:1) and the CONTRL
message of directory D.3 for versions 1 to 3; the clauses named below are of ISO 9735-4.

    >>> from datetime import datetime
    >>> from airflow_provider_integrations.connectors.edi.edifact_scan import scan
    >>> from airflow_provider_integrations.connectors.edi.edifact_verdict import verdicts
    >>> stream = b"UNB+UNOA:3+A:14+B+260102:0304+7'UNH+1+ORDERS:D:96A:UN'BGM+220+1'UNT+4+1'UNZ+1+7'"
    >>> [verdict] = verdicts(scan([stream]))
    >>> contrl = acknowledge(verdict, datetime(2026, 1, 2, 3, 5), "1")
    >>> print(contrl.decode().replace("'", "'\\n"))
    UNB+UNOA:3+B+A:14+260102:0305+1'
    UNH+1+CONTRL:D:3:UN'
    UCI+7+A:14+B+7'
    UCM+1+ORDERS:D:96A:UN+4+29+UNT+2'
    UNT+4+1'
    UNZ+1+1'
    <BLANKLINE>
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from airflow_provider_integrations.connectors.edi.edifact_charsets import character_set
from airflow_provider_integrations.connectors.edi.edifact_codes import error_code
from airflow_provider_integrations.connectors.edi.edifact_envelope import InterchangeHeader
from airflow_provider_integrations.connectors.edi.edifact_tokens import write_advice, write_segments
from airflow_provider_integrations.connectors.edi.edifact_verdict import ACKNOWLEDGEMENT as CONTRL
from airflow_provider_integrations.connectors.edi.edifact_verdict import GroupVerdict, InterchangeVerdict, Status
from airflow_provider_integrations.connectors.edi.model import Finding, FindingCode, Segment, Severity
from airflow_provider_integrations.connectors.edi.refused_messages import MessageVerdict
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["acknowledge", "acknowledgement_parts", "can_acknowledge"]

_REJECTED, _ACKNOWLEDGED, _RECEIVED = "4", "7", "8"
"""0083, action coded (clause 5.3.2)."""
_SHIFTS = frozenset("\x0e\x0f\x1b")
"""They change the character set where it can be changed (UNOX)."""
_MOST_SEGMENTS, _MOST_ELEMENTS = 999, 99
"""Repeats of the group UCS and of UCD in it."""
_HIGHEST_POSITION = 999_999
"""0096 has six digits."""
_UNSPECIFIED = "18"
_OUTSIDE = "33"
"""Invalid occurrence outside message or group: "rejection is reported at the level above"."""

_STRAY = frozenset({FindingCode.SEGMENT_UNEXPECTED, FindingCode.TRAILER_UNEXPECTED, FindingCode.BYTES_OUTSIDE})
_MALFORMED = frozenset(
    {
        FindingCode.COMPONENT_SURPLUS,
        FindingCode.ELEMENT_MISSING,
        FindingCode.ELEMENT_TOO_LONG,
        FindingCode.ELEMENT_TOO_SHORT,
        FindingCode.ELEMENT_TYPE,
        FindingCode.REPETITION_SURPLUS,
    }
)
"""What keeps an element from being copied into UCI, UCF or UCM."""
_OF_THE_LEVEL = frozenset(
    {FindingCode.INTERCHANGE_EMPTY, FindingCode.GROUP_EMPTY, FindingCode.GROUPS_MIXED, FindingCode.SET_TYPES_MIXED}
)
"""Faults of what a level holds, in no service segment of it: no 0013 names one."""


def acknowledge(
    verdict: InterchangeVerdict,
    now: datetime,
    control_reference: str,
    *,
    message_reference: str = "1",
    receipt_only: bool = False,
) -> bytes | None:
    """One interchange with one CONTRL that answers a received interchange.

    Rejected as a whole (action 4 in UCI) it tells the first fault of UNA, UNB or UNZ and nothing below. Acknowledged (7) it
    lists what is refused: all else is acknowledged by not being named (clause 5.3.2). It is written in the partner's own
    service characters, with a UNA if he sent one.

    Args:
        verdict: Of the interchange received.
        now: When it is written, in the time that the partners agreed on.
        control_reference: 0020 of the answer, from our own counter.
        message_reference: 0062 of the CONTRL.
        receipt_only: Say no more than that the interchange arrived whole (action 8); a verdict follows in another CONTRL.

    Returns:
        The bytes; None where the standard has no CONTRL: for bytes with no UNB, for an interchange of CONTRLs alone (clause
        5.3.1) and for a UNB of which reference, sender or recipient cannot be copied (clause 5.3.4).

    Raises:
        ConfigError: for a reference that is empty, longer than 14 characters or not alphanumeric.
    """
    parts = acknowledgement_parts(
        verdict, now, control_reference, message_reference=message_reference, receipt_only=receipt_only
    )
    return None if parts is None else b"".join(parts)


def acknowledgement_parts(
    verdict: InterchangeVerdict,
    now: datetime,
    control_reference: str,
    *,
    message_reference: str = "1",
    receipt_only: bool = False,
) -> Iterator[bytes] | None:
    """The bytes that `acknowledge` gives, segment by segment, with the same arguments and errors; None where it gives none."""
    for reference in (control_reference, message_reference):
        if not (reference.isascii() and reference.isalnum() and len(reference) <= 14):
            raise ConfigError(
                "not usable as a control reference",
                reference=reference[:20],
                next_step="Give 1 to 14 letters or digits.",
            )
    header = verdict.header
    if header is None or not can_acknowledge(verdict):
        return None
    kind = _join(header, CONTRL, *(("4", "1") if header.version == 4 else ("D", "3")), "UN")
    body = _report(verdict, header, receipt_only=receipt_only)
    unb = _service_header(verdict, header, now, control_reference)
    return _parts(header, body, unb, ["UNH", message_reference, kind])


def _parts(header: InterchangeHeader, body: Iterable[list[str]], unb: list[str], unh: list[str]) -> Iterator[bytes]:

    def written(segment: list[str]) -> bytes:
        tag, *elements = _trimmed(segment)
        return write_segments([Segment(tag, tuple(elements), 0, 0)], header.delimiters)

    if header.advised:
        # A decimal mark that none can be is not given back: the answer itself has to be clean.
        mark = header.delimiters.decimal if header.delimiters.decimal in ".," else "."
        yield write_advice(replace(header.delimiters, decimal=mark)).encode("latin-1")
    yield written(unb)
    yield written(unh)
    count = 2
    for segment in body:
        count += 1
        yield written(segment)
    yield written(["UNT", str(count), unh[1]])
    yield written(["UNZ", "1", unb[5]])


def can_acknowledge(verdict: InterchangeVerdict) -> bool:
    """Whether the standard has a CONTRL for this interchange; see `acknowledge`."""
    header = verdict.header
    if header is None or (verdict.messages and verdict.messages == verdict.acknowledgements):
        return False
    return _is_copied(header.segment, verdict.findings, (2, 3, 5), header)


def _report(verdict: InterchangeVerdict, header: InterchangeHeader, *, receipt_only: bool) -> Iterator[list[str]]:
    """UCI and what is below it."""
    elements = header.segment.elements
    copied = ["UCI", *elements[4:5], *elements[1:3]]
    if verdict.status is Status.REJECTED:
        yield [*copied, _REJECTED, *_fault(verdict.findings, header)]
    elif any(not _names(each, header) for each in _told(verdict.refused)) or any(
        not _names_group(each, header) for each in verdict.groups
    ):
        # What UCM or UCF cannot name would be acknowledged by silence: the level above is rejected.
        yield [*copied, _REJECTED, _UNSPECIFIED]
    elif receipt_only:
        yield [*copied, _RECEIVED]
    else:
        yield [*copied, _ACKNOWLEDGED]
        for message in _told(verdict.refused):
            yield from _message(message, header)
        for group in verdict.groups:
            yield from _group(group, header)


def _group(group: GroupVerdict, header: InterchangeHeader) -> Iterator[list[str]]:
    """UCF of a group that is refused or has refused messages; none for another."""
    elements = group.header.segment.elements
    copied = ["UCF", *elements[4:5], *elements[1:3]]
    if not group.accepted:
        yield [*copied, _REJECTED, *_fault(group.findings, header)]
    elif any(not _names(each, header) for each in _told(group.refused)):
        yield [*copied, _REJECTED, _UNSPECIFIED]
    else:
        for at, message in enumerate(_told(group.refused)):
            if not at:
                yield [*copied, _ACKNOWLEDGED]
            yield from _message(message, header)


def _message(message: MessageVerdict, header: InterchangeHeader) -> Iterator[list[str]]:
    """UCM of a refused message, then UCS and UCD in the order of their places."""
    faults = [each for each in message.findings if each.severity is not Severity.NOTE]
    service = [each for each in faults if each.segment in ("UNH", "UNT")]
    yield ["UCM", *message.header.segment.elements[:2], _REJECTED, *(_fault(service, header) if service else ())]
    inner = sorted((each for each in faults if each.segment not in ("UNH", "UNT")), key=_place)
    places = 0
    for place, here in groupby(inner, key=_place):
        found = list(here)
        told = [["UCS", str(place), error_code(each.code, header.version)] for each in found if each.element is None]
        elements = [each for each in found if each.element is not None][:_MOST_ELEMENTS]
        if elements:
            told.append(["UCS", str(place)])
        places += len(told)
        if places > _MOST_SEGMENTS:
            return
        yield from told
        for each in elements:
            yield ["UCD", error_code(each.code, header.version), _identified(each, header)]


def _place(finding: Finding) -> int:
    """0096: the segment's place from UNH as 1; what is missing is told of at the last segment before it (clause 5.4)."""
    place = (finding.position or 1) - (finding.code is FindingCode.SEGMENT_MISSING)
    return min(max(place, 1), _HIGHEST_POSITION)


def _fault(findings: Iterable[Finding], header: InterchangeHeader) -> list[str]:
    """0085, 0013 and S011 of the first fault of a level: UCI, UCF and UCM have room for one."""
    first = next(each for each in findings if each.severity is not Severity.NOTE)
    if first.code in _STRAY:
        return [_OUTSIDE]
    code = error_code(first.code, header.version)
    if first.code in _OF_THE_LEVEL or first.segment is None or not first.segment.startswith("UN"):
        return [code]
    return [code, first.segment, *([_identified(first, header)] if first.element else [])]


def _identified(finding: Finding, header: InterchangeHeader) -> str:
    """S011: 0098 counts the tag as 1 and 0104 counts components from 1; 0136 (occurrence) is of version 4."""
    parts = [str((finding.element or 0) + 1), str(finding.component or "")]
    if header.version == 4:
        parts.append(str(finding.repetition or ""))
    while not parts[-1]:
        parts.pop()
    return _join(header, *parts)


def _told(refused: Iterable[MessageVerdict]) -> Iterator[MessageVerdict]:
    """As if no CONTRL had been received among them (clause 5.3.1)."""
    return (each for each in refused if each.header.type != CONTRL)


def _names(message: MessageVerdict, header: InterchangeHeader) -> bool:
    """Whether UCM can name it: 0062 and S009 are there and of their form (clause 5.3.4)."""
    return _is_copied(message.header.segment, message.findings, (1, 2), header)


def _names_group(group: GroupVerdict, header: InterchangeHeader) -> bool:
    """Whether UCF can name it: 0048, S006 and S007 are there and of their form."""
    return _is_copied(group.header.segment, group.findings, (2, 3, 5), header)


def _is_copied(
    segment: Segment, findings: Iterable[Finding], elements: tuple[int, ...], header: InterchangeHeader
) -> bool:
    """Whether these elements can stand in ours as they are: of their form, and without control characters."""
    if _malformed(findings, segment.tag, elements):
        return False
    signs = header.delimiters
    own = {signs.component, signs.release, signs.repetition, *_SHIFTS}
    texts = "".join("".join(segment.elements[at - 1 : at]) for at in elements)
    return all(sign in own or not (ord(sign) < 32 or ord(sign) == 127) for sign in {*texts})


def _malformed(findings: Iterable[Finding], tag: str, elements: tuple[int, ...]) -> bool:
    return any(each.segment == tag and each.element in elements and each.code in _MALFORMED for each in findings)


def _service_header(
    verdict: InterchangeVerdict, header: InterchangeHeader, now: datetime, control_reference: str
) -> list[str]:
    """UNB of the answer: the parties turned round, the partner's syntax, his test indicator; nothing asks for an answer."""
    elements = header.segment.elements
    syntax = elements[0]
    if header.version is None or character_set(header.syntax_identifier) is None:
        syntax = _join(header, "UNOA", str(header.version or 3))
    elif _malformed(verdict.findings, "UNB", (1,)):
        syntax = _join(header, header.syntax_identifier, str(header.version))
    date = now.strftime("%Y%m%d" if header.version == 4 else "%y%m%d")
    prepared = _join(header, date, now.strftime("%H%M"))
    test = [*[""] * 5, "1"] if header.test else []
    return ["UNB", syntax, elements[2], elements[1], prepared, control_reference, *test]


def _join(header: InterchangeHeader, *parts: str) -> str:
    return header.delimiters.component.join(parts)


def _trimmed(segment: list[str]) -> list[str]:
    """Without empty elements at the end (ISO 9735-1 clause 8.7)."""
    while not segment[-1]:
        segment = segment[:-1]
    return segment
