"""A round of a source by the ledger: read to its end under a lease, each page durable before the link moves past it.

    report = read_round(job, Asked())
    report = await read_round_async(job, Asked())

The lease is the claim on the round's work item. A worker that loses it goes on until it next writes, and is refused then:
the state moves by compare-and-set, and pages of two workers never have one name.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from airflow_provider_integrations.connectors.msgraph.client import (
    Landing,
    drive,
    drive_async,
    open_async_client,
    open_client,
)
from airflow_provider_integrations.connectors.msgraph.delta import run_round
from airflow_provider_integrations.connectors.msgraph.fingerprint import differences, fingerprint_of
from airflow_provider_integrations.connectors.msgraph.giving_up import give_up, held_back
from airflow_provider_integrations.connectors.msgraph.job import GraphJob
from airflow_provider_integrations.connectors.msgraph.kept_state import LOST, Kept, KeptStates
from airflow_provider_integrations.connectors.msgraph.known_rebuilt import in_bronze
from airflow_provider_integrations.connectors.msgraph.model import Conversation, Page, Restart, RoundEnd
from airflow_provider_integrations.connectors.msgraph.page_files import page_bytes
from airflow_provider_integrations.connectors.msgraph.round_names import item_path, page_name, round_name, source_folder
from airflow_provider_integrations.connectors.msgraph.settle import settle_graph
from airflow_provider_integrations.connectors.msgraph.sweeping import sweep_source
from airflow_provider_integrations.connectors.msgraph.throttle import Pace, paced
from airflow_provider_integrations.core.errors import ConfigError, TransientError, WatermarkLostError
from airflow_provider_integrations.core.work_item import RemoteFile, State, WorkItem
from airflow_provider_integrations.landing.once import write_once
from airflow_provider_integrations.ledger.holding import Holder, holding
from airflow_provider_integrations.system import new_id

__all__ = ["Asked", "RoundReport", "read_round", "read_round_async"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What one run is asked to do.

    Args:
        resync: Enumerate everything, also instead of a round that waits for approval or that a refused batch holds back.
        anew: A round that is under way begins anew, as when its link was damaged.
        request: Id of the asking run, so that another try of it goes on; the job's owner without one.
    """

    resync: bool = False
    anew: bool = False
    request: str = ""


@dataclass(frozen=True, slots=True)
class RoundReport:
    """What became of a round; it holds no link, and may go anywhere.

    Args:
        round: Its number.
        full: Whether it enumerated everything.
        sealed: Whether it was read to its end and waits to be loaded.
        pages, items: Of the attempt that counts.
        resync: Why everything was enumerated again.
        restarts: Why it began anew.
        resumed: Whether an earlier run had begun it.
        warnings: What a person should know.
        token_age_days: Age of the link that the next round needs; None without one.
    """

    round: int
    full: bool
    sealed: bool
    pages: int
    items: int
    resync: tuple[str, ...]
    restarts: tuple[str, ...]
    resumed: bool
    warnings: tuple[str, ...]
    token_age_days: float | None

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), **{name: list(getattr(self, name)) for name in ("resync", "restarts", "warnings")}}


def read_round(job: GraphJob, asked: Asked) -> RoundReport:
    """Read the next round, or the rest of the one that was begun; a sealed one waits to be loaded and is asked nothing.

    Raises:
        TransientError: another worker reads, or the service cannot answer now; it goes on after the last page.
        StateConflictError: other options than the link's without a resync, or a refused batch holds the round.
        WatermarkLostError: the source followed changes before and has no link.
    """
    with _reading(job, asked) as reading:
        if reading.done:
            return reading.report()
        with open_client(job.reach) as client:
            end = drive(reading.conversation(), client, reading.landing, token=job.token)
        return reading.seal(end)


