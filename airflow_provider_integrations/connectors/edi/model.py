"""What both syntaxes share: delimiters, segments and findings.

Text is bytes decoded as Latin-1 everywhere in the structure, so that `text.encode("latin-1")` gives the very bytes that
arrived. A character set is applied only where a value becomes a row.

    >>> finding = Finding(FindingCode.CODE_UNKNOWN, Severity.ERROR, "BEG", 2, 1, value="ZZ")
    >>> finding.code, finding.shown()
    (<FindingCode.CODE_UNKNOWN: 'code_unknown'>, "code_unknown at BEG position 2 element 1 value '**'")
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_integrations.core.interchange import Syntax

__all__ = ["Delimiters", "Finding", "FindingCode", "Segment", "Severity", "Syntax", "masked"]


class Severity(StrEnum):
    """What a finding does to the document that it stands in."""

    NOTE = "note"
    """Accepted as it is; worth telling."""
    ERROR = "error"
    """The set or message is refused, or accepted with errors, by its code."""
    FATAL = "fatal"
    """The interchange is refused."""


class FindingCode(StrEnum):
    """Our own stable names of what can be wrong; each acknowledgement maps them to its standard's codes."""

    ACKNOWLEDGEMENT_REQUEST_INVALID = "acknowledgement_request_invalid"
    BINARY_LENGTH_WRONG = "binary_length_wrong"
    BYTES_OUTSIDE = "bytes_outside"
    CHARACTER_INVALID = "character_invalid"
    CHARACTER_SET_UNKNOWN = "character_set_unknown"
    CODE_UNKNOWN = "code_unknown"
    COMPONENT_SURPLUS = "component_surplus"
    CONDITION_FAILED = "condition_failed"
    CONTROL_NUMBER_DIFFERS = "control_number_differs"
    CONTROL_NUMBER_DUPLICATE = "control_number_duplicate"
    CONTROL_NUMBER_INVALID = "control_number_invalid"
    COUNT_INVALID = "count_invalid"
    COUNT_WRONG = "count_wrong"
    DATE_INVALID = "date_invalid"
    DELIMITER_INVALID = "delimiter_invalid"
    ELEMENT_MISSING = "element_missing"
    ELEMENT_NOT_USED = "element_not_used"
    ELEMENT_SURPLUS = "element_surplus"
    ELEMENT_TOO_LONG = "element_too_long"
    ELEMENT_TOO_SHORT = "element_too_short"
    ELEMENT_TYPE = "element_type"
    EXCLUSION_FAILED = "exclusion_failed"
    GROUPS_MIXED = "groups_mixed"
    GROUP_EMPTY = "group_empty"
    GROUP_UNKNOWN = "group_unknown"
    HEADER_INVALID = "header_invalid"
    HEADER_MISSING = "header_missing"
    HEADER_UNEXPECTED = "header_unexpected"
    HIERARCHY_CHILDREN_WRONG = "hierarchy_children_wrong"
    HIERARCHY_NUMBER_DUPLICATE = "hierarchy_number_duplicate"
    HIERARCHY_PARENT_UNKNOWN = "hierarchy_parent_unknown"
    INTERCHANGE_EMPTY = "interchange_empty"
    LOOP_SURPLUS = "loop_surplus"
    NOT_EDI = "not_edi"
    QUALIFIER_INVALID = "qualifier_invalid"
    RECEIVER_UNKNOWN = "receiver_unknown"
    RELEASE_DANGLING = "release_dangling"
    REPETITION_SURPLUS = "repetition_surplus"
    SEGMENT_EMPTY = "segment_empty"
    SEGMENT_MISSING = "segment_missing"
    SEGMENT_SURPLUS = "segment_surplus"
    SEGMENT_TAG_INVALID = "segment_tag_invalid"
    SEGMENT_TOO_LONG = "segment_too_long"
    SEGMENT_UNEXPECTED = "segment_unexpected"
    SEGMENT_UNKNOWN = "segment_unknown"
    SENDER_UNKNOWN = "sender_unknown"
    SEPARATOR_TRAILING = "separator_trailing"
    SET_TYPES_MIXED = "set_types_mixed"
    SET_TOO_LARGE = "set_too_large"
    SET_UNKNOWN = "set_unknown"
    TERMINATOR_MISSING = "terminator_missing"
    TIME_INVALID = "time_invalid"
    TRAILER_MISSING = "trailer_missing"
    TRAILER_UNEXPECTED = "trailer_unexpected"
    USAGE_INDICATOR_INVALID = "usage_indicator_invalid"
    VERSION_UNSUPPORTED = "version_unsupported"


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The service characters of one interchange, each one character.

    Args:
        element: Between elements; X12 byte 3 of ISA, EDIFACT `+`.
        component: Between the components of a composite; X12 byte 104 of ISA, EDIFACT `:`.
        terminator: Ends a segment; X12 byte 105 of ISA, EDIFACT `'`.
        repetition: Between repetitions; ISA11 from 00402 on, EDIFACT `*` from syntax 4 on; None where there is none.
        release: Takes its meaning from the next character; EDIFACT `?`; None in X12.
        decimal: The decimal mark of the values.
    """

    element: str
    component: str
    terminator: str
    repetition: str | None
    release: str | None = None
    decimal: str = "."


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment as it stood in the stream.

    Args:
        tag: Its identifier, as it stands.
        elements: The raw text of each element after the tag, undivided; release characters are kept.
        number: Its place in the interchange, from 1.
        offset: The byte at which it begins in the stream.
    """

    tag: str
    elements: tuple[str, ...]
    number: int
    offset: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as the standard or the guide has it.

    Args:
        code: What is wrong.
        severity: What it does to the document.
        segment: The tag of the segment, if it has one.
        position: Its place in the set or message, from 1, where ST or UNH is 1; in the interchange if outside of both.
        element: The element, from 1.
        component: The component of a composite, from 1.
        repetition: The repetition, from 1.
        value: A copy of the bad value. It is a partner's data: show it in logs only through `masked`.
        detail: A sentence for a person; it never holds the value.
        reference: The number of the element or component in the standard's dictionary, where it has one of digits.
        loop: The loop in which the segment stands, by the tag of its first segment.
        trigger: The element that demands or forbids this one, of a failed condition; the component, if one failed.
    """

    code: FindingCode
    severity: Severity
    segment: str | None = None
    position: int | None = None
    element: int | None = None
    component: int | None = None
    repetition: int | None = None
    value: str | None = None
    detail: str = ""
    reference: str | None = None
    loop: str | None = None
    trigger: int | None = None

    def shown(self) -> str:
        """The finding on one line, fit for a log: the value is masked."""
        parts = [f"{self.code}"]
        if self.segment is not None:
            parts.append(f"at {masked(self.segment) if not self.segment.isalnum() else self.segment}")
        for name in ("position", "element", "component", "repetition"):
            number = getattr(self, name)
            if number is not None:
                parts.append(f"{name} {number}")
        if self.value is not None:
            parts.append(f"value {masked(self.value)}")
        return " ".join(parts)


def masked(value: str, longest: int = 40) -> str:
    """The shape of a value without the value: letters and digits become `*`, the rest is as `repr` shows it.

        >>> masked("ACME-4711\\n")
        "'****-****\\\\n'"

    Args:
        value: The value of a partner.
        longest: Characters shown; the rest is counted.
    """
    shape = repr("".join("*" if character.isalnum() else character for character in value[:longest]))
    return shape if len(value) <= longest else f"{shape}+{len(value) - longest}"
