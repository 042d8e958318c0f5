"""How far the reads of historians are, and which gaps their samples have.

Progress is for people: whoever reads writes it now and then, and nothing hangs on it. Gaps are kept when they are closed, with
when and by which run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from sqlalchemy import Row, bindparam, func, insert, select, update

from airflow_provider_integrations.ledger.database import insert_if_absent
from airflow_provider_integrations.ledger.historian_tables import historian_gap, historian_progress
from airflow_provider_integrations.ledger.rows import Parts

__all__ = ["GapChanges", "GapRecord", "HistorianStates", "ProgressRecord"]


@dataclass(frozen=True, slots=True)
class ProgressRecord:
    """How far one work item is read.

    Args:
        item_id, source, run: Which.
        seconds_total: Of all its tags' spans together.
        seconds_done: Of these, how many are read.
        samples: Read by its last worker.
        elapsed: Seconds since that one began.
        updated_at: When it said so.
    """

    item_id: str
    source: str
    run: str
    seconds_total: float
    seconds_done: float
    samples: int
    elapsed: float
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class GapRecord:
    """One gap in one tag's samples.

    Args:
        tag: Its name.
        begin, end: In nanoseconds since 1970 UTC; the end is not part of it.
        reason: Code of why nothing is there, as `missing` or `bad_quality`.
        expected: Samples that should be there; None where nobody can say.
        found: Samples that are.
        opened_at: When it was entered.
        attempts, attempted_at: How often the historian was asked for it, and when last.
        closed_at, closed_by: When and by which run it was found to be filled; None while it is open.
        number: Of the row; 0 before it has one.
    """

    tag: str
    begin: int
    end: int
    reason: str
    expected: int | None
    found: int
    opened_at: datetime
    attempts: int = 0
    attempted_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class GapChanges:
    """What a look at the samples changes.

    Args:
        opened: Gaps that were not known.
        changed: Known ones, by their number, with another end, reason or count.
        closed: Numbers of those that are filled.
    """

    opened: tuple[GapRecord, ...] = ()
    changed: tuple[GapRecord, ...] = ()
    closed: tuple[int, ...] = field(default=())


class HistorianStates:
    """Progress and gaps. Each call is one transaction."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def tell_progress(
        self, item_id: str, source: str, run: str, *,
        seconds_total: float, seconds_done: float, samples: int, elapsed: float,
    ) -> None:  # fmt: skip
        """Keep how far an item is read, in place of what was kept."""
        values = {
            "source": source,
            "run": run,
            "seconds_total": seconds_total,
            "seconds_done": seconds_done,
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

    def gaps(self, source: str, *, closed: bool = False) -> list[GapRecord]:
        """The open gaps of a source in the order of tags and time, or those that are closed, the latest first."""
        table = historian_gap
        query = select(table).where(table.c.source == source)
        if closed:
            query = query.where(table.c.closed_at.is_not(None)).order_by(table.c.closed_at.desc(), table.c.number)
        else:
            query = query.where(table.c.closed_at.is_(None)).order_by(table.c.tag, table.c.begin_ns, table.c.number)
        with self._parts.database.read() as connection:
            return [_to_gap(row) for row in connection.execute(query)]

    def merge_gaps(
        self, source: str, judge: Callable[[Sequence[GapRecord]], GapChanges], *, closed_by: str
    ) -> GapChanges:
        """Bring the gaps of a source to what a look at its samples found; of two at once the second sees the first's.

        Args:
            source: Whose.
            judge: Gives what changes, from the gaps that are open.
            closed_by: The run that looked.
        """
        now, table = self._parts.now(), historian_gap
        with self._parts.database.write() as connection:
            self._parts.database.lock(connection, f"gaps:{source}")
            query = select(table).where(table.c.source == source, table.c.closed_at.is_(None)).order_by(table.c.number)
            changes = judge([_to_gap(row) for row in connection.execute(query)])
            if changes.opened:
                rows = [{"source": source, **_to_row(gap), "opened_at": now} for gap in changes.opened]
                connection.execute(insert(table), rows)
            for gap in changes.changed:
                kept = {name: value for name, value in _to_row(gap).items() if name in _CHANGES}
                connection.execute(update(table).where(table.c.number == gap.number).values(kept))
            if changes.closed:
                connection.execute(
                    update(table)
                    .where(table.c.number == bindparam("row_number"))
                    .values(closed_at=now, closed_by=closed_by),
                    [{"row_number": number} for number in changes.closed],
                )
        return changes

    def attempted(self, numbers: Collection[int]) -> None:
        """The historian is asked for these gaps now."""
        if numbers:
            table = historian_gap
            with self._parts.database.write() as connection:
                connection.execute(
                    update(table)
                    .where(table.c.number == bindparam("row_number"))
                    .values(attempts=table.c.attempts + 1, attempted_at=self._parts.now()),
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


_CHANGES = ("begin_ns", "end_ns", "reason", "expected", "found")


def _to_row(gap: GapRecord) -> dict[str, object]:
    values = asdict(gap)
    values |= {"begin_ns": values.pop("begin"), "end_ns": values.pop("end")}
    del values["number"]
    return values


def _to_gap(row: Row[tuple[object, ...]]) -> GapRecord:
    values = dict(row._mapping)
    del values["source"]
    return GapRecord(begin=values.pop("begin_ns"), end=values.pop("end_ns"), **values)
