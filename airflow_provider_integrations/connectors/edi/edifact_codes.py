"""The service segments as tables, and the codes by which CONTRL tells what is wrong (service code list 0085).

Layouts: ISO 9735:1988 with amendment 1 for versions 1 to 3, ISO 9735-1:2002 annex C for version 4.

    >>> error_code(FindingCode.COUNT_WRONG, 3), error_code(FindingCode.SEPARATOR_TRAILING, 3)
    ('29', '18')
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from airflow_provider_integrations.connectors.edi.model import FindingCode

__all__ = ["ERROR_NAMES", "Component", "Element", "error_code", "layout"]

ERROR_NAMES = {
    "2": "Syntax version or level not supported",
    "7": "Interchange recipient not actual recipient",
    "12": "Invalid value",
    "13": "Missing",
    "14": "Value not supported in this position",
    "15": "Not supported in this position",
    "16": "Too many constituents",
    "17": "No agreement",
    "18": "Unspecified error",
    "19": "Invalid decimal notation",
    "20": "Character invalid as service character",
    "21": "Invalid character(s)",
    "22": "Invalid service character(s)",
    "23": "Unknown interchange sender",
    "24": "Too old",
    "25": "Test indicator not supported",
    "26": "Duplicate detected",
    "27": "Security function not supported",
    "28": "References do not match",
    "29": "Control count does not match number of instances received",
    "30": "Groups and messages/packages mixed",
    "31": "More than one message type in group",
    "32": "Lower level empty",
    "33": "Invalid occurrence outside message, package or group",
    "34": "Nesting indicator not allowed",
    "35": "Too many data element or segment repetitions",
    "36": "Too many segment group repetitions",
    "37": "Invalid type of character(s)",
    "38": "Missing digit in front of decimal sign",
    "39": "Data element too long",
    "40": "Data element too short",
    "41": "Permanent communication network error",
    "42": "Temporary communication network error",
    "43": "Unknown interchange recipient",
    "45": "Trailing separator",
    "46": "Character set not supported",
    "47": "Envelope functionality not supported",
    "48": "Dependency notes condition violated",
}
"""0085, syntax error coded: those that versions 3 and 4 share, and 45 to 48 of version 4 alone."""

_FROM_VERSION_4 = {"45": "18", "46": "2", "47": "15", "48": "13"}
"""What version 3 says in place of a code that only version 4 has."""

_CODES = {
    FindingCode.BYTES_OUTSIDE: "33",
    FindingCode.CHARACTER_INVALID: "21",
    FindingCode.CHARACTER_SET_UNKNOWN: "46",
    FindingCode.CODE_UNKNOWN: "12",
    FindingCode.COMPONENT_SURPLUS: "16",
    FindingCode.CONDITION_FAILED: "48",
    FindingCode.CONTROL_NUMBER_DIFFERS: "28",
    FindingCode.CONTROL_NUMBER_DUPLICATE: "26",
    FindingCode.CONTROL_NUMBER_INVALID: "12",
    FindingCode.COUNT_INVALID: "12",
    FindingCode.COUNT_WRONG: "29",
    FindingCode.DATE_INVALID: "12",
    FindingCode.DELIMITER_INVALID: "20",
    FindingCode.ELEMENT_MISSING: "13",
    FindingCode.ELEMENT_NOT_USED: "15",
    FindingCode.ELEMENT_SURPLUS: "16",
    FindingCode.ELEMENT_TOO_LONG: "39",
    FindingCode.ELEMENT_TOO_SHORT: "40",
    FindingCode.ELEMENT_TYPE: "37",
    FindingCode.EXCLUSION_FAILED: "48",
    FindingCode.GROUPS_MIXED: "30",
    FindingCode.GROUP_EMPTY: "32",
    FindingCode.GROUP_UNKNOWN: "17",
    FindingCode.HEADER_INVALID: "12",
    FindingCode.HEADER_MISSING: "13",
    FindingCode.HEADER_UNEXPECTED: "15",
    FindingCode.INTERCHANGE_EMPTY: "32",
    FindingCode.LOOP_SURPLUS: "36",
    FindingCode.QUALIFIER_INVALID: "12",
    FindingCode.RECEIVER_UNKNOWN: "7",
    FindingCode.RELEASE_DANGLING: "22",
    FindingCode.REPETITION_SURPLUS: "35",
    FindingCode.SEGMENT_EMPTY: "13",
    FindingCode.SEGMENT_MISSING: "13",
    FindingCode.SEGMENT_SURPLUS: "35",
    FindingCode.SEGMENT_TAG_INVALID: "12",
    FindingCode.SEGMENT_UNEXPECTED: "15",
    FindingCode.SEGMENT_UNKNOWN: "15",
    FindingCode.SENDER_UNKNOWN: "23",
    FindingCode.SEPARATOR_TRAILING: "45",
    FindingCode.SET_TYPES_MIXED: "31",
    FindingCode.SET_UNKNOWN: "17",
    FindingCode.TERMINATOR_MISSING: "22",
    FindingCode.TIME_INVALID: "12",
    FindingCode.TRAILER_MISSING: "13",
    FindingCode.TRAILER_UNEXPECTED: "15",
    FindingCode.USAGE_INDICATOR_INVALID: "25",
    FindingCode.VERSION_UNSUPPORTED: "2",
}


def error_code(code: FindingCode, version: int | None) -> str:
    """0085 for a finding; 18 (unspecified error) for what the list has no word for.

    Args:
        code: Our own name of the finding.
        version: The syntax version of the acknowledgement: the list of version 4 is longer.
    """
    told = _CODES.get(code, "18")
    return told if version == 4 else _FROM_VERSION_4.get(told, told)


@dataclass(frozen=True, slots=True)
class Component:
    """A component, or a simple element: its kind is `a`, `n` or `an`."""

    mandatory: bool
    kind: str
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Element:
    """A simple element has one component."""

    mandatory: bool
    components: tuple[Component, ...]
    repeats: int = 1


# One string a segment: elements apart by blanks; M or C, then the components, each M or C with its representation.
_VERSIONS_1_TO_3 = {
    "UNB": "M:Ma4,Mn1 M:Man..35,Can..4,Can..14 M:Man..35,Can..4,Can..14 M:Mn..8,Mn4 M:Man..14 C:Man..14,Can2 C:Can..14 "
    "C:Ca1 C:Cn1 C:Can..35 C:Cn1",
    "UNG": "M:Man..6 M:Man..35,Can..4 M:Man..35,Can..4 M:Mn..8,Mn4 M:Man..14 M:Man..3 M:Man..3,Man..3,Can..6 C:Can..14",
    "UNH": "M:Man..14 M:Man..6,Man..3,Man..3,Man..3,Can..6 C:Can..35 C:Mn..2,Ca1",
    "UNT": "M:Mn..6 M:Man..14",
    "UNE": "M:Mn..6 M:Man..14",
    "UNZ": "M:Mn..6 M:Man..14",
}
_VERSION_4 = {
    "UNB": "M:Ma4,Man1,Can..6,Can..3,Can2 M:Man..35,Can..4,Can..35,Can..35 M:Man..35,Can..4,Can..35,Can..35 M:Mn..8,Mn4 "
    "M:Man..14 C:Man..14,Can2 C:Can..14 C:Ca1 C:Cn1 C:Can..35 C:Cn1",
    "UNG": "C:Can..6 C:Man..35,Can..4 C:Man..35,Can..4 C:Mn..8,Mn4 M:Man..14 C:Can..3 C:Man..3,Man..3,Can..6 C:Can..14",
    "UNH": "M:Man..14 M:Man..6,Man..3,Man..3,Man..3,Can..6,Can..6,Can..3 C:Can..35 C:Mn..2,Ca1 "
    "C:Man..14,Can..3,Can..3,Can..3 C:Man..14,Can..3,Can..3,Can..3 C:Man..14,Can..3,Can..3,Can..3",
    "UNT": "M:Mn..10 M:Man..14",
    "UNE": "M:Mn..6 M:Man..14",
    "UNZ": "M:Mn..6 M:Man..14",
}


@lru_cache(maxsize=16)
def layout(tag: str, version: int | None) -> tuple[Element, ...]:
    """The elements of a service segment; empty for a tag that is none of UNB, UNG, UNH, UNT, UNE, UNZ.

    0017, the date, is let be of six or eight digits in every version: six belong to 1 to 3 and eight to 4, and partners
    mix them; `edifact_service` tells of the wrong one without refusing the interchange.
    """
    told = (_VERSION_4 if version == 4 else _VERSIONS_1_TO_3).get(tag, "")
    return tuple(_element(each) for each in told.split())


def _element(told: str) -> Element:
    usage, _, parts = told.partition(":")
    return Element(usage == "M", tuple(_component(part) for part in parts.split(",")))


def _component(told: str) -> Component:
    kind = told[1:].rstrip("0123456789.")
    length = told[1 + len(kind) :]
    most = int(length.removeprefix(".."))
    return Component(told[0] == "M", kind, 1 if length.startswith("..") else most, most)
