"""The code lists of X12's control segments, and what our findings are called in them.

Sources: X12.5 (ISA, IEA, TA1; elements I01, I03, I05, I14, I18), X12.6 (GS, GE, ST, SE), transaction sets 997 and 999
(elements 715 to 718, 720, 723, 618, 620, 621). Element 716 and 718 of 004010 have codes 19 to 27 for security segments;
from 005010 on, 18 and 19 of 718 and 19 of 716 have other meanings, which is why `set_code` asks for the version.

    >>> set_code(FindingCode.COUNT_WRONG, "004010"), element_code(FindingCode.CODE_UNKNOWN)
    ('4', '7')
"""

from __future__ import annotations

from airflow_provider_integrations.connectors.edi.model import FindingCode

__all__ = [
    "ACKNOWLEDGING_SETS",
    "AUTHORISATION_QUALIFIERS",
    "GROUP_OF_SET",
    "KNOWN_SETS",
    "PARTY_QUALIFIERS",
    "SECURITY_QUALIFIERS",
    "element_code",
    "group_code",
    "interchange_code",
    "segment_code",
    "set_code",
]

AUTHORISATION_QUALIFIERS = frozenset(f"0{n}" for n in range(7))
"""I01 in ISA01."""

SECURITY_QUALIFIERS = frozenset({"00", "01"})
"""I03 in ISA03."""

PARTY_QUALIFIERS = frozenset(
    {*(f"{n:02d}" for n in range(1, 39) if n not in {5, 6, 10}), "10", "AM", "NR", "SA", "SN", "ZZ"}
)
"""I05 in ISA05 and ISA07, the union of the releases 003010 to 008010."""

ACKNOWLEDGING_SETS = frozenset({"997", "999"})
"""Sets that acknowledge others and are never acknowledged (997 transaction set note 1)."""

GROUP_OF_SET = {
    "110": "IA", "180": "AN", "204": "SM", "210": "IM", "211": "BL", "214": "QM", "270": "HS", "271": "HB",
    "276": "HR", "277": "HN", "278": "HI", "753": "RF", "754": "RG", "810": "IN", "811": "CI", "812": "CD",
    "816": "OR", "820": "RA", "821": "FR", "823": "LB", "824": "AG", "830": "PS", "832": "SC", "834": "BE",
    "835": "HP", "837": "HC", "840": "RQ", "843": "RR", "846": "IB", "850": "PO", "852": "PD", "855": "PR",
    "856": "SH", "860": "PC", "861": "RC", "862": "SS", "864": "TX", "865": "CA", "867": "PT", "869": "RS",
    "875": "OG", "880": "GP", "940": "OW", "943": "AR", "944": "RE", "945": "SW", "947": "AW", "990": "GF",
    "997": "FA", "999": "FA",
}  # fmt: skip
"""Element 479 in GS01 for the sets whose group never changed; a set that is not named here may stand in any group."""

_KNOWN = """
    100-114 120-121 124-133 135-144 146-165 170 175-176 179-180 185-191 194-206 208-228 240-253 255-278 280 283-290
    300-301 303-304 306-313 315 317 319 322-326 350-363 404 410 412 414 417-429 431-437 440 451-456 460 463 466 468 470
    473-475 485-486 490 492 494 500-501 503-504 511 517 521 527 536 540 555 561 567-568 601-602 603 620 622 625 640 650
    700 710 715 753-754 800 805-806 810-816 818-836 837-857 858-882 883-896 920 924-926 928 940 943-945 947 980 990 993
    996-999
"""


def _expanded(ranges: str) -> frozenset[str]:
    found: set[str] = set()
    for part in ranges.split():
        first, _, last = part.partition("-")
        found.update(str(n) for n in range(int(first), int(last or first) + 1))
    return frozenset(found)


KNOWN_SETS = _expanded(_KNOWN)
"""Element 143 in ST01: transaction sets of any release from 003010 to 008010, some ranges with their gaps filled."""

_INTERCHANGE = {
    FindingCode.CONTROL_NUMBER_DIFFERS: "001",
    FindingCode.VERSION_UNSUPPORTED: "003",
    FindingCode.SENDER_UNKNOWN: "006",
    FindingCode.RECEIVER_UNKNOWN: "009",
    FindingCode.DATE_INVALID: "014",
    FindingCode.TIME_INVALID: "015",
    FindingCode.CONTROL_NUMBER_INVALID: "018",
    FindingCode.ACKNOWLEDGEMENT_REQUEST_INVALID: "019",
    FindingCode.USAGE_INDICATOR_INVALID: "020",
    FindingCode.COUNT_WRONG: "021",
    FindingCode.COUNT_INVALID: "021",
    FindingCode.TRAILER_MISSING: "023",
    FindingCode.TERMINATOR_MISSING: "023",
    FindingCode.BINARY_LENGTH_WRONG: "023",
    FindingCode.HEADER_UNEXPECTED: "022",
    FindingCode.HEADER_MISSING: "022",
    FindingCode.CONTROL_NUMBER_DUPLICATE: "025",
}

