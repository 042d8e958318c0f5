"""Who is to be told what, and that it is over: each alert is sent once and its end once, whatever is killed.

    raised ──(claim, send)──> told ──(over)──(claim, send)──> resolved

Between the sending and its note a worker may die, and then the next one sends again under the same key. While one worker sends,
its claim keeps the others away. What is over before anybody was told is closed without a word.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, Row, Table, Text, case, or_, select, update

from airflow_provider_integrations.core.alert import Alert, Severity
from airflow_provider_integrations.ledger.database import insert_if_absent
from airflow_provider_integrations.ledger.rows import Parts, json_facts
from airflow_provider_integrations.ledger.tables import AnyText, Instant, metadata

__all__ = ["AlertClaim", "AlertRecord", "Alerts", "alert"]

alert = Table(
    "alert",
    metadata,
    # SQLite numbers rows by itself only in a column of exactly the type INTEGER.
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("key", AnyText, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("alert", JSON, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("told_at", Instant),
    Column("over_at", Instant),
    Column("resolved_at", Instant),
    # How often a sending was begun: after the first nobody knows whether it arrived, until one is noted.
    Column("begun", Integer, nullable=False),
    Column("claim_owner", Text),
    Column("claim_token", BigInteger, nullable=False),
    Column("claim_expires_at", Instant),
    Index("ix_alert_kind_resolved_at", "kind", "resolved_at"),
)

_UNCLAIMED: dict[str, Any] = {"claim_owner": None, "claim_expires_at": None}


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """An alert in the ledger.

    Args:
        alert: What is told.
        raised_at: When it was entered.
        told_at: When it was first sent; None as long as nobody was told.
        over_at: When its cause was found to be over.
        resolved_at: When its end was sent, or needed no sending.
    """

    alert: Alert
    raised_at: datetime
    told_at: datetime | None
    over_at: datetime | None
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class AlertClaim:
    """The right to send one alert, or its end; `token` fences off whoever held it before."""

    record: AlertRecord
    owner: str
    token: int


class Alerts:
    """Alerts. Each call is one transaction, and none waits for a network."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def raise_all(self, alerts: Iterable[Alert]) -> None:
        """Enter alerts; one whose key is there already is left as it is.

        Raises:
            ConfigError: for details that JSON cannot hold.
        """
        at = self._parts.now()
        rows = [
            {
                "key": one.key,
                "kind": one.kind,
                "alert": {**asdict(one), "at": one.at.astimezone(UTC).isoformat(), "details": json_facts(one.details)},
                "raised_at": at,
                "told_at": None,
                "over_at": None,
                "resolved_at": None,
                "begun": 0,
                "claim_token": 0,
                **_UNCLAIMED,
            }
            for one in alerts
        ]
        if rows:
            with self._parts.database.write() as connection:
                connection.execute(insert_if_absent(alert, "key"), rows)

    def unresolved(self, kind: str) -> list[AlertRecord]:
        """Alerts of a kind that somebody still has to be told of, or whose end; those that were tried least come first.

        So none that cannot be sent keeps those behind it for ever.
        """
        mine = alert.c.kind == kind, alert.c.resolved_at.is_(None)
        query = select(alert).where(*mine).order_by(alert.c.begun, alert.c.number)
        with self._parts.database.read() as connection:
            return [_record(row) for row in connection.execute(query)]

    def get(self, key: str) -> AlertRecord | None:
        """One alert; None if there is none of that key."""
        with self._parts.database.read() as connection:
            row = connection.execute(select(alert).where(alert.c.key == key)).one_or_none()
        return None if row is None else _record(row)

    def over(self, keys: Collection[str]) -> None:
        """Say of alerts that their cause is over; of what no sending was begun nobody needs to hear."""
        at = self._parts.now()
        with self._parts.database.write() as connection:
            for key in keys:
                mine = alert.c.key == key, alert.c.over_at.is_(None)
                quiet = case((alert.c.begun == 0, at), else_=alert.c.resolved_at)
                connection.execute(update(alert).where(*mine).values(over_at=at, resolved_at=quiet))

    def claim(self, key: str, owner: str, *, lease: timedelta) -> AlertClaim | None:
        """Take an alert on which something is to be sent; None if there is nothing to send, or another worker does it.

        An owner takes up its own claim again, so that a task that is tried anew need not wait for its last try's lease.
        """
        with self._parts.database.write() as connection:
            now = self._parts.now()
            to_send = or_(alert.c.told_at.is_(None), alert.c.over_at.is_not(None)), alert.c.resolved_at.is_(None)
            free = or_(alert.c.claim_owner.is_(None), alert.c.claim_expires_at <= now, alert.c.claim_owner == owner)
            take = (
                update(alert)
                .where(alert.c.key == key, *to_send, free)
                .values(
                    claim_owner=owner,
                    claim_token=alert.c.claim_token + 1,
                    claim_expires_at=now + lease,
                    begun=alert.c.begun + 1,
                )
                .returning(*alert.c)
            )
            row = connection.execute(take).one_or_none()
        return None if row is None else AlertClaim(_record(row), owner, row.claim_token)

    def told(self, held: AlertClaim) -> None:
        """Note that the alert was sent, even if the claim ran out meanwhile: it was, and so its end must follow once more."""
        at = self._parts.now()
        first = case((alert.c.told_at.is_(None), at), else_=alert.c.told_at)
        with self._parts.database.write() as connection:
            told = update(alert).where(alert.c.key == held.record.alert.key)
            connection.execute(told.values(told_at=first, resolved_at=None))
            connection.execute(_of(held).values(**_UNCLAIMED))

    def resolved(self, held: AlertClaim) -> None:
        """Note that the end of the alert was sent; not if the claim was lost, since whoever took it may have sent more."""
        with self._parts.database.write() as connection:
            connection.execute(_of(held).values(resolved_at=self._parts.now(), **_UNCLAIMED))

    def let_go(self, held: AlertClaim, *, sent: bool) -> None:
        """Give the claim back; `sent` False says for certain that nothing left the house."""
        begun = alert.c.begun if sent else alert.c.begun - 1
        with self._parts.database.write() as connection:
            connection.execute(_of(held).values(begun=begun, **_UNCLAIMED))


def _of(held: AlertClaim) -> Any:
    mine = alert.c.key == held.record.alert.key, alert.c.claim_owner == held.owner, alert.c.claim_token == held.token
    return update(alert).where(*mine)


def _record(row: Row[Any]) -> AlertRecord:
    told = row.alert
    one = Alert(
        key=row.key,
        summary=told["summary"],
        source=told["source"],
        at=datetime.fromisoformat(told["at"]),
        severity=Severity(told["severity"]),
        kind=row.kind,
        details=told["details"],
    )
    return AlertRecord(one, row.raised_at, row.told_at, row.over_at, row.resolved_at)
