"""One way to read either syntax: a stream gives its interchanges, of both if it has both, judged by guides where there are some.

>>> stream = b"UNB+UNOA:3+A+B+260102:0304+7'UNH+1+ORDERS:D:96A:UN'BGM+220+1'UNT+3+1'UNZ+1+7'"
>>> [outcome(one) for one in read_documents([stream])]
[<Outcome.ACCEPTED: 'accepted'>]
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_integrations.connectors.edi.check_set import check, check_raw
from airflow_provider_integrations.connectors.edi.edifact_envelope import MessageHeader
from airflow_provider_integrations.connectors.edi.edifact_scan import scan as scan_edifact
from airflow_provider_integrations.connectors.edi.edifact_verdict import InterchangeVerdict, Status, verdicts
from airflow_provider_integrations.connectors.edi.guide import Guides
from airflow_provider_integrations.connectors.edi.guide_rules import Guide
from airflow_provider_integrations.connectors.edi.model import Delimiters, Finding, FindingCode, Segment, Syntax
from airflow_provider_integrations.connectors.edi.turns import Turns, syntax_of
from airflow_provider_integrations.connectors.edi.x12_codes import KNOWN_SETS
from airflow_provider_integrations.connectors.edi.x12_envelope import Agreement, Interchange, Outside, SetRead
from airflow_provider_integrations.connectors.edi.x12_scan import scan as scan_x12
from airflow_provider_integrations.connectors.edi.x12_verdict import Policy, judge
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["Document", "GuideBook", "Outcome", "outcome", "overall", "read_documents", "set_count", "syntax_of"]

Document = Interchange | Outside | InterchangeVerdict
"""An interchange, or bytes that belong to none."""

_LARGEST = Agreement().largest_set
"""Bytes of a set or message that is held."""


class Outcome(StrEnum):
    """What is to be said of a document in one word."""

    ACCEPTED = "accepted"
    PARTIAL = "partial"
    REJECTED = "rejected"
    NOT_EDI = "not_edi"


@dataclass(frozen=True, slots=True)
class GuideBook:
    """The guides that sets and messages are checked by; syntax alone for all others."""

    guides: tuple[Guides, ...] = ()

    def find(self, syntax: Syntax, name: str, version: str) -> Guide | None:
        """The guide of a set or message.

        Args:
            syntax: X12 or EDIFACT.
            name: ST01, or the type of the message.
            version: GS08, or version and release, e.g. D96A.

        Raises:
            ConfigError: for two of them: nobody knows which is to count.
        """
        found: Guide | None = None
        for guides in self.guides:
            if guides.syntax is syntax and (one := guides.matching(name, version)) is not None:
                if found is not None:
                    raise ConfigError(
                        "two guides are of the same set or message",
                        set=name,
                        version=version,
                        guides=[found.name, one.name],
                        next_step="Name the one that counts.",
                    )
                found = one
        return found

    def names(self, syntax: Syntax) -> frozenset[str]:
        """The sets or messages that there is any guide of."""
        return frozenset(guides.set for guides in self.guides if guides.syntax is syntax)


def read_documents(
    chunks: Iterable[bytes],
    book: GuideBook | None = None,
    agreement: Agreement | None = None,
    *,
    whole: bool = False,
    digest: bool = False,
    held: Counter[str] | None = None,
) -> Iterator[Document]:
    """The interchanges of a stream, in order, whatever is in it, of both syntaxes if it has both.

    Args:
        chunks: The stream, cut anywhere.
        book: What sets and messages are checked by.
        agreement: What is taken of X12; without it, all that X12 knows.
        whole: For whoever goes on to read the sets: one that is too large to be held is refused without a guide too.
        digest: Whether each interchange is to have its `sha256`.
        held: Counts sets and messages by the name of the guide that they were held to.

    Yields:
        Interchanges; a stream of neither syntax gives one `Outside` with `not_edi`.
    """
    book = book or GuideBook()

    def noted(guide: Guide) -> Guide:
        if held is not None:
            held[guide.name] += 1
        return guide

    def message(header: MessageHeader, segments: Sequence[Segment], delimiters: Delimiters) -> list[Finding]:
        guide = book.find(Syntax.EDIFACT, header.type, header.version + header.release)
        return check(noted(guide), segments, delimiters) if guide is not None else []

    def visit(found: SetRead) -> list[Finding]:
        guide = book.find(Syntax.X12, found.set_id, found.convention or found.header.version)
        return check_raw(noted(guide), found.raw, found.delimiters) if guide is not None else []

    by_guide = message if book.names(Syntax.EDIFACT) else None
    largest = _LARGEST if whole or by_guide is not None else sys.maxsize
    wanted = book.names(Syntax.X12) | (KNOWN_SETS if whole else frozenset())
    turns = Turns(chunks)
    for syntax in turns.parts():
        if syntax is Syntax.EDIFACT:
            yield from verdicts(scan_edifact(turns), by_guide, digest=digest, largest=largest)
        else:
            yield from scan_x12(turns, agreement=agreement, visit=visit, wanted=wanted, digest=digest)


def outcome(document: Document, policy: Policy | None = None) -> Outcome:
    """The verdict on a whole document: an interchange is partial if some of its sets, or all, are refused."""
    if isinstance(document, Outside):
        return Outcome.NOT_EDI if document.finding.code is FindingCode.NOT_EDI else Outcome.REJECTED
    if isinstance(document, InterchangeVerdict):
        if document.header is None:
            found = {finding.code for finding in document.findings}
            return Outcome.NOT_EDI if FindingCode.NOT_EDI in found else Outcome.REJECTED
        return {Status.ACCEPTED: Outcome.ACCEPTED, Status.PARTIAL: Outcome.PARTIAL, Status.REJECTED: Outcome.REJECTED}[
            document.status
        ]
    verdict = judge(document, policy or Policy())
    if verdict.status == "R":
        return Outcome.REJECTED
    if any(group.status in "PR" for group in verdict.groups):
        return Outcome.PARTIAL
    return Outcome.ACCEPTED


def set_count(document: Document) -> int:
    """How many sets or messages a document has, whatever became of them."""
    if isinstance(document, Interchange):
        return sum(len(group.sets) for group in document.groups)
    return document.messages if isinstance(document, InterchangeVerdict) else 0


def overall(found: Collection[Outcome]) -> Outcome:
    """The verdict on a stream by those on its documents: partial where some of it is accepted and some is not."""
    kinds = set(found)
    if kinds in ({Outcome.NOT_EDI}, {Outcome.ACCEPTED}):
        return kinds.pop()
    return Outcome.REJECTED if kinds <= {Outcome.REJECTED, Outcome.NOT_EDI} else Outcome.PARTIAL
