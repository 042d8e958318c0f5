"""Whom an acknowledgement of X12 names, and in which delimiters: ISA of the partner, turned round, as far as it can be repeated.

Control numbers are drawn for the parties that stand in the answer: a qualifier that is none becomes ZZ there, and two parties
that are told apart in what came may be one in what goes out.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_integrations.connectors.edi.model import Delimiters, FindingCode, Severity
from airflow_provider_integrations.connectors.edi.x12_codes import PARTY_QUALIFIERS
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange
from airflow_provider_integrations.connectors.edi.x12_notes import safe

__all__ = ["DEFAULT", "AnswerHeader", "answer_header"]

DEFAULT = Delimiters("*", ">", "~", None)
"""Where the partner's cannot be used."""


@dataclass(frozen=True, slots=True)
class AnswerHeader:
    """What ISA of the answer says.

    Args:
        sender, receiver: Qualifier and name; the name is empty where what came names nobody that can be repeated.
        usage: ISA15, T where what came has none.
        version: ISA12.
        delimiters: The partner's, or `DEFAULT`.
        newline: What stands after each segment.
    """

    sender: tuple[str, str]
    receiver: tuple[str, str]
    usage: str
    version: str
    delimiters: Delimiters
    newline: str


def answer_header(interchange: Interchange) -> AnswerHeader:
    """The header of the answer to an interchange."""
    theirs = interchange.header
    fatal = {one.code for one in interchange.findings if one.severity is Severity.FATAL}
    unusable = FindingCode.DELIMITER_INVALID in fatal
    delimiters = DEFAULT if unusable else theirs.delimiters
    # A version that we do not know is not repeated, or our answer would be refused for it.
    unknown = any(one.code is FindingCode.VERSION_UNSUPPORTED for one in interchange.findings)

    def party(qualifier: str, name: str) -> tuple[str, str]:
        return qualifier if qualifier in PARTY_QUALIFIERS else "ZZ", safe(name, delimiters, 15) or ""

    return AnswerHeader(
        party(*theirs.receiver),
        party(*theirs.sender),
        theirs.usage if theirs.usage in {"I", "P", "T"} else "T",
        "00401" if unknown else theirs.version,
        delimiters,
        "" if unusable else theirs.newline,
    )
