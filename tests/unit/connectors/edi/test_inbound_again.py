"""Documents that are parsed again: after a stop, under other guides, after a release, as a replay, by two workers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from airflow_provider_integrations.connectors.edi.documents import GuideBook
from airflow_provider_integrations.connectors.edi.inbound import parse_items
from airflow_provider_integrations.connectors.edi.job import EdiJob
from airflow_provider_integrations.core.errors import TransientError
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.landing.bronze import read_manifest, verify_files
from tests.fakes.edi_documents import Documents
from tests.unit.connectors.edi.test_inbound import BAD, GOOD, OTHER, children, parsed, read, rows
from tests.unit.connectors.edi.x12_streams import stream


@pytest.fixture
def documents(tmp_path: Path) -> Documents:
    return Documents(tmp_path, guides=("x12_850",))


def lenient(documents: Documents) -> EdiJob:
    """As after the guide that was wrong is corrected."""
    return replace(documents.job(), book=GuideBook())


def stop_at(documents: Documents, boundary: str, after: int = 1) -> None:
    left = after

    def stop(name: str) -> None:
        nonlocal left
        left -= name == boundary
        if name == boundary and not left:
            raise KeyboardInterrupt

    documents.boundary = stop


def state_of(documents: Documents) -> dict[str, Any]:
    """All that a run leaves."""
    tables = ("orders", "order_lines", "segments", "sets")
    found: dict[str, Any] = {table: [read(documents, item) for item in children(documents, table)] for table in tables}
    found["items"] = [[item.state for item in children(documents, table)] for table in tables]
    found["scratch"] = [path.name for path in (documents.folder / "scratch").iterdir()]
    return found


def refused(documents: Documents, data: bytes) -> WorkItem:
    """A document of which nothing is taken, in quarantine."""
    item = parsed(documents, data)
    [after] = documents.answer(item.id)
    assert after.state is State.QUARANTINED
    return after


def released(documents: Documents, item: WorkItem, data: bytes) -> str:
    documents.ledger.items.release(item.id, who="ann", why="the guide was wrong")
    return documents.land_item(documents.ledger.items.get(item.id), data)


BOUNDARIES = [
    ("claimed for parsing", 1),
    ("interchange entered", 1),
    ("interchange entered", 2),
    ("read", 1),
    ("promoted", 1),
    ("promoted", 3),
    ("noted", 1),
    ("rows entered", 1),
    ("rows landed", 1),
    ("rows landed", 3),
    ("parsed", 1),
]


@pytest.mark.parametrize(("boundary", "after"), BOUNDARIES)
def test_a_run_that_is_stopped_anywhere_is_completed_by_the_next(tmp_path: Path, boundary: str, after: int) -> None:
    data = stream(GOOD, BAD) + stream(OTHER, control="000000008") + stream(GOOD)
    found = []
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
        documents = Documents(tmp_path / name, guides=("x12_850",))
        item_id = documents.land(data)
        if name == "stopped":
            stop_at(documents, boundary, after)
            with pytest.raises(KeyboardInterrupt):
                documents.parse(item_id)
            documents.boundary = lambda _: None
        [item] = documents.parse(item_id)
        assert item.state is State.GATED
        state = state_of(documents)
        for table in ("orders", "order_lines", "sets"):
            for row in (row for batch in state[table] for row in batch):
                del row["_batch_id"], row["_version"]  # They follow from the item's id.
        received = documents.ledger.interchanges.of_family(item_id)
        found.append((state, item.facts["judged"], [one.duplicate_of for one in received]))
    assert found[0] == found[1]
    assert found[0][2] == [None, None, 1]
    assert found[0][0]["scratch"] == []


def test_guides_that_change_between_two_tries_count_from_the_next_try_on(documents: Documents) -> None:
    item_id = documents.land(stream(GOOD, BAD))
    stop_at(documents, "promoted", 3)
    with pytest.raises(KeyboardInterrupt):
        documents.parse(item_id)
    documents.boundary = lambda _: None
    [item] = parse_items(lenient(documents), [item_id])
    assert (item.facts["verdict"], item.facts["tables"]) == ("accepted", {"segments": 10, "sets": 2})
    assert children(documents, "orders") == []
    assert rows(documents, "sets", "guide", "verdict") == [(None, "accepted")] * 2
    [received] = documents.ledger.interchanges.of_family(item_id)
    assert received.verdict == "accepted"


def test_what_was_noted_stands_whatever_becomes_of_the_guides(documents: Documents) -> None:
    item_id = documents.land(stream(GOOD, BAD))
    stop_at(documents, "rows entered")
    with pytest.raises(KeyboardInterrupt):
        documents.parse(item_id)
    documents.boundary = lambda _: None
    [item] = parse_items(lenient(documents), [item_id])
    assert (item.facts["verdict"], item.facts["tables"]) == ("partial", {"order_lines": 1, "orders": 1, "sets": 2})
    assert [child.state for child in children(documents, "orders")] == [State.LANDED]
    assert [one.verdict for one in documents.ledger.interchanges.of_family(item_id)] == ["partial"]


def test_a_refused_document_is_taken_once_its_guide_is_corrected(documents: Documents) -> None:
    data = stream(BAD)
    item = refused(documents, data)
    assert item.reason == "edi_rejected"
    assert rows(documents, "sets", "set_number", "verdict") == [(1, "rejected")]
    [again] = parse_items(lenient(documents), [released(documents, item, data)])
    assert (again.state, again.facts["verdict"]) == (State.GATED, "accepted")
    old, new = children(documents, "sets")
    assert (old.path, new.path) == (f"{item.id}/sets", f"{item.id}/sets/1")
    # The warehouse keeps the newest version of a key.
    assert new.facts["version"] > old.facts["version"]
    assert rows(documents, "sets", "set_number", "verdict")[1:] == [(-1, "accepted"), (-2, "accepted"), (1, "accepted")]
    assert len(rows(documents, "segments", "tag")) == 5


def test_a_refused_interchange_is_taken_once_the_agreement_is_corrected(documents: Documents) -> None:
    data = stream(GOOD, sender="NEW")
    item = refused(documents, data)
    documents.agreement = {"partners": ["ZZ:NEW"]}
    [again] = documents.parse(released(documents, item, data))
    assert (again.facts["verdict"], again.facts["tables"]["orders"]) == ("accepted", 1)
    before, after = (read(documents, child) for child in children(documents, "sets"))
    keys = [{row["set_number"] for row in found} for found in (before, after)]
    assert keys == [{-1, -2, 1}] * 2  # What was refused whole is no longer said to be.
    assert {row["verdict"] for row in after} == {"accepted"}


def test_what_was_refused_whole_is_no_longer_said_to_be_when_the_same_bytes_are_taken(documents: Documents) -> None:
    data = stream(GOOD, sender="NEW")
    first = refused(documents, data)
    documents.agreement = {"partners": ["ZZ:NEW"]}
    again = parsed(documents, data, "again.edi.gpg")
    assert (again.state, again.facts["plaintext_sha256"]) == (State.GATED, first.facts["plaintext_sha256"])
    before, after = (read(documents, child) for child in children(documents, "sets"))
    verdicts = [{row["set_number"]: row["verdict"] for row in found} for found in (before, after)]
    assert verdicts == [dict.fromkeys((-1, -2, 1), "rejected"), dict.fromkeys((-1, -2, 1), "accepted")]
    # What comes for the first time is told of by its sets alone.
    parsed(documents, stream(OTHER, control="000000008", sender="NEW"), "two.edi.gpg")
    assert [row["set_number"] for row in read(documents, children(documents, "sets")[-1])] == [1]


def test_a_duplicate_that_is_released_is_taken(documents: Documents) -> None:
    parsed(documents, stream(GOOD))
    item = refused_twin(documents)
    assert (item.reason, children(documents, "orders")[1:]) == ("duplicate_interchange", [])
    # As the archive step does, before anybody looks at it.
    documents.ledger.items.disposed(item.id, "/archive/two.edi.gpg")
    [again] = documents.parse(released(documents, item, stream(OTHER)))
    assert (again.state, again.facts["verdict"], again.facts["tables"]["orders"]) == (State.GATED, "accepted", 1)
    [after] = documents.answer(again.id)
    assert after.state is State.LOADED
    assert documents.parse(again.id) == [after]


def refused_twin(documents: Documents) -> WorkItem:
    [item] = documents.parse(documents.land(stream(OTHER), "two.edi.gpg"))
    [after] = documents.answer(item.id)
    return after


def test_a_release_for_another_reason_takes_no_duplicate_in(documents: Documents) -> None:
    parsed(documents, stream(GOOD))
    data = stream(OTHER) + stream(BAD, control="000000008")
    [item] = documents.parse(documents.land(data, "two.edi.gpg"))
    [item] = documents.answer(item.id)
    assert (item.state, item.reason) == (State.QUARANTINED, "edi_rejected")
    [again] = parse_items(lenient(documents), [released(documents, item, data)])
    assert [one["verdict"] for one in again.facts["judged"]] == ["duplicate", "accepted"]


def test_a_replay_gives_the_same_rows_under_the_same_keys_in_a_newer_batch(documents: Documents) -> None:
    data = stream(GOOD, BAD)
    first = parsed(documents, data)
    documents.clock.step(hours=1)
    day = first.discovered_at.date()
    [made] = documents.ledger.items.replay("acme_edi", day, day, request="r", who="ann")
    [again] = documents.parse(documents.land_item(made, data))
    assert again.facts["verdict"] == first.facts["verdict"]
    for table in ("orders", "order_lines"):
        one, other = children(documents, table)
        assert other.facts["version"] > one.facts["version"]
        assert one.facts["batch_id"] != other.facts["batch_id"]
        assert read_manifest(documents.root / other.facts["folder"]).replay_of == first.id
        ours = ("_batch_id", "_version")
        plain = [
            [{name: value for name, value in row.items() if name not in ours} for row in read(documents, child)]
            for child in (one, other)
        ]
        assert plain[0] == plain[1]
    assert [one.duplicate_of for one in documents.ledger.interchanges.of_family(made.id)] == [None, None]


def test_of_two_workers_one_parses_and_the_other_says_so(documents: Documents) -> None:
    item_id = documents.land(stream(GOOD))
    told: list[str] = []

    def meanwhile(name: str) -> None:
        if name == "interchange entered":
            with pytest.raises(TransientError, match="claimed by another worker") as caught:
                parse_items(replace(documents.job(), owner="other", boundary=lambda _: None))
            told.append(str(caught.value))

    documents.boundary = meanwhile
    [item] = documents.parse(item_id)
    assert (item.state, len(told)) == (State.GATED, 1)
    assert [len(children(documents, table)) for table in ("orders", "sets")] == [1, 1]


def test_a_worker_that_slept_through_its_claim_writes_nothing_more(documents: Documents) -> None:
    item_id = documents.land(stream(GOOD))

    def sleep(name: str) -> None:
        if name == "promoted":
            documents.boundary = lambda _: None
            documents.clock.step(minutes=10)
            [done] = parse_items(replace(documents.job(), owner="other"), [item_id])
            assert done.state is State.GATED

    documents.boundary = sleep
    with pytest.raises(TransientError, match="claim"):
        documents.parse(item_id)
    assert documents.ledger.items.get(item_id).state is State.GATED
    assert [len(children(documents, table)) for table in ("orders", "sets")] == [1, 1]


def test_rows_that_the_gate_refused_are_landed_again_when_they_are_released(documents: Documents) -> None:
    parsed(documents, stream(GOOD))
    [child] = children(documents, "orders")
    taken = documents.ledger.items.claim(child.id, "gate", states=[State.LANDED], lease=documents.job().lease)
    assert taken
    documents.ledger.items.advance(taken[1], State.QUARANTINED, reason="gate_failed")
    documents.parse()
    assert documents.ledger.items.get(child.id).state is State.QUARANTINED
    documents.ledger.items.release(child.id, who="ann", why="the suite was wrong")
    documents.parse()
    again = documents.ledger.items.get(child.id)
    assert (again.state, again.facts["folder"]) == (State.LANDED, child.facts["folder"])


def test_what_a_dead_attempt_left_is_swept_and_what_lives_is_not(documents: Documents) -> None:
    scratch = documents.folder / "scratch"
    (scratch / "parsing-dead-xyz").mkdir(parents=True)
    item_id = documents.land(stream(GOOD))
    seen: list[list[str]] = []

    def look(name: str) -> None:
        if name == "read":
            documents.boundary = lambda _: None
            parse_items(replace(documents.job(), owner="other"), [])
            seen.append([path.name for path in scratch.iterdir()])
            assert {path.stat().st_mode & 0o77 for path in scratch.rglob("*")} == {0}

    documents.boundary = look
    documents.parse(item_id)
    [[living]] = seen
    assert living.startswith(f"parsing-{item_id}-")


def test_documents_and_rows_may_lie_in_an_object_store(documents: Documents) -> None:
    documents.root = UPath(f"memory://{documents.folder.name}/landing")
    item = parsed(documents, stream(GOOD))
    [child] = children(documents, "orders")
    manifest = read_manifest(documents.root / child.facts["folder"])
    assert (item.state, manifest.rows_landed) == (State.GATED, 1)
    verify_files(documents.root / child.facts["folder"], manifest)
    assert documents.parse(item.id) == [item]
