"""How far the reads of historians are, and which gaps their samples have.

Progress is for people: whoever reads writes it now and then, and nothing hangs on it. Gaps are kept when they are closed, with
when and by which run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, update

from airflow_provider_integrations.core.gap import Gap, GapChanges, GapReason, KnownGap
from airflow_provider_integrations.ledger.database import insert_if_absent
from airflow_provider_integrations.ledger.historian_tables import historian_gap, historian_progress
from airflow_provider_integrations.ledger.rows import Parts

__all__ = ["HistorianStates", "ProgressRecord"]


@dataclass(frozen=True, slots=True)
class ProgressRecord:
    """How far one work item is read.

    Args:
        item_id, source, run: Which.
        seconds_total: Of all its tags' spans together.
        seconds_done: Of these, how many are read.
        seconds_before: Of these, how many were read when its last worker began.
        samples: Read by its last worker.
        elapsed: Seconds since that one began.
        updated_at: When it said so.
    """

    item_id: str
    source: str
    run: str
    seconds_total: float
    seconds_done: float
    seconds_before: float
    samples: int
    elapsed: float
    updated_at: datetime


class HistorianStates:
    """Progress and gaps. Each call is one transaction."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def tell_progress(
        self, item_id: str, source: str, run: str, *,
        seconds_total: float, seconds_done: float, seconds_before: float, samples: int, elapsed: float,
    ) -> None:  # fmt: skip
        """Keep how far an item is read, in place of what was kept."""
        values = {
            "source": source,
            "run": run,
            "seconds_total": seconds_total,
            "seconds_done": seconds_done,
            "seconds_before": seconds_before,
            "samples": samples,
            "elapsed": elapsed,
            "updated_at": self._parts.now(),
        }
        with self._parts.database.write() as connection:
            done = connection.execute(
                update(historian_progress).where(historian_progress.c.item_id == item_id).values(values)
            )
            if done.rowcount == 0:
                connection.execute(insert_if_absent(historian_progress, "item_id"), [{"item_id": item_id, **values}])

    def progress(self, source: str, runs: Collection[str] = ()) -> list[ProgressRecord]:
        """What is kept of a source's items, of some runs or of all."""
        table = historian_progress
        query = select(table).where(table.c.source == source).order_by(table.c.run, table.c.item_id)
        if runs:
            query = query.where(table.c.run.in_(list(runs)))
        with self._parts.database.read() as connection:
            return [ProgressRecord(**row._mapping) for row in connection.execute(query)]

    def gaps(self, source: str, *, closed: bool = False) -> list[KnownGap]:
        """The open gaps of a source in the order of tags and time, or those that are closed, the latest first."""
        table = historian_gap
        query = select(table).where(table.c.source == source)
        if closed:
            query = query.where(table.c.closed_at.is_not(None)).order_by(table.c.closed_at.desc(), table.c.number)
        else:
            query = query.where(table.c.closed_at.is_(None)).order_by(table.c.tag, table.c.begin_ns, table.c.number)
        with self._parts.database.read() as connection:
            return [_to_gap(row) for row in connection.execute(query)]

    def merge_gaps(self, source: str, judge: Callable[[Sequence[KnownGap]], GapChanges]) -> GapChanges:
        """Bring the gaps of a source to what a look at its samples found; of two at once the second sees the first's.

        Args:
            source: Whose.
            judge: Gives what changes, from the gaps that are open.
        """
        table = historian_gap
        with self._parts.database.write() as connection:
            self._parts.database.lock(connection, f"gaps:{source}")
            query = select(table).where(table.c.source == source, table.c.closed_at.is_(None)).order_by(table.c.number)
            known = [_to_gap(row) for row in connection.execute(query)]
            changes, attempts = judge(known), {one.number: one.attempts for one in known}
            if changes.opened:
                rows = [{"source": source, **_of_gap(one.gap), **_of_age(one)} for one in changes.opened]
                connection.execute(insert(table), rows)
            for one in changes.changed:
                # One that grew is asked for anew; otherwise a run that asks right now is the one that counts.
                anew = {"attempts": one.attempts} if attempts.get(one.number) != one.attempts else {}
                values = {**_of_gap(one.gap), **anew}
                connection.execute(update(table).where(table.c.number == one.number).values(values))
            for one in changes.closed:
                ended = {"closed_at": one.closed_at, "closed_by": one.closed_by}
                connection.execute(update(table).where(table.c.number == one.number).values(ended))
        return changes

    def tried(self, numbers: Collection[int]) -> None:
        """The historian is asked for these gaps now."""
        if not numbers:
            return
        table = historian_gap
        with self._parts.database.write() as connection:
            connection.execute(
                update(table)
                .where(table.c.number == bindparam("row_number"))
                .values(attempts=table.c.attempts + 1, tried_at=self._parts.now()),
                [{"row_number": number} for number in numbers],
            )

    def count_open(self, source: str) -> dict[str, int]:
        """How many gaps are open, by reason."""
        table = historian_gap
        query = (
            select(table.c.reason, func.count())
            .where(table.c.source == source, table.c.closed_at.is_(None))
            .group_by(table.c.reason)
            .order_by(table.c.reason)
        )
        with self._parts.database.read() as connection:
            return {str(reason): int(count) for reason, count in connection.execute(query)}


def _of_gap(gap: Gap) -> dict[str, Any]:
    return {
        "tag": gap.tag,
        "begin_ns": gap.begin,
        "end_ns": gap.end,
        "reason": gap.reason.value,
        "expected": gap.expected,
        "found": gap.found,
    }


def _of_age(one: KnownGap) -> dict[str, Any]:
    return {"opened_at": one.opened_at, "attempts": one.attempts, "tried_at": one.tried_at}


def _to_gap(row: Row[Any]) -> KnownGap:
    gap = Gap(row.tag, row.begin_ns, row.end_ns, GapReason(row.reason), row.expected, row.found)
    return KnownGap(gap, row.opened_at, row.closed_at, row.closed_by, row.attempts, row.tried_at, row.number)
