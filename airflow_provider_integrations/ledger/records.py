"""What the ledger keeps beside items and watermarks: batches, verdicts, expected deliveries, the audit trail."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select

from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.core.manifest import Manifest
from airflow_provider_integrations.core.verdict import GateMode, GateResult, Verdict
from airflow_provider_integrations.ledger.database import insert_if_absent, insert_unless_there
from airflow_provider_integrations.ledger.rows import Parts, aware, json_facts
from airflow_provider_integrations.ledger.tables import audit, batch, expected_delivery, quality_result

__all__ = ["AuditEntry", "BatchRecord", "ExpectedDelivery", "Records"]

_BATCH = select(batch).where(batch.c.batch_id == bindparam("id"))


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """A landed batch: its manifest and the folder that it is in."""

    manifest: Manifest
    folder: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class ExpectedDelivery:
    """When a source's next delivery is due, as an instant and in the partner's zone."""

    source: str
    due_at: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to what, and why."""

    at: datetime
    who: str
    action: str
    subject: str
    why: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


class Records:
    """Batches, verdicts, expected deliveries and the audit trail; each call is one transaction."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def batch(self, manifest: Manifest, folder: str) -> BatchRecord:
        """Record a landed batch; again with the same manifest is harmless.

        Raises:
            StateConflictError: when another manifest is there under the same batch id.
        """
        text = manifest.to_json()
        values = {
            "batch_id": manifest.batch_id,
            "item_id": manifest.item_id,
            "source": manifest.source,
            "version": manifest.version,
            "folder": folder,
            "manifest": text,
            "recorded_at": self._parts.now(),
        }
        with self._parts.database.write() as connection:
            # The batch id alone may be there already: an unknown item still is an error.
            connection.execute(insert_if_absent(batch, "batch_id"), values)
            row = connection.execute(_BATCH, {"id": manifest.batch_id}).one()
        if row.manifest != text:
            raise StateConflictError(
                "a batch of this id was landed with other content",
                batch=manifest.batch_id,
                item=row.item_id,
                folder=row.folder,
                next_step="A batch is written once: find out which process made up the second one.",
            )
        return BatchRecord(manifest, row.folder, row.recorded_at)

    def batches(self, item_id: str) -> list[BatchRecord]:
        """The batches that were landed of an item, the first first."""
        query = select(batch).where(batch.c.item_id == item_id).order_by(batch.c.recorded_at, batch.c.batch_id)
        with self._parts.database.read() as connection:
            rows = connection.execute(query).all()
        return [BatchRecord(Manifest.from_json(row.manifest), row.folder, row.recorded_at) for row in rows]

    def gate(self, item_id: str, result: GateResult) -> None:
        """Store what the gate said of an item's batch; it never fails for what is in the expectations."""
        values = {
            "item_id": item_id,
            "batch_id": result.batch_id,
            "verdict": result.verdict,
            "mode": result.mode,
            "suite": result.suite,
            "suite_digest": result.suite_digest,
            "rows": result.rows,
            "rows_failed": result.rows_failed,
            "expectations": _plain(list(result.expectations)),
            "docs": result.docs,
            "recorded_at": self._parts.now(),
        }
        with self._parts.database.write() as connection:
            connection.execute(insert(quality_result), [values])

    def gates(self, item_id: str) -> list[GateResult]:
        """What the gate said of an item, the first first."""
        query = select(quality_result).where(quality_result.c.item_id == item_id).order_by(quality_result.c.number)
        with self._parts.database.read() as connection:
            return [
                GateResult(
                    batch_id=row.batch_id,
                    verdict=Verdict(row.verdict),
                    mode=GateMode(row.mode),
                    suite=row.suite,
                    suite_digest=row.suite_digest,
                    rows=row.rows,
                    rows_failed=row.rows_failed,
                    expectations=tuple(row.expectations),
                    docs=row.docs,
                )
                for row in connection.execute(query)
            ]

    def expect_delivery(self, source: str, due_at: datetime, zone: str) -> ExpectedDelivery:
        """Say when the next delivery of a source is due; it takes the place of what was said before."""
        values = {"due_at": aware(due_at, "due_at"), "zone": zone, "recorded_at": self._parts.now()}
        with self._parts.database.write() as connection:
            connection.execute(
                insert_unless_there(connection, expected_delivery)
                .values(source=source, **values)
                .on_conflict_do_update(index_elements=["source"], set_=values)
            )
        return ExpectedDelivery(source, due_at, zone)

    def expected_delivery(self, source: str) -> ExpectedDelivery | None:
        """When the next delivery of a source is due, if that was said."""
        query = select(expected_delivery).where(expected_delivery.c.source == source)
        with self._parts.database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else ExpectedDelivery(row.source, row.due_at, row.zone)

    def audit(
        self, *, who: str, action: str, subject: str, why: str = "", detail: Mapping[str, Any] | None = None
    ) -> AuditEntry:
        """Append to the audit trail, which nobody can change afterwards: triggers in the database refuse it."""
        if not who.strip() or not action.strip():
            raise ConfigError("an audit entry says who did what", who=who, action=action)
        entry = AuditEntry(self._parts.now(), who, action, subject, why, json_facts(detail))
        values = {"at": entry.at, "who": who, "action": action, "subject": subject, "why": why, "detail": entry.detail}
        with self._parts.database.write() as connection:
            connection.execute(insert(audit), [values])
        return entry

    def audit_trail(
        self, *, subject: str | None = None, action: str | None = None, limit: int | None = None, offset: int = 0
    ) -> list[AuditEntry]:
        """The audit trail, the first entry first."""
        query = select(audit).order_by(audit.c.number).limit(limit).offset(offset)
        if subject is not None:
            query = query.where(audit.c.subject == subject)
        if action is not None:
            query = query.where(audit.c.action == action)
        with self._parts.database.read() as connection:
            rows = connection.execute(query).all()
        return [AuditEntry(row.at, row.who, row.action, row.subject, row.why, dict(row.detail)) for row in rows]


def _plain(value: Any) -> Any:
    """The nearest that JSON holds: a verdict must be stored whatever the expectations' arguments are."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, str | int) else str(value)
