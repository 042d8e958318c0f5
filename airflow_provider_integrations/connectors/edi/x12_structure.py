"""Where in an interchange we are, and what its control segments must say there.

ISA holds groups, a group (GS to GE) holds sets, a set (ST to SE) holds segments (X12.5 and X12.6). A trailer that is
missing ends what it should have ended, so that one lost segment is one finding. The scan counts segments; this is told
of control segments alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from sys import intern

from airflow_provider_integrations.connectors.edi.model import Finding, FindingCode, Segment, Severity
from airflow_provider_integrations.connectors.edi.set_log import SetLog
from airflow_provider_integrations.connectors.edi.x12_codes import GROUP_OF_SET, KNOWN_SETS
from airflow_provider_integrations.connectors.edi.x12_envelope import (
    Agreement,
    Group,
    GroupHeader,
    Interchange,
    SetRead,
)
from airflow_provider_integrations.connectors.edi.x12_garbage import MOST_INVALID, why_given_up
from airflow_provider_integrations.connectors.edi.x12_header import InterchangeHeader, check_header, is_date, is_time
from airflow_provider_integrations.connectors.edi.x12_numbering import Numbering

__all__ = [
    "IN_GROUP",
    "IN_INTERCHANGE",
    "IN_SET",
    "MOST_FINDINGS",
    "Structure",
    "Visit",
]

IN_INTERCHANGE, IN_GROUP, IN_SET = range(3)

MOST_FINDINGS = 1000
"""Findings kept of one set, and of one interchange: more of them tell nobody more."""

Visit = Callable[[SetRead], Sequence[Finding]]

_MOST_TA1 = 100_000


class Structure:
    """One interchange while it is read.

    Attributes:
        state: Which of the three levels is open.
        since: Segments counted since the last control segment, that one included.
        total: Segments counted in the interchange.
        control, line, found: Of the open set: ST02 as bytes, what is logged, the findings.
        log, numbering, conventions: Of the open group: its sets, their control numbers, and what ST03 may say.
        invalid_groups: Groups of which GS is invalid; each of them refuses the interchange.
        judged: By ST01, what is wrong with any set of that name in the open group.
    """

    def __init__(self, header: InterchangeHeader, agreement: Agreement, offset: int) -> None:
        self.header, self.agreement, self.offset = header, agreement, offset
        self.element = header.delimiters.element
        self.state, self.since, self.total = IN_INTERCHANGE, 1, 1
        self.findings = [*check_header(header), *agreement.check(header)]
        self.groups: list[Group] = []
        self.invalid_groups = self.nameless_sets = 0
        self.group_numbers: set[str] = set()
        self.technical: list[Segment] = []
        self.has_left_out = False
        self.group = GroupHeader()
        self.group_findings: list[Finding] = []
        self.log = SetLog(self.element)
        self.judged: dict[bytes, tuple[Finding, ...]] = {}
        self.conventions: set[bytes | None] = {None}
        self.numbering = Numbering(self.log, self.element)
        self.control = self.line = b""
        self.found: list[Finding] = []

    def note(
        self,
        code: FindingCode,
        severity: Severity,
        tag: str | None,
        element: int | None = None,
        value: str | None = None,
        detail: str = "",
    ) -> None:
        """A finding on the segment that is now at hand, kept with the set that is open or with the interchange."""
        # What refuses the interchange is said of the interchange, wherever it stands.
        inside = self.state == IN_SET and severity is not Severity.FATAL
        kept = self.found if inside else self.findings
        if len(kept) < MOST_FINDINGS:
            position = (self.since if inside else self.total) + 1
            kept.append(Finding(code, severity, tag, position, element, value=value, detail=detail))

    def is_adjacent(self) -> None:
        """Between the control segments of groups and sets nothing else may stand."""
        if self.state != IN_SET and self.since != 1:
            text = f"{self.since - 1} segments stand outside of any set."
            self.note(FindingCode.SEGMENT_UNEXPECTED, Severity.FATAL, None, detail=text)

    def open_group(self, elements: list[str]) -> None:
        """GS."""
        if self.state != IN_INTERCHANGE:
            self.close_group(None)
        # Of many groups most say the same.
        header = self.group = GroupHeader(*map(intern, elements[:8]))
        self.state, self.log, self.judged = IN_GROUP, SetLog(self.element), {}
        self.numbering, self.group_findings = Numbering(self.log, self.element), []
        self.conventions = {None, header.version.encode("latin-1")}
        wrong = (
            (1, len(header.functional) == 2 and header.functional.isalnum()),
            (2, self._is_name(header.sender)),
            (3, self._is_name(header.receiver)),
            (4, is_date(header.date)),
            (5, is_time(header.time)),
            (7, header.agency in {"T", "X"}),
        )
        for element, right in wrong:
            if not right:
                detail = f"GS{element:02d} is missing or invalid."
                self.note(FindingCode.HEADER_INVALID, Severity.FATAL, "GS", element, detail=detail)
        self.invalid_groups += not all(right for _, right in wrong)
        taken = self.agreement.functional
        if taken is not None and header.functional not in taken:
            self._group_error(FindingCode.GROUP_UNKNOWN, "GS", 1, header.functional, "This group is not taken.")
        if not ("003010" <= header.version[:6] <= "008010" and header.version[:6].isdigit()):
            self._group_error(FindingCode.VERSION_UNSUPPORTED, "GS", 8, header.version, "Taken are 003010 to 008010.")
        if not (1 <= len(header.control) <= 9 and header.control.isascii() and header.control.isdigit()):
            self._group_error(FindingCode.CONTROL_NUMBER_INVALID, "GS", 6, header.control, "GS06 has 1 to 9 digits.")
        elif header.control in self.group_numbers:
            text = "GS06 was used before in this interchange."
            self._group_error(FindingCode.CONTROL_NUMBER_DUPLICATE, "GS", 6, header.control, text)
        self.group_numbers.add(header.control)

    def _is_name(self, text: str) -> bool:
        delimiters = self.header.delimiters
        plain = all(
            ord(c) >= 32 and ord(c) != 127 and c not in {delimiters.component, delimiters.repetition} for c in text
        )
        return plain and bool(text.strip()) and len(text) <= 15

    def _group_error(self, code: FindingCode, tag: str, element: int | None, value: str | None, detail: str) -> None:
        if len(self.group_findings) < MOST_FINDINGS:
            finding = Finding(code, Severity.ERROR, tag, self.total + 1, element, value=value, detail=detail)
            self.group_findings.append(finding)

    def open_set(self, line: bytes) -> None:
        """ST, by the bytes of its elements."""
        if self.state == IN_SET:
            self.close_set(None)
        elif self.state == IN_INTERCHANGE:
            self.note(FindingCode.HEADER_MISSING, Severity.FATAL, "ST", detail="A set stands outside of any group.")
            return
        parts = line.split(self.element.encode("latin-1"))
        set_id, control = parts[0], parts[1] if len(parts) > 1 else b""
        self.state, self.since, self.line, self.control = IN_SET, 0, line, control
        self.found = list(self.judged_for(set_id))
        if not (set_id.strip() and 4 <= len(control) <= 9 and control.strip()):
            self.nameless_sets += 1
        if not (4 <= len(control) <= 9 and control.strip()):
            self.note(FindingCode.CONTROL_NUMBER_INVALID, Severity.ERROR, "ST", 2, _text(control), "ST02 has 4 to 9.")
        if not self.numbering.is_new(control):
            text = "ST02 was used before in this group."
            self.note(FindingCode.CONTROL_NUMBER_DUPLICATE, Severity.ERROR, "ST", 2, _text(control), text)
        version = self.group.version
        if len(parts) > 2 and len(version) > 6 and _text(parts[2]).strip() not in {version.strip(), ""}:
            text = "ST03 names another guide than GS08."
            self.note(FindingCode.VERSION_UNSUPPORTED, Severity.ERROR, "ST", 3, _text(parts[2]), text)

    def is_given_up(self) -> bool:
        """Whether so much of it has no name that the rest is not looked at; to be asked after each group and set."""
        why = why_given_up(
            nameless_sets=self.nameless_sets,
            groups=len(self.groups) + (self.state != IN_INTERCHANGE),
            position=self.total,
        )
        if why is not None:
            self.findings.insert(0, why)
        return why is not None or self.invalid_groups > MOST_INVALID

    def judged_for(self, set_id: bytes) -> tuple[Finding, ...]:
        """What is wrong with any set of this name in this group, worked out once."""
        found = self.judged.get(set_id)
        if found is None:
            found = self.judged[set_id] = tuple(self._judge(_text(set_id)))
        return found

    def _judge(self, name: str) -> list[Finding]:
        if not (len(name) == 3 and name.isascii() and name.isdigit()):
            code, text = FindingCode.HEADER_INVALID, "ST01 is three digits."
        elif name not in (KNOWN_SETS if self.agreement.sets is None else self.agreement.sets):
            code, text = FindingCode.SET_UNKNOWN, "This set is not taken."
        elif GROUP_OF_SET.get(name, self.group.functional) != self.group.functional:
            code, text = FindingCode.HEADER_UNEXPECTED, f"The set belongs into a group {GROUP_OF_SET[name]}."
        else:
            return []
        return [Finding(code, Severity.ERROR, "ST", 1, 1, value=name, detail=text)]

    def close_set(self, elements: list[str] | None, found: Sequence[Finding] = ()) -> None:
        """SE, or None where it is missing; `found` is what `visit` has to say."""
        if self.state != IN_SET:
            text = "SE ends a set, and none is open."
            self.note(FindingCode.TRAILER_UNEXPECTED, Severity.FATAL, "SE", detail=text)
            return
        if elements is None:
            self.note(FindingCode.TRAILER_MISSING, Severity.ERROR, "SE", detail="The set has no SE.")
        else:
            count, control = (*elements[:2], "", "")[:2]
            if not _is_count(count):
                self.note(FindingCode.COUNT_INVALID, Severity.ERROR, "SE", 1, count, "SE01 is a count.")
            elif int(count) != self.since + 1:
                text = f"SE01 says another count than the {self.since + 1} segments that are there."
                self.note(FindingCode.COUNT_WRONG, Severity.ERROR, "SE", 1, count, text)
            if control.encode("latin-1") != self.control:
                text = "SE02 is not ST02."
                self.note(FindingCode.CONTROL_NUMBER_DIFFERS, Severity.ERROR, "SE", 2, control, text)
        self.log.append(self.line, (*self.found, *found)[:MOST_FINDINGS])
        self.state, self.since, self.found = IN_GROUP, 0, []

    def close_group(self, elements: list[str] | None) -> None:
        """GE, or None where it is missing."""
        if self.state == IN_INTERCHANGE:
            text = "GE ends a group, and none is open."
            self.note(FindingCode.TRAILER_UNEXPECTED, Severity.FATAL, "GE", detail=text)
            return
        if self.state == IN_SET:
            self.close_set(None)
        count = control = None
        if elements is None:
            self._group_error(FindingCode.TRAILER_MISSING, "GE", None, None, "The group has no GE.")
        else:
            count, control = (*elements[:2], "", "")[:2]
            if not _is_count(count):
                self._group_error(FindingCode.COUNT_INVALID, "GE", 1, count, "GE01 is a count.")
            elif int(count) != len(self.log):
                text = f"GE01 says another count than the {len(self.log)} sets that are there."
                self._group_error(FindingCode.COUNT_WRONG, "GE", 1, count, text)
            # GS06 is a number, so that leading zeros do not count.
            if control.lstrip("0") != self.group.control.lstrip("0"):
                self._group_error(FindingCode.CONTROL_NUMBER_DIFFERS, "GE", 2, control, "GE02 is not GS06.")
        if not len(self.log):
            self.note(FindingCode.GROUP_EMPTY, Severity.NOTE, "GE")
        self.groups.append(Group(self.group, count, control, self.log, tuple(self.group_findings)))
        self.state = IN_INTERCHANGE

    def take_ta1(self, elements: list[str], offset: int) -> None:
        """TA1: the partner acknowledges an interchange of ours. In a set it is a wrong segment and acknowledges nothing."""
        if self.state != IN_INTERCHANGE or self.groups:
            severity = Severity.ERROR if self.state == IN_SET else Severity.NOTE
            self.note(FindingCode.SEGMENT_UNEXPECTED, severity, "TA1", detail="TA1 stands before the first GS.")
        if self.state == IN_SET:
            return
        if len(self.technical) < _MOST_TA1:
            self.technical.append(Segment("TA1", tuple(elements), self.total + 1, offset))
        elif not self.has_left_out:
            self.has_left_out = True
            text = f"More than {_MOST_TA1} TA1: from this one on they are left out."
            self.note(FindingCode.SEGMENT_SURPLUS, Severity.ERROR, "TA1", detail=text)

    def finish(self, elements: list[str] | None, end: int) -> Interchange:
        """IEA, or None where it is missing; `end` is the byte of the stream after it."""
        if self.state != IN_INTERCHANGE:
            self.close_group(None)
        if elements is None:
            text = "The interchange has no IEA."
            self.note(FindingCode.TRAILER_MISSING, Severity.FATAL, "IEA", detail=text)
        else:
            count, control = (*elements[:2], "", "")[:2]
            if not _is_count(count):
                self.note(FindingCode.COUNT_INVALID, Severity.FATAL, "IEA", 1, count, "IEA01 is a count.")
            elif int(count) != len(self.groups):
                text = f"IEA01 says another count than the {len(self.groups)} groups that are there."
                self.note(FindingCode.COUNT_WRONG, Severity.FATAL, "IEA", 1, count, text)
            if control != self.header.control:
                self.note(FindingCode.CONTROL_NUMBER_DIFFERS, Severity.FATAL, "IEA", 2, control, "IEA02 is not ISA13.")
            self.total += 1
        if not self.groups and not self.technical:
            self.note(FindingCode.INTERCHANGE_EMPTY, Severity.NOTE, None, detail="The interchange holds nothing.")
        return Interchange(
            self.header,
            tuple(self.groups),
            tuple(self.technical),
            tuple(self.findings),
            self.total,
            self.offset,
            end - self.offset,
        )


def _is_count(text: str) -> bool:
    return 1 <= len(text) <= 10 and text.isascii() and text.isdigit()


def _text(raw: bytes) -> str:
    return raw.decode("latin-1")
