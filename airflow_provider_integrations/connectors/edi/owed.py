"""Who owes whom an acknowledgement, and what was refused, as JSON holds it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from airflow_provider_integrations.connectors.edi.account_alerts import received_name, sent_name
from airflow_provider_integrations.core.interchange import Pair, Received, Refusal, Sent

__all__ = ["owed", "refused"]


def owed(to_us: Iterable[Sent], by_us: Iterable[Received], as_of: datetime) -> dict[str, Any]:
    """Who owes whom an acknowledgement at an instant, as JSON holds it.

    Args:
        to_us: What we sent and is open, as of `ledger.interchanges.owed_to_us`.
        by_us: What we received and have not answered, as of `ledger.interchanges.owed_by_us`.
        as_of: The instant; what is due before it is overdue.

    Returns:
        `to_us` and `by_us`, each with its entries in the order given, and how many are `overdue`.
    """
    sent = [
        _debt(
            one.pair, one.control, one.due_at, as_of, number=sent_name(one), level=one.level, functional=one.functional
        )
        for one in to_us
    ]
    received = [
        _debt(one.pair, one.control, one.answer_due_at, as_of, number=received_name(one), item=one.item_id)
        for one in by_us
    ]
    late = {"to_us": _overdue(sent), "by_us": _overdue(received)}
    return {"as_of": as_of.isoformat(), "overdue": late, "to_us": sent, "by_us": received}


def refused(refusals: Iterable[Refusal]) -> list[dict[str, Any]]:
    """What partners refused and nobody has dealt with, as JSON holds it, in the order given.

    Args:
        refusals: As of `ledger.interchanges.refusals`. `purpose` may name the document, so this is for the house alone.
    """
    return [
        {
            **asdict(one.sent.pair),
            "number": sent_name(one.sent),
            "control": one.sent.control,
            "level": one.sent.level,
            "functional": one.sent.functional,
            "purpose": one.sent.purpose,
            "status": one.sent.status,
            "refused_at": one.at.isoformat(),
            "by": one.said.kind if one.said else None,
            "codes": list(one.said.codes) if one.said else [],
            "sets": [asdict(part) for part in one.said.sets] if one.said else [],
        }
        for one in refusals
    ]


def _debt(pair: Pair, control: str, due_at: datetime | None, as_of: datetime, **more: str) -> dict[str, Any]:
    late = due_at is not None and due_at < as_of
    return {**asdict(pair), "control": control, **more, "due_at": due_at and due_at.isoformat(), "overdue": late}


def _overdue(debts: Sequence[dict[str, Any]]) -> int:
    return sum(debt["overdue"] for debt in debts)
