"""The known rows end with the server's state as well, relations included, whatever happened; by the seeds of the model."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.connectors.msgraph.changes import Change, Op, RelationChange
from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
from airflow_provider_integrations.connectors.msgraph.known_rows import KnownRows
from airflow_provider_integrations.connectors.msgraph.model import Answer, LinkKind, Page, RoundStart, Step
from airflow_provider_integrations.connectors.msgraph.page_files import page_bytes
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.connectors.msgraph.state import DeltaState, Progress
from airflow_provider_integrations.core.errors import ConfigError, ReconciliationError, StateConflictError
from tests.unit.connectors.msgraph.model_world import World, live_through
from tests.unit.connectors.msgraph.test_model import wrong_with

FEW, MANY = 40, 340
QUERY = Query(endpoint("https://graph.microsoft.com/v1.0"), "groups")


def memory() -> KnownRows:
    return KnownRows(sqlite3.connect(":memory:", isolation_level=None))


class KnownWorld(World):
    """The same lives, with pages as files and the target in SQLite."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.known = memory()
        self.pages = dict[tuple[int, int, int], bytes]()
        self.related = dict[tuple[str, str, str], str]()
        """What one has of the relations' files alone."""

    def _step(self, state: DeltaState, step: Step) -> tuple[DeltaState, Answer]:
        if isinstance(step, Page):
            self.pages[step.round, step.attempt, step.number] = page_bytes(step, self.query)
        return super()._step(state, step)

    def _load(self, progress: Progress) -> None:
        start = progress.start
        if self.known.round == start.round:
            self.seen.add("loaded before")
            return
        pages = [self.pages[start.round, start.attempt, number] for number in range(1, start.pages + 1)]
        report, changes = self.known.judge(start, pages), list[Change | RelationChange]()
        approved = ""
        if report is not None and (report.share > 0.3 or (report.gone and not report.enumerated)):
            self.seen.add("approval")
            with pytest.raises(ReconciliationError), self.known.applying(start, pages, share=0.3) as refused:
                list(refused)
            approved = report.digest
        with self.known.applying(start, pages, share=0.3, approved=approved) as applied:
            changes += applied
            self._boundary("applied")
        self._copy(changes)
        self.loaded.add(start.round)

    def _copy(self, changes: list[Change | RelationChange]) -> None:
        self.written += changes
        self.rows += changes
        for change in changes:
            self.target.apply(change)
            if isinstance(change, RelationChange):
                key = (change.relation, change.owner, change.member)
                self.related.pop(key, None)
                if change.op is Op.UPSERT:
                    self.related[key] = change.member_type


def wrong_with_known(seed: int) -> list[str]:
    """What is wrong at the end of a life; its number replays it."""
    world = live_through(seed, KnownWorld)
    assert isinstance(world, KnownWorld)
    wrong = wrong_with(world)
    if world.related != world.target.relations:
        wrong.append(f"the relations alone: {sorted(world.related.items() ^ world.target.relations.items())}")
    return wrong


def test_lives_end_with_the_servers_state() -> None:
    assert {seed: wrong for seed in range(FEW) if (wrong := wrong_with_known(seed))} == {}


@pytest.mark.integration
def test_hundreds_of_lives_end_with_the_servers_state() -> None:
    assert {seed: wrong for seed in range(FEW, MANY) if (wrong := wrong_with_known(seed))} == {}


def page(*items: dict[str, Any], round: int = 1, first: int = 1, full: bool = True) -> bytes:
    return page_bytes(Page(round, 0, 1, full, first, items, next_link="", end_link="x"), QUERY)


def apply(known: KnownRows, *pages: bytes, round: int, items: int, full: bool = False, **how: Any) -> list[Any]:
    start = RoundStart(round, full, "x", LinkKind.NEXT, pages=len(pages), items=items)
    with known.applying(start, pages, **{"share": 1.0, **how}) as changes:
        return list(changes)


GROUP = {"id": "g", "members@delta": [{"id": "u"}, {"id": "v"}]}


