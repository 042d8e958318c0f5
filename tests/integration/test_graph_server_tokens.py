"""Tokens expire, are bound and cannot be made; drives and Dataverse word it in their own way."""

from __future__ import annotations

import httpx
import pytest

from tests.fakes.graph.faults import Call, gone, sync_state_not_found
from tests.fakes.graph.reader import error, items, pages
from tests.fakes.graph.server import GraphServer
from tests.fakes.graph.things import Flavour

pytestmark = pytest.mark.integration


def test_a_delta_link_lives_for_seven_days(graph: GraphServer, graph_client: httpx.Client) -> None:
    """https://learn.microsoft.com/graph/delta-query-overview#token-duration."""
    _, link = items(graph_client, "/v1.0/users/delta")
    graph.advance(days=6, hours=23)
    assert graph_client.get(link).status_code == 200
    graph.advance(hours=2)
    response = graph_client.get(link)
    assert error(response) == (400, "syncStateNotFound")
    assert "location" not in response.headers


def test_a_token_is_bound_to_its_resource_and_cannot_be_made(graph: GraphServer, graph_client: httpx.Client) -> None:
    _, link = items(graph_client, "/v1.0/users/delta")
    for wrong in (link.replace("users", "groups"), link + "x", link.replace("deltatoken", "skiptoken")):
        assert error(graph_client.get(wrong)) == (400, "Request_BadRequest")


def test_a_next_link_can_expire_within_its_round(graph: GraphServer, graph_client: httpx.Client) -> None:
    graph.manner.page_size = 1
    for name in "abc":
        graph.world.add("users", displayName=name)
    graph.faults.add(Call(lambda: graph.rounds.expire(deltas=False)), where="skiptoken", at=2)
    first = graph_client.get("/v1.0/users/delta").json()
    second = graph_client.get(first["@odata.nextLink"]).json()
    assert error(graph_client.get(second["@odata.nextLink"])) == (400, "syncStateNotFound")
    assert len(pages(graph_client, "/v1.0/users/delta")) == 3


def test_410_leads_to_the_initial_query_with_an_empty_token(graph: GraphServer, graph_client: httpx.Client) -> None:
    """https://learn.microsoft.com/graph/delta-query-overview#synchronization-reset."""
    ada = graph.world.add("users", displayName="Ada", city="Oslo")
    _, link = items(graph_client, "/v1.0/users/delta?$select=displayName")
    graph.faults.add(gone(graph.location("users", select=("displayName",))))
    response = graph_client.get(link)
    assert error(response) == (410, "resyncRequired")
    assert response.headers["location"] == f"{graph.url}/users/delta?$deltatoken=&$select=displayName"
    assert items(graph_client, response.headers["location"])[0] == [{"id": ada, "displayName": "Ada"}]


@pytest.mark.parametrize("code", ["resyncRequired", "resyncChangesApplyDifferences", "resyncChangesUploadDifferences"])
def test_410_comes_without_a_location_too(graph: GraphServer, graph_client: httpx.Client, code: str) -> None:
    graph.faults.add(gone(code=code, detail="resyncRequired"))
    response = graph_client.get("/v1.0/users/delta")
    assert error(response) == (410, code)
    assert response.json()["error"]["innerError"]["code"] == "resyncRequired"
    assert "location" not in response.headers


def test_outlook_answers_410_to_a_token_that_left_its_cache(graph: GraphServer, graph_client: httpx.Client) -> None:
    path = "users/u1/mailFolders/inbox/messages"
    graph.world.collection(path, "message", Flavour.OUTLOOK)
    mail = graph.world.add(path, subject="Hello")
    assert items(graph_client, f"/v1.0/{path}/delta?changeType=created")[0] == [{"id": mail, "subject": "Hello"}]
    _, link = items(graph_client, f"/v1.0/{path}/delta?changeType=created")
    graph.world.change(path, mail, isRead=True)
    new = graph.world.add(path, subject="New")
    told, link = items(graph_client, link)
    assert [item["id"] for item in told] == [new]
    graph.rounds.expire()
    assert error(graph_client.get(link)) == (410, "syncStateNotFound")


def test_a_calendar_view_bakes_its_window_into_the_token(graph: GraphServer, graph_client: httpx.Client) -> None:
    """https://learn.microsoft.com/graph/api/event-delta."""
    path = "users/u1/calendarView"
    graph.world.collection(path, "event", Flavour.OUTLOOK)
    graph.world.add(path, subject="Stand-up")
    window = "startDateTime=2026-01-01T00:00:00Z&endDateTime=2026-02-01T00:00:00Z"
    _, link = items(graph_client, f"/v1.0/{path}/delta?{window}")
    assert "DateTime" not in link
    assert error(graph_client.get(f"/v1.0/users/delta?{window}")) == (400, "invalidRequest")


