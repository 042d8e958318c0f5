"""What becomes of an interchange, its groups and its sets: accepted, accepted with errors, partly, or refused.

A finding that is no mere note refuses the set or group on which it stands, unless the partners agreed to tolerate it;
a fatal one refuses the interchange. A group is partly
accepted only where some of its sets pass and some do not (element 715, code P). A group whose own envelope is wrong is
refused whole and none of its sets counts as accepted.

    >>> from airflow_provider_integrations.connectors.edi.model import Finding, FindingCode, Severity
    >>> wrong = Finding(FindingCode.COUNT_WRONG, Severity.ERROR, "SE", 4, 1, value="9")
    >>> judge_set((wrong,), "004010", Policy())
    ('R', ('4',))
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_integrations.connectors.edi.model import Finding, FindingCode, Severity
from airflow_provider_integrations.connectors.edi.x12_codes import group_code, interchange_code, set_code
from airflow_provider_integrations.connectors.edi.x12_envelope import Group, Interchange

__all__ = [
    "GroupVerdict",
    "Policy",
    "TechnicalWhen",
    "Verdict",
    "is_of_set",
    "judge",
    "judge_group",
    "judge_set",
    "valid_count",
]

_MOST_CODES = 5


class TechnicalWhen(StrEnum):
    """When a TA1 goes out."""

    ASKED = "asked"
    """Where ISA14 is 1, and never else."""
    ASKED_OR_REFUSED = "asked_or_refused"
    """Where ISA14 is 1, and for a refused interchange, of which the partner would hear nothing otherwise."""
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Policy:
    """What two partners agreed upon.

    Args:
        tolerated: Findings for which a set, group or interchange is accepted with errors and not refused.
        technical: When a TA1 goes out.
        list_accepted: Whether accepted sets have a loop AK2 of their own, which the standard leaves open.
        implementation: The guide of a 999, in GS08 and ST03.
    """

    tolerated: frozenset[FindingCode] = frozenset()
    technical: TechnicalWhen = TechnicalWhen.ASKED_OR_REFUSED
    list_accepted: bool = True
    implementation: str = "005010X231A1"


@dataclass(frozen=True, slots=True)
class GroupVerdict:
    """AK9 of a group.

    Args:
        status: AK901: A, E, P or R.
        codes: AK905 to AK909.
        included: AK902, what GE01 said, or what was received if it said nothing of use.
        received: AK903.
        accepted: AK904.
        is_refused_whole: The envelope of the group is why it is refused.
        is_acknowledgement: It holds acknowledgements and gets none.
    """

    status: str
    codes: tuple[str, ...]
    included: int
    received: int
    accepted: int
    is_refused_whole: bool
    is_acknowledgement: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """TA104 and TA105 of an interchange, and the verdicts of its groups; none where it is refused."""

    status: str
    code: str
    groups: tuple[GroupVerdict, ...]


def judge(interchange: Interchange, policy: Policy) -> Verdict:
    """The verdict on a whole interchange."""
    # An error outside of any set is not yet a reason to refuse the sets: only what is fatal refuses an interchange.
    telling = [one for one in interchange.findings if one.severity is not Severity.NOTE]
    fatal = [one for one in telling if one.severity is Severity.FATAL and one.code not in policy.tolerated]
    status, code = "R" if fatal else "E" if telling else "A", "000"
    if telling:
        # TA1 has room for one code: the first that refuses.
        first = (fatal or telling)[0]
        code = interchange_code(first.code, first.element)
    if status == "R":
        return Verdict(status, code, ())
    return Verdict(status, code, tuple(judge_group(group, policy) for group in interchange.groups))


def judge_group(group: Group, policy: Policy) -> GroupVerdict:
    """The verdict on a group, by its own findings and those of its sets."""
    version = group.header.version
    status, telling = _status(group.findings, policy)
    codes = _unique(group_code(one.code, version) for one in telling)
    received = len(group.sets)
    refused = with_errors = 0
    for codes_found, sets in group.sets.flawed.kinds.items():
        if codes_found <= policy.tolerated:
            with_errors += sets
        else:
            refused += sets
    included = int(group.count) if valid_count(group.count) and group.count is not None else received
    whole = status == "R"
    accepted = 0 if whole else received - refused
    if not whole and refused:
        status = "P" if accepted else "R"
    elif status == "A" and with_errors:
        status = "E"
    return GroupVerdict(status, codes, included, received, accepted, whole, group.is_acknowledgement)


def judge_set(findings: tuple[Finding, ...], version: str, policy: Policy) -> tuple[str, tuple[str, ...]]:
    """AK501 and AK502 to AK506 of a set.

    Args:
        findings: Those on the set.
        version: GS08 of its group.
        policy: What is tolerated.
    """
    status, telling = _status(findings, policy)
    codes = [set_code(one.code, version) if is_of_set(one) else "5" for one in telling]
    return status, _unique(codes)


def is_of_set(finding: Finding) -> bool:
    """Whether a finding is one on the set as a whole, said in AK5, and not one on a segment, said in AK3."""
    return finding.segment in {"ST", "SE", None} and set_code(finding.code, "") is not None


def valid_count(text: str | None) -> bool:
    """Whether GE01 is a count that AK902 can repeat (N0, up to six digits)."""
    return text is not None and 1 <= len(text) <= 6 and text.isascii() and text.isdigit()


def _status(findings: Iterable[Finding], policy: Policy) -> tuple[str, list[Finding]]:
    telling = [one for one in findings if one.severity is not Severity.NOTE]
    if not telling:
        return "A", telling
    return "E" if all(one.code in policy.tolerated for one in telling) else "R", telling


def _unique(codes: Iterable[str | None]) -> tuple[str, ...]:
    found = sorted({code for code in codes if code is not None}, key=lambda code: (not code.isdigit(), len(code), code))
    return tuple(found[:_MOST_CODES])
