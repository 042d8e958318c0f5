"""TA1, 997 and 999: what the partner is told, as bytes.

Clock and control numbers are arguments, so that the same verdict gives the same bytes at every run. TA1 stands before
the first group (X12.5 section 6); 997 and 999 are one set for each group received (997 note 1); neither is ever sent for
an acknowledgement. Sender and receiver are turned round, ISA15 and the delimiters are the partner's.

::

    sent = acknowledge(interchange, Kind.FUNCTIONAL, now, ControlNumbers(17, 23))
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby

from airflow_provider_integrations.connectors.edi.model import Finding
from airflow_provider_integrations.connectors.edi.x12_answer_header import DEFAULT, answer_header
from airflow_provider_integrations.connectors.edi.x12_codes import ACKNOWLEDGING_SETS
from airflow_provider_integrations.connectors.edi.x12_envelope import Group, Interchange
from airflow_provider_integrations.connectors.edi.x12_notes import render_notes, safe
from airflow_provider_integrations.connectors.edi.x12_verdict import (
    GroupVerdict,
    Policy,
    TechnicalWhen,
    Verdict,
    judge,
    judge_set,
)
from airflow_provider_integrations.core.interchange import LIMITS

__all__ = ["Acknowledgement", "ControlNumbers", "Kind", "Plan", "acknowledge", "acknowledgement_parts", "plan"]

# Possessive: the engine would keep a place to step back to for every set.
_PLAIN_LINES = rb"(?:[0-9]{3}%b[0-9A-Za-z]{4,9}(?:%b[0-9A-Za-z]+)?\n)*+"


class Kind(StrEnum):
    """Which acknowledgement the partners agreed upon; the standard has them choose one of 997 and 999."""

    TECHNICAL = "TA1"
    FUNCTIONAL = "997"
    IMPLEMENTATION = "999"


@dataclass(frozen=True, slots=True)
class ControlNumbers:
    """Numbers of ours, from the ledger.

    Args:
        interchange: ISA13.
        group: GS06 of the first group that we write; one more for each further one, and 1 after the highest.
        first_set: ST02 of the first set that we write in each group, at least four digits.
    """

    interchange: int
    group: int
    first_set: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written, before any number is drawn for it.

    Args:
        verdict: On the interchange.
        technical: Whether there is a TA1.
        groups: The groups that are answered, by the groups of ours that answer them.
    """

    verdict: Verdict
    technical: bool
    groups: tuple[tuple[tuple[Group, GroupVerdict], ...], ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to send."""
        return not self.technical and not self.groups


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What to send, empty where nothing is to be sent, and the verdict that it tells."""

    data: bytes
    verdict: Verdict


def plan(interchange: Interchange, kind: Kind, policy: Policy | None = None) -> Plan:
    """What the acknowledgement of one interchange is made of; see `acknowledge`."""
    policy = policy or Policy()
    verdict = judge(interchange, policy)
    if interchange.is_acknowledgement:
        return Plan(verdict, technical=False, groups=())
    technical = kind is Kind.TECHNICAL or _wants_technical(interchange, verdict, policy)
    pairs: list[tuple[Group, GroupVerdict]] = []
    if kind is not Kind.TECHNICAL:
        judged = zip(interchange.groups, verdict.groups, strict=False)
        pairs = [(group, outcome) for group, outcome in judged if not outcome.is_acknowledgement]
    # One group of ours for each pair of applications that follow each other, since GS02 and GS03 are turned round.
    groups = tuple(tuple(members) for _, members in groupby(pairs, key=lambda pair: _application(pair[0])))
    return Plan(verdict, technical, groups)


def acknowledge(
    interchange: Interchange, kind: Kind, now: datetime, numbers: ControlNumbers, policy: Policy | None = None
) -> Acknowledgement:
    """The acknowledgement of one interchange, as `acknowledgement_parts` gives it, in one piece."""
    policy = policy or Policy()
    verdict = judge(interchange, policy)
    return Acknowledgement(b"".join(acknowledgement_parts(interchange, kind, now, numbers, policy)), verdict)


def acknowledgement_parts(
    interchange: Interchange, kind: Kind, now: datetime, numbers: ControlNumbers, policy: Policy | None = None
) -> Iterator[bytes]:
    """The bytes of the acknowledgement of one interchange, some sets at a time; none where nothing is to be sent.

    Args:
        interchange: What `scan` gave; what only the ledger knows, such as a duplicate, is added by `with_findings`.
        kind: `TECHNICAL` gives TA1 alone, asked for or not.
        now: The time of writing, in the zone that the partner is told.
        numbers: Ours; the same for the same inbound file, so that a rerun gives the same bytes.
        policy: What the partners agreed upon.
    """
    policy = policy or Policy()
    wanted = plan(interchange, kind, policy)
    if wanted.is_empty:
        return
    writer = _Writer(interchange, kind, now, numbers, policy)
    yield writer.header()
    if wanted.technical:
        yield writer.technical(wanted.verdict)
    for place, members in enumerate(wanted.groups):
        yield from writer.group(members, (numbers.group + place - 1) % LIMITS["x12"] + 1)
    yield writer.segment("IEA", str(len(wanted.groups)), f"{numbers.interchange:09d}")


def _wants_technical(interchange: Interchange, verdict: Verdict, policy: Policy) -> bool:
    match policy.technical:
        case TechnicalWhen.NEVER:
            return False
        case TechnicalWhen.ALWAYS:
            return True
        case TechnicalWhen.ASKED:
            return interchange.header.wants_ta1
        case TechnicalWhen.ASKED_OR_REFUSED:
            return interchange.header.wants_ta1 or verdict.status == "R"


def _application(group: Group) -> tuple[str, str, str]:
    return group.header.receiver, group.header.sender, _release(group)


def _release(group: Group) -> str:
    """The release of a group, the first six characters of GS08; 004010 where it has none that we know."""
    version = group.header.version[:6]
    return version if version.isascii() and version.isdigit() and "003010" <= version <= "008010" else "004010"


class _Writer:
    """One acknowledgement while it is written."""

    def __init__(
        self, interchange: Interchange, kind: Kind, now: datetime, numbers: ControlNumbers, policy: Policy
    ) -> None:
        self.interchange, self.kind, self.now, self.numbers, self.policy = interchange, kind, now, numbers, policy
        self.own = answer_header(interchange)
        self.delimiters = self.own.delimiters
        self.end = self.delimiters.terminator + self.own.newline

    def segment(self, *parts: str) -> bytes:
        """A segment without the empty elements at its end (X12.6: trailing separators are left off)."""
        last = len(parts)
        while last > 1 and not parts[last - 1]:
            last -= 1
        return (self.delimiters.element.join(parts[:last]) + self.end).encode("latin-1")

    def safe(self, text: str, most: int) -> str:
        """A partner's text where it can stand in ours."""
        return safe(text, self.delimiters, most) or ""

    def header(self) -> bytes:
        """ISA, turned round."""
        own, delimiters = self.own, self.delimiters
        (ours, our_name), (partners, their_name) = own.sender, own.receiver
        elements = (
            *("00", " " * 10, "00", " " * 10, ours, our_name.ljust(15), partners, their_name.ljust(15)),
            self.now.strftime("%y%m%d"),
            self.now.strftime("%H%M"),
            delimiters.repetition or "U",
            own.version,
            f"{self.numbers.interchange:09d}",
            "0",
            own.usage,
            delimiters.component,
        )
        return (delimiters.element.join(("ISA", *elements)) + self.end).encode("latin-1")

    def technical(self, verdict: Verdict) -> bytes:
        """TA1, for the control number, date and time as they came."""
        theirs = self.interchange.header.elements
        copied = ((theirs[12], 9), (theirs[8], 6), (theirs[9], 4))
        numbers = [text if len(self.safe(text, width)) == len(text) == width else "0" * width for text, width in copied]
        return self.segment("TA1", *numbers, verdict.status, verdict.code)

    def group(self, members: Sequence[tuple[Group, GroupVerdict]], number: int) -> Iterator[bytes]:
        """GS to GE, with a set for each group that is answered."""
        first = members[0][0]
        release, theirs = _release(first), first.header
        implementation = self.kind is Kind.IMPLEMENTATION
        day = self.now.strftime("%Y%m%d" if implementation or release >= "004010" else "%y%m%d")
        version = self.policy.implementation if implementation else release
        parties = (self.safe(theirs.receiver, 15), self.safe(theirs.sender, 15))
        yield self.segment("GS", "FA", *parties, day, self.now.strftime("%H%M"), str(number), "X", version)
        for index, (group, outcome) in enumerate(members):
            control = f"{self.numbers.first_set + index:04d}"
            convention = self.policy.implementation if implementation else ""
            yield self.segment("ST", self.kind.value, control, convention)
            count = 2
            for part in self.answer(group, outcome):
                yield part
                count += part.count(self.delimiters.terminator.encode("latin-1"))
            yield self.segment("SE", str(count), control)
        yield self.segment("GE", str(len(members)), str(number))

    def answer(self, group: Group, outcome: GroupVerdict) -> Iterator[bytes]:
        """AK1 to AK9 of one group."""
        header = group.header
        # AK103 and AK203 came with 005010; a 999 has them at all times.
        is_new = self.kind is Kind.IMPLEMENTATION or _release(group) >= "005010"
        # Of a number that is none no digits are picked: they could be the number of another group.
        number = header.control if header.control.isascii() and header.control.isdigit() else "0"
        version = self.safe(header.version, 12) if is_new else ""
        yield self.segment("AK1", self.safe(header.functional, 2) or "ZZ", number[-9:], version)
        listed = self.policy.list_accepted and not outcome.is_refused_whole
        if listed:
            first = 0
            for lines in group.sets.blocks():
                yield from self.sets(group, lines, first, is_new=is_new)
                first += lines.count(b"\n")
        else:
            # Of a group that is refused whole no set is called accepted: the partner would book it.
            for one in group.sets.flawed.values():
                if judge_set(one.findings, header.version, self.policy)[0] != "A":
                    yield from self.set(group, one.set_id, one.control, one.convention, one.findings, is_new=is_new)
        counts = (str(min(n, 999999)) for n in (outcome.included, outcome.received, outcome.accepted))
        yield self.segment("AK9", outcome.status, *counts, *outcome.codes)

    def sets(self, group: Group, lines: bytes, first: int, *, is_new: bool) -> Iterator[bytes]:
        """The loops of some sets; at once where all of them are sound and none needs a closer look."""
        e = self.delimiters.element.encode("latin-1")
        escaped = re.escape(e)
        if (
            group.sets.flawed.are_between(first, first + lines.count(b"\n"))
            or self.delimiters is DEFAULT
            or group.header.functional == "FA"
            or not re.fullmatch(_PLAIN_LINES % (escaped, escaped), lines)
            or not (is_new or lines.count(e) == lines.count(b"\n"))
        ):
            for one in group.sets.results(lines, first):
                yield from self.set(group, one.set_id, one.control, one.convention, one.findings, is_new=is_new)
        elif lines:
            answer = b"IK5" if self.kind is Kind.IMPLEMENTATION else b"AK5"
            begin, end = b"AK2" + e, self.end.encode("latin-1")
            yield (
                begin + lines[:-1].replace(b"\n", end + answer + e + b"A" + end + begin) + end + answer + e + b"A" + end
            )

    def set(
        self,
        group: Group,
        set_id: str,
        control: str,
        convention: str,
        findings: tuple[Finding, ...],
        *,
        is_new: bool,
    ) -> Iterator[bytes]:
        """AK2 to AK5 of one set; nothing of an acknowledgement that shares its group with what is answered (997 note 1)."""
        if group.header.functional == "FA" and set_id in ACKNOWLEDGING_SETS:
            return
        status, codes = judge_set(findings, group.header.version, self.policy)
        implementation = self.kind is Kind.IMPLEMENTATION
        names = (self.safe(set_id, 3).zfill(3), self.safe(control, 9).zfill(4))
        yield self.segment("AK2", *names, self.safe(convention, 35) if is_new else "")
        for parts in render_notes(findings, self.delimiters, implementation=implementation, is_new=is_new):
            yield self.segment(*parts)
        yield self.segment("IK5" if implementation else "AK5", status, *codes)