def test_a_drive_tells_deleted_facets_and_no_paths(graph: GraphServer, graph_client: httpx.Client) -> None:
    """https://learn.microsoft.com/graph/api/driveitem-delta."""
    world, root = graph.world, graph.world.drive("d1").path
    graph.manner.page_size = 2
    folder = world.add(root, name="folder2", folder={}, parentReference={"driveId": "d1", "id": "root-d1"})
    file = world.add(root, name="file.txt", file={}, size=3, parentReference={"driveId": "d1", "id": folder})
    other = world.add(root, name="file5.txt", file={}, parentReference={"driveId": "d1", "id": "root-d1"})
    found = pages(graph_client, f"/v1.0/{root}/delta")
    assert found[0]["@odata.nextLink"].startswith(f"{graph.url}/{root}/delta(token='")
    assert found[-1]["@odata.deltaLink"].startswith(f"{graph.url}/{root}/delta?token=")
    assert [item["id"] for page in found for item in page["value"]] == ["root-d1", folder, file, other]

    link = found[-1]["@odata.deltaLink"]
    world.change(root, file, size=4)
    told, _ = items(graph_client, link)
    assert {item["id"] for item in told} == {file, folder, "root-d1"}  # The folders above it are told too.
    assert "path" not in told[0]["parentReference"]
    told, link = items(graph_client, link, deltaExcludeParent="true")
    assert [item["id"] for item in told] == [file]

    world.soft_delete(root, folder)  # What lies in it goes with it.
    told, _ = items(graph_client, link)
    assert {item["id"]: item["deleted"] for item in told} == {folder: {}, file: {}}
    assert all("name" not in item for item in told)
    assert set(world.truth(root)) == {"root-d1", other}


def test_a_renamed_folder_is_told_without_what_lies_in_it(graph: GraphServer, graph_client: httpx.Client) -> None:
    world, root = graph.world, graph.world.drive("d1").path
    folder = world.add(root, name="old", folder={}, parentReference={"driveId": "d1", "id": "root-d1"})
    file = world.add(root, name="file.txt", file={}, parentReference={"driveId": "d1", "id": folder})
    _, link = items(graph_client, f"/v1.0/{root}/delta?token=latest", deltaExcludeParent="1")
    world.change(root, folder, name="new")
    told, link = items(graph_client, link, deltaExcludeParent="1")
    assert [item["id"] for item in told] == [folder]
    world.move(root, file, "root-d1")
    told, _ = items(graph_client, link, deltaExcludeParent="1")
    assert [(item["id"], item["parentReference"]["id"]) for item in told] == [(file, "root-d1")]


def test_an_expired_drive_token_leads_to_a_fresh_enumeration(graph: GraphServer, graph_client: httpx.Client) -> None:
    root = graph.world.drive("d1").path
    _, link = items(graph_client, f"/v1.0/{root}/delta")
    graph.advance(days=8)
    response = graph_client.get(link)
    assert error(response) == (410, "resyncChangesApplyDifferences")
    assert [item["id"] for item in items(graph_client, response.headers["location"])[0]] == ["root-d1"]


def test_dataverse_tracks_changes_of_a_table_by_a_preference(graph: GraphServer, graph_client: httpx.Client) -> None:
    """https://learn.microsoft.com/power-apps/developer/data-platform/use-change-tracking-synchronize-data-external-systems."""
    table = graph.world.table("accounts", "accountid").path
    monte = graph.world.add(table, name="Monte Orton", telephone1="555000", address="x")
    gone_one = graph.world.add(table, name="Gone")
    url = "/api/data/v9.2/accounts?$select=name,accountnumber,telephone1"
    first = graph_client.get(url, headers={"Prefer": "odata.track-changes, odata.maxpagesize=1"})
    assert first.headers["preference-applied"] == "odata.track-changes"
    assert first.headers["odata-version"] == "4.0"
    body = first.json()
    row = {"accountid": monte, "name": "Monte Orton", "telephone1": "555000", "accountnumber": None}
    assert body["value"] == [{"@odata.etag": body["value"][0]["@odata.etag"], **row}]
    (*_, last) = pages(graph_client, body["@odata.nextLink"], Prefer="odata.track-changes")
    assert "$select=name,accountnumber,telephone1&$deltatoken=" in last["@odata.deltaLink"]

    graph.world.soft_delete(table, gone_one)
    graph.world.change(table, monte, name="Monte")
    changed = graph_client.get(last["@odata.deltaLink"]).json()
    assert changed["@odata.context"].endswith("/$delta")
    assert changed["value"][0]["name"] == "Monte"
    context = f"{graph.base}/api/data/v9.2/$metadata#accounts/$deletedEntity"
    assert changed["value"][1] == {"@odata.context": context, "id": gone_one, "reason": "deleted"}  # Deleted ones last.

    graph.manner.bare = True
    assert (
        graph_client.get(changed["@odata.deltaLink"]).json() == {}
    )  # "An empty JSON response", and the link stays good.

    refused = graph_client.get(f"{url}&$filter=name eq 'x'", headers={"Prefer": "odata.track-changes"})
    assert refused.status_code == 400
    assert "isn't supported when Change Tracking is enabled" in refused.json()["error"]["message"]
    graph.advance(days=8)
    assert error(graph_client.get(changed["@odata.deltaLink"])) == (400, "0x80044352")


def test_an_expired_token_can_be_had_on_demand(graph: GraphServer, graph_client: httpx.Client) -> None:
    graph.faults.add(sync_state_not_found(), at=2, where="users/delta")
    assert graph_client.get("/v1.0/users/delta").status_code == 200
    assert graph_client.get("/v1.0/groups/delta").status_code == 200
    assert error(graph_client.get("/v1.0/users/delta")) == (400, "syncStateNotFound")
    assert graph_client.get("/v1.0/users/delta").status_code == 200
