"""One landed document read to its end: each interchange entered in the ledger, and the rows of what is accepted on disk.

The file is read twice, in step: the first reading judges an interchange and asks the ledger whether it came before, the
second gives its sets. Memory is that of one interchange's verdict, of one set, and of a few row groups.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.edi.accepted import AcceptedSet, Level, Reading, SetVerdict, changed
from airflow_provider_integrations.connectors.edi.accepted_sets import take_accepted
from airflow_provider_integrations.connectors.edi.agreed_answer import agreed_answer
from airflow_provider_integrations.connectors.edi.debts import correct_debt
from airflow_provider_integrations.connectors.edi.documents import Document, Outcome
from airflow_provider_integrations.connectors.edi.edifact_envelope import values
from airflow_provider_integrations.connectors.edi.job import EdiJob
from airflow_provider_integrations.connectors.edi.judged import Judged, as_duplicate, judged_documents
from airflow_provider_integrations.connectors.edi.judgement import Judgement, judged_by
from airflow_provider_integrations.connectors.edi.landed_rows import LandedTables
from airflow_provider_integrations.connectors.edi.model import Segment
from airflow_provider_integrations.connectors.edi.reconcile import ReconcileFinding, statements_in
from airflow_provider_integrations.connectors.edi.row_batches import RowBatches
from airflow_provider_integrations.connectors.edi.row_files import digested_chunks
from airflow_provider_integrations.connectors.edi.set_rows import Around, SetRows, delimiters_of, envelope_of
from airflow_provider_integrations.connectors.edi.x12_codes import ACKNOWLEDGING_SETS
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange
from airflow_provider_integrations.core.edi_source import SETS
from airflow_provider_integrations.core.errors import StateConflictError
from airflow_provider_integrations.core.interchange import Statement
from airflow_provider_integrations.core.work_item import WorkItem

__all__ = ["DUPLICATE", "DocumentReading", "Found"]

log = logging.getLogger(__name__)

DUPLICATE = "duplicate"
"""The verdict on an interchange that came before, and on a document of such interchanges alone."""

_MOST_TOLD = 100
"""Interchanges told of in the facts of an item; the rest is counted."""
_MOST_OUTSIDE = 20
_AT_ONCE = 500
"""Statements entered in one transaction."""


@dataclass(slots=True)
class Found:
    """What a document turned out to be: counts and verdicts, and nothing of its content.

    Attributes:
        verdict: On the whole of it; `duplicate` if all of it came before.
        judged: The first interchanges: number in the ledger, place, control number, verdict, sets accepted and refused.
        statements: What it says of ours; `unmatched` of these speak of nothing that was sent, `odd` is what cannot be read so.
        outside_runs, outside_bytes: What belongs to no interchange; `outside_at` has the first byte and the length of each,
            of the first twenty.
        judgement, judged_by: Whether each set is accepted, and by what, as digests.
        unread: Values of accepted sets that are null because they are not of their column's kind.
    """

    verdict: str = ""
    judged: list[dict[str, Any]] = field(default_factory=list)
    interchanges: int = 0
    duplicates: int = 0
    accepted: int = 0
    refused: int = 0
    statements: int = 0
    unmatched: int = 0
    odd: int = 0
    outside_runs: int = 0
    outside_bytes: int = 0
    outside_at: list[list[int]] = field(default_factory=list)
    unread: int = 0
    judgement: str = ""
    judged_by: str = ""

    def facts(self) -> dict[str, Any]:
        """As the ledger holds them."""
        return {
            "verdict": self.verdict,
            "judged": self.judged,
            "judged_interchanges": self.interchanges,
            "sets": {"accepted": self.accepted, "refused": self.refused},
            "statements": {"all": self.statements, "unmatched": self.unmatched, "odd": self.odd},
            "outside": {"runs": self.outside_runs, "bytes": self.outside_bytes},
            "outside_at": self.outside_at,
            "unread": self.unread,
            "judgement": self.judgement,
            "judged_by": self.judged_by,
        }


class DocumentReading:
    """The reading of one document.

    Args:
        job: Of its source.
        item: The document's.
        tables: Takes the rows.
        insist: Interchanges that came before are taken all the same.
    """

    def __init__(self, job: EdiJob, item: WorkItem, tables: LandedTables, *, insist: bool) -> None:
        self._job, self._item, self._tables, self._insist = job, item, tables, insist
        self.found = Found()
        self._batches = RowBatches(tables.write)
        self._judgement = Judgement(job.source.agreement)
        self._sets = SetRows(lambda batch: tables.write(SETS, batch))
        self._current: Judged | None = None
        self._is_duplicate = False
        self._around: Around = ("", "", "", "")
        self._findings: list[ReconcileFinding] = []
        self._statements: list[tuple[int, Statement]] = []
        self._tells_levels = False

    def read(self, path: Path, sha256: str) -> Found:
        """Read the whole file.

        Args:
            path: The document.
            sha256: What it was when it was landed.

        Raises:
            StateConflictError: if it is another file now, or the ledger holds another interchange at a place of it.
            TransientError: if it changed between the two readings.
        """
        job, found = self._job, self.found
        first, second = hashlib.sha256(), hashlib.sha256()
        descriptor = os.open(path, os.O_RDONLY)
        try:
            judged = judged_documents(digested_chunks(descriptor, first), job.source.agreement, job.book)
            reading = Reading(hear=self._hear)
            take_accepted(self._documents(judged), digested_chunks(descriptor, second), job.book, self._take, reading)
        finally:
            os.close(descriptor)
        if first.hexdigest() != sha256:
            raise StateConflictError(
                "the document is not the one that was landed", item=self._item.id, sha256=first.hexdigest(),
                landed=sha256, next_step="Somebody changed bronze: find out who, then replay the item.",
            )  # fmt: skip
        if first.digest() != second.digest():
            raise changed()
        self._batches.flush()
        self._sets.flush()
        self._enter_statements()
        found.accepted, found.refused, found.odd = reading.accepted, reading.refused, len(self._findings)
        found.judgement, found.judged_by = self._judgement.digest(), judged_by(job.source.agreement, job.book)
        alone = found.interchanges and found.duplicates == found.interchanges
        found.verdict = DUPLICATE if alone else reading.verdict.value if found.interchanges else Outcome.NOT_EDI.value
        return found

    def _documents(self, judged: Iterable[Judged]) -> Iterator[Document]:
        """The interchanges as the ledger knows them; drawn on as the sets are read."""
        for one in judged:
            if one.pair is None:
                self._pass_over(one.document)
                yield one.document
                continue
            self._judgement.add(one)
            one = self._entered(one)
            self._current, self._around = one, envelope_of(one.document)
            if isinstance(one.document, Interchange) and one.verdict is not Outcome.REJECTED:
                self._say(one.document.acknowledgements)
            yield one.document

    def _pass_over(self, outside: Document) -> None:
        """Bytes that belong to no interchange: nobody can be asked for them but by whoever reads the log or the facts."""
        found = self.found
        found.outside_runs += 1
        found.outside_bytes += outside.length
        if len(found.outside_at) < _MOST_OUTSIDE:
            found.outside_at.append([outside.offset, outside.length])
            log.warning(
                "%s: %s: the %d bytes from byte %d on belong to no interchange",
                self._job.source.source, self._item.name, outside.length, outside.offset,
            )  # fmt: skip

    def _entered(self, one: Judged) -> Judged:
        job, found, interchanges = self._job, self.found, self._job.ledger.interchanges
        assert one.pair is not None
        assert one.place is not None
        received = interchanges.received(
            one.pair,
            one.control,
            sha256=one.sha256,
            item_id=self._item.id,
            place=one.place,
            verdict=one.verdict.value,
            window=job.source.agreement.duplicates_within,
            answer_due_at=job.clock() + job.source.agreement.answer_within if self._is_owed(one) else None,
            insist=self._insist,
        )
        self._is_duplicate = received.duplicate_of is not None
        if self._is_duplicate:
            one = as_duplicate(one)
            found.duplicates += 1
        # A group or interchange that was refused before must not stay so in the warehouse.
        self._tells_levels = bool(self._item.facts.get("releases")) or interchanges.came_before(received)
        correct_debt(job, received, owed=self._is_owed(one))
        job.boundary("interchange entered")
        if one.verdict is Outcome.REJECTED:
            log.warning(
                "%s: %s: interchange %r of %r is refused (%s)",
                job.source.source, self._item.name, received.control, received.pair.partner, received.verdict,
            )  # fmt: skip
        found.interchanges += 1
        if len(found.judged) < _MOST_TOLD:
            named = {"number": received.number, "place": one.place, "control": received.control}
            found.judged.append(
                {**named, "verdict": received.verdict, "accepted": one.accepted, "refused": one.refused}
            )
        return one

    def _is_owed(self, one: Judged) -> bool:
        return agreed_answer(one.document, self._job.source.agreement) is not None

    def _take(self, one: AcceptedSet) -> None:
        """An accepted set: what it says of ours, or its rows. Acknowledgements have none: the ledger is their table."""
        if _is_acknowledgement(one):
            self._say(one.segments)
        else:
            self.found.unread += len(self._batches.add(one))

    def _hear(self, verdict: SetVerdict) -> None:
        # Of what came before nothing is told: the same document may have come before, and its rows have the same keys.
        if self._is_duplicate:
            return
        if verdict.level is Level.SET or verdict.verdict == "rejected" or self._tells_levels:
            self._sets.add(self._around, verdict)

    def _say(self, segments: Iterable[Segment]) -> None:
        current = self._current
        assert current is not None
        assert current.pair is not None
        delimiters = delimiters_of(current.document)
        self._statements += statements_in(segments, delimiters, current.pair, self._findings)
        if len(self._statements) >= _AT_ONCE:
            self._enter_statements()

    def _enter_statements(self) -> None:
        if not self._statements:
            return
        places, said = zip(*self._statements, strict=True)
        # A replay is the very same delivery: an old word must not count again after a newer one.
        delivery = self._item.replay_of or self._item.id
        told = self._job.ledger.interchanges.acknowledged(said, delivery, places=places)
        self.found.statements += len(told)
        self.found.unmatched += sum(one.sent is None for one in told)
        self._statements = []
        self._job.boundary("statements entered")


def _is_acknowledgement(one: AcceptedSet) -> bool:
    head = one.segments[0]
    if head.tag == "ST":
        return head.elements[0] in ACKNOWLEDGING_SETS
    return values(head.elements[1], one.delimiters)[0] == "CONTRL"
