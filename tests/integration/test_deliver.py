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

from airflow_provider_integrations.connectors.sftp_pgp.gnupg import GnuPgEngine
from airflow_provider_integrations.connectors.sftp_pgp.settings import OpenPgpKeys
from airflow_provider_integrations.core.errors import (
    ConfigError,
    PermanentError,
    StateConflictError,
    TransientError,
)
from airflow_provider_integrations.core.source import OpenPgpPolicy
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.outbox import delivered
from tests.fakes.gnupg import LONG_AGO, Party, PgpWorld, make_party
from tests.fakes.outbox_world import OutboxWorld
from tests.fakes.sftp_faults import Faults, FaultyServer
from tests.fakes.sshd import Sshd

pytestmark = pytest.mark.integration

Make = Callable[..., OutboxWorld]
ANSWER = b"ISA*00*canary-4711*~\r\n"
BOUNDARIES = ["claimed", "sealed", "noted as sealed", "uploaded", "noted as delivered"]


def opened(message: bytes, by: Party, own: Party, tmp_path: Path) -> bytes:
    """What the partner reads, after proof that it is whole and signed by us."""
    path = tmp_path / f"{uuid.uuid4().hex}.pgp"
    path.write_bytes(message)
    keys = OpenPgpKeys(by.private_key, by.passphrase, own.certificate, (own.fingerprint,))
    with GnuPgEngine(keys) as engine, engine.open(path, OpenPgpPolicy()) as content:
        data = content.read()
        assert content.verify().signers == (own.fingerprint,)
        return data


def states(world: OutboxWorld) -> dict[str, State]:
    return {item.name: item.state for item in world.ledger().items.list()}


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
    assert states(world) == {"997_1.edi": State.LOADED}
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
    assert states(world) == {"997_1.edi": State.LOADED}


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
            with world.ledger()._database.write() as connection:
                connection.exec_driver_sql("UPDATE work_item SET claim_owner = NULL, claim_expires_at = NULL")
            with ThreadPoolExecutor(1) as pool:
                successors.extend(pool.submit(other.deliver).result())

    successors: list[Any] = []
    with pytest.raises(TransientError, match="no longer held"):
        world.deliver(overtaken)
    [done] = successors
    [there] = world.there().values()
    assert hashlib.sha256(there).hexdigest() == done.facts["sealed_sha256"]
    assert world.ledger().items.get(item.id) == done


def test_other_bytes_under_the_name_stay_and_the_others_go_on(make_outbox: Make) -> None:
    world = make_outbox()
    (world.partner / "inbound/b.edi").write_bytes(b"somebody else's")
    for name in ("a.edi", "b.edi", "c.edi"):
        world.enqueue(name, name.encode(), seal=False)
    with pytest.raises(PermanentError, match="other bytes"):
        world.deliver()
    assert world.there() == {"inbound/a.edi": b"a.edi", "inbound/b.edi": b"somebody else's", "inbound/c.edi": b"c.edi"}
    assert states(world) == {"a.edi": State.LOADED, "b.edi": State.DISCOVERED, "c.edi": State.LOADED}
    (world.partner / "inbound/b.edi").unlink()
    assert [item.name for item in world.deliver()] == ["b.edi"]


def test_the_same_bytes_under_the_name_are_fine(make_outbox: Make) -> None:
    world = make_outbox()
    (world.partner / "inbound/a.edi").write_bytes(ANSWER)
    world.enqueue("a.edi", ANSWER, seal=False)
    world.deliver()
    assert world.there() == {"inbound/a.edi": ANSWER}


@pytest.mark.parametrize("damaged", ["kept", "sealed"])
@pytest.mark.parametrize("how", [b"others", None], ids=["changed", "gone"])
def test_kept_bytes_that_were_changed_are_not_sent(make_outbox: Make, damaged: str, how: bytes | None) -> None:
    world = make_outbox()
    item = world.enqueue("a.edi", ANSWER)
    world.enqueue("b.edi", ANSWER)
    world.deliver_killed_at("noted as sealed")
    path = world.landing / str(world.ledger().items.get(item.id).facts[damaged])
    path.unlink()
    if how is not None:
        path.write_bytes(how)
    with pytest.raises(StateConflictError, match="gone or was changed"):
        world.deliver()
    assert list(world.there()) == ["inbound/b.edi"]