async def read_round_async(job: GraphJob, asked: Asked) -> RoundReport:
    """The same on an event loop, which neither a disk nor the ledger holds up."""
    manager = _reading(job, asked)
    entering = asyncio.ensure_future(asyncio.to_thread(manager.__enter__))
    try:
        reading = await asyncio.shield(entering)
    except asyncio.CancelledError:
        # Its thread goes on, and would hold the claim for as long as this process lives.
        await asyncio.wait([entering])
        if entering.exception() is None:
            await asyncio.to_thread(manager.__exit__, None, None, None)
        raise
    try:
        if reading.done:
            return reading.report()
        async with open_async_client(job.reach) as client:
            end = await drive_async(reading.conversation(), client, reading.landing, token=job.token)
        return await asyncio.to_thread(reading.seal, end)
    finally:
        # Shielded, so that the claim is given back also when the task is cancelled.
        await asyncio.shield(asyncio.to_thread(manager.__exit__, None, None, None))


@contextmanager
def _reading(job: GraphJob, asked: Asked) -> Iterator[_Reading]:
    with holding(job.ledger, job.owner, lease=job.lease) as held:
        yield _begin(job, asked, held)


class _Reading:
    """One worker's work on a round."""

    def __init__(self, job: GraphJob, kept: Kept, states: KeptStates, *, resumed: bool) -> None:
        self.job, self.kept, self._states, self._resumed = job, kept, states, resumed
        self.warnings: tuple[str, ...] = ()
        self.held: Holder | None = None
        self.item: WorkItem | None = None
        self._session = new_id()[:12]
        self.landing = Landing(self._land, self._restart, job.ledger.graph, job.clock)

    @property
    def done(self) -> bool:
        return self.kept.sealed is not None

    def conversation(self) -> Conversation:
        progress = self.kept.state.progress
        assert progress is not None, "a round was begun"
        return paced(
            run_round(progress.start, self.job.query),
            self.job.scope,
            random=random.random,
            pace=Pace(budget=self.job.source.patience.total_seconds()),
        )

    def begin(self, begun: Kept) -> None:
        """Keep a round that begins or goes on; whoever read before is refused from here on."""
        progress = begun.state.progress
        assert progress is not None, "a round was begun"
        earlier = self.kept.state.progress
        goes_on = earlier is not None and earlier.start.attempt == progress.start.attempt
        first = progress.start.pages + 1
        before = tuple(each for each in self.kept.sessions if each[0] < first) if goes_on else ()
        self._save(replace(begun, revision=self.kept.revision, sessions=(*before, (first, self._session))))
        self.job.boundary("begun")

    def seal(self, end: RoundEnd) -> RoundReport:
        """All pages are landed."""
        assert self.held is not None, "the round's item is held"
        assert self.item is not None, "the round's item is held"
        self._keep(self.kept.state.sealed(end, at=self.job.clock()))
        self.held.note(self.item, {"attempt": end.attempt, "pages": end.pages, "items": end.items, "full": end.full})
        self.held.give_back(self.item, "read to its end; it waits to be landed")
        self.job.boundary("sealed")
        return self.report()

    def report(self) -> RoundReport:
        progress, state = self.kept.state.progress, self.kept.state
        assert progress is not None, "a round was begun"
        age, start = state.age(self.job.clock()), progress.start
        return RoundReport(
            round=start.round,
            full=start.full,
            sealed=self.done,
            pages=start.pages,
            items=start.items,
            resync=progress.resync,
            restarts=progress.restarts,
            resumed=self._resumed,
            warnings=self.warnings,
            token_age_days=None if age is None else round(age.age / timedelta(days=1), 3),
        )

    def _land(self, page: Page) -> None:
        data = page_bytes(page, self.job.query, relations=self.job.relations)
        name = page_name(page.round, page.attempt, page.number, self.kept.sessions)
        write_once(self.job.root / source_folder(self.job.source.source) / name, data)
        self.job.boundary("page landed")
        self._keep(self.kept.state.landed(page))
        self.job.boundary("page kept")

    def _restart(self, restart: Restart) -> None:
        self._save(replace(self.kept, state=self.kept.state.restarted(restart), sessions=((1, self._session),)))
        self.job.boundary("restarted")

    def _keep(self, state: Any) -> None:
        if state != self.kept.state:
            self._save(replace(self.kept, state=state))

    def _save(self, kept: Kept) -> None:
        self.kept = self._states.save(self.job.source.source, kept)


