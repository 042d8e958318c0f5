"""What the envelope of an X12 interchange says, and what was found in it.

An `Interchange` is small whatever it held: of its sets there is no more than what `SetLog` remembers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from airflow_provider_integrations.connectors.edi.model import Delimiters, Finding, FindingCode, Segment, Severity
from airflow_provider_integrations.connectors.edi.set_log import SetLog
from airflow_provider_integrations.connectors.edi.x12_codes import ACKNOWLEDGING_SETS
from airflow_provider_integrations.connectors.edi.x12_header import InterchangeHeader
from airflow_provider_integrations.connectors.edi.x12_tokens import split_segments

__all__ = ["Agreement", "Group", "GroupHeader", "Interchange", "Outside", "SetRead"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What we take from a partner; None takes anything that X12 knows.

    Args:
        sets: ST01 of the sets that are taken; any other is acknowledged as not supported.
        functional: GS01 of the groups that are taken.
        senders: Qualifier and identifier of whoever may send.
        receivers: Qualifier and identifier by which we are known.
        usage: The one ISA15 that is taken here, so that tests do not run into production.
        largest_set: Bytes of a set that is kept whole for `visit`; one that is larger is refused.
    """

    sets: frozenset[str] | None = None
    functional: frozenset[str] | None = None
    senders: frozenset[tuple[str, str]] | None = None
    receivers: frozenset[tuple[str, str]] | None = None
    usage: str | None = None
    largest_set: int = 16 << 20

    def check(self, header: InterchangeHeader) -> list[Finding]:
        """Whether the parties and the usage of an interchange are taken."""
        found = []
        parties = (
            (6, FindingCode.SENDER_UNKNOWN, header.sender, self.senders),
            (8, FindingCode.RECEIVER_UNKNOWN, header.receiver, self.receivers),
        )
        for element, code, party, taken in parties:
            if taken is not None and party not in taken and party[1]:
                text = "This party is not known here."
                found.append(Finding(code, Severity.FATAL, "ISA", 1, element, value=party[1], detail=text))
        if self.usage is not None and header.usage in {"I", "P", "T"} and header.usage != self.usage:
            text = "Production and test are not mixed."
            code = FindingCode.USAGE_INDICATOR_INVALID
            found.append(Finding(code, Severity.FATAL, "ISA", 1, 15, value=header.usage, detail=text))
        return found


@dataclass(frozen=True, slots=True)
class GroupHeader:
    """GS01 to GS08, empty where the segment was shorter."""

    functional: str = ""
    sender: str = ""
    receiver: str = ""
    date: str = ""
    time: str = ""
    control: str = ""
    agency: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class SetRead:
    """A whole set, as `visit` is given it.

    Args:
        header: The group that it stands in.
        set_id: ST01.
        control: ST02.
        convention: ST03, or nothing.
        raw: The bytes from ST to the terminator of SE.
        number: The place of ST in the interchange.
        offset: The byte of the stream at which ST begins; line breaks do not count in a wrapped stream.
        delimiters: Those of the interchange.
        interchange: The byte of the stream at which its interchange begins.
        group: The place of its group in the interchange, from 0.
        index: Its place in the group, from 0, as in `set_log.SetResult`.
    """

    header: GroupHeader
    set_id: str
    control: str
    convention: str
    raw: bytes
    number: int
    offset: int
    delimiters: Delimiters
    interchange: int
    group: int
    index: int

    def segments(self) -> list[Segment]:
        """The segments from ST to SE."""
        return split_segments(self.raw, self.delimiters, self.number, self.offset)


@dataclass(frozen=True, slots=True)
class Group:
    """A functional group: GS, its sets and GE (control number and count, as they stand) if there was one."""

    header: GroupHeader
    count: str | None
    control: str | None
    sets: SetLog
    findings: tuple[Finding, ...] = ()

    @property
    def is_acknowledgement(self) -> bool:
        """Whether it holds nothing but acknowledgements, which nobody acknowledges (997 transaction set note 1).

        That is a group FA (element 479) of sets 997 and 999 alone: an order in it, or a 997 elsewhere, is to be answered.
        """
        return self.header.functional == "FA" and self.sets.are_all(ACKNOWLEDGING_SETS)


@dataclass(frozen=True, slots=True)
class Interchange:
    """From ISA to IEA, or to where the stream or the next ISA ended it.

    Args:
        header: ISA.
        groups: The functional groups.
        acknowledgements: The TA1 segments that a partner sent us in it, the first hundred thousand; more are a finding.
        findings: On the interchange as a whole; those on groups and sets are kept there.
        segments: Segments that were counted, ISA and IEA included.
        offset: The byte of the stream at which ISA begins; line breaks do not count in a wrapped stream.
        length: Bytes of the stream to the end of IEA.
        sha256: Of these bytes, if `scan` was asked for it; of a wrapped stream without its line breaks.
    """

    header: InterchangeHeader
    groups: tuple[Group, ...]
    acknowledgements: tuple[Segment, ...]
    findings: tuple[Finding, ...]
    segments: int
    offset: int
    length: int
    sha256: str = ""

    @property
    def identity(self) -> tuple[str, str, str, str, str, str]:
        """Sender, receiver, usage and control number: by these a duplicate is known."""
        header = self.header
        return (*header.sender, *header.receiver, header.usage, header.control)

    @property
    def is_acknowledgement(self) -> bool:
        """Whether it holds nothing but acknowledgements, TA1 included."""
        if any(one.code is FindingCode.HEADER_MISSING for one in self.findings):
            return False  # A set stands outside of any group: it may be an order, of which its sender must hear.
        if not self.groups:
            return bool(self.acknowledgements)
        return all(group.is_acknowledgement for group in self.groups)

    def with_findings(self, *findings: Finding) -> Interchange:
        """The same with more findings, such as a control number that the ledger has seen before."""
        return replace(self, findings=(*self.findings, *findings))


@dataclass(frozen=True, slots=True)
class Outside:
    """Bytes of the stream that belong to no interchange; mere padding is not told."""

    finding: Finding
    offset: int
    length: int
