"""Plans one run of a table: which guarantee holds, whether the bookmark still stands, which rows are read in which shards.

The horizon is taken before any page, so that whatever is committed from then on is read by this run or by the next.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from airflow_provider_integrations.connectors.odbc import statements
from airflow_provider_integrations.connectors.odbc.behind import check_lag, horizon_of, late_of
from airflow_provider_integrations.connectors.odbc.change_tracking import version_of
from airflow_provider_integrations.connectors.odbc.clock_bound import ceiling_of, check_behind_ceiling
from airflow_provider_integrations.connectors.odbc.dialects.dialect import Dialect, Rows
from airflow_provider_integrations.connectors.odbc.emptied import BEGINS_ANEW, look_below
from airflow_provider_integrations.connectors.odbc.model import (
    Bookmark,
    Edge,
    Guarantee,
    KeyRange,
    Keyset,
    Late,
    Statement,
    TableFacts,
    TableQuery,
)
from airflow_provider_integrations.connectors.odbc.position import Position
from airflow_provider_integrations.connectors.odbc.report import PROMISES, unproved_warning
from airflow_provider_integrations.connectors.odbc.selection import Selection, selection_from
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.shards import plan_ranges
from airflow_provider_integrations.connectors.odbc.spans import check_value, span_of
from airflow_provider_integrations.core.errors import ConfigError, PermanentError, StateConflictError
from airflow_provider_integrations.core.watermark import Bound

__all__ = ["Policy", "RunPlan", "choose_guarantee", "index_serves", "next_position", "plan_run"]

_SMALL = 100_000
"""Rows of a table that an engine may well sort."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the source's owner asks for; see `TableSource`.

    `span` is a backfill: from the first value to before the second, either None. `whole` reads all rows. Neither moves the
    position.
    """

    guarantee: str = "strongest"
    lag: timedelta | int | None = None
    begin: str = "beginning"
    shards: int = 1
    whole: bool = False
    span: tuple[str | None, str | None] | None = None

    @property
    def advances(self) -> bool:
        """Whether the run moves the position."""
        return not self.whole and self.span is None


@dataclass(frozen=True, slots=True)
class RunPlan:
    """One run, before anything is read.

    Args:
        guarantee, promise: What holds, as a name and in words.
        bookmark_check: `none` (there is none), `hit`, `moved` (its row was updated since), `deleted`; or `anew` and `emptied`,
            with which all that is there is read (see `emptied`).
        position: Where the run starts.
        horizon: The horizon of this run, for the next.
        ranges: What the shards read.
        late: What the first shard reads before its pages.
        advances: Whether the position moves when all shards are loaded.
        engine: Whose positions these are.
        warnings: What the owner should know, such as an order that no index serves.
        ceiling: No range goes beyond it, since rows there are stamped ahead of the clock; None where nothing is bounded.
        selection: What is read up to the position that the run moves to; None if it moves none.
    """

    guarantee: Guarantee
    promise: str
    bookmark_check: str
    position: Position
    horizon: str | None
    ranges: tuple[KeyRange, ...]
    late: Late | None
    advances: bool
    engine: str
    warnings: tuple[str, ...] = ()
    ceiling: str | None = None
    selection: Selection | None = None

    def to_json(self) -> str:
        """Canonical JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> RunPlan:
        """Read what `to_json` wrote."""
        raw: dict[str, Any] = json.loads(text)
        position = raw.pop("position")
        late = raw.pop("late")
        return cls(
            **{
                **raw,
                "guarantee": Guarantee(raw["guarantee"]),
                "position": Position.from_json(json.dumps(position)),
                "selection": selection_from(raw.get("selection")),
                "ranges": tuple(KeyRange(_edge(r["low"]), _edge(r["high"])) for r in raw["ranges"]),
                "late": Late(**{**late, "mark": tuple(late["mark"])}) if late else None,
                "warnings": tuple(raw["warnings"]),
            }
        )


def plan_run(session: OdbcSession, query: TableQuery, facts: TableFacts, policy: Policy, position: Position) -> RunPlan:
    """Plan a run from a position.

    Raises:
        ConfigError: the source does not give the guarantee that was asked for, or a bound is no value of the cursor.
        StateConflictError: the bookmark or the horizon is not one of this source: nothing may be moved.
    """
    guarantee = choose_guarantee(policy, offers=_offers(session, query, facts), engine=session.dialect.name)
    if guarantee is Guarantee.LAG and policy.lag and policy.advances:
        check_lag(session.dialect, query, policy.lag)
    ceiling = ceiling_of(session, query) if policy.advances else None
    now = horizon_of(session, query, guarantee, ceiling) if policy.advances else (None, None)
    late: Late | None = None
    warnings: tuple[str, ...] = ()
    check = "none"
    if policy.span is not None:
        key_range = span_of(session, query, policy.span)
    elif policy.whole:
        key_range = KeyRange()
    else:
        floor = None if policy.begin == "beginning" else policy.begin
        low = Edge((floor,), Bound.CLOSED) if floor is not None else None
        if floor is not None and position.bookmark is None:
            check_value(session, query, floor, "the source's `begin`")
        if position.bookmark is not None:
            check = check_bookmark(session, query, position.bookmark)
            if ceiling is not None:
                warnings = check_behind_ceiling(session, query, position.bookmark, ceiling, guarantee)
            if check == "deleted":
                check, told = look_below(session, query, position.bookmark, guarantee)
                warnings += told
            if check not in BEGINS_ANEW:
                low = Edge(position.bookmark, Bound.OPEN)
                late = late_of(session, query, guarantee, position, now, lag=policy.lag, floor=floor)
        key_range = KeyRange(low, _horizon_edge(session, now[0]) or ceiling)
    first = position.bookmark is None or not policy.advances or check in BEGINS_ANEW
    ranges = plan_ranges(session, query, key_range, policy.shards, facts.rows) if first else [key_range]
    return RunPlan(
        guarantee=guarantee,
        promise=PROMISES[guarantee],
        bookmark_check=check,
        position=position,
        horizon=now[0],
        ranges=tuple(ranges),
        late=late,
        advances=policy.advances,
        engine=session.engine,
        warnings=(
            *warnings,
            *unproved_warning(query),
            *(_warnings(session, query, facts, key_range) if first else ()),
        ),
        ceiling=ceiling.at[0] if ceiling is not None else None,
    )


