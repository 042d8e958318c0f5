"""The Graph server answers as Microsoft's pages say: the test of what other tests trust."""

from __future__ import annotations

import httpx
import pytest

from tests.fakes.graph.reader import error, items, pages
from tests.fakes.graph.server import GraphServer

pytestmark = pytest.mark.integration


def test_users_are_told_in_pages_with_opaque_tokens_as_in_the_guide(
    graph: GraphServer, graph_client: httpx.Client
) -> None:
    """https://learn.microsoft.com/graph/delta-query-users."""
    graph.manner.page_size = 2
    cameron = graph.world.add("users", displayName="Cameron White", givenName="Cameron", surname="White", city="Oslo")
    room = graph.world.add("users", displayName="Conf Room Adams")
    graph.world.add("users", displayName="Delia Dennis", givenName="Delia", surname="Dennis")
    first, last = pages(graph_client, "/v1.0/users/delta?$select=displayName,givenName,surname")

    assert first["@odata.context"] == f"{graph.url}/$metadata#users(displayName,givenName,surname)"
    assert first["@odata.nextLink"].startswith(f"{graph.url}/users/delta?$skiptoken=")
    assert "@odata.deltaLink" not in first
    assert first["value"] == [
        {"id": cameron, "displayName": "Cameron White", "givenName": "Cameron", "surname": "White"},
        {"id": room, "displayName": "Conf Room Adams"},  # Never set is absent, not null.
    ]
    assert last["@odata.deltaLink"].startswith(f"{graph.url}/users/delta?$deltatoken=")
    assert "@odata.nextLink" not in last
    assert "givenName" not in last["@odata.deltaLink"]

    quiet = graph_client.get(last["@odata.deltaLink"]).json()
    assert quiet["value"] == []
    assert quiet["@odata.deltaLink"] != last["@odata.deltaLink"]


@pytest.mark.parametrize("name", ["delta", "delta/", "delta()", "microsoft.graph.delta", "microsoft.graph.delta()"])
def test_the_delta_function_has_many_spellings(graph: GraphServer, graph_client: httpx.Client, name: str) -> None:
    graph.world.add("users", displayName="Ada")
    assert len(graph_client.get(f"/beta/users/{name}").json()["value"]) == 1


def test_what_went_says_whether_it_can_come_back(graph: GraphServer, graph_client: httpx.Client) -> None:
    world = graph.world
    soft, hard, back, gone = (world.add("users", displayName=name, city="Oslo") for name in ("a", "b", "c", "d"))
    world.hard_delete("users", gone)
    found, link = items(graph_client, "/v1.0/users/delta")
    assert gone not in {item["id"] for item in found}  # Deleted before the initial query: not returned.

    world.soft_delete("users", soft)
    world.soft_delete("users", back)
    world.soft_delete("users", hard)
    found, link = items(graph_client, link)
    assert {item["id"]: item["@removed"]["reason"] for item in found} == dict.fromkeys((soft, back, hard), "changed")
    assert set(found[0]) == {"id", "@removed"}

    world.restore("users", back)
    world.hard_delete("users", hard)
    found, link = items(graph_client, link, Prefer="return=minimal")
    assert found == [{"id": back, "displayName": "c", "city": "Oslo"}, {"id": hard, "@removed": {"reason": "deleted"}}]
    assert items(graph_client, link)[0] == []


def test_missing_is_unchanged_and_null_is_cleared(graph: GraphServer, graph_client: httpx.Client) -> None:
    """https://learn.microsoft.com/graph/api/user-delta, "Response"."""
    ada = graph.world.add("users", displayName="Ada", jobTitle="Countess", mobilePhone="1")
    _, link = items(graph_client, "/v1.0/users/delta?$select=displayName,jobTitle,mobilePhone")
    graph.world.change("users", ada, displayName="Ada L")
    graph.world.clear("users", ada, "jobTitle")

    whole, _ = items(graph_client, link)
    assert whole == [{"id": ada, "displayName": "Ada L", "jobTitle": None, "mobilePhone": "1"}]
    response = graph_client.get(link, headers={"Prefer": "return=minimal"})
    assert response.json()["value"] == [{"id": ada, "displayName": "Ada L", "jobTitle": None}]
    assert response.headers["Preference-Applied"] == "return=minimal"


