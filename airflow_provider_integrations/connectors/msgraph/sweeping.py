"""Removes what rounds have left that are settled: pages, the objects known before, and items that nobody will land."""

from __future__ import annotations

from contextlib import suppress

from upath import UPath

from airflow_provider_integrations.connectors.msgraph.job import GraphJob
from airflow_provider_integrations.connectors.msgraph.round_items import round_items
from airflow_provider_integrations.connectors.msgraph.round_names import known_name, round_name, source_folder
from airflow_provider_integrations.core.graph_source import relation_source_name
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.holding import holding

__all__ = ["sweep_source"]


def sweep_source(job: GraphJob, rounds: int) -> None:
    """Keep what the next round needs: its own pages, and the objects known after the last one.

    Args:
        job: The source.
        rounds: How many rounds are settled.
    """
    folder = job.root / source_folder(job.source.source)
    if folder.exists():
        for path in folder.iterdir():
            if path.name.startswith("round-") and path.name <= round_name(rounds):
                _remove(path)
        last = round_items(job.ledger, job.source.source, rounds).items
        known = folder / "known"
        if last and "session" in last[0].facts and (known / known_name(last[0])).exists():
            for path in known.iterdir():
                if path.name != known_name(last[0]) and path.name < round_name(rounds + 1):
                    _remove(path)
    _close_overtaken(job, rounds)


def _close_overtaken(job: GraphJob, rounds: int) -> None:
    """Batches that were refused, given up and then released: their rows came with a later round."""
    source = job.source.source
    for name in (source, *(relation_source_name(source, relation) for relation in job.relations)):
        stale = [
            item.id
            for item in job.ledger.items.list(name, [State.DISCOVERED], limit=None)
            if int(item.facts.get("round", rounds + 1)) <= rounds
        ]
        if not stale:
            continue
        with holding(job.ledger, job.owner, lease=job.lease) as held:
            for item in held.take_all(stale, State.DISCOVERED):
                detail = "The round was given up for a full enumeration, which brings its rows."
                held.advance(item, State.DUPLICATE, reason=Reason.OVERTAKEN.value, detail=detail)


def _remove(path: UPath) -> None:
    """Gone already, or being written to by a worker that has lost its lease: the next run removes it."""
    with suppress(OSError):
        if path.is_dir():
            path.fs.rm(path.path, recursive=True)
        else:
            path.unlink()
