"""What is released or replayed after the reason for its refusal was removed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_integrations.core.errors import SystemicError
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.landing.quarantine import read_kept
from tests.fakes.chain import Chain
from tests.fakes.chain_steps import Steps
from tests.fakes.chain_world import customers
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.gnupg import PgpWorld

pytestmark = pytest.mark.integration

MakeChain = Callable[..., Chain]
DAY = "2025-11-05"


def release(steps: Steps, name: str) -> None:
    steps.intake.ledger.items.release(steps.items()[name].id, who="test", why="the policy was wrong")


def original(steps: Steps, name: str) -> Path:
    return Path(steps.intake.root.path) / steps.items()[name].facts["folder"] / "original.pgp"


def test_a_file_that_was_too_large_is_released_after_the_limit_was_raised(make_chain: MakeChain, pgp: PgpWorld) -> None:
    """Not a byte of it was fetched: it lies in the quarantine folder of the partner's server."""
    chain = make_chain(limits={"max_bytes": 100})
    name = chain.drop(pgp.partner, pgp.own, 1, customers(range(1, 6)), day=DAY)
    steps = Steps.of(chain)
    assert steps.take() == [("quarantined", "file_too_large")]
    steps.archive()
    steps = Steps.of(replace(chain, source={**chain.source, "limits": {}}))
    release(steps, name)
    assert steps.take() == [("landed", None)]
    steps.archive()
    assert steps.items()[name].state is State.LANDED


def test_a_name_that_fits_a_later_pattern_counts_like_any_other(make_chain: MakeChain, pgp: PgpWorld) -> None:
    """Date, sequence and checksum are read from the name by the pattern of now, for releases and for replays."""
    names = {"pattern": "acme_customers_{date}_seq-{sequence}_crc32-{checksum}.csv.gpg", "checksum": "crc32"}
    chain = make_chain(names={**names, "pattern": "other_{date}_{sequence}_{checksum}.gpg"})
    name = chain.drop(pgp.partner, pgp.own, 7, customers(range(1, 6)), day="2025-11-03")
    assert Steps.of(chain).take() == [("quarantined", "name_out_of_contract")]
    steps = Steps.of(replace(chain, source={**chain.source, "names": names}))
    found = Steps.of(steps.chain)
    day = steps.items()[name].discovered_at.date().isoformat()
    assert found.replay(day, day, "again") == [("landed", None)]
    (replayed,) = [item for item in steps.intake.ledger.items.list() if item.replay_of]
    assert replayed.facts["version"].startswith("2025-11-03/")
    chain.drop(pgp.partner, pgp.own, 7, customers(range(1, 7)), day="2025-11-03")
    assert ("quarantined", "sequence_reused") in steps.take()
    release(steps, name)
    steps.take()
    item = steps.items()[name]
    assert (item.state, item.facts["date"], item.facts["sequence"]) == (State.DUPLICATE, "2025-11-03", 7)


def test_a_plaintext_checksum_of_a_later_pattern_is_checked(make_chain: MakeChain, pgp: PgpWorld) -> None:
    names = {"pattern": "acme_{date}_{checksum}.gpg", "checksum": "crc32", "checksum_of": "plaintext"}
    chain = make_chain(names={**names, "pattern": "other_{checksum}.gpg"})
    name = f"acme_{DAY}_00000000.gpg"
    chain.drop(pgp.partner, pgp.own, 7, customers(range(1, 6)), day=DAY, name=name)
    assert Steps.of(chain).take() == [("quarantined", "name_out_of_contract")]
    steps = Steps.of(replace(chain, source={**chain.source, "names": names}))
    release(steps, name)
    assert steps.take() == [("quarantined", "checksum_mismatch")]


