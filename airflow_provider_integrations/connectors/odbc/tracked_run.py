"""A run by change tracking: where it starts and ends, and how its rows and deletions are read in one snapshot.

The first run reads the whole table, in as many shards as the source has, at a version that was taken before. Each later one
reads what changed since, in one shard: its pages are those of any query, so that a run that died goes on after its last page.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.odbc.change_tracking import (
    PROMISE,
    Conversation,
    Deleted,
    Step,
    increment,
    position_at,
    since_of,
    version_of,
)
from airflow_provider_integrations.connectors.odbc.deletions import keep_tracked
from airflow_provider_integrations.connectors.odbc.dialects.change_tracking import any_change, changed, check_version
from airflow_provider_integrations.connectors.odbc.model import Guarantee, KeyRange, TableFacts, TableQuery
from airflow_provider_integrations.connectors.odbc.pages import guarded
from airflow_provider_integrations.connectors.odbc.plan import Policy, RunPlan, plan_run
from airflow_provider_integrations.connectors.odbc.position import BEGINNING, Position
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["Increment", "anything_changed", "increment_of", "plan_tracked"]


def plan_tracked(
    session: OdbcSession, query: TableQuery, facts: TableFacts, policy: Policy, position: Position
) -> RunPlan:
    """Plan a run of a table with change tracking from a position.

    Raises:
        ConfigError: the engine or the table has no change tracking, or another guarantee was asked for.
        StateConflictError: the position's version is not kept any more, or is not of this source: nothing may be moved.
    """
    if policy.guarantee in (Guarantee.LAG, Guarantee.BEST_EFFORT):
        raise ConfigError(
            "change tracking gives no other guarantee than `safe_upper_bound`",
            guarantee=policy.guarantee,
            next_step="Ask for `strongest`.",
        )
    since = since_of(position) if policy.advances else None
    version = _current(session, query, since)
    # A full read is planned as any other is; what it promises is not a keyset's.
    full = (
        plan_run(session, query, facts, replace(policy, guarantee=Guarantee.BEST_EFFORT), BEGINNING)
        if since is None
        else None
    )
    return RunPlan(
        guarantee=Guarantee.SAFE_UPPER_BOUND,
        promise=PROMISE,
        bookmark_check="none",
        position=position,
        horizon=position_at(version).horizon if policy.advances else None,
        ranges=full.ranges if full is not None else (KeyRange(),),
        late=None,
        advances=policy.advances,
        engine=session.engine,
        warnings=full.warnings if full is not None else (),
        ceiling=full.ceiling if full is not None else None,
    )


def anything_changed(session: OdbcSession, query: TableQuery, position: Position) -> bool:
    """Whether anything of the table was written or deleted since a position; the first run always has something to do.

    Raises:
        StateConflictError: changes since then are no longer kept; a run would be refused as well.
    """
    since = since_of(position)
    if since is None:
        return True
    _current(session, query, since)
    return bool(session.rows(any_change(session.dialect, query, since)))


class Increment:
    """What one run reads of the changes since a version.

    Attributes:
        query: The rows that were written.
        facts: How many keys are gone, and the digest of their file; once the snapshot was read to its end.
    """

    def __init__(self, session: OdbcSession, query: TableQuery, since: str, contract: Contract, folder: Path) -> None:
        named = {column.name: column for column in query.columns}
        keys = [guarded(named[name]) for name in contract.keys]
        self.query = changed(session.dialect, query, since)
        self.facts: dict[str, Any] = {}
        self._session, self._contract, self._folder = session, contract, folder
        self._steps: Conversation = increment(session.dialect, query, since, keys)

    def snapshot(self) -> AbstractContextManager[None]:
        """The snapshot that the pages are read in; the deletions are listed and kept at its end."""
        return self._snapshot()

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        with self._session.snapshot():
            step = next(self._steps)
            while not isinstance(step, TableQuery):
                step = self._answered(step)
            yield
            with suppress(StopIteration):
                step = self._steps.send(())
                while True:
                    step = self._answered(step)

    def _answered(self, step: Step) -> Step:
        """Do what a step asks for; gives the next one."""
        assert not isinstance(step, TableQuery), "the pages are read once"
        if isinstance(step, Deleted):
            listed = self._session.read(step.statement, step.columns)
            self.facts = keep_tracked(self._folder, self._contract, step.columns, listed)
            return self._steps.send(())
        return self._steps.send(self._session.rows(step))


def increment_of(
    session: OdbcSession, query: TableQuery, plan: RunPlan, contract: Contract, folder: Path
) -> Increment | None:
    """The increment that a plan is of; None for a full read, and for runs without change tracking."""
    since = version_of(plan.position.horizon)
    if not plan.advances or since is None or version_of(plan.horizon) is None:
        return None
    return Increment(session, query, since, contract, folder)


def _current(session: OdbcSession, query: TableQuery, since: str | None) -> str:
    """The version that is current, in a snapshot of its own: whoever reads after it reads all that it counts."""
    statement = session.dialect.change_versions(query.table)
    with session.snapshot():
        current, lowest = session.rows(statement)[0]
    return check_version(query.table, since, current, lowest)
