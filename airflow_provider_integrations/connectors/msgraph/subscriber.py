"""Subscriptions as plain calls: each opens a client, holds its conversation, and ends within the patience of the run.

found = Subscriber(root, reach, token, scope).held()
"""

from __future__ import annotations

import random
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from airflow_provider_integrations.connectors.msgraph.client import (
    Landing,
    OwnPauses,
    Pauses,
    Reach,
    Token,
    drive,
    open_client,
)
from airflow_provider_integrations.connectors.msgraph.hosts import Endpoint
from airflow_provider_integrations.connectors.msgraph.job import GraphJob
from airflow_provider_integrations.connectors.msgraph.model import Answer, Step
from airflow_provider_integrations.connectors.msgraph.notifications import client_state
from airflow_provider_integrations.connectors.msgraph.subscribing import (
    Renewal,
    Subscribed,
    delete_subscriptions,
    list_subscriptions,
    renew_subscriptions,
    subscribe,
)
from airflow_provider_integrations.connectors.msgraph.subscriptions import Subscription, Wanted, plan_renewals
from airflow_provider_integrations.connectors.msgraph.throttle import AppScope, Pace, paced
from airflow_provider_integrations.core.clock import Clock
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.system import utc_now

__all__ = ["Subscriber", "keep_subscription"]

End = TypeVar("End")


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Looks after the subscriptions of one app.

    Args:
        root, reach, token, scope: The service, how it is reached, what authenticates, and who shares its limits.
        pauses: Where the pauses of the app are kept, e.g. the ledger.
        budget: Seconds that one call may wait for a throttled service.
    """

    root: Endpoint
    reach: Reach
    token: Token = field(repr=False)
    scope: AppScope
    pauses: Pauses = field(default_factory=OwnPauses)
    budget: float = 600.0
    clock: Clock = utc_now

    def held(self) -> list[Subscription]:
        """All subscriptions of the app."""
        return self._talk(list_subscriptions(self.root))

    def subscribe(self, wanted: Wanted, *, anew: bool = False) -> Subscribed:
        """Have one of this kind; see `subscribing.subscribe`."""
        return self._talk(subscribe(self.root, wanted, self.scope, self.clock(), anew=anew))

    def renew(self, *, share: float = 0.5) -> Renewal:
        """Renew those of which less than a share of the longest life is left."""
        due = plan_renewals(self.held(), self.clock(), share=share)
        return self._talk(renew_subscriptions(self.root, due, self.scope, self.clock()))

    def delete(self, ids: Iterable[str]) -> list[str]:
        """Delete them; gives the ids."""
        return self._talk(delete_subscriptions(self.root, ids))

    def _talk(self, conversation: Generator[Step, Answer, End]) -> End:
        pace = paced(conversation, self.scope, random=random.random, pace=Pace(budget=self.budget))
        landing = Landing(lambda page: None, lambda restart: None, self.pauses, self.clock)
        with open_client(self.reach) as client:
            return drive(pace, client, landing, token=self.token)


def keep_subscription(job: GraphJob, *, anew: bool = False) -> Subscribed:
    """Have the subscription that a source declares, renewed before half of its life is over; pauses are those of the ledger.

    Args:
        job: Of the source.
        anew: Make a new one, as the key that its secret was derived from is no longer the first one.

    Raises:
        ConfigError: the source declares none, or the service refuses it.
    """
    source = job.source
    if source.notify is None:
        raise ConfigError(
            "the source declares no notifications", source=source.source, next_step="Give it a `notify` with an url."
        )
    state = client_state(job.keys[0], source.source)
    wanted = Wanted(
        source.resource, source.notify.url, state, source.notify.lifecycle_url, ",".join(source.notify.change_types)
    )
    budget = source.patience.total_seconds()
    keeper = Subscriber(job.query.endpoint, job.reach, job.token, job.scope, job.ledger.graph, budget, job.clock)
    return keeper.subscribe(wanted, anew=anew)