def _begin(job: GraphJob, asked: Asked, held: Holder) -> _Reading:
    """Take the lease and begin, go on, or find that there is nothing to be read."""
    source, states = job.source.source, KeptStates(job.ledger, job.keys)
    request = asked.request or job.owner
    with suppress(ConfigError) if asked.resync else nullcontext():  # A lost key does not hinder a full enumeration.
        settle_graph(job.ledger, source, keys=job.keys)  # A worker may have died between the last load and the link.
    kept = _known_or_new(job, states.get(source, resync=asked.resync), asked)
    wants = (asked.resync and kept.request != request) or asked.anew
    if kept.sealed is not None:
        items = held_back(job, kept)
        if not (wants and items.may_give_up):
            items.check()
            reading = _Reading(job, kept, states, resumed=True)
            reading.warnings = _warnings(job, kept)
            return reading
        if items.landed:  # It is as good as loaded, but for what was refused: everything is read again after it.
            kept = states.save(source, give_up(job, kept, request))
            job.boundary("given up")
    number = kept.state.rounds + 1
    item = job.ledger.items.enter(
        source, RemoteFile(item_path(number), 0, 0), facts={"run": round_name(number), "round": number}
    )
    if held.take(item.id, State.DISCOVERED) is None:
        raise TransientError(
            "another worker reads or lands the source",
            source=source,
            round=number,
            next_step=f"Try again: the claim of a worker that died runs out after {job.lease}.",
        )
    if states.get(source, resync=asked.resync).revision != kept.revision:
        raise TransientError("another worker has moved the state of the source", source=source, next_step="Try again.")
    reading = _Reading(job, kept, states, resumed=kept.state.progress is not None and kept.sealed is None)
    reading.held, reading.item, reading.warnings = held, item, _warnings(job, kept)
    reading.begin(_begun(job, asked, kept, request, wants))
    sweep_source(job, kept.state.rounds)
    return reading


def _known_or_new(job: GraphJob, kept: Kept, asked: Asked) -> Kept:
    """A ledger that knows nothing of a source that was landed before is no beginning: what is gone since would stay for ever."""
    if kept.revision or kept.lost or not in_bronze(job):
        return kept
    if not asked.resync:
        raise WatermarkLostError(
            "the source was landed before and the ledger knows nothing of it",
            source=job.source.source,
            root=str(job.root),
            next_step="Restore the ledger; or run it with `resync`, which reads everything again and finds what is gone by"
            " what was landed.",
        )
    return replace(kept, lost=True)


def _begun(job: GraphJob, asked: Asked, kept: Kept, request: str, wants: bool) -> Kept:
    state, progress = kept.state, kept.state.progress
    if kept.sealed is not None and progress is not None:  # Given up, and nothing of it was landed.
        state = replace(state, progress=replace(progress, end_link="", sealed_at=None))
    # Also where it begins anew: without a link, nothing else says that there was one.
    lost = kept.lost or (progress is not None and LOST in progress.resync)
    begun = state.begin(
        job.query,
        resync=asked.resync or kept.sealed is not None,
        latest=job.source.begin == "latest" and not lost and not state.rounds,
        anew=wants and (asked.anew or kept.sealed is not None),
    )
    if lost and begun.progress is not None and LOST not in begun.progress.resync:
        begun = replace(begun, progress=replace(begun.progress, resync=(LOST,)))
    return replace(kept, state=begun, request=request if asked.resync else kept.request, lost=False)


def _warnings(job: GraphJob, kept: Kept) -> tuple[str, ...]:
    age = kept.state.age(job.clock())
    found = [f"the kept link is {age.age.days} days old; most live 7 days"] if age is not None and age.alarm else []
    if kept.sealed is not None and (others := differences(kept.sealed.fingerprint, fingerprint_of(job.query))):
        names = ", ".join(each.name for each in others)
        found.append(f"the round that waits to be loaded was read with other options: {names}")
    return tuple(found)