_QUALIFIER_BY_ELEMENT = {1: "010", 3: "012", 5: "005", 7: "007"}
_DELIMITER_BY_ELEMENT = {0: "026", 11: "016", 16: "027", 17: "004"}

_GROUP = {
    FindingCode.GROUP_UNKNOWN: "1",
    FindingCode.VERSION_UNSUPPORTED: "2",
    FindingCode.TRAILER_MISSING: "3",
    FindingCode.CONTROL_NUMBER_DIFFERS: "4",
    FindingCode.COUNT_WRONG: "5",
    FindingCode.COUNT_INVALID: "5",
    FindingCode.CONTROL_NUMBER_INVALID: "6",
    FindingCode.CONTROL_NUMBER_DUPLICATE: "19",
}

_SET = {
    FindingCode.SET_TOO_LARGE: "1",
    FindingCode.SET_UNKNOWN: "1",
    FindingCode.TRAILER_MISSING: "2",
    FindingCode.CONTROL_NUMBER_DIFFERS: "3",
    FindingCode.COUNT_WRONG: "4",
    FindingCode.COUNT_INVALID: "4",
    FindingCode.HEADER_INVALID: "6",
    FindingCode.CONTROL_NUMBER_INVALID: "7",
    FindingCode.HEADER_UNEXPECTED: "18",
    FindingCode.VERSION_UNSUPPORTED: "19",
    FindingCode.CONTROL_NUMBER_DUPLICATE: "23",
}

_SEGMENT = {
    FindingCode.SEGMENT_UNKNOWN: "1",
    FindingCode.SEGMENT_TAG_INVALID: "1",
    FindingCode.SEGMENT_EMPTY: "1",
    FindingCode.SEGMENT_UNEXPECTED: "2",
    FindingCode.SEGMENT_MISSING: "3",
    FindingCode.LOOP_SURPLUS: "4",
    FindingCode.SEGMENT_SURPLUS: "5",
}

_ELEMENT = {
    FindingCode.ELEMENT_MISSING: "1",
    FindingCode.CONDITION_FAILED: "2",
    FindingCode.ELEMENT_SURPLUS: "3",
    FindingCode.ELEMENT_TOO_SHORT: "4",
    FindingCode.ELEMENT_TOO_LONG: "5",
    FindingCode.ELEMENT_TYPE: "6",
    FindingCode.CHARACTER_INVALID: "6",
    FindingCode.BINARY_LENGTH_WRONG: "6",
    FindingCode.CODE_UNKNOWN: "7",
    FindingCode.COUNT_WRONG: "7",
    FindingCode.HIERARCHY_NUMBER_DUPLICATE: "7",
    FindingCode.HIERARCHY_PARENT_UNKNOWN: "7",
    FindingCode.DATE_INVALID: "8",
    FindingCode.TIME_INVALID: "9",
    FindingCode.EXCLUSION_FAILED: "10",
    FindingCode.REPETITION_SURPLUS: "12",
    FindingCode.COMPONENT_SURPLUS: "13",
    FindingCode.ELEMENT_NOT_USED: "I10",
}


def interchange_code(code: FindingCode, element: int | None) -> str:
    """TA105 (element I18) of a finding; `element` is the one of ISA, 0 and 17 for its two implied delimiters."""
    if code is FindingCode.QUALIFIER_INVALID:
        return _QUALIFIER_BY_ELEMENT.get(element or 0, "022")
    if code is FindingCode.DELIMITER_INVALID:
        return _DELIMITER_BY_ELEMENT.get(element or 0, "022")
    if code is FindingCode.ELEMENT_MISSING:
        return {6: "006", 8: "008"}.get(element or 0, "022")
    if code is FindingCode.HEADER_INVALID and element is not None:
        return "024"
    return _INTERCHANGE.get(code, "022")


def group_code(code: FindingCode, version: str) -> str | None:
    """AK905 (element 716); a number used twice violates the syntax where the release has no code of its own for it."""
    found = _GROUP.get(code)
    return "6" if found == "19" and version < "005010" else found


def set_code(code: FindingCode, version: str) -> str | None:
    """AK502 and IK502 (element 718) of a finding on the set as a whole, or None if it is one on a segment."""
    found = _SET.get(code)
    return "6" if found in {"18", "19"} and version < "005010" else found


def segment_code(code: FindingCode) -> str | None:
    """AK304 and IK304 (elements 720 and 620), or None if the finding is one on an element."""
    return _SEGMENT.get(code)


def element_code(code: FindingCode, *, implementation: bool = False) -> str | None:
    """AK403 (element 723), or IK403 (element 621) where `implementation`; None if it is not one on an element."""
    found = _ELEMENT.get(code)
    return "3" if found == "I10" and not implementation else found
