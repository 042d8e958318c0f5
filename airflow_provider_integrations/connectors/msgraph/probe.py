"""Whether a source has something to read: its kept link is followed to the first change, and nothing is kept.

    if look(job).new: ...

A link may be followed as often as one likes: a service gives the same changes until a newer link is used instead
(learn.microsoft.com/graph/delta-query-overview).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

from airflow_provider_integrations.connectors.msgraph.client import Landing, drive, open_client
from airflow_provider_integrations.connectors.msgraph.delta import run_round
from airflow_provider_integrations.connectors.msgraph.fingerprint import differences, fingerprint_of
from airflow_provider_integrations.connectors.msgraph.job import GraphJob
from airflow_provider_integrations.connectors.msgraph.kept_state import KeptStates
from airflow_provider_integrations.connectors.msgraph.model import LinkKind, Page, Restart, RoundStart
from airflow_provider_integrations.connectors.msgraph.throttle import Pace, paced

__all__ = ["Look", "look"]

RENEW = timedelta(days=1)
"""An older link is worth a round without changes, which brings a younger one: most live seven days."""

_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Look:
    """What a look came to.

    Args:
        rounds: How many rounds were loaded; with the next one the link moves.
        new: Whether there is anything to read or to go on with, or a link to renew.
    """

    rounds: int
    new: bool


class _SeenError(Exception):
    """The conversation has said enough."""


def look(job: GraphJob) -> Look:
    """Look once.

    Raises:
        ConfigError, StateConflictError, WatermarkLostError: a run would be refused as well.
        TransientError: the service cannot answer now, or asks for a pause of more than a minute.
    """
    state = KeptStates(job.ledger, job.keys).get(job.source.source).state
    age = state.age(job.clock())
    if not state.link or state.progress is not None or (age is not None and age.age >= RENEW):
        return Look(state.rounds, new=True)
    if state.fingerprint is not None and differences(state.fingerprint, fingerprint_of(job.query)):
        return Look(state.rounds, new=True)  # Other options than the link's: a run says what is to be done.
    start = RoundStart(state.rounds + 1, False, state.link, LinkKind.DELTA, origin=state.link)
    conversation = paced(run_round(start, job.query), job.scope, random=random.random, pace=Pace(budget=_PATIENCE))
    try:
        with open_client(job.reach) as client:
            drive(conversation, client, Landing(_page, _restart, job.ledger.graph, job.clock), token=job.token)
    except _SeenError:
        return Look(state.rounds, new=True)
    return Look(state.rounds, new=False)


def _page(page: Page) -> None:
    if page.items:
        raise _SeenError


def _restart(restart: Restart) -> None:
    raise _SeenError
