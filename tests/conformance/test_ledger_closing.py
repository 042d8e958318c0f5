"""Closing what is settled, on every engine: several workers do it at once, as two DAGs of one source may."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

from airflow_provider_integrations.core.work_item import RemoteFile, State
from airflow_provider_integrations.ledger.closing import close_settled
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.postgres import SteppedClock

LEASE = timedelta(minutes=5)
WAY = (State.LANDED, State.GATED, State.LOADED)


def loaded(ledger: Ledger, clock: SteppedClock, count: int) -> list[str]:
    files = [RemoteFile(f"odbc/run/shard-{number:04d}", 0, 0) for number in range(count)]
    ids = [item.id for item in ledger.items.discover("orders", files, listed_at=clock())]
    for state in WAY:
        for identity in ids:
            taken = ledger.items.claim(identity, "w", states=list(State), lease=LEASE)
            assert taken
            ledger.items.advance(taken[1], state)
    return ids


def test_several_close_at_once_and_none_fails(ledger: Ledger, ledger_clock: SteppedClock) -> None:
    ids, start = loaded(ledger, ledger_clock, 12), Barrier(4)

    def close(_: int) -> None:
        start.wait()
        close_settled(ledger, "orders", ids)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(close, range(4)))
    # A claim that another took over in between is closed by the next one.
    close_settled(ledger, "orders", ids)
    assert {ledger.items.get(identity).state for identity in ids} == {State.ARCHIVED}


def test_nothing_and_what_is_not_loaded_is_left_alone(ledger: Ledger, ledger_clock: SteppedClock) -> None:
    close_settled(ledger, "orders", [])
    [item] = ledger.items.discover("orders", [RemoteFile("odbc/run/shard-0001", 0, 0)], listed_at=ledger_clock())
    close_settled(ledger, "orders", [item.id])
    assert ledger.items.get(item.id).state is State.DISCOVERED
