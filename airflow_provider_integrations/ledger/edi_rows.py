"""Between rows and values of EDI: pairs, interchanges, and what happened to them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, bindparam

from airflow_provider_integrations.core.interchange import (
    Level,
    Pair,
    Received,
    Sent,
    SentStatus,
    SetStatement,
    Statement,
    same_control,
)
from airflow_provider_integrations.ledger.edi_tables import PAIR

__all__ = [
    "event_row",
    "lock_name",
    "named_by",
    "pair_values",
    "statement_row",
    "to_received",
    "to_sent",
    "to_statement",
]


def pair_values(pair: Pair) -> dict[str, str]:
    """The columns of a pair."""
    return {"syntax": pair.syntax, "ours": pair.ours, "partner": pair.partner, "usage": pair.usage}


def lock_name(what: str, pair: Pair, level: Level | None = None) -> str:
    """The name of a lock; lengths stand in it, so that no two pairs share one by what their names hold."""
    parts = (what, pair.syntax, pair.usage, level or "", pair.ours, pair.partner)
    return ":".join(f"{len(part)}.{part!r}" for part in parts)


def named_by(table: Table, *more: str) -> list[ColumnElement[bool]]:
    """Conditions on the pair and other columns, each with a parameter of the column's name."""
    return [table.c[name] == bindparam(name) for name in (*PAIR, *more)]


def to_sent(row: Row[Any]) -> Sent:
    """What was sent, from its row."""
    return Sent(
        number=row.number,
        interchange=row.interchange,
        pair=_pair(row),
        level=Level(row.level),
        control=row.control,
        functional=row.functional,
        purpose=row.purpose,
        status=SentStatus(row.status),
        sent_at=row.sent_at,
        due_at=row.due_at,
        settled_at=row.settled_at,
    )


def to_received(row: Row[Any]) -> Received:
    """What was received, from its row."""
    return Received(
        number=row.number,
        pair=_pair(row),
        control=row.control,
        sha256=row.sha256,
        item_id=row.item_id,
        place=row.place,
        verdict=row.verdict,
        received_at=row.received_at,
        duplicate_of=row.duplicate_of,
        answer_due_at=row.answer_due_at,
        answered_at=row.answered_at,
        answer=row.answer,
        settled_at=row.settled_at,
    )


def to_statement(row: Row[Any]) -> Statement:
    """A partner's word, from its row."""
    return Statement(
        pair=_pair(row),
        kind=row.kind,
        level=Level(row.level),
        control=row.control,
        status=SentStatus(row.status),
        functional=row.functional,
        within=row.within,
        codes=tuple(row.codes),
        sets=tuple(
            SetStatement(one["set_id"], one["control"], SentStatus(one["status"]), tuple(one["codes"]))
            for one in row.sets
        ),
    )


def statement_row(said: Statement, item_id: str, place: int, at: datetime) -> dict[str, Any]:
    """The row of a partner's word; control numbers are stored in the form in which they are compared."""
    return {
        **pair_values(said.pair),
        "item_id": item_id,
        "place": place,
        "kind": said.kind,
        "level": said.level.value,
        "control": same_control(said.pair.syntax, said.control),
        "functional": said.functional,
        "within": same_control(said.pair.syntax, said.within),
        "status": said.status.value,
        "codes": list(said.codes),
        "sets": [asdict(one) for one in said.sets],
        "received_at": at,
    }


def event_row(at: datetime, event: str, old: str | None, new: str, **values: Any) -> dict[str, Any]:
    """The history entry of an interchange or group; `values` say of which and by which acknowledgement."""
    return {
        "at": at,
        "received_number": None,
        "sent_number": None,
        "event": event,
        "old_status": old,
        "new_status": new,
        "acknowledgement_number": None,
        "detail": {},
        **values,
    }


def _pair(row: Row[Any]) -> Pair:
    return Pair(row.syntax, row.ours, row.partner, row.usage)
