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
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from upath import UPath

from airflow_provider_integrations.connectors.edi.envelope import Envelope
from airflow_provider_integrations.connectors.edi.guide import Guides
from airflow_provider_integrations.connectors.edi.guide_rules import Guide
from airflow_provider_integrations.connectors.edi.interchange_write import (
    Numbers,
    Tables,
    check_written,
    same_interchange,
    write_interchange,
)
from airflow_provider_integrations.connectors.edi.model import Syntax
from airflow_provider_integrations.connectors.edi.outbound_rows import QueryRows, Refusal, documents_of
from airflow_provider_integrations.connectors.edi.settle_outbox import sending_facts
from airflow_provider_integrations.core.edi_source import EdiOutbound, outbox_name
from airflow_provider_integrations.core.errors import ConfigError, PermanentError, StateConflictError
from airflow_provider_integrations.core.interchange import Level, Pair, Sending, SendingGroup
from airflow_provider_integrations.core.work_item import WorkItem
from airflow_provider_integrations.ledger.edi_control import Drawn
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.outbox import Outgoing, enqueue
from airflow_provider_integrations.warehouse.driver_errors import translated

__all__ = ["OutboundJob", "Written", "write_documents"]

log = logging.getLogger(__name__)

_TRIAL = datetime(2000, 1, 1, tzinfo=UTC)
"""The instant in bytes that are only looked at."""
_AT_ONCE = 10_000
"""Rows fetched together."""
_TOLD = 20
"""Documents named in an error."""


def _go_on(_boundary: str) -> None:
    """The boundary hook of every run but the tests'."""


@dataclass(frozen=True, slots=True)
class OutboundJob:
    """What goes out to one partner.

    Args:
        source: What is agreed upon.
        guides: The guide's file that it names.
        queries: SQL by table of the guide.
        ledger: Where control numbers and the outbox's items are; its clock gives the instants.
        root: Landing root; the bytes are kept below it.
        boundary: Called between the steps with the name of what was just done; tests kill the process there.
    """

    source: EdiOutbound
    guides: Guides
    queries: Mapping[str, str]
    ledger: Ledger
    root: UPath
    boundary: Callable[[str], None] = _go_on

    @property
    def guide(self) -> Guide:
        """The guide in the version agreed upon."""
        return self.guides.of(self.source.version)

    @property
    def pair(self) -> Pair:
        """Whose control numbers are drawn."""
        source = self.source
        return Pair(self.guides.syntax.value, source.ours, source.partner, source.usage)

    @property
    def envelope(self) -> Envelope:
        """From whom to whom; a CONTRL is asked for where one is agreed upon, a 997 needs no asking."""
        source = self.source
        asks = self.guides.syntax is Syntax.EDIFACT and source.acknowledged_within is not None
        parties = (source.ours, source.partner, source.usage, source.group_ours, source.group_partner)
        return Envelope(*parties, asks=asks)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the documents that the queries gave.

    Args:
        items: The outbox's items that are new.
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
        StateConflictError: when the name of a file is taken by another interchange.
        IntegrationError: as the warehouse's driver tells.
    """
    found = documents_of(job.guide, job.source.document, _read(job.queries, connection))
    job.boundary("read")
    written = Written([], [], [])
    refused: dict[str, Refusal] = dict(found.astray)
    drawn = job.ledger.control_numbers.drawn(job.pair, Level.INTERCHANGE, [_purpose(job, key) for key in found.rows])
    for key, tables in found.rows.items():
        number, why = drawn.get(_purpose(job, key)), found.refused.get(key)
        if number is not None and (item := _item(job, key, number)) is not None:
            is_same = why is None and _is_same(job, tables, number, item)
            (written.known if is_same else written.changed).append(key)
        elif (why := why or _trial(job, tables)) is not None:
            refused[key] = why
        else:
            _write(job, key, tables, written)
    _tell(job, written, refused)
    return written


def _read(queries: Mapping[str, str], connection: Any) -> dict[str, QueryRows]:
    """The rows of all queries, each whole: a document's rows may lie anywhere in them."""
    found: dict[str, QueryRows] = {}
    with translated("reading the rows of documents"):
        cursor = connection.cursor()
        try:
            for table, query in queries.items():
                cursor.execute(query)
                columns = tuple(column[0] for column in cursor.description)
                rows: list[Any] = []
                while some := cursor.fetchmany(_AT_ONCE):
                    rows.extend(some)
                found[table] = QueryRows(columns, rows)
        finally:
            cursor.close()
    return found


def _purpose(job: OutboundJob, key: str) -> str:
    return f"document:{job.source.source}:{key}"


def _name(job: OutboundJob, control: int) -> str:
    return job.source.name.replace("{control}", f"{control:09d}")


def _item(job: OutboundJob, key: str, number: Drawn) -> WorkItem | None:
    """The outbox's item of a document, if it came so far."""
    name = _name(job, number.value)
    item = job.ledger.items.latest(outbox_name(job.source.source), f"{job.source.outbox.folder.rstrip('/')}/{name}")
    if item is None:
        return None
    sending = item.facts.get("sending") or {}
    if sending.get("purpose") != _purpose(job, key) or Pair(**sending["pair"]) != job.pair:
        raise StateConflictError(
            "the name of a document's file is taken by another interchange",
            source=job.source.source,
            name=name,
            item=item.id,
            next_step="Control numbers began anew, or `usage` or an identity was changed: give `name` another form.",
        )
    return item


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
    control, purpose = job.ledger.control_numbers, _purpose(job, key)
    control.draw(job.pair, Level.INTERCHANGE, purpose)
    job.boundary("interchange number drawn")
    drawn = control.drawn(job.pair, Level.INTERCHANGE, [purpose])[purpose]
    # What we write of EDIFACT has no groups.
    group = 1 if job.pair.syntax == "edifact" else control.draw(job.pair, Level.GROUP, purpose)
    job.boundary("group number drawn")
    numbers = Numbers(drawn.value, group)
    data = _bytes(job, tables, drawn.at, numbers)
    try:
        written.items.append(_enqueue(job, key, data, drawn, numbers))
    except StateConflictError as conflict:
        # The content changed between two workers, or while one was dead: what was kept first goes out.
        written.items.append(_first_kept(job, key, data, drawn, numbers, conflict))
        written.changed.append(key)
    job.boundary("enqueued")


def _enqueue(job: OutboundJob, key: str, data: bytes, drawn: Drawn, numbers: Numbers) -> WorkItem:
    pair, digest = job.pair, hashlib.sha256(data).hexdigest()
    groups = () if pair.syntax == "edifact" else (SendingGroup(str(numbers.group), job.guide.group),)
    sending = Sending(pair, str(numbers.interchange), _purpose(job, key), digest, groups)
    facts = sending_facts(sending, acknowledged_within=job.source.acknowledged_within)
    outgoing = Outgoing(_name(job, drawn.value), data, {**facts, "document": key})
    return enqueue(job.ledger, job.root, job.source.source, job.source.outbox, outgoing, at=drawn.at)


def _first_kept(
    job: OutboundJob, key: str, data: bytes, drawn: Drawn, numbers: Numbers, conflict: StateConflictError
) -> WorkItem:
    if (item := _item(job, key, drawn)) is not None:
        return item
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
    if refused:
        raise PermanentError(
            "documents were refused",
            source=name,
            refused=len(refused),
            documents=[f"{key!r}: {why}" for key, why in list(refused.items())[:_TOLD]],
            written=len(written.items),
            changed=len(written.changed),
            next_step="Correct their rows and run it again; all others are on their way.",
        )