def test_a_missing_folder_is_made(make_outbox: Make) -> None:
    world = replace(make_outbox(), to="to us/acks/997")
    world.enqueue("a.edi", ANSWER, seal=False)
    world.deliver()
    assert world.there() == {"to us/acks/997/a.edi": ANSWER}


def test_a_file_in_the_way_of_the_folder_is_told(make_outbox: Make) -> None:
    world = make_outbox()
    (world.partner / "acks").write_bytes(b"")
    for to in ("/acks/997", "/inbound"):
        replace(world, to=to).enqueue("a.edi", ANSWER, seal=False)
    with pytest.raises(ConfigError, match="cannot be made here"):
        world.deliver()
    assert world.there() == {"acks": b"", "inbound/a.edi": ANSWER}


@pytest.mark.parametrize("to", ["/inbound", "/missing"])
def test_a_server_that_lets_nobody_write_is_told_and_the_file_waits(
    make_outbox: Make, sshd_with: Callable[..., Sshd], to: str
) -> None:
    server = sshd_with(sftp_options="-R")
    (server.root / "inbound").mkdir()
    world = make_outbox(host_key=server.host_key, private_key=server.private_key, root=str(server.root))
    world = replace(world, sftp={**world.sftp, "port": server.port}, to=to)
    world.enqueue("a.edi", ANSWER, seal=False)
    with pytest.raises(PermanentError, match="does not permit"):
        world.deliver()
    assert states(world) == {"a.edi": State.DISCOVERED}
    assert world.there() == {}


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


def test_a_replay_of_the_outbox_sends_the_same_bytes_again(make_outbox: Make) -> None:
    world = make_outbox()
    world.enqueue("997_1.edi", ANSWER)
    world.deliver()
    sent = world.there()
    (world.partner / "inbound/997_1.edi").unlink()
    today = datetime.now(UTC).date()
    world.ledger().items.replay(f"{world.source}__outbox", today, today, request="lost", who="test")
    [item] = world.deliver()
    assert world.there() == sent
    assert item.facts["control"] == "997_1.edi"


def test_the_landing_root_may_be_an_object_store(make_outbox: Make, pgp: PgpWorld, tmp_path: Path) -> None:
    world = make_outbox()
    root = UPath(f"memory://{uuid.uuid4().hex}/landing")
    world.enqueue("a.edi", ANSWER, root=root)
    [item] = world.deliver(root=root)
    assert opened(world.there()["inbound/a.edi"], pgp.partner, pgp.own, tmp_path) == ANSWER
    assert (root / item.facts["sealed"]).read_bytes() == world.there()["inbound/a.edi"]


def test_every_certificate_that_can_encrypt_now_can_read_it(
    make_outbox: Make, pgp: PgpWorld, pgp_homes: Path, tmp_path: Path
) -> None:
    """A partner who renewed its certificate: the one that ran out is left out, without stopping the delivery."""
    expired = make_party(pgp_homes, "runout", at=LONG_AGO, until="1y")
    world = make_outbox(pgp_certificates=pgp.partner.certificate + expired.certificate + pgp.stranger.certificate)
    world.enqueue("a.edi", ANSWER)
    world.deliver()
    [message] = world.there().values()
    for one in (pgp.partner, pgp.stranger):
        assert opened(message, one, pgp.own, tmp_path) == ANSWER

    alone = make_outbox(pgp_certificates=expired.certificate)
    alone.enqueue("b.edi", ANSWER)
    with pytest.raises(ConfigError, match="expired"):
        alone.deliver()
    assert alone.there() == {}


@pytest.mark.parametrize("missing", ["pgp_private_key", "pgp_certificates"])
def test_without_a_key_nothing_is_sent_unsealed(make_outbox: Make, missing: str) -> None:
    world = make_outbox(**{missing: None})
    world.enqueue("a.edi", ANSWER)
    with pytest.raises(ConfigError):
        world.deliver()
    assert world.there() == {}
