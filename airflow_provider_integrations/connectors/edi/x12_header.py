"""The ISA segment: where the delimiters of an interchange come from.

ISA is the one segment of X12 with fixed places: 106 bytes, the element separator at byte 3, ISA11 at 82, the component
separator at 104 and the terminator at 105 (X12.5 section 4; all counted from 0). A sender that does not pad its
identifiers is still read by counting separators, so that it can be told what is wrong; so is a stream that was
broken into lines of 80 characters in the middle of its ISA.

    >>> isa = b"ISA*00*          *00*          *ZZ*ACME           *ZZ*HUB            "
    >>> header = read_header(isa + b"*260102*0304*U*00401*000000007*0*P*>~", 0)
    >>> header.delimiters.component, header.delimiters.repetition, header.control
    ('>', None, '000000007')
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

from airflow_provider_integrations.connectors.edi.model import Delimiters, Finding, FindingCode, Severity
from airflow_provider_integrations.connectors.edi.x12_codes import (
    AUTHORISATION_QUALIFIERS,
    PARTY_QUALIFIERS,
    SECURITY_QUALIFIERS,
)

__all__ = [
    "HEADER_BYTES",
    "LONGEST_SEGMENT",
    "PADDING",
    "InterchangeHeader",
    "check_header",
    "find_header",
    "find_whole_header",
    "is_date",
    "is_time",
    "read_header",
]

HEADER_BYTES = 512
"""Bytes that `read_header` may look at: an ISA whose elements are too long, or that is wrapped, exceeds 106."""

LONGEST_SEGMENT = 1 << 20
"""Bytes without a terminator after which an interchange is given up; the data of BIN and BDS does not count."""

PADDING = b" \t\r\n\x00\x1a\xef\xbb\xbf"
"""Bytes that may stand around an interchange: blanks, line breaks, NUL, Ctrl-Z, the byte order mark of UTF-8."""

WIDTHS = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)
"""Characters of ISA01 to ISA16."""

_I = ord("I")
_START = re.compile(rb"ISA[^A-Za-z0-9\s]")
_FIRST_WITH_REPETITION = "00402"
_VERSIONS = ("00200", "00801")


@dataclass(frozen=True, slots=True)
class InterchangeHeader:
    """What ISA says, as text of the stream, and how the stream is laid out.

    Args:
        elements: ISA01 to ISA16, not stripped.
        delimiters: The service characters in force until IEA.
        newline: What stands after the terminator of ISA: nothing, or a line break.
        wrapped: Line breaks stand anywhere and mean nothing.
        fixed: All elements have the width that X12.5 gives them.
        length: Bytes from `I` to the terminator, both included, without line breaks.
    """

    elements: tuple[str, ...]
    delimiters: Delimiters
    newline: str
    wrapped: bool
    fixed: bool
    length: int

    @property
    def sender(self) -> tuple[str, str]:
        """Qualifier and identifier, ISA05 and ISA06."""
        return self.elements[4].strip(), self.elements[5].rstrip()

    @property
    def receiver(self) -> tuple[str, str]:
        """Qualifier and identifier, ISA07 and ISA08."""
        return self.elements[6].strip(), self.elements[7].rstrip()

    @property
    def version(self) -> str:
        """ISA12; it rules the envelope only, the sets follow GS08."""
        return self.elements[11]

    @property
    def control(self) -> str:
        """ISA13."""
        return self.elements[12]

    @property
    def wants_ta1(self) -> bool:
        """ISA14."""
        return self.elements[13] == "1"

    @property
    def usage(self) -> str:
        """ISA15: P production, T test, I information."""
        return self.elements[14]


def find_header(data: bytes, start: int, end: int = sys.maxsize) -> int:
    """Where the next ISA may begin at or after `start`, and ends its tag before `end`, or -1."""
    found = _START.search(data, start, end)
    return found.start() if found else -1


def find_whole_header(data: bytes, element: bytes, start: int, end: int, *, ended: bool) -> int:
    """Where an ISA of the right shape begins, in the middle of whatever stands there; -1 if nowhere.

    Within a segment an element may end in `ISA`, and text may hold a whole ISA of other separators. So all sixteen elements
    must have their widths, by the very separator that is in force and that no text can hold.

    Args:
        data: Bytes of an interchange.
        element: Its element separator.
        start, end: Where to look.
        ended: Nothing follows the data. Else the place is also told of what may be one when more is known.
    """
    # Every I01 begins with 0. An expression without the frequent I takes half the time of `find`.
    for match in re.compile(b"SA%b0" % re.escape(element)).finditer(data, start + 1, end):
        found = match.start() - 1
        if data[found] != _I:
            continue
        if (len(data) - found < HEADER_BYTES and not ended) or _is_whole(data[found : found + HEADER_BYTES]):
            return found
    return -1


def read_header(data: bytes, start: int) -> InterchangeHeader | None:
    """The ISA that begins at `start`, or None if what is there is none.

    Args:
        data: At least `HEADER_BYTES` from `start` on, or all there is.
        start: Where `ISA` stands.
    """
    raw = data[start : start + HEADER_BYTES]
    if not _START.match(raw):
        return None
    unwrapped = raw.translate(None, b"\r\n")
    if _is_fixed(raw):
        # Of one that was cut off at its very end the terminator is a letter of the next ISA.
        if raw[105:106].isalnum() and find_whole_header(raw, raw[3:4], 104, 110, ended=True) >= 0:
            return None
        return _header(raw, 105, wrapped=False, fixed=True)
    # Where the line break is the terminator itself, taking breaks away leaves the next tag in its place.
    if _is_fixed(unwrapped) and not unwrapped[105:106].isalnum():
        return _header(unwrapped, 105, wrapped=True, fixed=True)
    separator = raw[3:4]
    end = 2
    for _ in WIDTHS:
        end = raw.find(separator, end + 1)
        if end < 0:
            return None
    terminator = end + 2
    if find_whole_header(raw, separator, 3, terminator, ended=True) >= 0:
        return None  # It was cut off, and the separators that were counted are those of the next.
    # The terminator must be one: otherwise this is some text that happens to begin with ISA.
    if terminator >= len(raw) or raw[terminator : terminator + 1].isalnum() or raw[terminator : terminator + 1] == b" ":
        return None
    return _header(raw, terminator, wrapped=False, fixed=False)


def _is_whole(raw: bytes) -> bool:
    """Whether these bytes begin with an ISA of the right shape, wrapped or not."""
    if not _is_fixed(raw):
        raw = raw.translate(None, b"\r\n")
        if not _is_fixed(raw):
            return False
    end = raw[105:106]
    return not (end.isalnum() or end in (b" ", raw[3:4]))


def _is_fixed(raw: bytes) -> bool:
    if len(raw) < 106:
        return False
    at = 3
    for width in WIDTHS:
        if raw[at] != raw[3] or raw.find(raw[3:4], at + 1, at + 1 + width) >= 0:
            return False
        at += width + 1
    inside = raw[:105]
    return b"\n" not in inside and b"\r" not in inside


def _header(raw: bytes, end: int, *, wrapped: bool, fixed: bool) -> InterchangeHeader:
    text = raw[:end].decode("latin-1")
    separator = text[3]
    # By its place: a component separator that is the element separator would split to nothing.
    elements = (*text.split(separator)[1:16], text[-1])
    repetition = elements[10]
    terminator = chr(raw[end])
    has_repetition = (
        elements[11] >= _FIRST_WITH_REPETITION
        and len(repetition) == 1
        and not repetition.isalnum()
        and repetition not in {separator, elements[15], terminator, *" \r\n"}
    )
    after = raw[end + 1 : end + 3].decode("latin-1")
    # After a carriage return that ends segments, only a line feed is more than the terminator.
    newline = next((line for line in ("\r\n", "\n", "\r") if after.startswith(line) and terminator not in line), "")
    return InterchangeHeader(
        elements,
        Delimiters(separator, elements[15], terminator, repetition if has_repetition else None),
        "" if wrapped else newline,
        wrapped,
        fixed,
        end + 1,
    )


def check_header(header: InterchangeHeader) -> list[Finding]:
    """What is wrong within ISA itself, in the order of its elements; nothing here knows a partner."""
    elements, found = header.elements, []

    def bad(code: FindingCode, element: int, detail: str, severity: Severity = Severity.FATAL) -> None:
        value = elements[element - 1] if 0 < element < 17 else None
        found.append(Finding(code, severity, "ISA", 1, element or None, value=value, detail=detail))

    if not header.fixed:
        wrong = [n for n, (text, width) in enumerate(zip(elements, WIDTHS, strict=True), 1) if len(text) != width]
        detail = "Elements of ISA have fixed widths; wrong here: " + ", ".join(f"ISA{n:02d}" for n in wrong)
        found.append(Finding(FindingCode.HEADER_INVALID, Severity.FATAL, "ISA", 1, detail=detail))
    delimiters = header.delimiters
    used = (delimiters.element, delimiters.component, delimiters.terminator)
    if delimiters.component.isalnum() or delimiters.component in {*" \r\n", delimiters.element, delimiters.terminator}:
        bad(FindingCode.DELIMITER_INVALID, 16, "The component separator is a character of data, or used twice.")
    if delimiters.terminator.isalnum() or delimiters.terminator in {" ", delimiters.element}:
        bad(FindingCode.DELIMITER_INVALID, 17, "The terminator is a character of data, or used twice.")
    for element, codes in ((1, AUTHORISATION_QUALIFIERS), (3, SECURITY_QUALIFIERS)):
        if elements[element - 1] not in codes:
            bad(FindingCode.QUALIFIER_INVALID, element, "The qualifier is not one of X12's.")
    if elements[4] not in PARTY_QUALIFIERS:
        bad(FindingCode.QUALIFIER_INVALID, 5, "The qualifier of the sender is not one of X12's.")
    if not elements[5].strip():
        bad(FindingCode.ELEMENT_MISSING, 6, "The sender is blank.")
    if elements[6] not in PARTY_QUALIFIERS:
        bad(FindingCode.QUALIFIER_INVALID, 7, "The qualifier of the receiver is not one of X12's.")
    if not elements[7].strip():
        bad(FindingCode.ELEMENT_MISSING, 8, "The receiver is blank.")
    if not is_date(elements[8], widths=(6,)):
        bad(FindingCode.DATE_INVALID, 9, "ISA09 is a date as YYMMDD.")
    if not is_time(elements[9], widths=(4,)):
        bad(FindingCode.TIME_INVALID, 10, "ISA10 is a time as HHMM.")
    if delimiters.repetition is None and elements[10] != "U":
        bad(FindingCode.DELIMITER_INVALID, 11, "ISA11 is U, or from 00402 on a separator.", Severity.NOTE)
    if elements[10] in used:
        bad(FindingCode.DELIMITER_INVALID, 11, "ISA11 repeats another delimiter.")
    if not _VERSIONS[0] <= elements[11] <= _VERSIONS[1] or not _digits(elements[11]) or len(elements[11]) != 5:
        bad(FindingCode.VERSION_UNSUPPORTED, 12, "ISA12 names no version between 00200 and 00801.")
    if len(elements[12]) != 9 or not _digits(elements[12]):
        bad(FindingCode.CONTROL_NUMBER_INVALID, 13, "ISA13 is nine digits.")
    if elements[13] not in {"0", "1"}:
        bad(FindingCode.ACKNOWLEDGEMENT_REQUEST_INVALID, 14, "ISA14 is 0 or 1.")
    if elements[14] not in {"I", "P", "T"}:
        bad(FindingCode.USAGE_INDICATOR_INVALID, 15, "ISA15 is P, T or I.")
    return found


def is_date(text: str, *, widths: tuple[int, ...] = (6, 8)) -> bool:
    """Whether a text is a day as YYMMDD or CCYYMMDD; a year of two digits takes 29 February in any leap year of 2000s."""
    if len(text) not in widths or not _digits(text):
        return False
    year = int(text[:-4]) + (2000 if len(text) == 6 else 0)
    month, day = int(text[-4:-2]), int(text[-2:])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return 1 <= month <= 12 and 1 <= day <= lengths[month - 1]


def is_time(text: str, *, widths: tuple[int, ...] = (4, 6, 7, 8)) -> bool:
    """Whether a text is a time as HHMM, HHMMSS, HHMMSSD or HHMMSSDD."""
    if len(text) not in widths or not _digits(text):
        return False
    return int(text[:2]) < 24 and int(text[2:4]) < 60 and int(text[4:6] or 0) < 60


def _digits(text: str) -> bool:
    # `isdigit` alone takes superscripts, which Latin-1 has.
    return text.isascii() and text.isdigit()
