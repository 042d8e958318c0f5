"""How many rows the runs of a table brought: the shards of a run are items, and the database adds them up.

Two statements whatever the ledger holds: the first shards of the latest runs, and one sum for each of these runs.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import BigInteger, ColumnElement, case, cast, func, select

from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.rows import Parts
from airflow_provider_integrations.ledger.tables import work_item

__all__ = ["RunRows", "rows_of_runs", "runs_in"]

_OPEN = (State.DISCOVERED, State.LANDED, State.GATED)
_DONE = (State.LOADED, State.ARCHIVED)
_RUN = work_item.c.facts["run"].as_string()


@dataclass(frozen=True, slots=True)
class RunRows:
    """One run.

    Args:
        run: Its name.
        item_id, batch_id: Of its first shard.
        rows: Of its shards that are loaded.
        open: Shards that are on their way.
        loaded: Shards that are loaded.
    """

    run: str
    item_id: str
    batch_id: str
    rows: int
    open: int
    loaded: int


def rows_of_runs(parts: Parts, source: str, run: str, limit: int) -> list[RunRows]:
    """A run and the latest of its kind before it; see `Items.rows_of_runs`."""
    path = work_item.c.path
    span = path.startswith("odbc/span-")
    asked = select(func.max(work_item.c.number)).where(work_item.c.source == source, path == _shard(run, 1))
    firsts = (
        select(work_item.c.id, work_item.c.path, _RUN.label("run"), work_item.c.facts["batch_id"].as_string().label("batch"),
               cast(work_item.c.facts["shards"].as_string(), BigInteger).label("shards"))
        .where(
            work_item.c.source == source,
            path.endswith("/shard-0001"),
            span if run.startswith("span-") else ~span,
            work_item.c.number <= asked.scalar_subquery(),
            _RUN.is_not(None),
        )
        .order_by(work_item.c.number.desc())
        .limit(limit)
    )  # fmt: skip
    with parts.database.read() as connection:
        found = connection.execute(firsts).all()
        paths = [_shard(row.run, shard) for row in found for shard in range(1, int(row.shards or 1) + 1)]
        sums = (
            select(
                _RUN.label("run"),
                func.coalesce(func.sum(case((work_item.c.state.in_(_DONE), _rows()), else_=0)), 0).label("rows"),
                func.sum(case((work_item.c.state.in_(_OPEN), 1), else_=0)).label("open"),
                func.sum(case((work_item.c.state.in_(_DONE), 1), else_=0)).label("loaded"),
            )
            .where(work_item.c.source == source, path.in_(paths))
            .group_by(_RUN)
        )
        of = {row.run: row for row in connection.execute(sums)}
    return [
        RunRows(row.run, row.id, row.batch or "", int(of[row.run].rows), int(of[row.run].open), int(of[row.run].loaded))
        for row in found
    ]


def runs_in(parts: Parts, source: str, states: Collection[State]) -> list[str]:
    """The runs that have a shard in one of some states; see `Items.runs_in`."""
    mine = (work_item.c.source == source, work_item.c.state.in_(states), _RUN.is_not(None))
    with parts.database.read() as connection:
        return [str(run) for run in connection.scalars(select(_RUN).distinct().where(*mine).order_by(_RUN))]


def _shard(run: str, shard: int) -> str:
    return f"odbc/{run}/shard-{shard:04d}"


def _rows() -> ColumnElement[int]:
    """What was landed; of a shard without files, what was loaded, which is nothing."""
    landed, loaded = (_number(name) for name in ("rows_landed", "rows_loaded"))
    return func.coalesce(landed, loaded, 0)


def _number(name: str) -> ColumnElement[int]:
    # Not as an integer: that is one of 32 bits on PostgreSQL.
    return cast(work_item.c.facts[name].as_string(), BigInteger)
