"""Documents of a partner: fetched, proved and landed whole like any other file, and judged by whoever reads them."""

from __future__ import annotations

import hashlib
import signal
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from upath import UPath

from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.landing.bronze import local_folder, read_manifest, verify_files
from tests.fakes.chain import ROOT, Chain, Killer
from tests.fakes.chain_steps import Steps
from tests.fakes.gnupg import PgpWorld

pytestmark = pytest.mark.integration

CANARY = b"canary-plaintext-4711"
DOCUMENT = b"ISA*00*" + CANARY + b"~\r\nGS*PO~\x00\xff not even text"
DAY = "2025-11-05"

MakeDocuments = Callable[..., Chain]


@pytest.fixture
def make_documents(make_chain: Callable[..., Chain]) -> MakeDocuments:
    """A partner's inbox for documents; keywords replace parts of the source file."""

    def make(**changes: Any) -> Chain:
        chain = make_chain()
        source = yaml.safe_load((ROOT / "include/sources/acme_edi.yaml").read_text())
        return replace(chain, source=source | {"folders": chain.source["folders"]} | changes)

    return make


def drop(chain: Chain, pgp: PgpWorld, number: int, content: bytes = DOCUMENT, *, day: str = DAY) -> str:
    name = f"acme_edi_{day}_seq-{number:05d}.edi.gpg"
    return chain.drop(pgp.partner, pgp.own, number, content, day=day, name=name)


def landed_documents(chain: Chain) -> list[Path]:
    return sorted((Path(chain.folder) / "landing" / "bronze").rglob("document"))


def take_new(steps: Steps) -> list[tuple[str, str | None]]:
    steps.look()
    return steps.take([item.id for item in steps.intake.ledger.items.list(states=[State.DISCOVERED])])


def take_away(steps: Steps, name: str) -> None:
    """The archive's work, for a name that comes again."""
    steps.path(name).unlink()
    steps.intake.ledger.items.disposed(steps.items()[name].id, "/archive/x")


def plaintext_left(chain: Chain) -> list[str]:
    """Files outside the landed batches that hold what was in a message."""
    found = (path for path in Path(chain.folder).rglob("*") if path.is_file() and CANARY in path.read_bytes())
    relative = (path.relative_to(chain.folder).as_posix() for path in found)
    return [path for path in relative if not (path.startswith("landing/bronze/") and "/.landing-" not in path)]


def test_a_document_is_landed_whole_beside_its_original(make_documents: MakeDocuments, pgp: PgpWorld) -> None:
    chain = make_documents()
    name = drop(chain, pgp, 1)
    message = Steps.of(chain).path(name).read_bytes()
    steps = Steps.of(chain)
    assert steps.take() == [("landed", None)]
    item = steps.items()[name]
    folder = steps.intake.root / item.facts["folder"]
    assert (folder / "document").read_bytes() == DOCUMENT
    assert (folder / "original.pgp").read_bytes() == message
    assert Path(folder.path, "document").stat().st_mode & 0o777 == 0o600
    manifest = read_manifest(folder)
    verify_files(folder, manifest)
    [file] = manifest.files
    assert (file.name, file.size, file.rows) == ("document", len(DOCUMENT), 1)
    assert file.sha256 == manifest.plaintext_sha256 == item.facts["plaintext_sha256"]
    assert file.sha256 == hashlib.sha256(DOCUMENT).hexdigest()
    assert (manifest.contract, manifest.contract_version) == ("document", "1.0.0")
    assert manifest.contract_digest == "f5d98ecc8c97de68aaa3095bb621f34c35d60f37570bb25135fc37676fa30be0"
    assert (item.facts["rows_read"], item.facts["rows_landed"], item.facts["rows_rejected"]) == (1, 1, 0)
    assert item.facts["signers"] == [pgp.partner.fingerprint]
    assert steps.intake.ledger.records.batches(item.id)[0].manifest == manifest
    assert plaintext_left(chain) == []


