"""The end of the way: what is moved out of the inbox, what is not, and where the watermark stands then."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from airflow_provider_integrations.core.errors import PermanentError
from airflow_provider_integrations.core.work_item import State
from tests.fakes.chain import Chain
from tests.fakes.chain_steps import Steps
from tests.fakes.chain_world import customers
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.gnupg import PgpWorld

pytestmark = pytest.mark.integration

MakeChain = Callable[..., Chain]
DAY = "2025-11-05"
BY_DAY = {"pattern": "acme_customers_{date}.csv.gpg", "reuse": "new_version"}
NAME = f"acme_customers_{DAY}.csv.gpg"


@pytest.mark.parametrize("looked", [True, False], ids=["seen by a look", "not seen yet"])
def test_a_new_version_that_came_before_the_archive_step_is_not_moved_for_the_old_one(
    looked: bool, make_chain: MakeChain, pgp: PgpWorld, warehouse: Warehouse
) -> None:
    chain = make_chain(names=BY_DAY)
    steps = Steps.of(chain)
    chain.drop(pgp.partner, pgp.own, 1, customers(range(1, 6)), day=DAY, name=NAME)
    steps.take()
    steps.gate()
    steps.load()
    message = pgp.partner.write(customers(range(1, 9), "Anna Sund"), pgp.own)
    chain.drop_bytes(message, 1, day=DAY, name=NAME)
    if looked:
        steps.look()
    steps.archive()
    assert steps.path(NAME).read_bytes() == message, "nobody would ever take it in"
    chain.run()
    assert not steps.path(NAME).exists()
    table = '"{db}"."SILVER"."CUSTOMERS"'
    query = f"select full_name, count(*) from {table} where is_current group by 1"
    assert warehouse.rows(query) == [("Anna Sund", 8)]


def test_a_killed_move_is_known_as_done_when_a_new_version_lies_there(make_chain: MakeChain, pgp: PgpWorld) -> None:
    chain = make_chain(names=BY_DAY)
    chain.drop(pgp.partner, pgp.own, 1, customers(range(1, 6)), day=DAY, name=NAME)

    class Killed(BaseException):
        pass

    def die(boundary: str) -> None:
        if boundary == "moved":
            raise Killed

    steps = Steps.of(chain)
    steps.take()
    steps.gate()
    steps.load()
    with pytest.raises(Killed):
        Steps.of(chain, die).archive()
    message = pgp.partner.write(customers(range(1, 9), "Anna Sund"), pgp.own)
    chain.drop_bytes(message, 1, day=DAY, name=NAME)
    steps.archive()
    item = steps.items()[NAME]
    assert item.state is State.ARCHIVED
    assert item.facts["moved_to"].startswith("/archive/")
    assert steps.path(NAME).read_bytes() == message


def test_a_companion_that_the_partner_took_away_stops_nothing(make_chain: MakeChain, pgp: PgpWorld) -> None:
    chain = make_chain(completeness={"kind": "companion", "companion_suffix": ".done"})
    steps = Steps.of(chain)
    names = [chain.drop(pgp.partner, pgp.own, n, customers(range(n, n + 5)), day=DAY) for n in (1, 2)]
    assert steps.take() == []
    for name in names:
        steps.path(f"{name}.done").touch()
    assert steps.take() == [("landed", None)] * 2
    steps.path(f"{names[0]}.done").unlink()
    steps.finish()
    assert [steps.items()[name].state for name in names] == [State.ARCHIVED] * 2
    assert not list(steps.path("").iterdir())


def test_one_file_that_cannot_be_moved_does_not_keep_the_others(make_chain: MakeChain, pgp: PgpWorld) -> None:
    chain = make_chain()
    steps = Steps.of(chain)
    names = [chain.drop(pgp.partner, pgp.own, n, customers(range(n, n + 5)), day=DAY) for n in (1, 2)]
    steps.take()
    steps.gate()
    steps.load()
    first = steps.items()[names[0]]
    in_the_way = steps.path(f"{first.discovered_at.date()}/{first.id[:12]}_{first.name}", "archive")
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_bytes(b"other bytes")
    with pytest.raises(PermanentError, match="nothing was moved"):
        steps.archive()
    assert steps.items()[names[1]].state is State.ARCHIVED
    assert steps.path(names[0]).exists()
    in_the_way.unlink()
    steps.archive()
    assert steps.items()[names[0]].state is State.ARCHIVED


@pytest.mark.parametrize("kind", ["sha256", "manifest"])
def test_announced_digests_are_checked_end_to_end(kind: str, make_chain: MakeChain, pgp: PgpWorld) -> None:
    policy = {"companion_suffix": ".sha256"} if kind == "sha256" else {"manifest": "MANIFEST.txt"}
    chain = make_chain(completeness={"kind": "companion", **policy})
    steps = Steps.of(chain)
    names = [chain.drop(pgp.partner, pgp.own, n, customers(range(n, n + 5)), day=DAY) for n in (1, 2, 3)]
    digests = [hashlib.sha256(steps.path(name).read_bytes()).hexdigest() for name in names]
    told = {names[0]: digests[0].upper(), names[1]: digests[0]}
    if kind == "sha256":
        for name, digest in told.items():
            steps.path(f"{name}.sha256").write_text(f"{digest}  {name}\n")
    else:
        steps.path("MANIFEST.txt").write_text("".join(f"{digest}  {name}\n" for name, digest in told.items()))
    found = steps.take()
    assert found == [("landed", None), ("quarantined", "checksum_mismatch")], "the third is not announced"
    steps.finish()
    left = {names[2]} | ({"MANIFEST.txt"} if kind == "manifest" else set())
    assert {path.name for path in steps.path("").iterdir()} == left


def test_stable_files_come_in(make_chain: MakeChain, pgp: PgpWorld) -> None:
    chain = make_chain(completeness={"kind": "stable", "looks": 2, "seconds_apart": 0.2})
    chain.drop(pgp.partner, pgp.own, 1, customers(range(1, 6)), day=DAY)
    assert Steps.of(chain).take() == [("landed", None)]


def test_a_first_load_that_died_before_its_watermark_is_no_lost_watermark(make_chain: MakeChain, pgp: PgpWorld) -> None:
    """The archive step runs also after a load that failed."""
    chain = make_chain()

    class Killed(BaseException):
        pass

    def die(boundary: str) -> None:
        if boundary == "noted as loaded":
            raise Killed

    steps = Steps.of(chain, die)
    chain.drop(pgp.partner, pgp.own, 3, customers(range(1, 6)), day=DAY)
    steps.take()
    steps.gate()
    with pytest.raises(Killed):
        steps.load()
    steps.archive()
    steps.load()
    assert steps.intake.ledger.watermarks.require("acme_customers").cursor == (3, DAY)


def test_a_refused_file_does_not_say_where_a_source_begins(make_chain: MakeChain, pgp: PgpWorld) -> None:
    """Whoever may put a file there could else hide every gap that follows."""
    chain = make_chain()
    steps = Steps.of(chain)
    chain.drop(pgp.stranger, pgp.own, 900, customers(range(1, 6)), day="2025-11-01")
    steps.take()
    steps.finish()
    assert steps.intake.ledger.watermarks.get("acme_customers") is None
    for number in (1, 2, 4):
        chain.drop(pgp.partner, pgp.own, number, customers(range(number, number + 5)), day=DAY)
    steps.take()
    steps.finish()
    assert steps.intake.ledger.watermarks.require("acme_customers").cursor == (2, DAY)


def test_a_number_far_ahead_is_told_in_one_line(
    make_chain: MakeChain, pgp: PgpWorld, caplog: pytest.LogCaptureFixture
) -> None:
    chain = make_chain()
    for number in (1, 3, 999_999_999_999_999_999):
        chain.drop_bytes(b"x", number, day=DAY)
    Steps.of(chain).look()
    (told,) = [record.getMessage() for record in caplog.records if "have not come" in record.getMessage()]
    assert told.endswith(": 2, 4-10002")


def test_files_of_one_day_without_numbers_keep_their_order(
    make_chain: MakeChain, pgp: PgpWorld, warehouse: Warehouse
) -> None:
    """The later file counts, also where the row stands higher up in it."""
    chain = make_chain(names={"pattern": "customers-{entity}.gpg"}, load={**make_load(warehouse), "scd": 1})
    chain = replace(chain, contract={**chain.contract, "contract": "acme_customers"})
    steps = Steps.of(chain)
    for name, numbers, who in (("a", range(1, 9), "Anna Berg"), ("b", range(8, 0, -1), "Anna Sund")):
        chain.drop(pgp.partner, pgp.own, 1, customers(list(numbers), who), day=DAY, name=f"customers-{name}.gpg")
    steps.take()
    steps.finish()
    query = 'select full_name, count(*) from "{db}"."SILVER"."CUSTOMERS" group by 1'
    assert warehouse.rows(query) == [("Anna Sund", 8)]
    chain.drop(pgp.partner, pgp.own, 1, customers([8], "Anna Lind"), day=DAY, name="customers-aa.gpg")
    steps.take()
    steps.finish()
    assert sorted(warehouse.rows(query)) == [("Anna Lind", 1), ("Anna Sund", 7)], "in a run of its own"


def make_load(warehouse: Warehouse) -> dict[str, str]:
    return {"database": warehouse.database, "table": "CUSTOMERS"}