def test_an_owner_that_is_gone_for_good_ends_its_relations() -> None:
    known = memory()
    apply(known, page(GROUP, {"id": "h", "members@delta": [{"id": "u"}]}), round=1, items=2, full=True)
    removed = page({"id": "g", "@removed": {"reason": "deleted"}}, round=2, full=False)
    assert apply(known, removed, round=2, items=1) == [
        Change(Op.REMOVE_HARD, "g", 2, 1),
        RelationChange(Op.REMOVE_HARD, "members", "g", "u", "", 2, 1),
        RelationChange(Op.REMOVE_HARD, "members", "g", "v", "", 2, 1),
    ]
    assert known.summary(2) == {
        "upsert": 0,
        "remove_soft": 0,
        "remove_hard": 1,
        "relations": {"members": {"upsert": 0, "remove_soft": 0, "remove_hard": 2}},
    }


def test_an_owner_that_can_come_back_keeps_its_relations() -> None:
    known = memory()
    apply(known, page(GROUP), round=1, items=1, full=True)
    removed = page({"id": "g", "@removed": {"reason": "changed"}}, round=2, full=False)
    assert apply(known, removed, round=2, items=1) == [Change(Op.REMOVE_SOFT, "g", 2, 1)]


def test_a_full_enumeration_ends_the_relations_that_it_lacks() -> None:
    known = memory()
    apply(known, page(GROUP), round=1, items=1, full=True)
    resync = page({"id": "g", "members@delta": [{"id": "v"}]}, round=2)
    assert apply(known, resync, round=2, items=1, full=True)[-1] == RelationChange(
        Op.REMOVE_SOFT, "members", "g", "u", "", 2, 2
    )


def test_a_resync_that_lacks_the_members_of_all_waits_for_a_person() -> None:
    """As when the permission to read them was taken away: every group is there, and none of its members."""
    known = memory()
    apply(known, page(GROUP), round=1, items=1, full=True)
    resync = page({"id": "g"}, round=2)
    report = known.judge(RoundStart(2, True, "x", LinkKind.NEXT, pages=1, items=1), [resync])
    assert report is not None
    assert (report.gone, report.ended, report.related, report.share) == (0, 2, 2, 1.0)
    assert report.sample == ("members g u", "members g v")
    with pytest.raises(ReconciliationError):
        apply(known, resync, round=2, items=1, full=True, share=0.2)
    assert known.round == 1
    approved = apply(known, resync, round=2, items=1, full=True, share=0.2, approved=report.digest)
    assert len([each for each in approved if each.op is Op.REMOVE_SOFT]) == 2


def test_pages_that_are_missing_are_no_round() -> None:
    known = memory()
    start = RoundStart(1, True, "x", LinkKind.NEXT, pages=2, items=2)
    with pytest.raises(StateConflictError, match="missing"), known.applying(start, [page()], share=1.0) as changes:
        list(changes)
    assert known.round == 0


def test_a_round_that_was_not_read_to_its_end_is_not_applied() -> None:
    known = memory()
    start = RoundStart(1, True, "x", LinkKind.NEXT, pages=1, items=2)
    pages = [page({"id": "a"}, {"id": "b"})]
    with pytest.raises(StateConflictError, match="end"), known.applying(start, pages, share=1.0) as changes:
        next(changes)
    assert known.round == 0
    with suppress(ZeroDivisionError), known.applying(start, pages, share=1.0) as changes:
        list(changes)
        raise ZeroDivisionError
    assert known.round == 0


def test_what_is_no_file_of_known_rows_is_told(tmp_path: Path) -> None:
    path = tmp_path / "known"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(ConfigError, match="damaged"), KnownRows.open(path):
        pass


def test_a_row_that_was_sent_in_part_is_completed_from_what_is_known() -> None:
    known = memory()
    apply(known, page({"id": "a", "x": "1", "y": None}, {"id": "b"}), round=1, items=2, full=True)
    part = page({"id": "a", "y": "2"}, round=2, full=False)
    assert apply(known, part, round=2, items=1) == [Change(Op.UPSERT, "a", 2, 1, {"x": "1", "y": "2"}, complete=True)]
