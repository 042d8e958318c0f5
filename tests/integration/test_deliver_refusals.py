"""What cannot be delivered is told, waits, and never stops the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_integrations.core.errors import ConfigError, PermanentError, StateConflictError, TransientError
from airflow_provider_integrations.core.work_item import State
from tests.fakes.gnupg import LONG_AGO, PgpWorld, make_party
from tests.fakes.outbox_world import OutboxWorld, opened
from tests.fakes.sshd import Sshd

pytestmark = pytest.mark.integration

Make = Callable[..., OutboxWorld]
ANSWER = b"ISA*00*canary-4711*~\r\n"


def test_other_bytes_under_the_name_stay_and_the_others_go_on(make_outbox: Make) -> None:
    world = make_outbox()
    (world.partner / "inbound/b.edi").write_bytes(b"somebody else's")
    for name in ("a.edi", "b.edi", "c.edi"):
        world.enqueue(name, name.encode(), seal=False)
    with pytest.raises(PermanentError, match="other bytes"):
        world.deliver()
    assert world.there() == {"inbound/a.edi": b"a.edi", "inbound/b.edi": b"somebody else's", "inbound/c.edi": b"c.edi"}
    assert world.states() == {"a.edi": "loaded", "b.edi": "discovered", "c.edi": "loaded"}
    (world.partner / "inbound/b.edi").unlink()
    assert [item.name for item in world.deliver()] == ["b.edi"]


def test_what_no_retry_mends_is_told_before_what_one_may_mend(make_outbox: Make) -> None:
    world = make_outbox()
    (world.partner / "inbound/a.edi").write_bytes(b"somebody else's")
    for name in ("a.edi", "b.edi", "c.edi"):
        world.enqueue(name, name.encode(), seal=False)

    def overtaken(boundary: str) -> None:
        if boundary == "claimed":
            world.lose_claim("b.edi")

    with pytest.raises(PermanentError, match="other bytes"):
        world.deliver(overtaken)
    assert world.states() == {"a.edi": "discovered", "b.edi": "discovered", "c.edi": "loaded"}
    (world.partner / "inbound/a.edi").unlink()
    assert [item.name for item in world.deliver()] == ["a.edi", "b.edi"]


def test_a_folder_that_has_the_name_stays(make_outbox: Make) -> None:
    world = make_outbox()
    (world.partner / "inbound/a.edi").mkdir()
    world.enqueue("a.edi", ANSWER, seal=False)
    with pytest.raises(PermanentError):
        world.deliver()
    assert (world.partner / "inbound/a.edi").is_dir()
    assert world.there() == {}


def test_a_file_that_another_worker_holds_is_waited_for(make_outbox: Make) -> None:
    """It may have died: a task that ended well now would leave its file lying until the next run."""
    world = make_outbox()
    held = world.enqueue("a.edi", ANSWER, seal=False)
    world.enqueue("b.edi", ANSWER, seal=False)
    world.ledger().items.claim(held.id, "somebody", states=[State.DISCOVERED], lease=timedelta(hours=1))
    with pytest.raises(TransientError, match="claimed by another worker"):
        world.deliver()
    assert list(world.there()) == ["inbound/b.edi"]
    world.lose_claim(held.path)
    assert [item.name for item in world.deliver()] == ["a.edi"]


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
    for name, to in (("a.edi", "/acks/997"), ("b.edi", "/inbound")):
        replace(world, to=to).enqueue(name, ANSWER, seal=False)
    with pytest.raises(ConfigError, match="cannot be made here"):
        world.deliver()
    assert world.there() == {"acks": b"", "inbound/b.edi": ANSWER}


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
    assert world.states() == {"a.edi": "discovered"}
    assert world.there() == {}


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
