"""Keeps claims alive while a worker works, and lets go of them however it ends.

    with holding(ledger, owner="dag/run/task/0") as held:
        if item := held.take(item_id, State.DISCOVERED):
            ...
            held.advance(item, State.LANDED, facts={"rows_landed": 10})

A claim is a lease: when the process dies, it runs out and another worker takes the item up. While the process lives, a
thread renews all that it holds at a third of the lease. Every write carries the claim's token, so that a worker that
slept through its lease is refused instead of overwriting what its successor did.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from airflow_provider_integrations.core.errors import ClaimLostError, IntegrationError
from airflow_provider_integrations.core.work_item import Claim, State, WorkItem
from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["LEASE", "Holder", "holding"]

LEASE = timedelta(minutes=2)
"""How long an item stays claimed after its worker last gave a sign of life."""

_TOGETHER = 500  # A statement takes some ten thousand values at the most, and its transaction should be short.


class Holder:
    """The claims of one worker; safe to use from several threads."""

    def __init__(self, ledger: Ledger, owner: str, lease: timedelta) -> None:
        self._ledger = ledger
        self._owner = owner
        self._lease = lease
        self._claims: dict[str, Claim] = {}
        self._lock = threading.Lock()

    def take(self, item_id: str, *states: State) -> WorkItem | None:
        """Claim an item that is in one of `states`; None if it is not, or if another worker holds it."""
        return next(iter(self.take_all((item_id,), *states)), None)

    def take_all(self, item_ids: Sequence[str], *states: State) -> list[WorkItem]:
        """As `take`, for several items: those that could be claimed, in the order given."""
        found: dict[str, WorkItem] = {}
        for first in range(0, len(item_ids), _TOGETHER):
            some = item_ids[first : first + _TOGETHER]
            taken = self._ledger.items.claim_all(some, self._owner, states=states, lease=self._lease)
            with self._lock:
                self._claims |= {item.id: claim for item, claim in taken}
            found |= {item.id: item for item, _ in taken}
        return [found[item_id] for item_id in dict.fromkeys(item_ids) if item_id in found]

    def advance(
        self,
        item: WorkItem,
        state: State,
        *,
        reason: str | None = None,
        detail: str | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> WorkItem:
        """Bring the item to its next state and let go of it."""
        with self._lock:
            claim = self._claims[item.id]
        done = self._ledger.items.advance(claim, state, reason=reason, detail=detail, facts=facts)
        with self._lock:
            del self._claims[item.id]
        return done

    def note(self, item: WorkItem, facts: Mapping[str, Any]) -> WorkItem:
        """Add facts to an item that is held; its state stays."""
        with self._lock:
            claim = self._claims[item.id]
        return self._ledger.items.note(claim, facts)

    def give_back(self, item: WorkItem, error: str) -> None:
        """Let go of an item that could not be brought on; it counts as an attempt."""
        with self._lock:
            claim = self._claims.pop(item.id, None)
        if claim is not None:
            with suppress(ClaimLostError):
                self._ledger.items.give_back(claim, error=error)

    def renew(self) -> None:
        """Renew all claims; the next write of one that was lost is refused."""
        with self._lock:
            claims = list(self._claims.values())
        for claim in claims:
            with suppress(
                Exception
            ):  # A ledger that is away for a moment is asked again; a lost claim shows at its next write.
                renewed = self._ledger.items.renew(claim, self._lease)
                with self._lock:
                    if self._claims.get(claim.item_id) == claim:
                        self._claims[claim.item_id] = renewed

    def let_go(self) -> None:
        """Give back whatever is still held."""
        with self._lock:
            claims = list(self._claims.values())
            self._claims.clear()
        for claim in claims:
            with suppress(IntegrationError):
                self._ledger.items.give_back(claim, error="the worker stopped before it was done")


@contextmanager
def holding(ledger: Ledger, owner: str, *, lease: timedelta = LEASE) -> Iterator[Holder]:
    """A `Holder` whose claims are renewed until the block ends, and given back then."""
    holder = Holder(ledger, owner, lease)
    stopped = threading.Event()

    def renew_until_stopped() -> None:
        while not stopped.wait(lease.total_seconds() / 3):
            holder.renew()

    renewer = threading.Thread(target=renew_until_stopped, name="claim-renewer", daemon=True)
    renewer.start()
    try:
        yield holder
    finally:
        stopped.set()
        renewer.join()
        holder.let_go()
