"""Which answer an interchange is owed under an agreement, and its bytes.

One interchange is answered by at most one file: in X12 its TA1 and the 997s or 999s of its groups are one interchange of
ours, in EDIFACT there is one CONTRL. Nothing answers an acknowledgement, and nothing answers whoever cannot be named.

::

    wanted = agreed_answer(document, agreement)
    if wanted is not None:
        data = write_answer(document, agreement, received_at, control, group)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO

from airflow_provider_integrations.connectors.edi.documents import Document
from airflow_provider_integrations.connectors.edi.edifact_acknowledge import acknowledgement_parts as edifact_parts
from airflow_provider_integrations.connectors.edi.edifact_acknowledge import can_acknowledge
from airflow_provider_integrations.connectors.edi.edifact_verdict import InterchangeVerdict
from airflow_provider_integrations.connectors.edi.reconcile import party
from airflow_provider_integrations.connectors.edi.x12_acknowledge import ControlNumbers, Kind, plan
from airflow_provider_integrations.connectors.edi.x12_acknowledge import acknowledgement_parts as x12_parts
from airflow_provider_integrations.connectors.edi.x12_answer_header import answer_header
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange
from airflow_provider_integrations.connectors.edi.x12_verdict import Policy, TechnicalWhen
from airflow_provider_integrations.core.edi_source import EdiAgreement
from airflow_provider_integrations.core.interchange import Pair

__all__ = ["AgreedAnswer", "agreed_answer", "answering_pair", "policy_of", "write_answer"]

_TECHNICAL = {
    # A refused interchange has no 997: without a TA1 its sender would hear nothing of it.
    "asked": TechnicalWhen.ASKED_OR_REFUSED,
    "always": TechnicalWhen.ALWAYS,
    "never": TechnicalWhen.NEVER,
}


@dataclass(frozen=True, slots=True)
class AgreedAnswer:
    """What an interchange is owed.

    Args:
        kinds: What is in the file: `TA1`, `997` or `999`, or `CONTRL`.
        groups: How many groups of ours it has, each with a number of its own.
    """

    kinds: tuple[str, ...]
    groups: int = 0


def policy_of(agreement: EdiAgreement) -> Policy:
    """What the agreement says of the acknowledgement of X12."""
    return Policy(technical=_TECHNICAL[agreement.technical])


def agreed_answer(document: Document, agreement: EdiAgreement) -> AgreedAnswer | None:
    """The answer that is owed; None for none.

    None is owed to an acknowledgement, to bytes outside of any interchange, to an ISA or UNB whose parties cannot be named,
    and where the agreement has none: under `technical: never` not to a refused X12 interchange, since the partner takes no TA1.

    Args:
        document: With all that was found by the agreement and the ledger, a duplicate's finding too.
        agreement: With the partner.
    """
    if isinstance(document, Interchange):
        kind, answered = _x12(document, agreement)
        wanted = plan(answered, kind, policy_of(agreement))
        own = answer_header(document)
        if document.is_acknowledgement or wanted.is_empty or not own.sender[1] or not own.receiver[1]:
            return None
        kinds = (*(["TA1"] if wanted.technical else []), *([kind.value] if wanted.groups else []))
        return AgreedAnswer(kinds, len(wanted.groups))
    if isinstance(document, InterchangeVerdict) and agreement.contrl and can_acknowledge(document):
        return AgreedAnswer(("CONTRL",))
    return None


def answering_pair(document: Document, pair: Pair) -> Pair:
    """Between whom the answer goes: the line that its control numbers are of.

    Args:
        document: As for `agreed_answer`.
        pair: As what came has it.
    """
    if not isinstance(document, Interchange):
        return pair
    own = answer_header(document)
    return Pair(pair.syntax, party(*own.sender), party(*own.receiver), own.usage)


def write_answer(document: Document, agreement: EdiAgreement, now: datetime, control: int, group: int = 1) -> bytes:
    """The bytes of the answer that is owed; none where none is.

    Args:
        document: As for `agreed_answer`.
        agreement: With the partner.
        now: The instant that the answer names, told in UTC.
        control: Our control number of the interchange.
        group: Our control number of its first group; the others follow it.
    """
    if agreed_answer(document, agreement) is None:
        return b""
    at = now.astimezone(UTC)
    if isinstance(document, Interchange):
        kind, answered = _x12(document, agreement)
        parts = x12_parts(answered, kind, at, ControlNumbers(control, group), policy_of(agreement))
        return _joined(parts)
    # Whoever asks for an indication of receipt alone (0031 is 2) gets the verdict at once: there is no second CONTRL.
    assert isinstance(document, InterchangeVerdict)
    return _joined(edifact_parts(document, at, str(control)) or ())


def _joined(parts: Iterable[bytes]) -> bytes:
    """The bytes of them all; `join` would hold each of a million small parts first."""
    held = BytesIO()
    held.writelines(parts)
    return held.getvalue()


def _x12(document: Interchange, agreement: EdiAgreement) -> tuple[Kind, Interchange]:
    """The kind that was agreed upon; where groups are not acknowledged, the interchange without them."""
    if agreement.functional != "none":
        return Kind(agreement.functional), document
    return Kind.FUNCTIONAL, replace(document, groups=(), acknowledgements=())