def test_only_what_is_selected_is_tracked(graph: GraphServer, graph_client: httpx.Client) -> None:
    ada = graph.world.add("users", displayName="Ada", city="Oslo")
    _, link = items(graph_client, "/v1.0/users/delta?$select=displayName")
    graph.world.change("users", ada, city="Bergen")
    assert items(graph_client, link)[0] == []


def test_a_delta_link_with_another_select_half_fills_rows(graph: GraphServer, graph_client: httpx.Client) -> None:
    """The overview allows `$select` beside a delta token; what did not change is then never told: the trap."""
    ada, bo = (graph.world.add("users", displayName=name, city="Oslo") for name in ("Ada", "Bo"))
    _, link = items(graph_client, "/v1.0/users/delta?$select=displayName")
    graph.world.change("users", ada, city="Bergen")
    assert items(graph_client, f"{link}&$select=displayName,city")[0] == [
        {"id": ada, "displayName": "Ada", "city": "Bergen"}
    ]
    graph.manner.page_size = 1
    first = graph_client.get("/v1.0/users/delta").json()
    assert error(graph_client.get(first["@odata.nextLink"] + "&$select=city")) == (400, "Request_UnsupportedQuery")
    assert bo in graph.world.truth("users")


def test_sync_from_now_has_no_data(graph: GraphServer, graph_client: httpx.Client) -> None:
    graph.world.add("users", displayName="before")
    found, link = items(graph_client, "/v1.0/users/delta?$deltatoken=latest&$select=displayName")
    after = graph.world.add("users", displayName="after", city="Oslo")
    assert found == []
    assert items(graph_client, link)[0] == [{"id": after, "displayName": "after"}]


def test_filters_are_ids_alone_and_fifty_at_most(graph: GraphServer, graph_client: httpx.Client) -> None:
    ada, bo, chidi = (graph.world.add("users", displayName=name) for name in ("Ada", "Bo", "Chidi"))
    found, link = items(graph_client, f"/v1.0/users/delta/?$filter= id eq '{ada}' or id eq '{bo}'&$select=displayName")
    graph.world.change("users", bo, displayName="B")
    graph.world.change("users", chidi, displayName="C")
    assert [item["id"] for item in found] == [ada, bo]
    assert items(graph_client, link)[0] == [{"id": bo, "displayName": "B"}]
    many = " or ".join(f"id eq '{number}'" for number in range(51))
    for refused in (
        f"$filter={many}",
        "$filter=displayName eq 'Ada'",
        "$orderby=displayName",
        "$top=5",
        "$expand=manager2",
    ):
        assert error(graph_client.get(f"/v1.0/users/delta?{refused}")) == (400, "Request_UnsupportedQuery")
    assert graph_client.get("/v1.0/users/delta?select2=x").status_code == 400


def test_a_page_has_the_wished_size_or_less(graph: GraphServer, graph_client: httpx.Client) -> None:
    for number in range(5):
        graph.world.add("users", displayName=f"{number}")
    found = pages(graph_client, "/v1.0/users/delta", Prefer="odata.maxpagesize=2")
    assert [len(page["value"]) for page in found] == [2, 2, 1]
    graph.manner.most = 1
    assert len(pages(graph_client, "/v1.0/users/delta", Prefer="odata.maxpagesize=2")) == 5


