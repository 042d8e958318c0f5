"""Objects as changes, and what they make of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_integrations.connectors.msgraph.changes import (
    Change,
    Op,
    RelationChange,
    changes_of_page,
)
from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
from airflow_provider_integrations.connectors.msgraph.model import Page, Protocol
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.connectors.msgraph.replay import Row, Target, completed
from airflow_provider_integrations.core.errors import SystemicError
from tests.unit.connectors.msgraph.delta_answers import GRAPH, USERS

GROUPS = Query(GRAPH, "groups")
DRIVE = Query(GRAPH, "me/drive/root")
ACCOUNTS = Query(
    endpoint("https://contoso.crm.dynamics.com/api/data/v9.2"), "accounts", protocol=Protocol.DATAVERSE, key="accountid"
)


def changes(item: Mapping[str, Any], query: Query = GROUPS, *, full: bool = False) -> list[Change | RelationChange]:
    return list(changes_of_page(Page(1, 0, 1, full, 1, (item,), next_link="", end_link="x"), query))


def op_of(item: Mapping[str, Any], query: Query = GROUPS) -> Op:
    [change] = changes(item, query)
    return change.op


def replayed(*rounds: tuple[bool, list[Mapping[str, Any]]], query: Query = GROUPS) -> Target:
    """The items of rounds, each full or not, applied in order."""
    target = Target()
    for number, (full, items) in enumerate(rounds, start=1):
        page = Page(number, 0, 1, full, 1, tuple(items), next_link="", end_link="x")
        for change in changes_of_page(page, query):
            target.apply(change)
    return target


def test_removed_is_soft_if_changed_and_hard_if_deleted() -> None:
    assert op_of({"id": "1", "@removed": {"reason": "changed"}}) is Op.REMOVE_SOFT
    assert op_of({"id": "1", "@removed": {"reason": "deleted"}}) is Op.REMOVE_HARD


@pytest.mark.parametrize("removed", [{}, {"reason": None}, {"reason": "new in 2027"}, "deleted", True])
def test_a_removal_without_a_known_reason_is_soft(removed: object) -> None:
    assert op_of({"id": "1", "@removed": removed}) is Op.REMOVE_SOFT


def test_the_deleted_facet_of_a_drive_item_removes_it() -> None:
    folder = {"id": "1", "name": "folder2", "folder": {}}
    assert op_of({**folder, "deleted": {}}, DRIVE) is Op.REMOVE_HARD
    assert op_of({**folder, "deleted": {"state": "softDeleted"}}, DRIVE) is Op.REMOVE_SOFT
    assert op_of({**folder, "deleted": None}, DRIVE) is Op.UPSERT


def test_a_property_that_is_called_deleted_is_no_facet() -> None:
    [change] = changes({"id": "1", "deleted": False})
    assert isinstance(change, Change)
    assert (change.op, change.properties) == (Op.UPSERT, {"deleted": False})


def test_a_removed_item_is_removed_though_it_has_properties() -> None:
    assert changes(
        {"id": "1", "displayName": "x", "@removed": {"reason": "deleted"}, "members@delta": [{"id": "2"}]}
    ) == [Change(Op.REMOVE_HARD, "1", 1, 1)]


def test_the_last_occurrence_in_a_round_wins() -> None:
    removed = {"id": "1", "@removed": {"reason": "changed"}}
    assert dict(replayed((False, [{"id": "1", "a": 1}, {"id": "2", "a": 5}, {"id": "1", "a": 2}])).live()) == {
        "1": {"a": 2},
        "2": {"a": 5},
    }
    assert dict(replayed((False, [{"id": "1", "a": 1}, removed])).live()) == {}
    assert dict(replayed((False, [{"id": "1", "a": 1}, removed, {"id": "1", "a": 3}])).live()) == {"1": {"a": 3}}


def test_a_missing_property_is_unchanged_and_null_is_cleared() -> None:
    target = replayed((True, [{"id": "1", "a": 1, "b": 2, "c": 3}]), (False, [{"id": "1", "b": None, "c": 4}]))
    assert dict(target.live()) == {"1": {"a": 1, "b": None, "c": 4}}


def test_a_missing_property_of_a_full_enumeration_is_empty() -> None:
    """It was cleared while the token was lost; what was never set, or is not, "will not be included"."""
    target = replayed((True, [{"id": "1", "a": 1, "b": 2}]), (True, [{"id": "1", "b": 2}]))
    assert dict(target.live()) == {"1": {"b": 2}}


def test_an_object_that_comes_again_in_a_full_enumeration_keeps_what_came_before_in_it() -> None:
    target = replayed((True, [{"id": "1", "a": 0}]), (True, [{"id": "1", "a": 1, "b": 2}, {"id": "1", "b": 3}]))
    assert dict(target.live()) == {"1": {"a": 1, "b": 3}}


def test_an_object_that_was_removed_and_comes_back_in_a_full_enumeration_is_whole() -> None:
    removed = {"id": "1", "@removed": {"reason": "changed"}}
    target = replayed((True, [{"id": "1", "a": 1, "b": 2}]), (True, [removed, {"id": "1", "b": 3}]))
    assert dict(target.live()) == {"1": {"b": 3}}


def test_what_is_restored_has_what_it_had() -> None:
    target = replayed(
        (True, [{"id": "1", "a": 1, "b": 2}]),
        (False, [{"id": "1", "@removed": {"reason": "changed"}}]),
        (False, [{"id": "1", "b": 3}]),
    )
    assert dict(target.live()) == {"1": {"a": 1, "b": 3}}


def test_what_was_removed_for_good_has_nothing_left() -> None:
    target = replayed(
        (True, [{"id": "1", "a": 1, "members@delta": [{"id": "2"}]}]),
        (False, [{"id": "1", "@removed": {"reason": "deleted"}}]),
    )
    assert (target.rows, target.relations) == ({}, {})


def test_a_removal_of_what_was_never_there_is_nothing() -> None:
    """Dataverse: "they'll get the deleted item even if they didn't have the item to begin with"."""
    removals: list[Mapping[str, Any]] = [
        {"id": "1", "@removed": {"reason": "changed"}},
        {"id": "2", "@removed": {"reason": "deleted"}},
    ]
    assert replayed((True, removals)).rows == {}


def test_a_child_may_come_before_its_parent() -> None:
    child = {"id": "c", "name": "file.txt", "parentReference": {"id": "p"}}
    target = replayed((True, [child, {"id": "p", "name": "folder", "folder": {}}]), query=DRIVE)
    assert dict(target.live())["c"] == {"name": "file.txt", "parentReference": {"id": "p"}}


def test_a_folder_that_goes_takes_nothing_with_it() -> None:
    """What lay in it may have been moved, and its own item may come later."""
    items: list[Mapping[str, Any]] = [{"id": "p", "name": "folder"}, {"id": "c", "parentReference": {"id": "p"}}]
    moved = {"id": "c", "parentReference": {"id": "q"}}
    target = replayed((True, items), (False, [{"id": "p", "deleted": {}}, moved]), query=DRIVE)
    assert dict(target.live()) == {"c": {"parentReference": {"id": "q"}}}


def test_a_renamed_item_is_the_same_one() -> None:
    target = replayed((True, [{"id": "1", "name": "old"}]), (False, [{"id": "1", "name": "new"}]), query=DRIVE)
    assert dict(target.live()) == {"1": {"name": "new"}}


def test_members_delta_are_changes_of_a_relation() -> None:
    user = "#microsoft.graph.user"
    item = {
        "id": "g",
        "displayName": "TestGroup3",
        "members@delta": [
            {"@odata.type": user, "id": "1", "@removed": {"reason": "deleted"}},
            {"@odata.type": user, "id": "2"},
        ],
    }
    assert changes(item)[1:] == [
        RelationChange(Op.REMOVE_HARD, "members", "g", "1", user, 1, 1),
        RelationChange(Op.UPSERT, "members", "g", "2", user, 1, 1),
    ]


def test_members_delta_is_partial_and_takes_no_other_member_away() -> None:
    target = replayed(
        (True, [{"id": "g", "members@delta": [{"id": "1"}, {"id": "2"}]}]),
        (False, [{"id": "g", "members@delta": [{"id": "3"}, {"id": "1", "@removed": {"reason": "deleted"}}]}]),
        (False, [{"id": "g", "displayName": "renamed"}]),
    )
    assert set(target.relations) == {("members", "g", "2"), ("members", "g", "3")}


def test_a_large_group_comes_on_several_pages() -> None:
    parts = [{"id": "g", "displayName": "Large", "members@delta": [{"id": str(number)}]} for number in range(5)]
    target = replayed((True, parts))
    assert len(target.relations) == 5
    assert dict(target.live()) == {"g": {"displayName": "Large"}}


def test_the_last_word_about_a_member_wins() -> None:
    gone = {"id": "1", "@removed": {"reason": "deleted"}}
    back = replayed((False, [{"id": "g", "members@delta": [{"id": "1"}, gone, {"id": "1"}]}]))
    assert set(back.relations) == {("members", "g", "1")}
    assert not replayed((False, [{"id": "g", "members@delta": [{"id": "1"}, gone]}])).relations


def test_a_manager_is_a_relation_too() -> None:
    item = {"id": "u", "manager@delta": [{"id": "1", "@removed": {"reason": "deleted"}}, {"id": "2"}]}
    assert [(change.op.value, change.member) for change in changes(item)[1:] if isinstance(change, RelationChange)] == [
        ("remove_hard", "1"),
        ("upsert", "2"),
    ]


def test_annotations_are_no_properties() -> None:
    item = {"@odata.type": "#microsoft.graph.user", "@odata.etag": "W/1", "id": "1", "a": 1, "a@odata.type": "#Int64"}
    [change] = changes(item)
    assert isinstance(change, Change)
    assert change.properties == {"a": 1}


def test_only_selected_properties_are_kept_under_the_name_that_was_asked_for() -> None:
    query = replace(USERS, select=("id", "DISPLAYNAME", "parentReference/id"))
    [change] = changes({"id": "1", "displayName": "Anna", "mail": "x", "parentReference": {"id": "p"}}, query)
    assert isinstance(change, Change)
    assert change.properties == {"DISPLAYNAME": "Anna", "parentReference": {"id": "p"}}


def test_round_and_seq_order_all_changes() -> None:
    page = Page(7, 0, 3, False, 401, ({"id": "1"}, {"id": "2", "members@delta": [{"id": "1"}]}), "", "x")
    assert [(change.round, change.seq) for change in changes_of_page(page, GROUPS)] == [(7, 401), (7, 402), (7, 402)]


def test_items_of_a_full_enumeration_are_complete() -> None:
    for full in (True, False):
        [change] = changes({"id": "1"}, full=full)
        assert isinstance(change, Change)
        assert change.complete is full


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"id": ""},
        {"id": 7},
        {"id": None, "@removed": {"reason": "deleted"}},
        {"id": "g", "members@delta": [{}]},
        {"id": "g", "members@delta": ["1"]},
        {"id": "g", "members@delta": None},
    ],
)
def test_nothing_is_guessed_of_what_has_no_id(item: Mapping[str, Any]) -> None:
    with pytest.raises(SystemicError, match="without an id"):
        changes(item)


def test_dataverse_rows_and_deleted_ones() -> None:
    """As in Microsoft's example: the key of a deleted row is called `id`."""
    root = "https://contoso.crm.dynamics.com/api/data/v9.0/$metadata"
    row = {"@odata.etag": 'W/"915244"', "name": "Monte Orton", "fax": None, "accountid": "60c4"}
    assert changes(row, ACCOUNTS) == [Change(Op.UPSERT, "60c4", 1, 1, {"name": "Monte Orton", "fax": None})]
    gone = {"@odata.context": f"{root}#accounts/$deletedEntity", "id": "2e45", "reason": "deleted"}
    assert changes(gone, ACCOUNTS) == [Change(Op.REMOVE_HARD, "2e45", 1, 1)]
    assert changes({**gone, "reason": "changed"}, ACCOUNTS) == [Change(Op.REMOVE_SOFT, "2e45", 1, 1)]
    with pytest.raises(SystemicError):
        changes({"name": "x", "id": "1"}, ACCOUNTS)


def test_a_graph_object_is_not_removed_by_dataverses_words() -> None:
    item = {"id": "1", "@odata.context": "x/$deletedEntity", "reason": "deleted"}
    assert op_of(item) is Op.UPSERT
    assert op_of({"accountid": "1", "@removed": {"reason": "deleted"}}, ACCOUNTS) is Op.UPSERT


def test_changes_may_be_completed_to_whole_rows() -> None:
    target = Target({"1": Row({"a": 1, "b": 2}, removed=False, round=1)})
    part = [
        Change(Op.UPSERT, "1", 2, 1, {"b": None}),
        Change(Op.REMOVE_SOFT, "1", 2, 2),
        Change(Op.UPSERT, "1", 2, 3, {"b": 4}),
    ]
    assert list(completed(part, target)) == [
        Change(Op.UPSERT, "1", 2, 1, {"a": 1, "b": None}, complete=True),
        Change(Op.REMOVE_SOFT, "1", 2, 2),
        Change(Op.UPSERT, "1", 2, 3, {"a": 1, "b": 4}, complete=True),
    ]
