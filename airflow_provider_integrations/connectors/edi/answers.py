"""Answers as a step of a partner's documents: what was parsed is acknowledged, and the document goes on or into quarantine.

    gated ──(acknowledge)──> loaded, or quarantined where nothing in it was accepted

An answer says the same however often it is made: it names the instant at which the interchange was entered, its control
numbers are drawn for that one delivery, and it is enqueued once under a name that follows from both. A replay or a release is
no new delivery. So what the partner was told first stands, also where another guide or agreement would have said something
else: it stands from the moment at which its bytes are kept.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.edi.agreed_answer import (
    agreed_answer,
    answering_pair,
    write_answer,
)
from airflow_provider_integrations.connectors.edi.debts import correct_debt
from airflow_provider_integrations.connectors.edi.documents import Outcome
from airflow_provider_integrations.connectors.edi.draining import drain
from airflow_provider_integrations.connectors.edi.job import EdiJob
from airflow_provider_integrations.connectors.edi.judged import Judged, as_duplicate, judged_documents
from airflow_provider_integrations.connectors.edi.judgement import Judgement, judged_by
from airflow_provider_integrations.connectors.edi.settle_outbox import answer_facts
from airflow_provider_integrations.core.errors import StateConflictError
from airflow_provider_integrations.core.interchange import Level, Received
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.landing import quarantine
from airflow_provider_integrations.landing.bronze import ORIGINAL, local_folder, read_manifest, verify_files
from airflow_provider_integrations.ledger.edi_received import DUPLICATE
from airflow_provider_integrations.ledger.holding import Holder
from airflow_provider_integrations.outbox import Outgoing, enqueue, enqueued

__all__ = ["answer_items"]

log = logging.getLogger(__name__)

_DOCUMENT = "document"
_CHUNK = 1 << 20
_MOST_TOLD = 100
"""Entries of a list in the facts of an item; the rest is counted."""
_PUT_BACK = "Guides or agreement changed between the steps: put them back until this item is through."
_SEALED = ".gpg"
_CALLED = {"x12": "ack", "edifact": "contrl"}
"""What answers are called; a name that said whether a TA1 is in it would hang on the verdict."""


@dataclass(slots=True)
class _Told:
    """What came of the interchanges of one item."""

    interchanges: int = 0
    duplicates: int = 0
    taken: int = 0
    """Those of which something was accepted."""
    answers: int = 0
    answered_by: list[dict[str, Any]] = field(default_factory=list)
    unanswered: list[dict[str, Any]] = field(default_factory=list)


def answer_items(job: EdiJob, item_ids: Sequence[str] | None = None) -> list[WorkItem]:
    """Acknowledge what was parsed, the oldest first; gives the items as they are afterwards.

    Args:
        job: The partner's documents.
        item_ids: Work items, of which those in another state than `gated` are left alone; all that wait without it.

    Raises:
        TransientError: if an item is claimed by a worker that may have died; all others are done by then.
        IntegrationError: the first fault of an item; it stays `gated`, and all others are done by then.
    """

    def answer(held: Holder, item: WorkItem) -> None:
        _answer(job, held, item)

    return drain(job, State.GATED, item_ids, answer, claimed="claimed for the answer", done="noted as answered")


def _answer(job: EdiJob, held: Holder, item: WorkItem) -> None:
    """Answer each interchange of an item, then bring the item on."""
    told = _Told()
    folder = job.root / item.facts["folder"]
    family = job.ledger.interchanges.of_family(item.id)
    mine = {received.place: received for received in family if received.item_id == item.id}
    firsts = {(received.place, received.sha256): received for received in reversed(family)}
    with local_folder(folder) as local:
        verify_files(local, read_manifest(folder))
        if item.facts.get("judged_by") != judged_by(job.source.agreement, job.book):
            _check_judgement(job, item, local / _DOCUMENT, mine)
        for one in judged_documents(_chunks(local / _DOCUMENT), job.source.agreement, job.book):
            place = one.place
            if place is None:
                continue
            one = _as_parsed(item, one, mine.get(place))
            received = mine[place]
            told.interchanges += 1
            told.duplicates += received.verdict == DUPLICATE
            told.taken += _is_taken(one)
            first = firsts[place, one.sha256]
            answer = _answer_to(job, item, one, received, first)
            # It is owed once: the debt is that of the first delivery, and another one is answered by the same file.
            correct_debt(job, received if answer is None else first, owed=answer is not None)
            if answer is not None:
                told.answers += 1
                told.answered_by += [answer][: _MOST_TOLD - len(told.answered_by)]
                if first.number != received.number:
                    job.ledger.interchanges.answered(received.number, answer["control"])
            elif (one.verdict is Outcome.REJECTED or one.refused) and not one.is_acknowledgement:
                unanswered = {"place": place, "control": received.control}
                told.unanswered += [unanswered][: _MOST_TOLD - len(told.unanswered)]
                log.warning(
                    "%s: %s: the interchange at place %d (%d in the ledger) is refused, or sets of it are, and nothing agreed"
                    " upon tells its sender",
                    job.source.source, item.name, place, received.number,
                )  # fmt: skip
    job.boundary("answers enqueued")
    _bring_on(job, held, item, told)


def _check_judgement(job: EdiJob, item: WorkItem, path: Path, mine: Mapping[int, Received]) -> None:
    """Refuse to answer, before any of it is, where a set would be told to fare otherwise than its rows did."""
    judgement = Judgement(job.source.agreement)
    for one in judged_documents(_chunks(path), job.source.agreement, job.book):
        if one.place is not None:
            _as_parsed(item, one, mine.get(one.place))
            judgement.add(one)
    if item.facts.get("judgement") not in (None, judgement.digest()):
        raise StateConflictError(
            "sets are judged otherwise than when they were parsed", item=item.id, next_step=_PUT_BACK
        )


def _as_parsed(item: WorkItem, one: Judged, received: Received | None) -> Judged:
    """An interchange as it was parsed, a duplicate as one; as much of it has to be accepted as when its rows were landed."""
    if received is not None and received.verdict == DUPLICATE:
        one = as_duplicate(one)
    told = next((each for each in item.facts.get("judged", ()) if each.get("place") == one.place), None)
    counts = None if told is None else (told["accepted"], told["refused"])  # Noted of the first hundred of a document.
    if (
        received is not None
        and received.sha256 == one.sha256
        and received.verdict in (DUPLICATE, one.verdict.value)
        and counts in (None, (one.accepted, one.refused))
    ):
        return one
    raise StateConflictError(
        "an interchange is judged otherwise than when it was parsed",
        item=item.id,
        place=one.place,
        verdict=one.verdict.value,
        accepted=one.accepted,
        parsed=told or (received and received.verdict),
        next_step=_PUT_BACK,
    )


def _is_taken(one: Judged) -> bool:
    """Whether anything of it is accepted; a TA1 stands in no set."""
    return one.verdict is not Outcome.REJECTED and (one.accepted > 0 or one.refused == 0)


def _answer_to(job: EdiJob, item: WorkItem, one: Judged, received: Received, first: Received) -> dict[str, Any] | None:
    """Have the answer wait in the outbox, once, whoever makes it how often; gives what the facts tell of it.

    None where none is owed and none was enqueued before.

    Args:
        received: The interchange as this item brought it.
        first: As the item's family brought it first, of which the numbers and the instant are.
    """
    wanted = agreed_answer(one.document, job.source.agreement)
    if wanted is None and received.answer_due_at is None:
        return None
    family = item.replay_of or item.id
    # Another delivery of the same bytes is a duplicate, of another family, and its answer is another one.
    purpose = f"answer:{one.sha256}:{family}:{one.place}"
    numbers, source = job.ledger.control_numbers, job.source.source
    pair = answering_pair(one.document, first.pair)
    if wanted is not None:
        control = numbers.draw(pair, Level.INTERCHANGE, purpose)
        groups = numbers.draw_many(pair, Level.GROUP, [f"{purpose}:{at}" for at in range(wanted.groups)])
        data = write_answer(one.document, job.source.agreement, first.received_at, control, *groups[:1])
    elif drawn := numbers.drawn(pair, Level.INTERCHANGE, [purpose]):
        control, data = drawn[purpose].value, b""
    else:
        return None
    job.boundary("numbers drawn")
    shown = f"{control:09d}" if pair.syntax == "x12" else str(control)
    name = f"{family}-{one.place}_{_CALLED[pair.syntax]}_{shown}.edi"
    waiting = enqueued(job.ledger, source, name)
    if waiting is None and first.answered_at is None:
        if wanted is None:
            return None
        outgoing = Outgoing(name, data, answer_facts(first.number, str(control)), sealed_suffix=_SEALED)
        # What a worker kept before it died goes out, also where other guides or another agreement would word it otherwise.
        at, outbox = first.received_at, job.source.outbox
        waiting = enqueue(job.ledger, job.root, source, outbox, outgoing, at=at, first_stands=True)
    job.boundary("answer enqueued")
    told: dict[str, Any] = {"place": one.place, "control": str(control), "file": name}
    if waiting is None or waiting.facts["sha256"] != hashlib.sha256(data).hexdigest():
        log.info("%s: %s: what %s says stands", source, item.name, name)
        return told
    return {**told, "kinds": list(wanted.kinds)} if wanted is not None else told


def _bring_on(job: EdiJob, held: Holder, item: WorkItem, told: _Told) -> None:
    """Loaded, or in quarantine where nothing was accepted."""
    facts = {
        "interchanges": told.interchanges,
        "duplicates": told.duplicates,
        "answers": told.answers,
        "answered_by": told.answered_by,
        "unanswered": told.unanswered,
    }
    if told.taken:
        held.advance(item, State.LOADED, facts=facts)
        return
    alone = 0 < told.duplicates == told.interchanges
    reason = Reason.DUPLICATE_INTERCHANGE if alone else Reason.EDI_REJECTED
    counts = f"interchanges={told.interchanges}, duplicates={told.duplicates}, answers={told.answers}"
    detail = f"{reason.meaning} ({counts}). {reason.next_step}"
    original = job.root / item.facts["folder"] / ORIGINAL
    kept = quarantine.keep(job.root, item, reason, detail=detail, original=original, at=job.clock())
    job.boundary("kept in quarantine")
    log.warning("%s: %s: %s", job.source.source, item.name, detail)
    held.advance(item, State.QUARANTINED, reason=reason.value, detail=detail, facts={**facts, "kept": kept})


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
