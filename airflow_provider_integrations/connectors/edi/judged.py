"""Each interchange of a stream as an agreement and its guides judge it, with what the ledger knows it by.

The step that parses a document and the one that acknowledges it judge it by this one function, so that a partner is never
told anything else than what became of its rows. What only the ledger knows, a duplicate, is added by `as_duplicate`.

    >>> agreement = EdiAgreement(ours=("14:HUB",), partners=("14:ACME",), guides=())
    >>> stream = b"UNB+UNOA:3+ACME:14+HUB:14+260102:0304+7'UNH+1+ORDERS:D:96A:UN'BGM+220+1'UNT+3+1'UNZ+1+7'"
    >>> [one] = judged_documents([stream], agreement, GuideBook())
    >>> one.place, one.pair.partner, one.control, one.verdict.value, one.accepted, one.refused
    (0, '14:ACME', '7', 'accepted', 1, 0)
    >>> as_duplicate(one).verdict.value
    'rejected'
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from airflow_provider_integrations.connectors.edi.agreed_answer import policy_of
from airflow_provider_integrations.connectors.edi.documents import (
    Document,
    GuideBook,
    Outcome,
    outcome,
    read_documents,
)
from airflow_provider_integrations.connectors.edi.edifact_envelope import Party
from airflow_provider_integrations.connectors.edi.edifact_verdict import InterchangeVerdict, Status, with_finding
from airflow_provider_integrations.connectors.edi.edifact_verdict import as_duplicate as edifact_duplicate
from airflow_provider_integrations.connectors.edi.model import Finding, FindingCode, Severity, Syntax
from airflow_provider_integrations.connectors.edi.reconcile import party
from airflow_provider_integrations.connectors.edi.x12_envelope import Agreement, Interchange, Outside
from airflow_provider_integrations.connectors.edi.x12_verdict import judge
from airflow_provider_integrations.core.edi_source import EdiAgreement
from airflow_provider_integrations.core.interchange import Pair

__all__ = ["Judged", "as_duplicate", "judged_documents", "x12_agreement"]

_USAGES = frozenset({"P", "T", "I"})


@dataclass(frozen=True, slots=True)
class Judged:
    """One interchange, or bytes that belong to none.

    Args:
        document: With all that is found by syntax, guides and agreement.
        verdict: On the whole of it; `rejected` gives no rows, `partial` those of the sets that are accepted.
        place: Counts the interchanges of the stream from 0; None for bytes that belong to none.
        pair: Us and the sender as it names them, whoever they are; None for bytes that belong to no interchange.
        control: ISA13 or 0020, as it came.
        sha256: Of its bytes.
        is_acknowledgement: It holds nothing but acknowledgements, and is not answered.
        accepted: Sets and messages that are accepted.
        refused: Those that are not, alone or with their group or interchange.
    """

    document: Document
    verdict: Outcome
    place: int | None = None
    pair: Pair | None = None
    control: str = ""
    sha256: str = ""
    is_acknowledgement: bool = False
    accepted: int = 0
    refused: int = 0


def judged_documents(chunks: Iterable[bytes], agreement: EdiAgreement, book: GuideBook) -> Iterator[Judged]:
    """The interchanges of a stream in order, each as it ends, and what stands between them.

    Args:
        chunks: The stream, cut anywhere.
        agreement: With the partner: who may send to whom in which usage.
        book: The guides that the agreement names.
    """
    place = 0
    for document in read_documents(chunks, book, x12_agreement(agreement), whole=True, digest=True):
        if isinstance(document, Outside) or (isinstance(document, InterchangeVerdict) and document.header is None):
            yield Judged(document, outcome(document))
            continue
        yield _judged(document, place, agreement)
        place += 1


def as_duplicate(one: Judged) -> Judged:
    """The same interchange when the ledger has its control number already: nothing of it is taken (TA1 025, UCI 26)."""
    document = one.document
    if isinstance(document, Interchange):
        text = "This control number came before."
        control = document.header.control
        finding = Finding(
            FindingCode.CONTROL_NUMBER_DUPLICATE, Severity.FATAL, "ISA", 1, 13, value=control, detail=text
        )
        document = document.with_findings(finding)
    elif isinstance(document, InterchangeVerdict):
        document = edifact_duplicate(document)
    return replace(one, document=document, verdict=Outcome.REJECTED, accepted=0, refused=one.accepted + one.refused)


def x12_agreement(agreement: EdiAgreement) -> Agreement:
    """What the scan of X12 goes by."""
    senders, receivers = (frozenset(map(_named, names)) for names in (agreement.partners, agreement.ours))
    return Agreement(senders=senders, receivers=receivers, usage=agreement.usage)


def _judged(document: Interchange | InterchangeVerdict, place: int, agreement: EdiAgreement) -> Judged:
    if isinstance(document, Interchange):
        header, policy = document.header, policy_of(agreement)
        verdict = judge(document, policy)
        sets = sum(len(group.sets) for group in document.groups)
        accepted = sum(group.accepted for group in verdict.groups)
        usage = header.usage if header.usage in _USAGES else agreement.usage
        pair = Pair(Syntax.X12.value, party(*header.receiver), party(*header.sender), usage)
        return Judged(
            document, outcome(document, policy), place, pair, header.control, document.sha256,
            document.is_acknowledgement, accepted, sets - accepted,
        )  # fmt: skip
    document = _agreed(document, agreement)
    unb = document.header
    assert unb is not None
    ours, theirs = (party(one.qualifier, one.identification) for one in (unb.recipient, unb.sender))
    pair = Pair(Syntax.EDIFACT.value, ours, theirs, "T" if unb.test else "P")
    refused = document.messages
    if document.status is not Status.REJECTED:
        refused = len(document.refused)
        for group in document.groups:
            refused += len(group.refused) if group.accepted else group.messages
    only = bool(document.messages) and document.messages == document.acknowledgements
    return Judged(
        document, outcome(document), place, pair, unb.reference, document.sha256, only,
        document.messages - refused, refused,
    )  # fmt: skip


def _agreed(verdict: InterchangeVerdict, agreement: EdiAgreement) -> InterchangeVerdict:
    """With what the agreement finds in UNB; the first of these is what CONTRL tells."""
    header = verdict.header
    assert header is not None
    found = []
    parties = (
        (2, FindingCode.SENDER_UNKNOWN, header.sender, agreement.partners),
        (3, FindingCode.RECEIVER_UNKNOWN, header.recipient, agreement.ours),
    )
    for element, code, one, known in parties:
        if one.identification and not _is_one(one, known):
            text = "This party is not known here."
            found.append(Finding(code, Severity.FATAL, "UNB", 1, element, value=one.identification, detail=text))
    if header.test != (agreement.usage == "T"):
        text = "Production and test are not mixed."
        found.append(Finding(FindingCode.USAGE_INDICATOR_INVALID, Severity.FATAL, "UNB", 1, 11, detail=text))
    for finding in reversed(found):
        verdict = with_finding(verdict, finding)
    return verdict


def _is_one(one: Party, known: Iterable[str]) -> bool:
    return party(one.qualifier, one.identification) in known


def _named(name: str) -> tuple[str, str]:
    qualifier, _, identification = name.partition(":")
    return qualifier, identification
