"""What is wrong in the account with partners is told: acknowledgements that are late, theirs and ours, and what was refused.

    told = tell_account(ledger, utc_now(), notify, owner="edi_overdue/run/tell/-1")

There is one alert for each, once, and one word when it is settled. The ledger remembers what was told. A worker that dies
between a sending and its note makes the next one send again under the same key, which whoever receives it takes as the same
alert.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_integrations.connectors.edi.account_alerts import (
    OVERDUE,
    REFUSED,
    alert_of_received,
    alert_of_refusal,
    alert_of_sent,
    alert_of_stray,
)
from airflow_provider_integrations.core.alert import AlertAction, Notify
from airflow_provider_integrations.core.errors import RateLimitedError, TransientError
from airflow_provider_integrations.core.interchange import SentStatus
from airflow_provider_integrations.ledger.alerts import AlertClaim
from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["LEASE", "Told", "tell_account"]

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
"""Longer than one sending takes with its own retries, see `pagerduty.LONGEST`."""

_FOLLOWS = timedelta(hours=1)
"""How long a refusal may wait for what it speaks of to be entered before it is told as one of nothing."""
_STRAY = timedelta(days=7)
"""For how long it is told: what is entered later is not matched with it any more."""

_AWAY = 3
"""Sendings in a row that fail for the moment: then whoever receives is away, and each more would wait as long."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one look at the account came to.

    Args:
        became_overdue: How much of what partners owe us became overdue with this look.
        told: Keys of the alerts that were sent.
        resolved: Keys of those whose end was sent.
        untold: How many sendings are left because nobody is there to receive them.
    """

    became_overdue: int
    told: tuple[str, ...]
    resolved: tuple[str, ...]
    untold: int


def tell_account(
    ledger: Ledger,
    as_of: datetime,
    notify: Notify,
    *,
    owner: str,
    lease: timedelta = LEASE,
    boundary: Callable[[str], None] = lambda _: None,
) -> Told:
    """Mark what is overdue, alert once to each debt that is and to each refusal, and say of each that is settled that it is over.

    Args:
        ledger: Where the account is.
        as_of: The instant to look at; what was due before it is overdue.
        notify: Sends an alert or its end; False where nobody is there to receive it, and then it is asked again next time.
        owner: Who claims; the same owner takes up its own claims again.
        lease: How long a sending stays claimed.
        boundary: Called between the steps with the name of what was just done; tests kill the process there.

    Raises:
        TransientError: as `notify` does; what was not sent is sent by the next call. All others are sent by then, unless
            several in a row failed or the receiver asks for a pause; the next call begins with those that were not tried.
        PermanentError: if the receiver refuses an alert, or whatever else `notify` raises; all others are sent by then.
    """
    alerts, account = ledger.alerts, ledger.interchanges
    known = [record.alert.key for kind in (OVERDUE, REFUSED) for record in alerts.unresolved(kind)]
    # Read before the account: an alert that is there now was raised on what stood in the account, so if that is in it no more,
    # it is settled.
    marked = account.mark_overdue(as_of)
    boundary("marked")
    to_us = [(one, alert_of_sent(one)) for one in account.owed_to_us()]
    by_us = [(one, alert_of_received(one)) for one in account.owed_by_us()]
    refused = [alert_of_refusal(one) for one in account.refusals()]
    late = [alert for one, alert in to_us if one.status is SentStatus.OVERDUE]
    late += [alert for one, alert in by_us if one.answer_due_at and one.answer_due_at < as_of]
    # Our own entry of what they speak of may follow.
    strays = [(one, alert_of_stray(one)) for one in account.stray_refusals(since=as_of - _STRAY)]
    refused += [alert for one, alert in strays if one.at <= as_of - _FOLLOWS]
    alerts.raise_all([*late, *refused])
    boundary("raised")
    still_there = {alert.key for _, alert in (*to_us, *by_us, *strays)} | {alert.key for alert in refused}
    alerts.over([key for key in known if key not in still_there])
    # Of most nothing is to be said: they were told, and are not settled yet.
    unresolved = [one for kind in (OVERDUE, REFUSED) for one in alerts.unresolved(kind)]
    to_say = [one for one in unresolved if one.told_at is None or one.over_at is not None]
    keys = [record.alert.key for record in to_say]
    told, resolved, untold = _send_all(_Sending(ledger, notify, owner, lease, boundary), keys)
    return Told(len(marked), tuple(told), tuple(resolved), untold)


@dataclass(frozen=True, slots=True)
class _Sending:
    """Who sends, and with what."""

    ledger: Ledger
    notify: Notify
    owner: str
    lease: timedelta
    boundary: Callable[[str], None]


def _send_all(by: _Sending, keys: Iterable[str]) -> tuple[list[str], list[str], int]:
    told: list[str] = []
    resolved: list[str] = []
    untold = 0
    faults: list[Exception] = []
    in_a_row = 0
    for key in keys:
        if (held := by.ledger.alerts.claim(key, by.owner, lease=by.lease)) is None:
            continue
        over = held.record.over_at is not None
        try:
            if _send(by, held, AlertAction.RESOLVE if over else AlertAction.TRIGGER):
                (resolved if over else told).append(key)
            else:
                untold += 1
            in_a_row = 0
        except Exception as fault:
            log.error("the alert %r could not be sent: %s", held.record.alert.summary, fault)
            faults.append(fault)
            in_a_row = in_a_row + 1 if isinstance(fault, TransientError) else 0
            if in_a_row == _AWAY or isinstance(fault, RateLimitedError):
                break
    if faults:
        # One that a retry mends first: the task is tried again then, and what it may deliver must not wait.
        raise next((fault for fault in faults if isinstance(fault, TransientError)), faults[0])
    return told, resolved, untold


def _send(by: _Sending, held: AlertClaim, action: AlertAction) -> bool:
    """Send one alert or its end, and note it; whether somebody was there to receive it."""
    try:
        taken = by.notify(action, held.record.alert)
    except Exception:
        # It may have arrived all the same: its end will be sent in any case.
        by.ledger.alerts.let_go(held, sent=True)
        raise
    if not taken:
        by.ledger.alerts.let_go(held, sent=False)
        return False
    by.boundary("sent")
    if action is AlertAction.TRIGGER:
        by.ledger.alerts.told(held)
    else:
        by.ledger.alerts.resolved(held)
    log.info("%s: %s", "alerted" if action is AlertAction.TRIGGER else "over", held.record.alert.summary)
    return True