def choose_guarantee(policy: Policy, *, offers: bool, engine: str) -> Guarantee:
    """The guarantee that holds.

    Raises:
        ConfigError: when the one that was asked for is not to be had.
    """
    asked = policy.guarantee
    if asked in ("strongest", "strict", "safe_upper_bound") and offers:
        return Guarantee.SAFE_UPPER_BOUND
    if asked in ("strongest", "strict", "lag") and policy.lag:
        return Guarantee.LAG
    if asked in ("strongest", "best_effort"):
        return Guarantee.BEST_EFFORT
    raise ConfigError(
        "the source does not give the guarantee that was asked for",
        guarantee=asked,
        engine=engine,
        next_step="Give a lag to read again, or accept `best_effort`, in which rows that commit late are lost.",
    )


def check_bookmark(session: OdbcSession, query: TableQuery, bookmark: Bookmark) -> str:
    """Send the bookmark back to the server and see that it still finds its row, or why not.

    Raises:
        StateConflictError: when it cannot be explained: a cut value, another table, an older copy of it.
        PermanentError: when the server refuses the question itself, such as a filter with a wrong column.
    """
    if len(bookmark) != len(query.keyset.columns):
        raise _refused("it has other columns than the keyset", query)
    try:
        hits = session.rows(statements.hit(session.dialect, query, bookmark))[0][0]
    except PermanentError:
        # By itself, without the table and the filter: if that is taken it is not the bookmark that is wrong.
        _echoed(session, query, bookmark)
        raise
    if hits == "1":
        return "hit"
    if None in _echoed(session, query, bookmark):
        raise _refused("the source takes a part of it for no value", query)
    there, higher = session.rows(statements.moved_up(session.dialect, query, bookmark))[0]
    if there == "0":
        return "deleted"
    if higher == "1":
        return "moved"
    raise _refused("its row stands below it now, as in an older copy of the table", query)


def _echoed(session: OdbcSession, query: TableQuery, bookmark: Bookmark) -> tuple[str | None, ...]:
    try:
        return session.rows(statements.echo(session.dialect, query, bookmark))[0]
    except PermanentError as error:
        raise _refused(f"the source does not take it: {error.what}", query) from None


def next_position(plan: RunPlan, bookmarks: Sequence[Bookmark | None]) -> Position:
    """The position after a run whose shards ended at these bookmarks, in the order of the ranges."""
    if version_of(plan.horizon) is not None:
        return Position(None, plan.horizon, plan.selection)
    found = [bookmark for bookmark in bookmarks if bookmark is not None]
    before = plan.position.bookmark if plan.bookmark_check not in BEGINS_ANEW else None
    bookmark = found[-1] if found else before
    # Before the first row there is nothing that was read in any way.
    return Position(bookmark, plan.horizon, plan.selection if bookmark is not None else None)


def _offers(session: OdbcSession, query: TableQuery, facts: TableFacts) -> bool:
    if not (session.dialect.offers_horizon and facts.horizon) or query.template is not None:
        return False
    # There the horizon is a value of the cursor itself.
    return session.dialect.name != "sqlserver" or query.keyset.columns[0].type in ("timestamp", "rowversion")


def _horizon_edge(session: OdbcSession, horizon: str | None) -> Edge | None:
    return Edge((horizon,), Bound.OPEN) if session.dialect.name == "sqlserver" and horizon is not None else None


def index_serves(dialect: Dialect, facts: TableFacts, keyset: Keyset, plan: Rows) -> bool | None:
    """Whether an index gives the order by a page's plan, None if it does not say.

    A small table is sorted although it has the index.
    """
    served = dialect.plan_serves_order(plan) if plan else None
    return served or (True if facts.has_index(keyset.names) and (facts.rows or 0) < _SMALL else served)


def _warnings(session: OdbcSession, query: TableQuery, facts: TableFacts, key_range: KeyRange) -> tuple[str, ...]:
    page: Statement = statements.page(session.dialect, query, key_range, 1000)
    explain = session.dialect.explain(page)
    if explain is None:
        return ()
    if index_serves(session.dialect, facts, query.keyset, session.rows(explain)) is not False:
        return ()
    names = ", ".join(query.keyset.names)
    if facts.has_index(query.keyset.names):
        return (
            f"each page sorts what is left of the table, although there is an index on ({names}): has it another order?",
        )
    return (f"no index serves the order: each page sorts what is left of the table; make an index on ({names})",)


def _refused(why: str, query: TableQuery) -> StateConflictError:
    return StateConflictError(
        f"the bookmark does not fit the source: {why}",
        table=query.table,
        keyset=query.keyset.names,
        next_step="Find out what changed; then rewind the source with a reason. Nothing was read or moved.",
    )


def _edge(raw: Any) -> Edge | None:
    return None if raw is None else Edge(tuple(raw["at"]), Bound(raw["bound"]))