def test_members_come_as_changes_of_a_relation(graph: GraphServer, graph_client: httpx.Client) -> None:
    """https://learn.microsoft.com/graph/delta-query-groups."""
    world = graph.world
    ada, bo, chidi = (world.add("users", displayName=name) for name in ("Ada", "Bo", "Chidi"))
    full, empty = world.add("groups", displayName="TestGroup1"), world.add("groups", displayName="TestGroup2")
    world.join(full, ada)
    world.join(full, bo)
    found, link = items(graph_client, "/v1.0/groups/delta?$select=displayName,description&$expand=members")
    user = "#microsoft.graph.user"
    told = [{"@odata.type": user, "id": ada}, {"@odata.type": user, "id": bo}]
    assert found == [
        {"id": full, "displayName": "TestGroup1", "members@delta": told},
        {"id": empty, "displayName": "TestGroup2"},
    ]

    world.leave(full, ada)
    world.join(full, chidi)
    world.soft_delete("users", bo)  # "either by removing the membership or by deleting the user object itself"
    removed = {"@removed": {"reason": "deleted"}}
    (changed,), link = items(graph_client, link)
    assert changed["members@delta"] == [
        {"@odata.type": user, "id": ada, **removed},
        {"@odata.type": user, "id": bo, **removed},
        {"@odata.type": user, "id": chidi},
    ]
    assert world.linked("groups", full, "members") == {chidi}

    world.restore("users", bo)
    (changed,), _ = items(graph_client, link)
    assert changed["members@delta"] == [{"@odata.type": user, "id": bo}]


def test_a_large_group_is_told_in_parts(graph: GraphServer, graph_client: httpx.Client) -> None:
    graph.manner.part_size, graph.manner.page_size = 2, 1
    group = graph.world.add("groups", displayName="LargeGroup")
    members = [graph.world.add("users", displayName=f"{number}") for number in range(5)]
    for member in members:
        graph.world.join(group, member)
    found, link = items(graph_client, "/v1.0/groups/delta?$select=displayName,members")
    assert [item["displayName"] for item in found] == ["LargeGroup"] * 3
    assert [link["id"] for item in found for link in item["members@delta"]] == members
    graph.world.leave(group, members[4])
    told = [link for item in items(graph_client, link)[0] for link in item.get("members@delta", [])]
    assert [(each["id"], each["@removed"]["reason"]) for each in told] == [(members[4], "deleted")]


def test_a_manager_is_tracked_if_selected(graph: GraphServer, graph_client: httpx.Client) -> None:
    ada, bo = graph.world.add("users", displayName="Ada"), graph.world.add("users", displayName="Bo")
    _, silent = items(graph_client, "/v1.0/users/delta?$select=displayName")
    _, link = items(graph_client, "/v1.0/users/delta?$select=displayName,manager")
    graph.world.set_manager(ada, bo)
    (changed,), _ = items(graph_client, link)
    assert changed["manager@delta"] == [{"@odata.type": "#microsoft.graph.user", "id": bo}]
    assert items(graph_client, silent)[0] == []


def test_devices_are_a_collection_like_users(graph: GraphServer, graph_client: httpx.Client) -> None:
    pc = graph.world.add("devices", displayName="PC-1", operatingSystem="Windows")
    assert items(graph_client, "/v1.0/devices/delta?$select=displayName")[0] == [{"id": pc, "displayName": "PC-1"}]


def test_plain_reads_page_with_top_and_skip_tokens(graph: GraphServer, graph_client: httpx.Client) -> None:
    ada, bo = graph.world.add("users", displayName="Ada"), graph.world.add("users", displayName="Bo")
    group = graph.world.add("groups", displayName="G")
    graph.world.join(group, ada)
    graph.world.set_manager(ada, bo)
    first = graph_client.get("/v1.0/users?$top=1&$select=id,displayName").json()
    second = graph_client.get(first["@odata.nextLink"]).json()
    assert first["value"] + second["value"] == [{"id": ada, "displayName": "Ada"}, {"id": bo, "displayName": "Bo"}]
    assert "@odata.nextLink" not in second
    assert graph_client.get(f"/v1.0/users/{ada}").json()["displayName"] == "Ada"
    assert graph_client.get(f"/v1.0/users/{ada}/manager").json()["id"] == bo
    assert [each["id"] for each in graph_client.get(f"/v1.0/users/{ada}/memberOf").json()["value"]] == [group]
    assert [each["id"] for each in graph_client.get(f"/v1.0/groups/{group}/members").json()["value"]] == [ada]
    graph.world.soft_delete("users", ada)
    assert graph_client.get(f"/v1.0/users/{ada}").status_code == 404
    deleted = graph_client.get("/v1.0/directory/deletedItems/microsoft.graph.user").json()["value"]
    assert [each["id"] for each in deleted] == [ada]
