"""Rows of a warehouse to documents for a partner: each is written once, as an interchange of its own, into the outbox.

::

    rows ──> checked ──> numbers drawn ──> bytes ──> outbox ──(deliver, settle)──> archived

A document is known by its key. Its control numbers are drawn for the purpose `document:<source>:<key>`, and the instant at
which its interchange number was drawn is the one that it tells: both are in the ledger before the bytes are made, so a worker
that dies anywhere makes the same ones again, and two at once make the same ones too. What waits or went out is never written
anew; if the warehouse says something else of it later, that is told.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_provider_integrations.connectors.edi.interchange_write import (
    Numbers,
    Tables,
    check_written,
    same_interchange,
    write_interchange,
)
from airflow_provider_integrations.connectors.edi.outbound_job import OutboundJob
from airflow_provider_integrations.connectors.edi.outbound_rows import QueryRows, Refusal, documents_of
from airflow_provider_integrations.connectors.edi.settle_outbox import sending_facts
from airflow_provider_integrations.core.edi_source import outbox_name
from airflow_provider_integrations.core.errors import ConfigError, PermanentError, StateConflictError
from airflow_provider_integrations.core.interchange import Level, Pair, Sending, SendingGroup
from airflow_provider_integrations.core.work_item import WorkItem
from airflow_provider_integrations.ledger.edi_control import Drawn
from airflow_provider_integrations.outbox import Outgoing, enqueue_once, enqueued
from airflow_provider_integrations.warehouse.driver_errors import translated

__all__ = ["Written", "write_documents"]

log = logging.getLogger(__name__)

_TRIAL = datetime(2000, 1, 1, tzinfo=UTC)
"""The instant in bytes that are only looked at."""
_AT_ONCE = 10_000
"""Rows fetched together."""
_TOLD = 20
"""Documents named in an error."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the documents that the queries gave.

    Args:
        items: The outbox's items that this call entered.
        known: Keys of those that were in the outbox or sent before, as they are.
        changed: Keys of those that were in the outbox or sent before with other content; they are not sent again.
    """

    items: list[WorkItem]
    known: list[str]
    changed: list[str]


def write_documents(job: OutboundJob, connection: Any) -> Written:
    """Write every document that the queries give and that was not written before.

    Args:
        job: What goes out.
        connection: A DB-API connection to the warehouse; it is only read from.

    Raises:
        PermanentError: when documents were refused, with their keys and columns; all others are in the outbox by then, so
            whatever delivers them must not wait for this to succeed.
        ConfigError: when the queries do not fit the guide, or an identity has no place in the envelope; nothing was written.
        StateConflictError: when the names of files are taken by other interchanges; all others are in the outbox by then.
        IntegrationError: as the warehouse's driver tells.
    """
    found = documents_of(job.guide, job.source.document, _read(job, connection))
    job.boundary("read")
    written = Written([], [], [])
    refused: dict[str, Refusal] = dict(found.astray)
    conflicts: list[StateConflictError] = []
    drawn = job.ledger.control_numbers.drawn(job.pair, Level.INTERCHANGE, [job.purpose(key) for key in found.rows])
    outbox = _Outbox(job)
    for key, tables in found.rows.items():
        number, why = drawn.get(job.purpose(key)), found.refused.get(key)
        try:
            if number is not None and (item := outbox.item(key, number)) is not None:
                is_same = why is None and _is_same(job, tables, number, item)
                (written.known if is_same else written.changed).append(key)
            elif (why := why or _trial(job, tables)) is not None:
                refused[key] = why
            else:
                _write(job, key, tables, written)
        except StateConflictError as conflict:
            log.error("%s: document %r is not sent: %s", job.source.source, key, conflict)
            conflicts.append(conflict)
    _tell(job, written, refused)
    if conflicts:
        raise conflicts[0]
    if refused:
        raise _refused(job, written, refused)
    return written


def _read(job: OutboundJob, connection: Any) -> dict[str, QueryRows]:
    """The rows of all queries, each whole: a document's rows may lie anywhere in them.

    The head table's comes first: of a document that arrives meanwhile there are stray rows then, and never a part that looks
    like the whole.
    """
    inner = {table.name for table in job.guide.tables if table.loop is not None}
    queries = sorted(job.queries.items(), key=lambda query: query[0] in inner)
    found: dict[str, QueryRows] = {}
    with translated("reading the rows of documents"):
        cursor = connection.cursor()
        try:
            for table, query in queries:
                cursor.execute(query)
                columns = tuple(column[0] for column in cursor.description)
                rows: list[Any] = []
                while some := cursor.fetchmany(_AT_ONCE):
                    rows.extend(some)
                found[table] = QueryRows(columns, rows)
        finally:
            cursor.close()
    return found


class _Outbox:
    """The outbox's items of the documents, whatever their files are called."""

    def __init__(self, job: OutboundJob) -> None:
        self._job = job
        self._found: dict[tuple[str, Pair], WorkItem] | None = None

    def item(self, key: str, number: Drawn) -> WorkItem | None:
        """The item of a document, if it came so far.

        Its name finds it at once. Only if it does not, as after a change of `name`, are all items looked through, once a
        run: a document that went out under another name must not go out again.
        """
        job = self._job
        mine, name = (job.purpose(key), job.pair), job.file_name(number.value)
        item = enqueued(job.ledger, job.source.source, name)
        if item is not None and _of(item) == mine:
            return item
        if (other := self._all().get(mine)) is not None:
            return other
        if item is not None:
            raise StateConflictError(
                "the name of a document's file is taken by another interchange",
                source=job.source.source,
                name=name,
                item=item.id,
                next_step="Control numbers began anew, or `usage` or an identity was changed: give `name` another form; "
                "what went out under the old one is not sent again.",
            )
        return None

    def _all(self) -> dict[tuple[str, Pair], WorkItem]:
        if self._found is None:
            items = self._job.ledger.items.list(outbox_name(self._job.source.source), limit=None)
            self._found = {mine: item for item in items if (mine := _of(item)) is not None}
        return self._found


