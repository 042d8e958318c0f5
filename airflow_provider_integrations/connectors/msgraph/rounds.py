"""A round that was read to its end: what it would delete, and its rows as bronze batches of the source and its relations.

    if report := judge_round(job):
        ...  # A person approves `report.digest`.
    items = land_round(job, approved=report.digest)

The pages are applied to a copy of the objects that are known, and each key is landed once, as it stands at the round's end.
Nothing is moved by that but the work items: the link follows when all of them are in the warehouse (`settle`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow_provider_integrations.connectors.msgraph.fingerprint import differences, fingerprint_of
from airflow_provider_integrations.connectors.msgraph.job import GraphJob
from airflow_provider_integrations.connectors.msgraph.kept_state import LOST, Kept, KeptStates
from airflow_provider_integrations.connectors.msgraph.known_rebuilt import last_version, rebuild_known, take_back
from airflow_provider_integrations.connectors.msgraph.known_rows import KnownRows
from airflow_provider_integrations.connectors.msgraph.known_snapshots import fetch_known, keep_known, known_path
from airflow_provider_integrations.connectors.msgraph.net_changes import NetChanges
from airflow_provider_integrations.connectors.msgraph.resync import GoneReport, check_gone
from airflow_provider_integrations.connectors.msgraph.round_batches import KNOWN, Batch, land_batch, landed_before
from airflow_provider_integrations.connectors.msgraph.round_items import round_items
from airflow_provider_integrations.connectors.msgraph.round_names import item_path, page_name, round_name, source_folder
from airflow_provider_integrations.connectors.msgraph.settle import settle_graph
from airflow_provider_integrations.connectors.msgraph.state import ASKED, Progress
from airflow_provider_integrations.core.errors import ReconciliationError, StateConflictError, TransientError
from airflow_provider_integrations.core.graph_source import relation_source_name
from airflow_provider_integrations.core.work_item import RemoteFile, State, WorkItem
from airflow_provider_integrations.landing.attempts import attempt_folder, remove_abandoned
from airflow_provider_integrations.ledger.holding import Holder, holding

__all__ = ["judge_round", "land_round"]


def judge_round(job: GraphJob) -> GoneReport | None:
    """What the round that was read would delete, if that is more than the source lets go unasked; None if nobody is asked.

    Raises:
        StateConflictError: a page or the known objects are missing.
    """
    kept = KeptStates(job.ledger, job.keys).get(job.source.source)
    progress = kept.sealed
    if progress is None or not progress.start.full:
        return None
    items = round_items(job.ledger, job.source.source, kept.state.rounds + 1).items
    if all(item.state is not State.DISCOVERED for item in items):
        return None
    with _work_folder(job) as folder, _known(job, kept, progress, folder) as known:
        report = known.judge(progress.start, _pages(job, kept, progress))
    if report is None:
        return None
    try:
        check_gone(report, share=job.source.gone_share, approved=str(items[0].facts.get("approved", "")))
    except ReconciliationError:
        return report
    return None


def land_round(job: GraphJob, approved: str = "") -> list[WorkItem]:
    """Land the round that was read, as one item of the source and one of each relation; gives them as they are then.

    Items that are landed already are left alone, and none are given where no round waits.

    Args:
        job: The source.
        approved: Digest of what a person agreed to delete.

    Raises:
        ReconciliationError: a resync would delete more than it may; nothing was applied.
        StateConflictError: the round was read with other options, or something that it needs is missing.
        TransientError: another worker holds an item.
    """
    states, name = KeptStates(job.ledger, job.keys), job.source.source
    kept = states.get(name)
    if kept.sealed is None:
        return []
    number = kept.state.rounds + 1
    items = _entered(job, number)
    with holding(job.ledger, job.owner, lease=job.lease) as held:
        taken = held.take_all([item.id for item in items], State.DISCOVERED)
        if states.get(name).revision != kept.revision:
            raise TransientError(
                "another worker has moved the state of the source", source=name, next_step="Try again."
            )
        if taken:
            _check_options(job, kept.sealed)
            _land(job, kept, held, items[0], taken, approved)
    after = [job.ledger.items.get(item.id) for item in items]
    if busy := [item.id for item in after if item.state is State.DISCOVERED]:
        raise TransientError(
            "items of the round are claimed by another worker",
            items=busy,
            next_step=f"Try again: the claim of a worker that died runs out after {job.lease}.",
        )
    settle_graph(job.ledger, name, keys=job.keys)  # A round without rows is loaded as it is.
    return [job.ledger.items.get(item.id) for item in items]


def _entered(job: GraphJob, number: int) -> list[WorkItem]:
    name, path = job.source.source, RemoteFile(item_path(number), 0, 0)
    facts = {"run": round_name(number), "round": number}
    items = [job.ledger.items.enter(name, path, facts=facts)]
    for relation in sorted(job.relations):
        items.append(
            job.ledger.items.enter(relation_source_name(name, relation), path, facts={**facts, "parent": name})
        )
    return items


def _check_options(job: GraphJob, progress: Progress) -> None:
    """Rows of a column that was not asked for would be half filled."""
    if found := differences(progress.fingerprint, fingerprint_of(job.query)):
        raise StateConflictError(
            "the round that waits to be landed was read with other options",
            source=job.source.source,
            changed=tuple(each.name for each in found),
            next_step="Put them back until it is loaded; or run the source with `resync`, which reads everything again.",
        )


def _land(job: GraphJob, kept: Kept, held: Holder, first: WorkItem, taken: Sequence[WorkItem], approved: str) -> None:
    progress = kept.sealed
    assert progress is not None, "it was looked at"
    version = _version(job, progress, kept.state.rounds)
    names = {relation_source_name(job.source.source, relation): relation for relation in job.relations}
    session = kept.sessions[-1][1]
    batches = [
        Batch.of(job, item, names.get(item.source, ""), progress, session=session, version=version) for item in taken
    ]
    if first.id in {item.id for item in taken}:
        # The settling of a round waits for all of its sources.
        note = {"session": session, "sources": [job.source.source, *sorted(names)]}
        first = held.note(first, {**note, "approved": approved} if approved else note)
    approved = approved or str(first.facts.get("approved", ""))
    if not all(landed_before(job, batch) for batch in batches) or not known_path(job, first).exists():
        with _work_folder(job) as folder:
            with _known(job, kept, progress, folder) as known, NetChanges.open(folder / "net.sqlite") as net:
                pages = _pages(job, kept, progress)
                share = job.source.gone_share
                with known.applying(progress.start, pages, share=share, approved=approved) as changes:
                    for change in changes:
                        net.add(change)
                job.boundary("applied")
                for batch in batches:
                    land_batch(job, held, batch, net, folder)
            keep_known(job, first, folder / KNOWN)
    for batch in batches:
        batch.advance(job, held)
        job.boundary("landed")


def _version(job: GraphJob, progress: Progress, rounds: int) -> str:
    """Sorts the round behind the one before, also by a clock that was set back; the same at every try."""
    assert progress.sealed_at is not None, "a sealed round says when"
    at = progress.sealed_at.astimezone(UTC)
    before = job.ledger.items.latest(job.source.source, item_path(rounds)) if rounds else None
    version = str(before.facts.get("version", "")) if before is not None else ""
    if not rounds and LOST in progress.resync:  # Another ledger's rounds are before it.
        own = {item.id for item in round_items(job.ledger, job.source.source, rounds + 1).items}
        version = last_version(job, besides=own)
    if text := version.partition("/")[0]:
        at = max(at, datetime.fromisoformat(text) + timedelta(microseconds=1))
    return f"{at:%Y-%m-%dT%H:%M:%S.%fZ}/{round_name(rounds + 1)}"


def _pages(job: GraphJob, kept: Kept, progress: Progress) -> Iterator[bytes]:
    folder, start = job.root / source_folder(job.source.source), progress.start
    for number in range(1, start.pages + 1):
        name = page_name(start.round, start.attempt, number, kept.sessions)
        try:
            yield (folder / name).read_bytes()
        except FileNotFoundError:
            raise StateConflictError(
                "a landed page is missing",
                page=name,
                next_step="Restore it; or run the source with `resync`, which reads everything again.",
            ) from None


@contextmanager
def _known(job: GraphJob, kept: Kept, progress: Progress, folder: Path) -> Iterator[KnownRows]:
    """A copy of the objects that are known after the last round, to be worked on.

    Where they are lost, a person who has asked for everything has them from bronze.
    """
    rounds, file = kept.state.rounds, folder / KNOWN
    asked = progress.start.full and bool({ASKED, LOST} & {*progress.resync})
    if not rounds and LOST in progress.resync:
        rebuild_known(job, rounds, file)
    else:
        try:
            fetch_known(job, rounds, file)
        except StateConflictError:
            if not asked:
                raise
            rebuild_known(job, rounds, file)
        else:
            names = {relation_source_name(job.source.source, relation): relation for relation in job.relations}
            for item in round_items(job.ledger, job.source.source, rounds).items:
                take_back(job, item, names.get(item.source, ""), file)
    with KnownRows.open(file) as known:
        if known.round != rounds:
            raise StateConflictError(
                "the known objects are of another round",
                source=job.source.source,
                known=known.round,
                rounds=rounds,
                next_step="Restore the file of the last round.",
            )
        yield known


@contextmanager
def _work_folder(job: GraphJob) -> Iterator[Path]:
    """A private folder, swept when its worker has died."""
    parent = job.scratch / "rounds" / job.source.source
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_abandoned(parent.glob("round-*"))
    with attempt_folder(parent, "round-") as folder:
        yield folder
