"""Delivery from the outbox to a real OpenSSH server, sealed by GnuPG: each file once, whole, and the same at every run."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from airflow_provider_integrations.core.errors import TransientError
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.outbox import delivered
from tests.fakes.gnupg import PgpWorld
from tests.fakes.outbox_world import OutboxWorld, opened
from tests.fakes.sftp_faults import Faults, FaultyServer

pytestmark = pytest.mark.integration

Make = Callable[..., OutboxWorld]
ANSWER = b"ISA*00*canary-4711*~\r\n"
BOUNDARIES = ["claimed", "sealed", "noted as sealed", "uploaded", "noted as delivered"]


def scratch_left(world: OutboxWorld) -> list[Path]:
    return [path for path in (world.landing / ".scratch").rglob("*") if path.is_file()]


def test_what_waits_is_sealed_signed_and_put_under_its_name(make_outbox: Make, pgp: PgpWorld, tmp_path: Path) -> None:
    world = make_outbox()
    world.enqueue("997_1.edi.pgp", ANSWER)
    world.enqueue("plain.edi", b"as it is", seal=False)
    before = datetime.now(UTC)
    first, second = world.deliver()
    there = world.there()
    assert sorted(there) == ["inbound/997_1.edi.pgp", "inbound/plain.edi"]
    assert opened(there["inbound/997_1.edi.pgp"], pgp.partner, pgp.own, tmp_path) == ANSWER
    assert b"canary" not in there["inbound/997_1.edi.pgp"]
    assert there["inbound/plain.edi"] == b"as it is"
    assert (first.state, first.facts["delivered_to"]) == (State.LOADED, "/inbound/997_1.edi.pgp")
    assert first.facts["sealed_sha256"] == hashlib.sha256(there["inbound/997_1.edi.pgp"]).hexdigest()
    assert before <= datetime.fromisoformat(first.facts["delivered_at"]) <= datetime.now(UTC)
    assert "sealed" not in second.facts
    assert [item.id for item in delivered(world.ledger(), world.source)] == [first.id, second.id]
    assert scratch_left(world) == []


def test_an_empty_outbox_asks_nobody(make_outbox: Make) -> None:
    world = make_outbox(host_key="SHA256:" + "A" * 43)
    assert world.deliver() == []


def test_what_was_delivered_is_not_delivered_again(make_outbox: Make) -> None:
    world = make_outbox()
    world.enqueue("a.edi", ANSWER)
    world.deliver()
    (world.partner / "inbound/a.edi").unlink()
    world.enqueue("a.edi", ANSWER)
    assert world.deliver() == []
    assert world.there() == {}


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("again", ["the same task", "another worker"])
def test_killed_anywhere_the_partner_has_one_file_of_the_name_and_the_same_bytes(
    make_outbox: Make, pgp: PgpWorld, tmp_path: Path, boundary: str, again: str
) -> None:
    world = replace(make_outbox(), lease_seconds=0.2 if again == "another worker" else 120)
    world.enqueue("997_1.edi", ANSWER)
    assert world.deliver_killed_at(boundary) == BOUNDARIES[: BOUNDARIES.index(boundary) + 1]
    seen = world.there()
    threading.Event().wait(0.3)  # the claim of the dead runs out by itself
    world = world if again == "the same task" else replace(world, owner=again, lease_seconds=120)
    done = world.deliver()
    assert [item.name for item in done] == ([] if boundary == "noted as delivered" else ["997_1.edi"])
    there = world.there()
    assert list(there) == ["inbound/997_1.edi"]
    assert opened(there["inbound/997_1.edi"], pgp.partner, pgp.own, tmp_path) == ANSWER
    assert seen in ({}, there), "what the partner may have read already is what lies there now"
    assert world.states() == {"997_1.edi": "loaded"}
    assert world.deliver() == []
    assert scratch_left(world) == []


@pytest.mark.parametrize("boundary", ["uploaded", "noted as delivered"])
def test_a_file_that_the_partner_took_before_the_ledger_knew_comes_again_in_the_same_bytes_at_most(
    make_outbox: Make, boundary: str
) -> None:
    world = make_outbox()
    world.enqueue("997_1.edi", ANSWER)
    world.deliver_killed_at(boundary)
    taken = world.there()
    (world.partner / "inbound/997_1.edi").unlink()
    world.deliver()
    assert world.there() == (taken if boundary == "uploaded" else {})
    assert world.states() == {"997_1.edi": "loaded"}


def test_two_deliverers_at_once_put_each_file_once(make_outbox: Make, pgp: PgpWorld, tmp_path: Path) -> None:
    world = make_outbox()
    contents = {f"{number}.edi": b"ISA*%d*~" % number for number in range(6)}
    for name, data in contents.items():
        world.enqueue(name, data)
    barrier = threading.Barrier(2)

    def one(owner: str) -> list[Any]:
        barrier.wait()
        try:
            return replace(world, owner=owner).deliver()
        except TransientError:
            return []  # the other one is at work on the rest

    with ThreadPoolExecutor(2) as pool:
        done = [item.name for items in pool.map(one, ["one", "two"]) for item in items]
    world.deliver()
    assert sorted(done) == sorted(contents)
    there = {Path(path).name: opened(data, pgp.partner, pgp.own, tmp_path) for path, data in world.there().items()}
    assert there == contents
    for item in world.ledger().items.list():
        events = [event.event for event in world.ledger().items.history(item.id)]
        assert events.count("claimed") == 1


def test_a_deliverer_who_lost_its_claim_does_not_put_other_bytes(make_outbox: Make) -> None:
    """One that slept through its lease while sealing: its successor's sealed bytes count, and its own go nowhere."""
    world = make_outbox()
    item = world.enqueue("997_1.edi", ANSWER)
    other = replace(world, owner="successor")

    def overtaken(boundary: str) -> None:
        if boundary == "sealed" and not successors:
            world.lose_claim(item.path)
            with ThreadPoolExecutor(1) as pool:
                successors.extend(pool.submit(other.deliver).result())

    successors: list[Any] = []
    with pytest.raises(TransientError, match="no longer held"):
        world.deliver(overtaken)
    [done] = successors
    [there] = world.there().values()
    assert hashlib.sha256(there).hexdigest() == done.facts["sealed_sha256"]
    assert world.ledger().items.get(item.id) == done


