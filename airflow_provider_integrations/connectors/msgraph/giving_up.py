"""A round that waits for a person, and what becomes of it when everything is to be read again instead.

Where nothing of it was landed, it is read anew under its number. Where a part was, that part may be in the warehouse already:
then the round counts as it is known, and the next one reads everything, so that what was refused comes again.
"""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_integrations.connectors.msgraph.job import GraphJob
from airflow_provider_integrations.connectors.msgraph.kept_state import Kept
from airflow_provider_integrations.connectors.msgraph.round_items import RoundItems, round_items

__all__ = ["give_up", "held_back"]


def held_back(job: GraphJob, kept: Kept) -> RoundItems:
    """The items of the round that waits to be loaded."""
    return round_items(job.ledger, job.source.source, kept.state.rounds + 1)


def give_up(job: GraphJob, kept: Kept, request: str) -> Kept:
    """Go on without what was refused, and begin to read everything, both in one step: between them it would be lost."""
    begun = kept.state.committed().begin(job.query, resync=True)
    return replace(kept, state=begun, request=request, sessions=())
