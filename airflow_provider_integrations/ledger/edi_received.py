"""Interchanges of partners: entered once for each item, told apart from those that came before, and answered once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.core.interchange import LIMITS, Pair, Received, same_control
from airflow_provider_integrations.ledger.edi_rows import event_row, lock_name, named_by, pair_values, to_received
from airflow_provider_integrations.ledger.edi_tables import interchange_event, interchange_received
from airflow_provider_integrations.ledger.rows import Parts, aware
from airflow_provider_integrations.ledger.tables import work_item

__all__ = ["DUPLICATE", "VERDICTS", "came_before", "of_family", "record_answer", "record_debt", "record_received"]

VERDICTS = ("accepted", "partial", "rejected")
DUPLICATE = "duplicate"
_TAKEN = ("accepted", "partial")

_SAME = select(interchange_received).where(*named_by(interchange_received, "control"))


def record_received(
    parts: Parts,
    pair: Pair,
    control: str,
    *,
    sha256: str,
    item_id: str,
    place: int,
    verdict: str,
    window: timedelta,
    answer_due_at: datetime | None,
    insist: bool = False,
) -> Received:
    """Enter an interchange, or find what was entered of it; see `Interchanges.received`."""
    if verdict not in VERDICTS:
        raise ConfigError("no such verdict on an interchange", verdict=verdict, next_step=f"One of {VERDICTS}.")
    compared = same_control(pair.syntax, control)
    value = int(compared) if compared.isascii() and compared.isdigit() and len(compared) < 19 else None
    at, here = parts.now(), (item_id, place)
    with parts.database.write() as connection:
        parts.database.lock(connection, lock_name("interchange", pair))
        there = _here(connection, item_id, place)
        if there is None:
            earlier = _doubled(connection, pair, compared, value, sha256, here, at, window, insist=insist)
            entered: dict[str, Any] = {
                **pair_values(pair),
                "control": compared,
                "control_value": value,
                "sha256": sha256,
                "item_id": item_id,
                "place": place,
                "verdict": verdict if earlier is None else DUPLICATE,
                "received_at": at,
                "duplicate_of": None if earlier is None else earlier.number,
                "answer_due_at": answer_due_at and aware(answer_due_at, "answer_due_at"),
            }
            statement = insert(interchange_received).returning(interchange_received.c.number)
            number = connection.execute(statement, entered).scalar_one()
            _tell(connection, at, "received", None, entered["verdict"], number)
        elif there.sha256 != sha256 or there.control != compared:
            raise StateConflictError(
                "another interchange was entered at this place of the item",
                item=item_id,
                place=place,
                next_step="Enter changed content under its own item.",
            )
        elif there.verdict != verdict and (insist or there.verdict != DUPLICATE):
            # The same bytes under another guide or agreement, as after a release from quarantine. One that was refused may
            # have been sent again in the meantime: it is that one's double now.
            other = None
            if there.verdict in ("rejected", DUPLICATE):
                other = _doubled(connection, pair, compared, value, sha256, here, at, window, insist=insist)
            new = verdict if other is None else DUPLICATE
            if new != there.verdict:
                values = {"verdict": new, "duplicate_of": None if other is None else other.number}
                mine = interchange_received.c.number == there.number
                connection.execute(update(interchange_received).where(mine).values(**values))
                _tell(connection, at, "judged", there.verdict, new, there.number)
        row = _here(connection, item_id, place)
        if row is None:
            raise AssertionError
        return to_received(row)


def record_answer(parts: Parts, number: int, answer: str) -> Received:
    """Say that our acknowledgement went out; see `Interchanges.answered`."""
    at = parts.now()
    mine = interchange_received.c.number == number
    with parts.database.write() as connection:
        changed = connection.execute(
            update(interchange_received)
            .where(mine, interchange_received.c.answered_at.is_(None))
            .values(answered_at=at, answer=answer)
        )
        row = connection.execute(select(interchange_received).where(mine)).one_or_none()
        if row is None:
            raise ConfigError("no such interchange", number=number, next_step="Enter it with `received` first.")
        if row.answer != answer:
            raise StateConflictError(
                "the interchange was answered under another control number",
                number=number,
                there=row.answer,
                asked=answer,
                next_step="Draw the number for the digest of what is answered, so that it is the same again.",
            )
        if changed.rowcount:
            _tell(connection, at, "answered", row.verdict, row.verdict, number, {"answer": answer})
        return to_received(row)


def record_debt(parts: Parts, number: int, answer_due_at: datetime | None) -> Received:
    """Say when our acknowledgement is due; see `Interchanges.owe`."""
    mine = interchange_received.c.number == number
    due_at = answer_due_at and aware(answer_due_at, "answer_due_at")
    with parts.database.write() as connection:
        waiting = update(interchange_received).where(mine, interchange_received.c.answered_at.is_(None))
        connection.execute(waiting.values(answer_due_at=due_at))
        row = connection.execute(select(interchange_received).where(mine)).one_or_none()
        if row is None:
            raise ConfigError("no such interchange", number=number, next_step="Enter it with `received` first.")
        return to_received(row)


def of_family(parts: Parts, item_id: str) -> list[Received]:
    """What an item, its original and the replays of that brought; see `Interchanges.of_family`."""
    with parts.database.read() as connection:
        query = select(interchange_received).where(interchange_received.c.item_id.in_(_family(connection, item_id)))
        return [to_received(row) for row in connection.execute(query.order_by(interchange_received.c.number))]


def came_before(parts: Parts, one: Received) -> bool:
    """Whether the same bytes were entered before; see `Interchanges.came_before`."""
    same = interchange_received.c.sha256 == one.sha256, interchange_received.c.number < one.number
    query = _SAME.where(*same).with_only_columns(interchange_received.c.number).limit(1)
    with parts.database.read() as connection:
        return connection.execute(query, {**pair_values(one.pair), "control": one.control}).first() is not None


def _family(connection: Connection, item_id: str) -> Select[tuple[str]]:
    """The ids of an item, its original and the replays of that: they hold the very same delivery."""
    first = connection.scalar(select(work_item.c.replay_of).where(work_item.c.id == item_id)) or item_id
    return select(work_item.c.id).where((work_item.c.id == first) | (work_item.c.replay_of == first))


def _here(connection: Connection, item_id: str, place: int) -> Row[Any] | None:
    mine = interchange_received.c.item_id == item_id, interchange_received.c.place == place
    return connection.execute(select(interchange_received).where(*mine)).one_or_none()


def _doubled(
    connection: Connection,
    pair: Pair,
    control: str,
    value: int | None,
    sha256: str,
    here: tuple[str, int],
    at: datetime,
    window: timedelta,
    *,
    insist: bool,
) -> Row[Any] | None:
    """The interchange that this one doubles, if any; of several the newest.

    The item's original and its other replays hold the very same delivery. If that was taken once, also because a person
    insisted, its number is its own, whatever came with that number since. If it never was, what came with its number before
    or after it stands in its way, within the window of the instant at which it came first. One that was refused used no number
    up. What stands at another place of its own item may be its double; nobody can insist that one item may hold it twice.
    """
    item_id, place = here
    family = _family(connection, item_id)
    itself = (interchange_received.c.item_id.in_(family), interchange_received.c.place == place)
    delivery = select(interchange_received).where(*itself, interchange_received.c.sha256 == sha256)
    known = connection.execute(delivery.order_by(interchange_received.c.number)).all()
    if any(row.verdict in _TAKEN for row in known):
        return None
    first = known[0] if known else None
    at = at if first is None else first.received_at
    before = (interchange_received.c.item_id == item_id) & (interchange_received.c.place < place)
    elsewhere = interchange_received.c.item_id.not_in(family) | (interchange_received.c.place != place)
    query = _SAME.where(
        interchange_received.c.received_at > at - window,
        interchange_received.c.received_at < at + window,
        interchange_received.c.verdict.in_(_TAKEN),
        before if insist else elsewhere,
    ).order_by(interchange_received.c.number.desc())
    for found in connection.execute(query, {**pair_values(pair), "control": control}):
        if found.sha256 == sha256 or value is None or not _went_round(connection, pair, value, found, first):
            return found
    return None


def _went_round(connection: Connection, pair: Pair, value: int, found: Row[Any], first: Row[Any] | None) -> bool:
    """Whether the partner's counter went round between two interchanges (as serial numbers, RFC 1982).

    It did if one was taken between them that is more than half of the range ahead of the number; a refused one may say any
    number. `first` None is an interchange that comes now.
    """
    number = interchange_received.c.number
    between = [number > found.number]
    if first is not None:
        between = [number > min(first.number, found.number), number < max(first.number, found.number)]
    ahead = interchange_received.c.control_value > value + LIMITS[pair.syntax] // 2
    taken = interchange_received.c.verdict.in_(_TAKEN)
    query = select(number).where(*named_by(interchange_received), *between, ahead, taken).limit(1)
    return connection.execute(query, pair_values(pair)).first() is not None


def _tell(
    connection: Connection,
    at: datetime,
    event: str,
    old: str | None,
    new: str,
    number: int,
    detail: dict[str, Any] | None = None,
) -> None:
    entry = event_row(at, event, old, new, received_number=number, detail=detail or {})
    connection.execute(insert(interchange_event), [entry])
