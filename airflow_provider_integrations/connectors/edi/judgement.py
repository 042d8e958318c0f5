"""How a document was judged, in a few bytes: whoever judges it again sees whether each set fares as before.

The rows of a document are landed by one step and its partner is told by another. Between the two somebody may change the
agreement or a guide. What is told then must still be what became of the rows, set by set; in which words, may differ.

::

    judgement = Judgement(agreement)
    for one in judged_documents(chunks, agreement, book):
        judgement.add(one)
    noted = judgement.digest()
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import airflow_provider_integrations
from airflow_provider_integrations.connectors.edi.agreed_answer import policy_of
from airflow_provider_integrations.connectors.edi.documents import GuideBook
from airflow_provider_integrations.connectors.edi.edifact_verdict import InterchangeVerdict
from airflow_provider_integrations.connectors.edi.judged import Judged
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange
from airflow_provider_integrations.connectors.edi.x12_verdict import judge, judge_set
from airflow_provider_integrations.core.edi_source import EdiAgreement

__all__ = ["Judgement", "judged_by"]


class Judgement:
    """The judgement on the interchanges of a document, in their order.

    Args:
        agreement: With the partner.
    """

    def __init__(self, agreement: EdiAgreement) -> None:
        self._agreement, self._told = agreement, hashlib.sha256()

    def add(self, one: Judged) -> None:
        """One more, as it is judged without the ledger."""
        whole = (one.place, one.sha256, one.verdict.value, one.accepted, one.refused)
        self._told.update(repr((*whole, *self._refused(one))).encode())

    def digest(self) -> str:
        """The same for the same bytes where the same sets are accepted."""
        return self._told.hexdigest()

    def _refused(self, one: Judged) -> Iterator[tuple[int, int]]:
        """Group and place of each set that is refused by itself, and of each group."""
        document = one.document
        if isinstance(document, Interchange):
            policy = policy_of(self._agreement)
            for at, (group, verdict) in enumerate(zip(document.groups, judge(document, policy).groups, strict=False)):
                if verdict.is_refused_whole:
                    yield at, -1
                    continue
                for index, found in group.sets.flawed.items():
                    if judge_set(found.findings, group.header.version, policy)[0] == "R":
                        yield at, index
        elif isinstance(document, InterchangeVerdict):
            yield from ((at, -1) for at, group in enumerate(document.groups) if not group.accepted)
            for messages in (document.refused, *(group.refused for group in document.groups)):
                yield from ((0, message.header.segment.offset) for message in messages)


def judged_by(agreement: EdiAgreement, book: GuideBook) -> str:
    """What a judgement follows from, beside the document: if it is the same, so is the judgement."""
    of = [
        agreement.model_dump_json(),
        *(guides.digest for guides in book.guides),
        airflow_provider_integrations.__version__,
    ]
    return hashlib.sha256(":".join(of).encode()).hexdigest()