def test_the_same_document_again_is_no_duplicate_here(make_documents: MakeDocuments, pgp: PgpWorld) -> None:
    """Its control number decides, so that its sender is told: by bytes it would be gone without an answer."""
    chain = make_documents()
    steps = Steps.of(chain)
    first = drop(chain, pgp, 1)
    message = steps.path(first).read_bytes()
    assert steps.take() == [("landed", None)]
    drop(chain, pgp, 2)
    chain.drop_bytes(message, 3, day=DAY, name=f"acme_edi_{DAY}_seq-00003.edi.gpg")
    assert take_new(steps) == [("landed", None), ("landed", None)]
    assert len(landed_documents(chain)) == 3


@pytest.mark.parametrize("sealed", ["the same message", "sealed again"])
def test_the_same_document_under_its_name_comes_through_and_another_one_is_a_reuse(
    make_documents: MakeDocuments, pgp: PgpWorld, sealed: str
) -> None:
    chain = make_documents()
    steps = Steps.of(chain)
    name = drop(chain, pgp, 1)
    message = steps.path(name).read_bytes()
    assert take_new(steps) == [("landed", None)]
    take_away(steps, name)
    if sealed == "the same message":
        chain.drop_bytes(message, 1, day=DAY, name=name)
    else:
        drop(chain, pgp, 1)
    assert take_new(steps) == [("landed", None)]
    take_away(steps, name)
    drop(chain, pgp, 1, b"ISA*another~")
    assert take_new(steps) == [("quarantined", "name_reused")]
    other = f"acme_edi_{DAY}_seq-000001.edi.gpg"
    steps.path(name).rename(steps.path(other))
    assert take_new(steps) == [("quarantined", "sequence_reused")]
    assert len(landed_documents(chain)) == 2


def test_two_of_one_name_in_a_group_wait_for_each_other(make_documents: MakeDocuments, pgp: PgpWorld) -> None:
    chain = make_documents()
    steps = Steps.of(chain)
    names = [drop(chain, pgp, 1), f"acme_edi_{DAY}_seq-000001.edi.gpg"]
    steps.path(names[1]).write_bytes(pgp.partner.write(b"ISA*another~", pgp.own))
    taken = steps.take()
    assert sorted(state for state, _ in taken) == ["landed", "quarantined"]
    assert ("quarantined", "sequence_reused") in taken


