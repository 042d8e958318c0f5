"""What was delivered to a partner is entered in the account: our answer to an interchange, or an interchange of ours.

    loaded ──(settle)──> archived

The facts of an outbox item say what it is: `{"answers": 7, "control": "12"}` the answer to the interchange number 7 of the
ledger, `{"sending": {...}}` an interchange that goes out. The time within which a partner acknowledges runs from the delivery,
so the facts hold a span and the delivery gives the instant.

    >>> sending = Sending(Pair("x12", "ZZ:HUB", "ZZ:ACME"), "17", "orders:4711", "ab" * 32, (SendingGroup("5", "PO"),))
    >>> facts = sending_facts(sending, acknowledged_within=timedelta(hours=24))
    >>> [group] = sending_of(facts, datetime(2026, 1, 2, 3, 4, tzinfo=UTC)).groups
    >>> group.due_at.isoformat()
    '2026-01-03T03:04:00+00:00'
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_integrations.core.errors import PermanentError, StateConflictError, SystemicError
from airflow_provider_integrations.core.interchange import Pair, Sending, SendingGroup
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.ledger.holding import LEASE, Holder, holding
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.outbox import delivered

__all__ = ["answer_facts", "sending_facts", "sending_of", "settle_outbox"]

log = logging.getLogger(__name__)


def answer_facts(number: int, control: str) -> dict[str, Any]:
    """The facts of an outbox item that answers a received interchange.

    Args:
        number: Of the interchange in the ledger, `Received.number`.
        control: The control number of the answer.
    """
    return {"answers": number, "control": control}


def sending_facts(sending: Sending, *, acknowledged_within: timedelta | None = None) -> dict[str, Any]:
    """The facts of an outbox item that is an interchange of ours.

    Args:
        sending: What goes out; its instants count for nothing, since they begin with the delivery.
        acknowledged_within: What is agreed upon; None where no acknowledgement is.
    """
    span = None if acknowledged_within is None else acknowledged_within.total_seconds()
    groups = [{"control": group.control, "functional": group.functional} for group in sending.groups]
    named = {"control": sending.control, "purpose": sending.purpose, "sha256": sending.sha256}
    return {"sending": {"pair": asdict(sending.pair), **named, "groups": groups, "acknowledged_within": span}}


def sending_of(facts: Mapping[str, Any], sent_at: datetime) -> Sending:
    """The interchange that an outbox item was, with the instants at which its acknowledgements are due.

    In X12 the groups are acknowledged (997, 999); a CONTRL acknowledges the interchange (UCI).

    Raises:
        StateConflictError: for facts that are not those of `sending_facts`.
    """
    try:
        told = facts["sending"]
        span = told["acknowledged_within"]
        due_at = None if span is None else sent_at + timedelta(seconds=span)
        groups = tuple(SendingGroup(one["control"], one["functional"]) for one in told["groups"])
        pair = Pair(**told["pair"])
        sending = Sending(pair, told["control"], told["purpose"], told["sha256"], groups)
    except (KeyError, TypeError, OverflowError) as error:
        raise StateConflictError(
            "the facts do not say which interchange was sent",
            problem=type(error).__name__,
            next_step="Enqueue it with the facts of `sending_facts`.",
        ) from None
    if pair.syntax == "edifact":
        return replace(sending, due_at=due_at)
    return replace(sending, groups=tuple(replace(group, due_at=due_at) for group in groups))


def settle_outbox(
    ledger: Ledger,
    source: str,
    owner: str,
    *,
    lease: timedelta = LEASE,
    boundary: Callable[[str], None] = lambda _: None,
) -> list[WorkItem]:
    """Enter all that was delivered of a source's outbox, the first first; gives the items, archived.

    Killed anywhere and started again it enters nothing twice, and of two at once each item is one's.

    Args:
        ledger: Where the items and the interchanges are.
        source: Name of the source that has the outbox.
        owner: Who claims; the same owner takes up its own claims again.
        lease: How long an item stays claimed after its worker's last sign of life.
        boundary: Called between the steps with the name of what was just done; tests kill the process there.

    Raises:
        SystemicError: if the account holds something else of an item (it stays `loaded`); all others are settled by then.
        PermanentError: likewise, if the ledger does not know what was answered.
    """
    done: list[WorkItem] = []
    faults: list[PermanentError | SystemicError] = []
    with holding(ledger, owner, lease=lease) as held:
        for found in delivered(ledger, source):
            if (item := held.take(found.id, State.LOADED)) is None:
                continue
            try:
                done.append(_settle(ledger, held, item, boundary))
            except (PermanentError, SystemicError) as fault:
                log.error("%s: %s was not settled: %s", source, item.name, fault)
                held.give_back(item, str(fault))
                faults.append(fault)
    if faults:
        raise faults[0]
    return done


def _settle(ledger: Ledger, held: Holder, item: WorkItem, boundary: Callable[[str], None]) -> WorkItem:
    if "answers" in item.facts:
        received = ledger.interchanges.answered(item.facts["answers"], str(item.facts.get("control", "")))
        log.info("%s: interchange %r of %r is answered", item.source, received.control, received.pair.partner)
    else:
        sending = sending_of(item.facts, _delivered_at(ledger, item))
        ledger.interchanges.sent(sending)
        log.info("%s: interchange %r to %r is sent", item.source, sending.control, sending.pair.partner)
    boundary("entered")
    return held.advance(item, State.ARCHIVED)


def _delivered_at(ledger: Ledger, item: WorkItem) -> datetime:
    """When the item was delivered: the last try to settle it may be long after."""
    loaded = [event.at for event in ledger.items.history(item.id) if event.new_state is State.LOADED]
    return min(loaded, default=item.updated_at).astimezone(UTC)
