"""Acknowledgements that are late, theirs and ours: one alert for each, once, and one word when it is settled.

    told = tell_overdue(ledger, utc_now(), notify, owner="edi_overdue/run/tell/-1")

The ledger remembers what was told. A worker that dies between a sending and its note makes the next one send again under the
same key, which whoever receives it takes as the same alert.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_integrations.core.alert import Alert, AlertAction, Notify, Severity, alert_key
from airflow_provider_integrations.core.errors import PermanentError
from airflow_provider_integrations.core.interchange import Level, Pair, Received, Sent, SentStatus
from airflow_provider_integrations.ledger.alerts import AlertClaim
from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["OVERDUE", "Told", "alert_of_received", "alert_of_sent", "tell_overdue"]

log = logging.getLogger(__name__)

OVERDUE = "edi-overdue"
"""The kind of these alerts."""

_LEASE = timedelta(minutes=5)
"""Longer than one sending takes with its own retries."""


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


def tell_overdue(
    ledger: Ledger,
    as_of: datetime,
    notify: Notify,
    *,
    owner: str,
    lease: timedelta = _LEASE,
    boundary: Callable[[str], None] = lambda _: None,
) -> Told:
    """Mark what is overdue, alert to each once, and say of each that is settled that it is over.

    Args:
        ledger: Where the account is.
        as_of: The instant to look at; what was due before it is overdue.
        notify: Sends an alert or its end; False where nobody is there to receive it, and then it is asked again next time.
        owner: Who claims; the same owner takes up its own claims again.
        lease: How long a sending stays claimed.
        boundary: Called between the steps with the name of what was just done; tests kill the process there.

    Raises:
        TransientError: as `notify` does; what was not sent is sent by the next call.
        PermanentError: if the receiver refuses an alert; all others are sent by then.
    """
    known = [record.alert.key for record in ledger.alerts.unresolved(OVERDUE)]
    # Read before the account: an alert that is there now was raised on a debt, so if it is in the account no more, it is settled.
    marked = ledger.interchanges.mark_overdue(as_of)
    boundary("marked")
    sent, received = ledger.interchanges.owed_to_us(), ledger.interchanges.owed_by_us()
    late = [alert_of_sent(one) for one in sent if one.status is SentStatus.OVERDUE]
    late += [alert_of_received(one) for one in received if one.answer_due_at and one.answer_due_at < as_of]
    ledger.alerts.raise_all(late)
    boundary("raised")
    still_owed = {_key_of_sent(one) for one in sent} | {_key_of_received(one) for one in received}
    ledger.alerts.over([key for key in known if key not in still_owed])
    # Of most nothing is to be said: they were told, and are not settled yet.
    to_say = [one for one in ledger.alerts.unresolved(OVERDUE) if one.told_at is None or one.over_at is not None]
    keys = [record.alert.key for record in to_say]
    told, resolved, untold = _send_all(_Sending(ledger, notify, owner, lease, boundary), keys)
    return Told(len(marked), tuple(told), tuple(resolved), untold)


def alert_of_sent(sent: Sent) -> Alert:
    """The alert to an acknowledgement that a partner owes us."""
    what = f"group {sent.control}" if sent.level is Level.GROUP else f"interchange {sent.control}"
    due = f", due {_minute(sent.due_at)}" if sent.due_at else ""
    return Alert(
        key=_key_of_sent(sent),
        summary=f"{sent.pair.partner} has not acknowledged our {sent.functional} {what}".replace("  ", " ") + due,
        source=sent.pair.partner,
        at=sent.due_at or sent.sent_at,
        severity=_severity(sent.pair),
        kind=OVERDUE,
        details={
            **_details("to_us", sent.pair, sent.control, sent.due_at),
            "level": sent.level.value,
            "functional": sent.functional,
            "sent_at": sent.sent_at.isoformat(),
            "next_step": "Ask the partner whether it arrived; see docs/how-to/overdue-acknowledgements.md.",
        },
    )


def alert_of_received(received: Received) -> Alert:
    """The alert to an acknowledgement that we owe a partner."""
    due = f", due {_minute(received.answer_due_at)}" if received.answer_due_at else ""
    return Alert(
        key=_key_of_received(received),
        summary=f"We have not acknowledged interchange {received.control} of {received.pair.partner}{due}",
        source=received.pair.partner,
        at=received.answer_due_at or received.received_at,
        severity=_severity(received.pair),
        kind=OVERDUE,
        details={
            **_details("by_us", received.pair, received.control, received.answer_due_at),
            "item": received.item_id,
            "received_at": received.received_at.isoformat(),
            "next_step": f"Run `integrations ledger show {received.item_id}`; see docs/how-to/overdue-acknowledgements.md.",
        },
    )


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
    faults: list[PermanentError] = []
    for key in keys:
        if (held := by.ledger.alerts.claim(key, by.owner, lease=by.lease)) is None:
            continue
        over = held.record.over_at is not None
        try:
            if _send(by, held, AlertAction.RESOLVE if over else AlertAction.TRIGGER):
                (resolved if over else told).append(key)
            else:
                untold += 1
        except PermanentError as fault:
            log.error("the alert %r could not be sent: %s", held.record.alert.summary, fault)
            faults.append(fault)
    if faults:
        raise faults[0]
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


def _key_of_sent(sent: Sent) -> str:
    # The instant too: a ledger that was restored from a backup may give a number a second time.
    return alert_key(
        OVERDUE, "to_us", *_named(sent.pair), sent.level, sent.control, sent.number, _instant(sent.sent_at)
    )


def _key_of_received(received: Received) -> str:
    named = (*_named(received.pair), received.control, received.number, _instant(received.received_at))
    return alert_key(OVERDUE, "by_us", *named)


def _named(pair: Pair) -> tuple[str, ...]:
    return pair.syntax, pair.usage, pair.ours, pair.partner


def _details(owed: str, pair: Pair, control: str, due_at: datetime | None) -> dict[str, Any]:
    return {
        "owed": owed,
        "syntax": pair.syntax,
        "usage": pair.usage,
        "ours": pair.ours,
        "partner": pair.partner,
        "control": control,
        "due_at": due_at and due_at.isoformat(),
    }


def _severity(pair: Pair) -> Severity:
    return Severity.ERROR if pair.usage == "P" else Severity.WARNING


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
