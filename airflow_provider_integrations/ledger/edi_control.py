"""Control numbers: for each pair, usage and level one line of numbers without doubles and without gaps.

A number is drawn for a purpose, such as the SHA-256 of what is answered, and the same purpose gets the same number again: a
worker that was killed after it drew writes the same bytes when it starts anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.interchange import LIMITS, Level, Pair, next_number
from airflow_provider_integrations.ledger.edi_rows import lock_name, pair_values
from airflow_provider_integrations.ledger.edi_tables import PAIR, control_number
from airflow_provider_integrations.ledger.rows import Parts
from airflow_provider_integrations.ledger.tables import audit

__all__ = ["ControlNumbers", "Drawn"]

_LINE = (*PAIR, "level")
_NAMED = [control_number.c[name] == bindparam(name) for name in _LINE]
_DRAWN = select(control_number.c.value).where(*_NAMED, control_number.c.purpose == bindparam("purpose"))
_LAST = select(control_number.c.value).where(*_NAMED).order_by(control_number.c.number.desc()).limit(1)
_INSERT = insert(control_number)
_CHUNK = 5_000  # Parameters of one statement: SQLite takes 32,766, PostgreSQL 65,535.


@dataclass(frozen=True, slots=True)
class Drawn:
    """A number that was drawn, and when: neither ever changes, so both may stand in what is written."""

    value: int
    at: datetime


class ControlNumbers:
    """Our control numbers. Each call is one transaction; the table only grows, so the last number cannot be lost."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def draw(self, pair: Pair, level: Level, purpose: str) -> int:
        """The number for a purpose: the one that it has, or else the next, which after the highest is 1.

        Args:
            pair: From us to whom.
            level: Whether it is an interchange's or a group's.
            purpose: What it is for, e.g. the digest of what is answered, or an outbound batch; never a random value.

        Raises:
            ConfigError: without a purpose.
        """
        return self.draw_many(pair, level, [purpose])[0]

    def draw_many(self, pair: Pair, level: Level, purposes: list[str]) -> list[int]:
        """The numbers for several purposes, in their order and in one transaction, as for the groups of an interchange."""
        if not all(purpose.strip() for purpose in purposes):
            raise ConfigError(
                "a control number is drawn for a purpose",
                partner=pair.partner,
                next_step="Name what it is for, so that a rerun gets the same number.",
            )
        if not purposes:
            return []
        line = {**pair_values(pair), "level": level.value}
        drawn: list[int] = []
        with self._parts.database.write() as connection:
            self._parts.database.lock(connection, lock_name("control", pair, level))
            for purpose in purposes:
                value = connection.scalar(_DRAWN, {**line, "purpose": purpose})
                if value is None:
                    value = next_number(pair, connection.scalar(_LAST, line) or 0)
                    self._append(connection, line, purpose, value)
                drawn.append(value)
        return drawn

    def drawn(self, pair: Pair, level: Level, purposes: Sequence[str]) -> dict[str, Drawn]:
        """By purpose, the numbers that were drawn already; nothing is drawn."""
        line, found = {**pair_values(pair), "level": level.value}, dict[str, Drawn]()
        columns = control_number.c.purpose, control_number.c.value, control_number.c.at
        with self._parts.database.read() as connection:
            for first in range(0, len(purposes), _CHUNK):
                some = control_number.c.purpose.in_(purposes[first : first + _CHUNK])
                for row in connection.execute(select(*columns).where(*_NAMED, some), line):
                    found[row.purpose] = Drawn(row.value, row.at)
        return found

    def last(self, pair: Pair, level: Level) -> int:
        """The number that was drawn last; 0 before the first."""
        with self._parts.database.read() as connection:
            return connection.scalar(_LAST, {**pair_values(pair), "level": level.value}) or 0

    def continue_after(self, pair: Pair, level: Level, value: int, *, who: str, why: str) -> None:
        """Go on after a number, as when another system drew them before; the audit trail gains an entry.

        Raises:
            ConfigError: without a reason, or for a number out of range.
        """
        if not why.strip() or not 0 <= value <= LIMITS[pair.syntax]:
            raise ConfigError(
                "control numbers go on after a number in range, for a reason",
                value=value,
                highest=LIMITS[pair.syntax],
                next_step="Say which number the partner saw last, and why.",
            )
        line = {**pair_values(pair), "level": level.value}
        with self._parts.database.write() as connection:
            self._parts.database.lock(connection, lock_name("control", pair, level))
            before = connection.scalar(_LAST, line) or 0
            self._append(connection, line, None, value)
            entry = {"at": self._parts.now(), "who": who, "action": "continue_after", "subject": pair.partner}
            detail = {**line, "old": before, "new": value}
            connection.execute(insert(audit), [{**entry, "why": why, "detail": detail}])

    def _append(self, connection: Connection, line: dict[str, Any], purpose: str | None, value: int) -> None:
        connection.execute(_INSERT, [{**line, "purpose": purpose, "value": value, "at": self._parts.now()}])