@pytest.mark.parametrize("fault", ["tampered", "truncated", "stranger", "unsigned", "too large"])
def test_nothing_of_a_message_that_is_not_proved_stays(
    make_documents: MakeDocuments, pgp: PgpWorld, fault: str
) -> None:
    policy = {"openpgp": {"max_content_bytes": 1_000_000}} if fault == "too large" else {}
    chain = make_documents(**policy)
    left: dict[str, list[str]] = {}

    def look(boundary: str) -> None:
        left[boundary] = plaintext_left(chain)

    steps = Steps.of(chain, look)
    content = DOCUMENT * 40_000
    message = (pgp.stranger if fault == "stranger" else pgp.partner).write(content, pgp.own, sign=fault != "unsigned")
    if fault == "tampered":
        message = message[:-2_000] + bytes([message[-2_000] ^ 1]) + message[-1_999:]
    if fault == "truncated":
        message = message[: len(message) * 2 // 3]
    chain.drop_bytes(message, 1, day=DAY, name=f"acme_edi_{DAY}_seq-00001.edi.gpg")
    [(state, reason)] = steps.take()
    assert state == "quarantined"
    assert reason
    [item] = steps.items().values()
    kept = steps.intake.root / item.facts["kept"]
    assert sorted(path.name for path in kept.iterdir()) == ["original.pgp", "reason.json"]
    assert landed_documents(chain) == []
    assert plaintext_left(chain) == left["kept in quarantine"] == []


@pytest.mark.parametrize("boundary", ["claimed", "fetched", "decoded", "landed", "noted as landed"])
def test_killed_anywhere_a_document_is_landed_once_and_nothing_is_left(
    make_documents: MakeDocuments, killer: Killer, pgp: PgpWorld, boundary: str
) -> None:
    chain = make_documents()
    drop(chain, pgp, 1)
    status, passed, error = killer.run(chain, kill_at=(boundary, 1))
    assert status == signal.SIGKILL, error
    assert passed[-1] == boundary
    before = landed_documents(chain)
    status, _, error = killer.run(chain)
    assert status == 0, error
    [document] = landed_documents(chain)
    assert document.read_bytes() == DOCUMENT
    assert boundary in ("claimed", "fetched", "decoded") or before == [document]
    assert [item.state for item in chain.ledger().items.list()] == [State.LANDED]
    assert plaintext_left(chain) == []


def test_a_replay_and_a_release_land_the_kept_original_again(make_documents: MakeDocuments, pgp: PgpWorld) -> None:
    chain = make_documents()
    steps = Steps.of(chain)
    name = drop(chain, pgp, 1)
    steps.take()
    item = steps.items()[name]
    steps.path(name).unlink()
    assert steps.replay(DAY, DAY, "again") == [("landed", None)]
    taken = steps.intake.ledger.items.claim(item.id, "reader", states=[State.LANDED], lease=steps.intake.lease)
    steps.intake.ledger.items.advance(taken[1], State.QUARANTINED, reason="gate_failed", detail="refused by its reader")
    steps.intake.ledger.items.release(item.id, who="test", why="the agreement was wrong")
    assert steps.take([item.id]) == [("landed", None)]
    documents = landed_documents(chain)
    assert len(documents) == 3
    assert {path.read_bytes() for path in documents} == {DOCUMENT}
    assert len(steps.intake.ledger.records.batches(item.id)) == 2


def test_an_empty_document_is_landed_and_left_to_its_reader(make_documents: MakeDocuments, pgp: PgpWorld) -> None:
    chain = make_documents()
    drop(chain, pgp, 1, b"")
    assert Steps.of(chain).take() == [("landed", None)]
    assert [path.read_bytes() for path in landed_documents(chain)] == [b""]


def test_a_document_in_an_object_store_is_read_like_any_batch(make_documents: MakeDocuments, pgp: PgpWorld) -> None:
    chain = make_documents()
    steps = Steps.of(chain, root=UPath(f"memory://{uuid.uuid4().hex}/landing"))
    name = drop(chain, pgp, 1)
    assert steps.take() == [("landed", None)]
    with local_folder(steps.intake.root / steps.items()[name].facts["folder"]) as folder:
        assert (folder / "document").read_bytes() == DOCUMENT


def test_documents_are_archived_and_move_the_watermark(make_documents: MakeDocuments, pgp: PgpWorld) -> None:
    chain = make_documents()
    steps = Steps.of(chain)
    good, refused = drop(chain, pgp, 1), drop(chain, pgp, 2, b"no EDI at all")
    steps.take()
    ends = {good: [State.GATED, State.LOADED], refused: [State.QUARANTINED]}
    for name, states in ends.items():
        for state in states:
            item = steps.items()[name]
            taken = steps.intake.ledger.items.claim(item.id, "reader", states=[item.state], lease=steps.intake.lease)
            steps.intake.ledger.items.advance(taken[1], state, reason="gate_failed", detail="for the test")
    steps.archive()
    items = steps.items()
    assert [items[name].state for name in ends] == [State.ARCHIVED, State.QUARANTINED]
    assert items[good].facts["moved_to"].startswith("/archive/")
    assert items[refused].facts["moved_to"].startswith("/quarantine/")
    assert list(steps.path("").iterdir()) == []
    assert steps.intake.ledger.watermarks.get("acme_edi").cursor == (2, DAY)
