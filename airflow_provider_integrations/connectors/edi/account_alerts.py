"""What a person is told of the account with partners: a debt that is late, and a refusal of what we sent.

An alert names partners, control numbers, codes and sets, and never what stands in a document. What a partner chose himself,
such as a code, is shown only in the form that the standards give it.

    >>> at, pair = datetime(2026, 1, 2, tzinfo=UTC), Pair("x12", "ZZ:HUB", "ZZ:ACME")
    >>> group = Sent(3, 2, pair, Level.GROUP, "17", "PO", "batch", SentStatus.REJECTED, at, None)
    >>> alert_of_refusal(Refusal(group, 9, at)).summary
    'ZZ:ACME has rejected our PO group 17 (with its interchange)'
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_integrations.core.alert import Alert, Severity, alert_key
from airflow_provider_integrations.core.interchange import (
    Level,
    Pair,
    Received,
    Refusal,
    Sent,
    SentStatus,
    SetStatement,
)

if TYPE_CHECKING:  # It is a value, and this file knows no database.
    from airflow_provider_integrations.ledger.edi_stray import StrayRefusal

__all__ = [
    "OVERDUE",
    "REFUSED",
    "alert_of_received",
    "alert_of_refusal",
    "alert_of_sent",
    "alert_of_stray",
    "received_name",
    "sent_name",
]

OVERDUE = "edi-overdue"
"""The kind of alerts to debts that are late."""

REFUSED = "edi-refused"
"""The kind of alerts to what partners refused."""

_GUIDE = "docs/how-to/overdue-acknowledgements.md"
_IN_SUMMARY = 5
_IN_DETAILS = 100
"""Sets named; the rest is counted."""
_CODE = re.compile(r"[A-Za-z0-9]{1,4}")
_REFERENCE = re.compile(r"[A-Za-z0-9_.-]{1,14}")
"""AK202 has up to nine places and 0062 up to fourteen."""


def sent_name(sent: Sent) -> str:
    """What a person calls something that we sent by: its number in the ledger."""
    return f"sent:{sent.number}"


def received_name(received: Received) -> str:
    """What a person calls something that we received by."""
    return f"received:{received.number}"


def alert_of_sent(sent: Sent) -> Alert:
    """The alert to an acknowledgement that a partner owes us."""
    due = f", due {_minute(sent.due_at)}" if sent.due_at else ""
    # The instant too: a ledger that was restored from a backup may give a number a second time.
    key = alert_key(OVERDUE, "to_us", *_named(sent.pair), sent.level, sent.control, sent.number, _instant(sent.sent_at))
    return Alert(
        key=key,
        summary=f"{sent.pair.partner} has not acknowledged {_ours(sent)}{due}",
        source=sent.pair.partner,
        at=sent.due_at or sent.sent_at,
        severity=_severity(sent.pair),
        kind=OVERDUE,
        details={
            "owed": "to_us",
            "number": sent_name(sent),
            **_details(sent.pair, sent.control),
            "due_at": sent.due_at and sent.due_at.isoformat(),
            "level": sent.level.value,
            "functional": sent.functional,
            "sent_at": sent.sent_at.isoformat(),
            "next_step": f"Ask the partner whether it arrived; see {_GUIDE}.",
        },
    )


def alert_of_received(received: Received) -> Alert:
    """The alert to an acknowledgement that we owe a partner."""
    due = f", due {_minute(received.answer_due_at)}" if received.answer_due_at else ""
    named = (*_named(received.pair), received.control, received.number, _instant(received.received_at))
    return Alert(
        key=alert_key(OVERDUE, "by_us", *named),
        summary=f"We have not acknowledged interchange {received.control} of {received.pair.partner}{due}",
        source=received.pair.partner,
        at=received.answer_due_at or received.received_at,
        severity=_severity(received.pair),
        kind=OVERDUE,
        details={
            "owed": "by_us",
            "number": received_name(received),
            **_details(received.pair, received.control),
            "due_at": received.answer_due_at and received.answer_due_at.isoformat(),
            "item": received.item_id,
            "received_at": received.received_at.isoformat(),
            "next_step": f"Run `integrations ledger show {received.item_id}`; see {_GUIDE}.",
        },
    )


def alert_of_refusal(refusal: Refusal) -> Alert:
    """The alert to a refusal of what we sent; refused anew it is another alert."""
    sent, said = refusal.sent, refusal.said
    verdict = "rejected" if sent.status is SentStatus.REJECTED else "accepted only a part of"
    sets = () if said is None else tuple(one for one in said.sets if one.status is SentStatus.REJECTED)
    codes = () if said is None else said.codes
    told = [said.kind] if said else ["with its interchange"]
    if codes:
        told.append(f"{'code' if len(codes) == 1 else 'codes'} {' '.join(map(_code, codes))}")
    if sets:
        told.append(_counted(sets))
    key = alert_key(
        REFUSED, *_named(sent.pair), sent.level, sent.control, sent.number, _instant(sent.sent_at), refusal.entry
    )
    return Alert(
        key=key,
        summary=f"{sent.pair.partner} has {verdict} {_ours(sent)} ({'; '.join(told)})",
        source=sent.pair.partner,
        at=refusal.at,
        severity=_severity(sent.pair),
        kind=REFUSED,
        details={
            "refused": sent.status.value,
            "number": sent_name(sent),
            **_details(sent.pair, sent.control),
            "level": sent.level.value,
            "functional": sent.functional,
            "by": said.kind if said else None,
            "codes": [_code(code) for code in codes],
            "sets_refused": len(sets),
            "sets": [_set(one) for one in sets[:_IN_DETAILS]],
            "sent_at": sent.sent_at.isoformat(),
            "next_step": "Correct what they refuse and send it again; then run"
            f" `integrations edi settle {sent_name(sent)} --why REASON`; see {_GUIDE}.",
        },
    )


def alert_of_stray(stray: StrayRefusal) -> Alert:
    """The alert to a refusal of something that we have not sent, or not under that number; of one document it is one."""
    first = stray.said[0]
    names = ", ".join(f"{one.level.value} {_reference(one.control)}" for one in stray.said[:_IN_SUMMARY])
    more = f" and {stray.words - _IN_SUMMARY} more" if stray.words > _IN_SUMMARY else ""
    return Alert(
        key=alert_key(REFUSED, "stray", *_named(stray.pair), stray.item_id),
        summary=f"{stray.pair.partner} refuses what we do not know: {names}{more} ({first.kind})",
        source=stray.pair.partner,
        at=stray.at,
        severity=_severity(stray.pair),
        kind=REFUSED,
        details={
            "refused": "unknown",
            "item": stray.item_id,
            **_details(stray.pair, _reference(first.control)),
            "by": first.kind,
            "words": stray.words,
            "controls": [_reference(one.control) for one in stray.said],
            "next_step": "Ask the partner which of ours it is, and have them say it again with our number;"
            f" see {_GUIDE}.",
        },
    )


def _ours(sent: Sent) -> str:
    what = f"group {sent.control}" if sent.level is Level.GROUP else f"interchange {sent.control}"
    return f"our {sent.functional} {what}".replace("  ", " ")


def _counted(sets: Sequence[SetStatement]) -> str:
    names = [f"{_reference(one.set_id)} {_reference(one.control)}" for one in sets[:_IN_SUMMARY]]
    more = f" and {len(sets) - _IN_SUMMARY} more" if len(sets) > _IN_SUMMARY else ""
    return f"{len(sets)} {'set' if len(sets) == 1 else 'sets'} refused: {', '.join(names)}{more}"


def _set(one: SetStatement) -> dict[str, Any]:
    return {
        "set_id": _reference(one.set_id),
        "control": _reference(one.control),
        "codes": [_code(code) for code in one.codes],
    }


def _code(text: str) -> str:
    return text if _CODE.fullmatch(text) else "?"


def _reference(text: str) -> str:
    return text if _REFERENCE.fullmatch(text) else "?"


def _named(pair: Pair) -> tuple[str, ...]:
    return pair.syntax, pair.usage, pair.ours, pair.partner


def _details(pair: Pair, control: str) -> dict[str, Any]:
    return {
        "syntax": pair.syntax,
        "usage": pair.usage,
        "ours": pair.ours,
        "partner": pair.partner,
        "control": control,
    }


def _severity(pair: Pair) -> Severity:
    return Severity.ERROR if pair.usage == "P" else Severity.WARNING


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
