"""The outbox: a name stands for one document, whoever enqueues it, how often, and whatever is killed in between."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import fsspec
import pytest
from upath import UPath

from airflow_provider_integrations.core.edi_source import Outbox
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.landing.once import write_once
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.outbox import Outgoing, delivered, destination, enqueue, enqueued, kept_bytes
from tests.fakes.ledgers import migrated

AT = datetime(2026, 1, 2, 23, 59, tzinfo=UTC)
ANSWER = Outgoing("997_000000012.edi", b"ISA*00*~", {"answers": 7, "control": "12"})
THERE = Outbox(folder="/inbound/", seal=True)
KEY = "outbox/acme_edi/2026-01-02/997_000000012.edi"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.connect(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        migrated(ledger)
        yield ledger


@pytest.fixture(params=["local", "object store"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[UPath]:
    if request.param == "local":
        yield UPath(tmp_path / "landing")
        return
    memory = UPath(f"memory://{uuid.uuid4().hex}")
    yield memory
    if memory.exists():
        fsspec.filesystem("memory").rm(memory.path, recursive=True)


def put(ledger: Ledger, root: UPath, outgoing: Outgoing = ANSWER, *, at: datetime = AT) -> WorkItem:
    return enqueue(ledger, root, "acme_edi", THERE, outgoing, at=at)


def files(root: UPath) -> list[str]:
    found = fsspec.filesystem("memory").find(root.path) if root.protocol == "memory" else Path(root.path).rglob("*")
    return sorted(Path(str(path)).name for path in found if root.protocol == "memory" or path.is_file())


def test_a_file_is_kept_below_the_root_and_waits_as_a_work_item(ledger: Ledger, root: UPath) -> None:
    item = put(ledger, root)
    assert item == ledger.items.get(item.id)
    assert (item.source, item.path, item.state) == ("acme_edi__outbox", "997_000000012.edi", State.DISCOVERED)
    assert destination(item) == "/inbound/997_000000012.edi"
    assert item.size == len(ANSWER.data)
    digest = hashlib.sha256(ANSWER.data).hexdigest()
    assert item.facts == {
        "answers": 7,
        "control": "12",
        "sha256": digest,
        "kept": KEY,
        "seal": True,
        "to": destination(item),
    }
    assert kept_bytes(root, KEY, item.facts["sha256"]) == ANSWER.data


def test_a_file_that_goes_out_sealed_says_so_by_its_name_there(ledger: Ledger, root: UPath) -> None:
    """A partner that sorts by names would read ciphertext as EDI. Here it keeps its name, whatever `seal` becomes."""
    sealed = put(ledger, root, replace(ANSWER, sealed_suffix=".gpg"))
    assert (sealed.path, destination(sealed)) == (ANSWER.name, f"/inbound/{ANSWER.name}.gpg")
    plain = Outbox(folder="/inbound", seal=False)
    assert enqueue(ledger, root, "acme_edi", plain, replace(ANSWER, sealed_suffix=".gpg"), at=AT) == sealed
    other = enqueue(ledger, root, "beta_edi", plain, replace(ANSWER, sealed_suffix=".gpg"), at=AT)
    assert destination(other) == f"/inbound/{ANSWER.name}"


def test_the_same_again_is_the_same_item_also_on_another_day(ledger: Ledger, root: UPath) -> None:
    item = put(ledger, root)
    assert put(ledger, root) == item
    assert put(ledger, root, at=AT + timedelta(days=1)) == item
    assert files(root) == ["997_000000012.edi"]
    assert len(ledger.items.list()) == 1


def test_the_day_is_that_of_utc(ledger: Ledger, root: UPath) -> None:
    at = datetime(2026, 1, 3, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert put(ledger, root, at=at).facts["kept"] == KEY


def test_a_kill_between_the_file_and_the_item_is_made_good(ledger: Ledger, root: UPath) -> None:
    write_once(root / KEY, ANSWER.data)
    assert put(ledger, root).facts["kept"] == KEY
    assert files(root) == ["997_000000012.edi"]


def test_a_name_is_one_item_whatever_the_folder(ledger: Ledger, root: UPath) -> None:
    item = put(ledger, root)
    moved = Outbox(folder="/elsewhere")
    assert enqueue(ledger, root, "acme_edi", moved, ANSWER, at=AT) == item
    assert enqueued(ledger, "acme_edi", ANSWER.name) == item
    assert destination(item) == "/inbound/997_000000012.edi"
    with pytest.raises(StateConflictError, match="other bytes"):
        enqueue(ledger, root, "acme_edi", moved, replace(ANSWER, data=b"others"), at=AT)
    assert ledger.items.list() == [item]


def test_of_two_folders_at_once_one_gets_the_file(ledger: Ledger, root: UPath) -> None:
    places = [Outbox(folder=f"/{number}") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        items = list(pool.map(lambda there: enqueue(ledger, root, "acme_edi", there, ANSWER, at=AT), places))
    assert items == ledger.items.list() * 4


def test_what_was_kept_first_goes_out_where_the_first_stands(ledger: Ledger, root: UPath) -> None:
    """Also of a process that was killed between the file and the item."""
    write_once(root / KEY, b"the first bytes")
    item = enqueue(ledger, root, "acme_edi", THERE, ANSWER, at=AT, first_stands=True)
    assert (item.size, item.facts["answers"]) == (15, 7)
    assert kept_bytes(root, KEY, item.facts["sha256"]) == b"the first bytes"
    other = replace(ANSWER, data=b"others")
    for at in (AT, AT + timedelta(days=1)):
        assert enqueue(ledger, root, "acme_edi", THERE, other, at=at, first_stands=True) == item
    assert files(root) == ["997_000000012.edi"]


@pytest.mark.parametrize("when", [AT, AT + timedelta(days=1)], ids=["the same day", "the next day"])
@pytest.mark.parametrize("other", [b"ISA*01*~", b"longer than it was"], ids=["same size", "another size"])
def test_other_bytes_under_a_name_are_refused_and_change_nothing(
    ledger: Ledger, root: UPath, other: bytes, when: datetime
) -> None:
    item = put(ledger, root)
    with pytest.raises(StateConflictError, match="other bytes") as refused:
        put(ledger, root, replace(ANSWER, data=other), at=when)
    assert "ISA*" not in str(refused.value)
    assert ledger.items.list() == [item]
    assert files(root) == ["997_000000012.edi"]
    assert kept_bytes(root, KEY, item.facts["sha256"]) == ANSWER.data


def test_other_bytes_that_a_killed_process_left_are_refused_and_nothing_is_entered(ledger: Ledger, root: UPath) -> None:
    write_once(root / KEY, b"others")
    with pytest.raises(StateConflictError, match="other bytes"):
        put(ledger, root)
    assert ledger.items.list() == []


@pytest.mark.parametrize("days", [0, 1], ids=["the same day", "around midnight"])
def test_two_at_once_make_one_item(ledger: Ledger, root: UPath, days: int) -> None:
    with ThreadPoolExecutor(8) as pool:
        items = list(pool.map(lambda n: put(ledger, root, at=AT + timedelta(days=days * (n % 2))), range(16)))
    assert {item.id for item in items} == {ledger.items.list()[0].id}
    assert len(ledger.items.list()) == 1


def test_of_two_with_other_bytes_at_once_one_is_refused(ledger: Ledger, root: UPath) -> None:
    def one(number: int) -> object:
        try:
            return put(ledger, root, replace(ANSWER, data=b"x" * (number + 1)), at=AT + timedelta(days=number)).id
        except StateConflictError as refused:
            return type(refused)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(one, range(4)))
    [item] = ledger.items.list()
    assert sorted(map(str, answers)) == sorted([item.id, *[str(StateConflictError)] * 3])
    assert kept_bytes(root, item.facts["kept"], item.facts["sha256"]) == b"x" * item.size


@pytest.mark.parametrize("name", ["../a.edi", "a/b.edi", "..", "", ".hidden", "a\nb", "a..b", "x" * 201])
def test_no_name_leaves_its_folder_or_hides(ledger: Ledger, root: UPath, name: str) -> None:
    with pytest.raises(ConfigError, match="not usable"):
        put(ledger, root, replace(ANSWER, name=name))
    assert ledger.items.list() == []


def test_facts_of_ours_are_not_overwritten(ledger: Ledger, root: UPath) -> None:
    with pytest.raises(ConfigError, match="'kept', 'sha256'"):
        put(ledger, root, replace(ANSWER, facts={"sha256": "0", "kept": "/etc/passwd", "control": "1"}))


@pytest.mark.parametrize("damage", [b"ISA*01*~", None])
def test_kept_bytes_that_are_gone_or_were_changed_are_never_sent(
    ledger: Ledger, tmp_path: Path, damage: bytes | None
) -> None:
    item = put(ledger, UPath(tmp_path))
    (tmp_path / KEY).unlink()
    if damage is not None:
        (tmp_path / KEY).write_bytes(damage)
    with pytest.raises(StateConflictError, match="gone or was changed"):
        kept_bytes(tmp_path, KEY, item.facts["sha256"])


def test_what_was_delivered_is_given_in_the_order_of_enqueueing(ledger: Ledger, root: UPath) -> None:
    items = [put(ledger, root, replace(ANSWER, name=f"{number}.edi")) for number in (3, 1, 2)]
    assert delivered(ledger, "acme_edi") == []
    for item in (items[2], items[0]):
        taken = ledger.items.claim(item.id, "w", states=[State.DISCOVERED], lease=timedelta(minutes=1))
        assert taken
        ledger.items.advance(taken[1], State.LOADED)
    assert [item.name for item in delivered(ledger, "acme_edi")] == ["3.edi", "2.edi"]
    assert delivered(ledger, "acme") == []


def test_a_replay_sends_nothing_a_second_time(ledger: Ledger, root: UPath) -> None:
    day = put(ledger, root).discovered_at.date()
    assert ledger.items.replay("acme_edi__outbox", day, day, request="again", who="test") == []


def test_bytes_stay_out_of_what_is_shown() -> None:
    assert "ISA" not in repr(ANSWER)
