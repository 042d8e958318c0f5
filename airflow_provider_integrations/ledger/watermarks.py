"""The positions of sources: begun once, moved by compare-and-set, rewound with a reason.

A position that is not there is never read as "from the beginning": that would load everything a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from airflow_provider_integrations.core.errors import ConfigError, StateConflictError, WatermarkLostError
from airflow_provider_integrations.core.watermark import Watermark
from airflow_provider_integrations.core.watermark import advance as advanced
from airflow_provider_integrations.ledger.rows import Parts
from airflow_provider_integrations.ledger.tables import audit, watermark, watermark_event

__all__ = ["WatermarkEvent", "Watermarks"]


@dataclass(frozen=True, slots=True)
class WatermarkEvent:
    """One entry of a watermark's history; `event` is `begun`, `advanced` or `rewound`."""

    at: datetime
    event: str
    old: Watermark | None
    new: Watermark
    who: str | None = None
    why: str | None = None


class Watermarks:
    """Watermarks. Each call is one transaction, and each change goes into the history with it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def get(self, source: str) -> Watermark | None:
        """Where a source stands; None if it never began.

        Raises:
            WatermarkLostError: when it had a position and has none.
        """
        with self._parts.database.read() as connection:
            return _position(connection, source)

    def require(self, source: str) -> Watermark:
        """Where a source stands.

        Raises:
            WatermarkLostError: when it had a position and has none.
            ConfigError: when it never began.
        """
        position = self.get(source)
        if position is None:
            raise ConfigError(
                "the source has no watermark yet",
                source=source,
                next_step="Say where its first run begins; it is never taken to be the beginning.",
            )
        return position

    def begin(self, source: str, position: Watermark) -> Watermark:
        """Say where a source begins; again with the same position is harmless.

        Raises:
            StateConflictError: when it stands elsewhere already.
            WatermarkLostError: when it had a position and has none.
        """
        with self._parts.database.write() as connection:
            self._parts.database.lock(connection, f"watermark:{source}")
            there = _position(connection, source)
            if there is None:
                self._write(connection, source, "begun", None, position)
            elif there != position:
                raise _elsewhere(source, None, there, position)
        return position

    def advance(self, source: str, expected: Watermark, new: Watermark) -> Watermark:
        """Move from `expected` to `new`; harmless when it stands at `new` already, as after a lost answer.

        Raises:
            StateConflictError: when it stands elsewhere, or `new` is behind or of another order.
            WatermarkLostError: when it had a position and has none.
            ConfigError: when it never began.
        """
        advanced(expected, new)
        with self._parts.database.write() as connection:
            self._parts.database.lock(connection, f"watermark:{source}")
            there = _position(connection, source)
            if there is None:
                raise ConfigError("the source has no watermark yet", source=source, next_step="Begin it first.")
            if there == new:
                return new
            if there != expected:
                raise _elsewhere(source, expected, there, new)
            self._write(connection, source, "advanced", there, new)
        return new

    def rewind(self, source: str, to: Watermark, *, why: str, who: str) -> Watermark:
        """Set a position by hand, back or forth, or in place of a lost one; the audit trail gains an entry.

        Raises:
            ConfigError: without a reason, or when the source never began.
        """
        if not why.strip():
            raise ConfigError("a rewind needs a reason", source=source, next_step="Say why it is read again.")
        with self._parts.database.write() as connection:
            self._parts.database.lock(connection, f"watermark:{source}")
            try:
                there = _position(connection, source)
                if there is None:
                    raise ConfigError("the source has no watermark yet", source=source, next_step="Begin it.")
            except WatermarkLostError:
                there = None
            self._write(connection, source, "rewound", there, to, who=who, why=why)
            entry = {"at": self._parts.now(), "who": who, "action": "rewind", "subject": source, "why": why}
            moved = {"old": there.to_json() if there else None, "new": to.to_json()}
            connection.execute(insert(audit), [{**entry, "detail": moved}])
        return to

    def history(self, source: str) -> list[WatermarkEvent]:
        """All moves of a source, the first first."""
        query = select(watermark_event).where(watermark_event.c.source == source).order_by(watermark_event.c.number)
        with self._parts.database.read() as connection:
            return [
                WatermarkEvent(
                    at=row.at,
                    event=row.event,
                    old=Watermark.from_json(row.old_position) if row.old_position else None,
                    new=Watermark.from_json(row.new_position),
                    who=row.who,
                    why=row.why,
                )
                for row in connection.execute(query)
            ]

    def _write(
        self,
        connection: Connection,
        source: str,
        event: str,
        old: Watermark | None,
        new: Watermark,
        **told: Any,
    ) -> None:
        now = self._parts.now()
        values = {"position": new.to_json(), "updated_at": now}
        if old is None:
            connection.execute(insert(watermark).values(source=source, revision=1, **values))
        else:
            connection.execute(
                update(watermark)
                .where(watermark.c.source == source)
                .values(revision=watermark.c.revision + 1, **values)
            )
        entry = {"source": source, "at": now, "event": event, "new_position": new.to_json()}
        connection.execute(insert(watermark_event), [{**entry, "old_position": old.to_json() if old else None, **told}])


def _position(connection: Connection, source: str) -> Watermark | None:
    text = connection.scalar(select(watermark.c.position).where(watermark.c.source == source))
    if text is not None:
        return Watermark.from_json(text)
    last = connection.scalar(
        select(watermark_event.c.new_position)
        .where(watermark_event.c.source == source)
        .order_by(watermark_event.c.number.desc())
        .limit(1)
    )
    if last is not None:
        raise WatermarkLostError(
            "the source had a position and has none",
            source=source,
            last_known=last,
            next_step="Find out who deleted it, then rewind the source to where its data ends.",
        )
    return None


def _elsewhere(source: str, expected: Watermark | None, there: Watermark, asked: Watermark) -> StateConflictError:
    return StateConflictError(
        "the watermark is not where it was believed to be",
        source=source,
        expected=expected.to_json() if expected else None,
        stands_at=there.to_json(),
        asked=asked.to_json(),
        next_step="Another run has moved it: read it again and start from there.",
    )
