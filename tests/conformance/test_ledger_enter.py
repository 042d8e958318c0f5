"""Items that are entered by whoever makes them, on each engine: one for a path, whoever comes first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from airflow_provider_integrations.core.work_item import RemoteFile, State
from airflow_provider_integrations.ledger.ledger import Ledger

FILE = RemoteFile("/inbound/997_12.edi", 106, 0)


def test_the_first_one_is_entered_and_stays_as_it_is(ledger: Ledger) -> None:
    assert ledger.items.latest("acme__outbox", FILE.path) is None
    item = ledger.items.enter("acme__outbox", FILE, facts={"sha256": "ab"})
    assert item == ledger.items.get(item.id)
    assert (item.state, item.generation, item.size, item.facts) == (State.DISCOVERED, 1, 106, {"sha256": "ab"})
    other = RemoteFile(FILE.path, 9_000, 5)
    assert ledger.items.enter("acme__outbox", other, facts={"sha256": "cd"}) == item
    assert ledger.items.latest("acme__outbox", FILE.path) == item
    assert [event.event for event in ledger.items.history(item.id)] == ["discovered"]


def test_one_that_went_on_is_given_as_it_is_now(ledger: Ledger) -> None:
    item = ledger.items.enter("acme__outbox", FILE, facts={})
    taken = ledger.items.claim(item.id, "w", states=[State.DISCOVERED], lease=timedelta(minutes=1))
    assert taken
    ledger.items.advance(taken[1], State.LOADED)
    assert ledger.items.enter("acme__outbox", FILE, facts={}).state is State.LOADED


def test_a_path_of_another_source_is_another_item(ledger: Ledger) -> None:
    item = ledger.items.enter("acme__outbox", FILE, facts={})
    assert ledger.items.latest("umbrella__outbox", FILE.path) is None
    assert ledger.items.enter("umbrella__outbox", FILE, facts={}).id != item.id


def test_many_at_once_get_the_same_item(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        sizes = range(16)
        items = list(
            pool.map(lambda n: ledger.items.enter("acme__outbox", RemoteFile(FILE.path, n, 0), facts={"n": n}), sizes)
        )
    assert len({(item.id, item.size, item.facts["n"]) for item in items}) == 1
    assert len(ledger.items.list("acme__outbox")) == 1


def test_an_identity_is_one_item_whatever_its_path(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        entered = list(
            pool.map(
                lambda n: ledger.items.enter_once(
                    "acme__outbox", RemoteFile(f"{n % 4}.edi", 1, 0), facts={"n": n}, identity="order 17"
                ),
                range(16),
            )
        )
    assert len({item.id for item, _ in entered}) == 1
    assert [is_new for _, is_new in entered].count(True) == 1
    item, is_new = ledger.items.enter_once("acme__outbox", RemoteFile("b.edi", 1, 0), facts={}, identity="order 18")
    assert is_new
    assert item.path == "b.edi"
    assert ledger.items.enter_once("umbrella__outbox", RemoteFile("b.edi", 1, 0), facts={}, identity="order 18")[1]
    # A path that is taken stays taken, and what has no identity is known by its path alone.
    taken, is_new = ledger.items.enter_once("acme__outbox", RemoteFile("b.edi", 1, 0), facts={}, identity="order 19")
    assert (taken, is_new) == (item, False)
    assert ledger.items.enter_once("acme__outbox", RemoteFile("c.edi", 1, 0), facts={})[1]