def faulty(world: OutboxWorld, server: FaultyServer) -> OutboxWorld:
    (server.root / "inbound").mkdir()
    extras = {**world.sftp["extras"], "host_key": server.host_key, "root": "/", "idle_timeout": 2}
    del extras["private_key"]
    there = {"host": "127.0.0.1", "port": server.port, "login": "partner", "password": "correct horse"}
    return replace(world, sftp={**there, "extras": extras})


@pytest.mark.parametrize(
    "faults",
    [Faults(drop_after_rename=True), Faults(drop_after_written=400_000)],
    ids=["after the rename", "in the middle"],
)
def test_a_connection_that_is_cut_puts_the_file_once_and_whole(
    make_outbox: Make, faulty_sftp: Callable[[Faults], FaultyServer], faults: Faults
) -> None:
    server = faulty_sftp(faults)
    world = faulty(make_outbox(), server)
    content = ANSWER * 50_000
    world.enqueue("a.edi", content, seal=False)
    world.deliver()
    assert {path.name: path.read_bytes() for path in (server.root / "inbound").iterdir()} == {"a.edi": content}
    assert faults.connections == 2
    assert not faults.drop_after_rename
    assert faults.drop_after_written is None


@pytest.mark.parametrize("cut", [False, True], ids=["link holds", "link breaks"])
def test_a_partner_who_takes_files_at_once_is_not_given_them_twice(
    make_outbox: Make, faulty_sftp: Callable[[Faults], FaultyServer], cut: bool
) -> None:
    taken: list[bytes] = []

    def take(path: Path) -> None:
        taken.append(path.read_bytes())
        path.unlink()

    server = faulty_sftp(Faults(on_rename=take, drop_after_rename=cut))
    world = faulty(make_outbox(), server)
    for name in ("a.edi", "b.edi"):
        world.enqueue(name, name.encode(), seal=False)
    assert len(world.deliver()) == 2
    assert taken == [b"a.edi", b"b.edi"]
    assert list((server.root / "inbound").iterdir()) == []


@pytest.mark.parametrize("first", ["own", "stranger"])
def test_while_our_key_is_rotated_the_first_one_signs(
    make_outbox: Make, pgp: PgpWorld, tmp_path: Path, first: str
) -> None:
    keys = [pgp.own, pgp.stranger] if first == "own" else [pgp.stranger, pgp.own]
    world = make_outbox(pgp_private_key="".join(key.private_key for key in keys))
    world.enqueue("a.edi", ANSWER)
    world.deliver()
    assert opened(world.there()["inbound/a.edi"], pgp.partner, keys[0], tmp_path) == ANSWER


def test_the_landing_root_may_be_an_object_store(make_outbox: Make, pgp: PgpWorld, tmp_path: Path) -> None:
    world = make_outbox()
    root = UPath(f"memory://{uuid.uuid4().hex}/landing")
    world.enqueue("a.edi", ANSWER, root=root)
    [item] = world.deliver(root=root)
    assert opened(world.there()["inbound/a.edi"], pgp.partner, pgp.own, tmp_path) == ANSWER
    assert (root / item.facts["sealed"]).read_bytes() == world.there()["inbound/a.edi"]