def _of(item: WorkItem) -> tuple[str, Pair] | None:
    """What an item was made for, and between whom."""
    sending = item.facts.get("sending")
    return (sending["purpose"], Pair(**sending["pair"])) if sending else None


def _bytes(job: OutboundJob, tables: Tables, now: datetime, numbers: Numbers) -> bytes:
    return write_interchange(job.guide, [tables], job.envelope, now.astimezone(UTC), numbers)


def _trial(job: OutboundJob, tables: Tables) -> Refusal | None:
    """Why a document cannot be sent, found before a number is drawn for it: a refused one leaves no gap."""
    try:
        check_written(_bytes(job, tables, _TRIAL, Numbers(1, 1)), job.guides)
    except ConfigError:
        raise  # No document's fault.
    except PermanentError as error:
        return _refusal(error)
    return None


def _is_same(job: OutboundJob, tables: Tables, number: Drawn, item: WorkItem) -> bool:
    """Whether a document would be written today as it was."""
    groups = item.facts["sending"]["groups"]
    try:
        data = _bytes(job, tables, number.at, Numbers(number.value, int(groups[0]["control"]) if groups else 1))
    except PermanentError:
        return False
    return hashlib.sha256(data).hexdigest() == item.facts.get("sha256")


def _write(job: OutboundJob, key: str, tables: Tables, written: Written) -> None:
    """Draw a document's numbers, unless they were, and enqueue it."""
    control, purpose = job.ledger.control_numbers, job.purpose(key)
    control.draw(job.pair, Level.INTERCHANGE, purpose)
    job.boundary("interchange number drawn")
    drawn = control.drawn(job.pair, Level.INTERCHANGE, [purpose])[purpose]
    # What we write of EDIFACT has no groups.
    group = 1 if job.pair.syntax == "edifact" else control.draw(job.pair, Level.GROUP, purpose)
    job.boundary("group number drawn")
    numbers = Numbers(drawn.value, group)
    data = _bytes(job, tables, drawn.at, numbers)
    try:
        item, is_new = _enqueue(job, key, data, drawn, numbers)
    except StateConflictError as conflict:
        # The content changed between two workers, or while one was dead: what was kept first goes out.
        item, is_new = _first_kept(job, key, data, drawn, numbers, conflict)
        written.changed.append(key)
    else:
        if not is_new:  # Another worker was faster.
            written.known.append(key)
    if is_new:
        written.items.append(item)
    job.boundary("enqueued")


def _enqueue(job: OutboundJob, key: str, data: bytes, drawn: Drawn, numbers: Numbers) -> tuple[WorkItem, bool]:
    """Have a document wait in the outbox; also gives whether this call entered it."""
    pair, digest = job.pair, hashlib.sha256(data).hexdigest()
    groups = () if pair.syntax == "edifact" else (SendingGroup(str(numbers.group), job.guide.group),)
    sending = Sending(pair, str(numbers.interchange), job.purpose(key), digest, groups)
    facts = sending_facts(sending, acknowledged_within=job.source.acknowledged_within)
    # Two deployments may call it otherwise, and look at once.
    identity = json.dumps([sending.purpose, *astuple(pair)])
    outgoing = Outgoing(job.file_name(drawn.value), data, {**facts, "document": key}, identity)
    return enqueue_once(job.ledger, job.root, job.source.source, job.source.outbox, outgoing, at=drawn.at)


def _first_kept(
    job: OutboundJob, key: str, data: bytes, drawn: Drawn, numbers: Numbers, conflict: StateConflictError
) -> tuple[WorkItem, bool]:
    if (item := _Outbox(job).item(key, drawn)) is not None:
        return item, False
    kept = (job.root / str(conflict.values["where"])).read_bytes()
    if not same_interchange(kept, data):
        raise conflict
    return _enqueue(job, key, kept, drawn, numbers)


def _refusal(error: PermanentError) -> Refusal:
    values = error.values
    columns = values.get("columns") or [".".join(str(values[name]) for name in ("table", "column") if name in values)]
    findings = values.get("findings") or []
    return Refusal(
        ": ".join([error.what, "; ".join(findings[:3])] if findings else [error.what]), tuple(filter(None, columns))
    )


def _tell(job: OutboundJob, written: Written, refused: Mapping[str, Refusal]) -> None:
    name = job.source.source
    log.info("%s: %d documents are written, %d were before", name, len(written.items), len(written.known))
    if written.changed:
        log.warning(
            "%s: %d documents have other content than what was sent or waits, and are not sent again: %s",
            name, len(written.changed), ", ".join(map(repr, written.changed[:_TOLD])),
        )  # fmt: skip
    for key, why in refused.items():
        log.error("%s: document %r is refused: %s", name, key, why)


def _refused(job: OutboundJob, written: Written, refused: Mapping[str, Refusal]) -> PermanentError:
    return PermanentError(
        "documents were refused",
        source=job.source.source,
        refused=len(refused),
        documents=[f"{key!r}: {why}" for key, why in list(refused.items())[:_TOLD]],
        written=len(written.items),
        changed=len(written.changed),
        next_step="Correct their rows and run it again; all others are on their way.",
    )
