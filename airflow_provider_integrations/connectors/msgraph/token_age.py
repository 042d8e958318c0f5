"""Tells a person of a link that grows old: at five days of the seven that most live, once, and once more when it is renewed.

A link is renewed by every round. One that grows old belongs to a source whose rounds do not get through to the warehouse, and
when it has run out, a resync of all objects is what is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_integrations.connectors.msgraph.state import ALARM_AGE, TOKEN_LIFE
from airflow_provider_integrations.core.alert import Alert, AlertAction, Notify, Severity, alert_key
from airflow_provider_integrations.ledger.alerts import AlertClaim
from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["TOKEN_AGE", "TokenTold", "tell_token_age"]

TOKEN_AGE = "graph-token-age"  # noqa: S105 the kind of an alert
_LEASE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class TokenTold:
    """What one look at the age of a source's link came to.

    Args:
        age: Of the link that the next round needs; None without one.
        alarm: Whether it is five days old.
        told, resolved: How many alerts were sent, and how many ends of alerts.
        untold: How many sendings are left because nobody is there to receive them.
    """

    age: timedelta | None
    alarm: bool
    told: int
    resolved: int
    untold: int


def tell_token_age(
    ledger: Ledger, source: str, now: datetime, notify: Notify, *, owner: str, lease: timedelta = _LEASE
) -> TokenTold:
    """Alert to a link that is five days old, and say of an earlier one that it is over.

    Args:
        ledger: Where the link is kept; it is not opened.
        source: Whose.
        now: The instant to look at.
        notify: Sends an alert or its end; False where nobody is there to receive it.
        owner: Who claims the sending.
        lease: How long it stays claimed.

    Raises:
        IntegrationError: as `notify` does; what was not sent is sent by the next call.
    """
    record = ledger.graph.get(source)
    since = record.obtained_at if record is not None else None
    age = now - since if since is not None else None
    alarm = age is not None and age >= ALARM_AGE
    current = ""
    if alarm and since is not None:
        one = _alert(source, since)
        ledger.alerts.raise_all([one])
        current = one.key
    mine = [each for each in ledger.alerts.unresolved(TOKEN_AGE) if each.alert.source == source]
    ledger.alerts.over([each.alert.key for each in mine if each.alert.key != current and each.over_at is None])
    sent = {AlertAction.TRIGGER: 0, AlertAction.RESOLVE: 0}
    untold = 0
    for each in mine:
        if (held := ledger.alerts.claim(each.alert.key, owner, lease=lease)) is None:
            continue
        action = AlertAction.RESOLVE if held.record.over_at is not None else AlertAction.TRIGGER
        if _send(ledger, held, action, notify):
            sent[action] += 1
        else:
            untold += 1
    return TokenTold(age, alarm, sent[AlertAction.TRIGGER], sent[AlertAction.RESOLVE], untold)


def _alert(source: str, since: datetime) -> Alert:
    return Alert(
        key=alert_key(TOKEN_AGE, source, since.isoformat()),
        summary=f"The delta link of {source} is {ALARM_AGE.days} days old; most live {TOKEN_LIFE.days} days. No round of it got"
        " through since: see why its DAG fails, or everything has to be read again.",
        source=source,
        at=since + ALARM_AGE,
        severity=Severity.WARNING,
        kind=TOKEN_AGE,
        details={"obtained_at": since.isoformat(), "runs_out_at": (since + TOKEN_LIFE).isoformat()},
    )


def _send(ledger: Ledger, held: AlertClaim, action: AlertAction, notify: Notify) -> bool:
    """Send and note it; whether somebody was there to receive it."""
    try:
        taken = notify(action, held.record.alert)
    except Exception:
        # It may have arrived all the same: its end will be sent in any case.
        ledger.alerts.let_go(held, sent=True)
        raise
    if not taken:
        ledger.alerts.let_go(held, sent=False)
    elif action is AlertAction.TRIGGER:
        ledger.alerts.told(held)
    else:
        ledger.alerts.resolved(held)
    return taken
