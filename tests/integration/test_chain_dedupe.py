"""What came before comes in once: by bytes, by content, by name and by sequence number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from airflow_provider_integrations.connectors.sftp_pgp.land import UndecidedError
from airflow_provider_integrations.core.work_item import State
from tests.fakes.chain import Chain
from tests.fakes.chain_steps import Steps
from tests.fakes.chain_world import customers
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.gnupg import PgpWorld

pytestmark = pytest.mark.integration

MakeChain = Callable[..., Chain]
DAY = "2025-11-05"


def test_the_same_bytes_under_a_new_name_are_a_duplicate(make_chain: MakeChain, pgp: PgpWorld) -> None:
    chain = make_chain()
    steps = Steps.of(chain)
    message = pgp.partner.write(customers(range(1, 6)), pgp.own)
    first = chain.drop_bytes(message, 1, day=DAY)
    assert steps.take() == [("landed", None)]
    again = chain.drop_bytes(message, 2, day=DAY)
    assert ("duplicate", "duplicate_bytes") in steps.take()
    items = steps.items()
    assert items[again].facts["duplicate_of"] == items[first].id
    steps.archive()
    assert not steps.path(again).exists()


def test_the_same_content_encrypted_again_is_a_duplicate(make_chain: MakeChain, pgp: PgpWorld) -> None:
    chain = make_chain()
    steps = Steps.of(chain)
    first = chain.drop(pgp.partner, pgp.own, 1, customers(range(1, 6)), day=DAY)
    steps.take()
    again = chain.drop(pgp.partner, pgp.own, 2, customers(range(1, 6)), day=DAY)
    assert ("duplicate", "duplicate_content") in steps.take()
    items = steps.items()
    assert items[again].facts["duplicate_of"] == items[first].id


def test_duplicates_in_one_delivery_come_in_once(make_chain: MakeChain, pgp: PgpWorld) -> None:
    chain = make_chain()
    message = pgp.partner.write(customers(range(1, 6)), pgp.own)
    for number in (1, 2, 3):
        chain.drop_bytes(message, number, day=DAY)
    chain.drop(pgp.partner, pgp.own, 4, customers(range(1, 6)), day=DAY)
    found = Steps.of(chain).take()
    assert sorted(state for state, _ in found) == ["duplicate"] * 3 + ["landed"]


PLAIN_NAME = {"pattern": "acme_customers_{date}.csv.gpg"}


@pytest.mark.parametrize(
    ("reuse", "second"), [("refuse", ("quarantined", "name_reused")), ("new_version", ("landed", None))]
)
@pytest.mark.parametrize("archived", [True, False])
def test_a_known_name_with_new_bytes_follows_the_policy(
    reuse: str, second: tuple[str, str | None], archived: bool, make_chain: MakeChain, pgp: PgpWorld,
    warehouse: Warehouse,
) -> None:  # fmt: skip
    chain = make_chain(names={**PLAIN_NAME, "reuse": reuse})
    steps = Steps.of(chain)
    name = f"acme_customers_{DAY}.csv.gpg"
    chain.drop(pgp.partner, pgp.own, 1, customers(range(1, 6)), day=DAY, name=name)
    steps.take()
    if archived:
        steps.finish()
    chain.drop(pgp.partner, pgp.own, 1, customers(range(1, 6), "Anna Sund-Berg"), day=DAY, name=name)
    assert second in steps.take()
    steps.finish()
    assert not steps.path(name).exists()
    expected = "Anna Sund-Berg" if reuse == "new_version" else "Anna Berg"
    table = '"{db}"."SILVER"."CUSTOMERS"'
    assert warehouse.rows(f"select distinct full_name from {table} where is_current") == [(expected,)]


def test_a_known_sequence_number_with_new_bytes_is_refused(make_chain: MakeChain, pgp: PgpWorld) -> None:
    chain = make_chain()
    steps = Steps.of(chain)
    chain.drop(pgp.partner, pgp.own, 1, customers(range(1, 6)), day=DAY)
    steps.take()
    chain.drop(pgp.partner, pgp.own, 1, customers(range(1, 7)), day=DAY)
    assert ("quarantined", "sequence_reused") in steps.take()


def test_the_right_name_of_bytes_comes_in_whatever_becomes_of_the_wrong_one(
    make_chain: MakeChain, pgp: PgpWorld
) -> None:
    """The partner puts new bytes under an old name, sees the mistake and sends them under the right one.

    Both are taken in side by side: the wrong one is a duplicate if the right one was first.
    """
    chain = make_chain(names={"pattern": "acme_{entity}_{date}.csv.gpg", "reuse": "refuse"})
    steps = Steps.of(chain)
    wrong, right = _under_two_names(steps, pgp)
    steps.take()
    items = steps.items()
    assert (items[right].state, items[right].reason) == (State.LANDED, None), "its rows would never come in"
    refused = [(State.QUARANTINED, "name_reused"), (State.DUPLICATE, "duplicate_bytes")]
    assert (items[wrong].state, items[wrong].reason) in refused


def test_a_duplicate_is_not_one_of_an_item_that_is_refused_at_the_same_time(
    make_chain: MakeChain, pgp: PgpWorld
) -> None:
    """The wrong one is half-way when another worker comes to the right one, which must wait for its verdict."""
    chain = make_chain(names={"pattern": "acme_{entity}_{date}.csv.gpg", "reuse": "refuse"})
    wrong, right = _under_two_names(Steps.of(chain), pgp)
    other = Steps.of(chain, owner="another worker")
    waited: list[str] = []

    def meanwhile(name: str) -> None:
        if name == "decoded":
            with pytest.raises(UndecidedError, match="not settled"):
                other.take([other.items()[right].id])
            waited.append(name)

    steps = Steps.of(chain, boundary=meanwhile)
    steps.look()
    assert steps.take([steps.items()[wrong].id]) == [("quarantined", "name_reused")]
    assert waited == ["decoded"]
    assert other.take([other.items()[right].id]) == [("landed", None)], "its rows would never come in"


def _under_two_names(steps: Steps, pgp: PgpWorld) -> tuple[str, str]:
    """New bytes under a name that is known, and under a name that is not."""
    wrong, right = f"acme_a_{DAY}.csv.gpg", f"acme_b_{DAY}.csv.gpg"
    steps.chain.drop(pgp.partner, pgp.own, 1, customers(range(1, 6)), day=DAY, name=wrong)
    steps.take()
    message = pgp.partner.write(customers(range(6, 2000)), pgp.own)
    steps.path(wrong).unlink()
    steps.chain.drop_bytes(message, 1, day=DAY, name=wrong)
    steps.chain.drop_bytes(message, 1, day=DAY, name=right)
    return wrong, right


def test_a_replay_does_not_get_round_the_rule_for_names(make_chain: MakeChain, pgp: PgpWorld) -> None:
    chain = make_chain()
    steps = Steps.of(chain)
    chain.drop(pgp.partner, pgp.own, 1, customers(range(1, 6)), day=DAY)
    steps.take()
    chain.drop(pgp.partner, pgp.own, 1, customers(range(1, 7)), day=DAY)
    steps.take()
    found = steps.replay(DAY, DAY, "again")
    assert sorted(found, key=str) == [("landed", None), ("quarantined", "sequence_reused")]


def test_what_a_replay_took_in_is_known_afterwards(make_chain: MakeChain, pgp: PgpWorld) -> None:
    """A refused file is replayed after the contract changed; it may be replayed twice, and then sent or released."""
    chain = make_chain()
    message = pgp.partner.write(customers(range(1, 6)).replace(b",US,", b",USA,"), pgp.own)
    first = chain.drop_bytes(message, 1, day=DAY)
    assert Steps.of(chain).take() == [("quarantined", "too_many_rejects")]
    contract = {**chain.contract, "version": "2.0.0"}
    contract["columns"] = [
        {**column, "pattern": "^[A-Z]{2,3}$"} if column["name"] == "country" else column
        for column in contract["columns"]
    ]
    steps = Steps.of(replace(chain, contract=contract))
    assert steps.replay(DAY, DAY, "one") == [("landed", None)]
    assert steps.replay(DAY, DAY, "two") == [("landed", None)]
    chain.drop_bytes(message, 2, day=DAY)
    assert ("duplicate", "duplicate_bytes") in steps.take()
    steps.intake.ledger.items.release(steps.items()[first].id, who="test", why="the contract changed")
    assert ("duplicate", "duplicate_bytes") in steps.take()