def test_a_release_takes_the_kept_bytes_and_leaves_a_new_version_to_itself(
    make_chain: MakeChain, pgp: PgpWorld, warehouse: Warehouse
) -> None:
    """Released before it was moved away, while the partner puts a corrected file under the same name."""
    chain = make_chain(names={"pattern": "acme_customers_{date}.csv.gpg", "reuse": "new_version"})
    steps = Steps.of(replace(chain, contract={**chain.contract, "max_reject_share": 0}))
    name = f"acme_customers_{DAY}.csv.gpg"
    mixed = customers(range(1, 30)) + customers([40]).splitlines(True)[1].replace(b"US", b"usa")
    chain.drop(pgp.partner, pgp.own, 1, mixed, day=DAY, name=name)
    assert steps.take() == [("quarantined", "too_many_rejects")]
    release(steps, name)
    steps = Steps.of(chain)
    chain.drop(pgp.partner, pgp.own, 1, customers(range(1, 50), "Anna Sund"), day=DAY, name=name)
    assert sorted(steps.take()) == [("landed", None), ("landed", None)]
    steps.finish()
    assert not steps.path(name).exists()
    table = '"{db}"."SILVER"."CUSTOMERS"'
    query = f"select full_name, count(*) from {table} where is_current group by 1"
    assert warehouse.rows(query) == [("Anna Sund", 49)]


def test_a_release_after_the_contract_changed(make_chain: MakeChain, pgp: PgpWorld, warehouse: Warehouse) -> None:
    chain = make_chain()
    content = customers(range(1, 6)).replace(b",US,", b",USA,")
    name = chain.drop(pgp.partner, pgp.own, 1, content, day=DAY)
    steps = Steps.of(chain)
    assert steps.take() == [("quarantined", "too_many_rejects")]
    steps.finish()
    release(steps, name)
    assert steps.take() == [("quarantined", "too_many_rejects")], "nothing has changed yet"
    contract = {**chain.contract, "version": "2.0.0"}
    contract["columns"] = [
        {**column, "pattern": "^[A-Z]{2,3}$"} if column["name"] == "country" else column
        for column in contract["columns"]
    ]
    steps = Steps.of(replace(chain, contract=contract))
    release(steps, name)
    assert steps.take() == [("landed", None)]
    steps.finish()
    item = steps.items()[name]
    assert (item.state, item.facts["releases"]) == (State.ARCHIVED, 2)
    assert warehouse.rows('select count(*) from "{db}"."SILVER"."CUSTOMERS"') == [(5,)]


def test_a_replay_proves_that_the_kept_original_is_what_came(make_chain: MakeChain, pgp: PgpWorld) -> None:
    """An older file of the partner in its place is signed as well, and would be loaded as this one."""
    chain = make_chain()
    steps = Steps.of(chain)
    names = [chain.drop(pgp.partner, pgp.own, n, customers(range(n, n + 6)), day=f"2025-11-0{n}") for n in (1, 2)]
    steps.take()
    older, newer = (original(steps, name) for name in names)
    newer.unlink()
    newer.write_bytes(older.read_bytes())
    with pytest.raises(SystemicError, match="no longer what came"):
        steps.replay("2025-11-02", "2025-11-02", "again")


def test_a_replay_whose_original_is_gone_does_not_stop_the_others(make_chain: MakeChain, pgp: PgpWorld) -> None:
    chain = make_chain()
    steps = Steps.of(chain)
    names = [chain.drop(pgp.partner, pgp.own, n, customers(range(n, n + 6)), day=f"2025-11-0{n}") for n in (1, 2)]
    steps.take()
    original(steps, names[0]).unlink()
    with pytest.raises(SystemicError, match="is gone"):
        steps.replay("2025-11-01", "2025-11-02", "again")
    replays = [item for item in steps.intake.ledger.items.list() if item.replay_of]
    assert sorted(item.state for item in replays) == [State.DISCOVERED, State.LANDED]


def test_a_second_refusal_for_the_same_reason_shows_the_rejects_of_now(make_chain: MakeChain, pgp: PgpWorld) -> None:
    chain = make_chain()
    content = customers(range(1, 6)).replace(b",US,", b",USA,").replace(b",10.50,", b",much,")
    name = chain.drop(pgp.partner, pgp.own, 1, content, day=DAY)
    steps = Steps.of(chain)
    assert steps.take() == [("quarantined", "too_many_rejects")]
    release(steps, name)
    columns = [
        column | {"pattern": None} if column["name"] == "country" else column for column in chain.contract["columns"]
    ]
    steps = Steps.of(replace(chain, contract={**chain.contract, "version": "2.0.0", "columns": columns}))
    assert steps.take() == [("quarantined", "too_many_rejects")]
    kept = Path(steps.intake.root.path) / steps.items()[name].facts["kept"]
    assert "pattern" not in (kept / "rejects.jsonl").read_text()
    assert len(read_kept(kept).earlier) == 1
