"""The Graph server misbehaves as it is told, at the request that it is told."""

from __future__ import annotations

import ssl
import subprocess
import sys
import time
from datetime import timedelta
from email.utils import parsedate_to_datetime
from json import loads

import httpx
import pytest

from tests.fakes.graph.faults import Call, Cut, Delay, Links, badly_formed, throttled
from tests.fakes.graph.reader import error, items, pages
from tests.fakes.graph.server import Elsewhere, GraphServer
from tests.fakes.graph.transport import Direct

pytestmark = pytest.mark.integration


def fill(graph: GraphServer, count: int = 6) -> list[str]:
    return [graph.world.add("users", displayName=f"u{number}") for number in range(count)]


@pytest.mark.parametrize("status", [429, 503, 504])
def test_throttling_says_when_to_come_again(graph: GraphServer, graph_client: httpx.Client, status: int) -> None:
    """Seconds, a date, or nothing: https://learn.microsoft.com/graph/throttling, RFC 9110."""
    graph.faults.add(throttled(7, status=status))
    graph.faults.add(throttled(7, status=status, at=graph.now()), at=2)
    graph.faults.add(throttled(None, status=status), at=3)
    seconds, date, bare = (graph_client.get("/v1.0/users/delta") for _ in range(3))
    assert [answer.status_code for answer in (seconds, date, bare)] == [status] * 3
    assert seconds.headers["retry-after"] == "7"
    assert parsedate_to_datetime(date.headers["retry-after"]) - graph.now() <= timedelta(seconds=7)
    assert "retry-after" not in bare.headers
    assert graph_client.get("/v1.0/users/delta").status_code == 200


def test_ten_thousand_refusals_can_be_scheduled(graph: GraphServer, graph_client: httpx.Client) -> None:
    graph.faults.add(throttled(0), times=10_000)
    assert {graph_client.get("/v1.0/users/delta").status_code for _ in range(50)} == {429}
    assert len(graph.requests("users/delta")) == 50


def test_empty_pages_go_on(graph: GraphServer, graph_client: httpx.Client) -> None:
    graph.manner.page_size, graph.manner.empty_pages = 3, 2
    ids = fill(graph)
    found = pages(graph_client, "/v1.0/users/delta")
    assert [len(page["value"]) for page in found] == [3, 0, 0, 3, 0, 0]
    assert [item["id"] for page in found for item in page["value"]] == ids


def test_items_are_repeated_and_out_of_order(graph: GraphServer, graph_client: httpx.Client) -> None:
    """ "The same item may appear more than once"; the last occurrence is the one to use."""
    ids = fill(graph)
    for thing in ids:
        graph.world.change("users", thing, displayName="now")
    graph.manner.page_size, graph.manner.repeat, graph.manner.shuffle = 2, 3, 5
    told, _ = items(graph_client, "/v1.0/users/delta")
    assert len(told) == 9
    assert list(dict.fromkeys(item["id"] for item in told)) != ids
    assert {item["id"]: item["displayName"] for item in told} == dict.fromkeys(ids, "now")
    assert sum(item["displayName"] != "now" for item in told) == 3  # The first of two tells what was before.


def test_what_changes_while_it_is_paged_is_told_again(graph: GraphServer, graph_client: httpx.Client) -> None:
    """https://learn.microsoft.com/graph/delta-query-overview#replays."""
    graph.manner.page_size = 2
    ids = fill(graph)
    graph.faults.add(Call(lambda: graph.world.change("users", ids[5], displayName="new")), at=2)
    graph.faults.add(Call(lambda: graph.world.hard_delete("users", ids[0])), at=2, where="skiptoken")
    told, link = items(graph_client, "/v1.0/users/delta")
    assert {item["id"]: item["displayName"] for item in told}[ids[5]] == "new"
    again, _ = items(graph_client, link)
    assert [item["id"] for item in again] == [ids[5], ids[0]]


def test_links_can_lead_elsewhere(graph: GraphServer, graph_client: httpx.Client, graph_elsewhere: Elsewhere) -> None:
    graph.manner.page_size = 1
    fill(graph, 2)
    graph.faults.add(Links(base=graph_elsewhere.base))
    link = graph_client.get("/v1.0/users/delta").json()["@odata.nextLink"]
    assert link.startswith(f"{graph_elsewhere.base}/v1.0/users/delta?$skiptoken=")
    assert graph_elsewhere.calls == []
    with pytest.raises(httpx.TransportError):
        graph_client.get(link)
    assert len(graph_elsewhere.calls) == 1


def test_links_can_be_absent_both_or_the_same_again(graph: GraphServer, graph_client: httpx.Client) -> None:
    graph.manner.page_size = 1
    fill(graph, 2)
    for fault in (Links(absent=True), Links(both=True), Links(same=True)):
        graph.faults.add(fault, at=len(graph.faults.rules) + 1)
    absent, both, same = (graph_client.get("/v1.0/users/delta").json() for _ in range(3))
    assert not {"@odata.nextLink", "@odata.deltaLink"} & set(absent)
    assert {"@odata.nextLink", "@odata.deltaLink"} <= set(both)
    assert same["@odata.nextLink"] == f"{graph.url}/users/delta"


@pytest.mark.parametrize("after", [0, 40])
def test_a_connection_is_cut_before_or_within_an_answer(
    graph: GraphServer, graph_client: httpx.Client, after: int
) -> None:
    fill(graph)
    graph.faults.add(Cut(after=after))
    with pytest.raises(httpx.RemoteProtocolError if after else httpx.TransportError):
        graph_client.get("/v1.0/users/delta")
    assert graph_client.get("/v1.0/users/delta").status_code == 200
    assert len(graph.requests()) == 2


def test_an_answer_can_come_late(graph: GraphServer, graph_client: httpx.Client) -> None:
    graph.faults.add(Delay(30))
    began = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        graph_client.get("/v1.0/users/delta", timeout=0.3)
    assert graph_client.get("/v1.0/users/delta").status_code == 200
    assert time.monotonic() - began < 20


def test_a_malformed_request_is_no_expired_token(graph: GraphServer, graph_client: httpx.Client) -> None:
    graph.faults.add(badly_formed(), where=lambda request: "deltatoken" in request.url)
    _, link = items(graph_client, "/v1.0/users/delta")
    assert error(graph_client.get(link)) == (400, "Request_BadRequest")
    assert graph_client.get(link).status_code == 200


def test_a_batch_answers_each_request_by_its_id(graph: GraphServer, graph_client: httpx.Client) -> None:
    """https://learn.microsoft.com/graph/json-batching; each request has limits of its own and fails alone."""
    (ada,) = fill(graph, 1)
    graph.faults.add(throttled(3), where=lambda request: request.batched and "groups" in request.url)
    asked: list[dict[str, object]] = [
        {"id": "1", "method": "GET", "url": f"/users/{ada}"},
        {"id": "2", "method": "GET", "url": "/groups/delta"},
        {"id": "3", "method": "GET", "url": "/users/delta", "dependsOn": ["2"]},
        {"id": "4", "method": "DELETE", "url": f"users/{ada}"},
    ]
    response = graph_client.post("/v1.0/$batch", json={"requests": asked})
    answers = {each["id"]: each for each in response.json()["responses"]}
    assert {name: each["status"] for name, each in answers.items()} == {"1": 200, "2": 429, "3": 424, "4": 405}
    assert [each["id"] for each in response.json()["responses"]] != ["1", "2", "3", "4"]
    assert answers["2"]["headers"]["Retry-After"] == "3"
    for wrong in ([], asked[:1] * 2, [{**asked[0], "id": str(number)} for number in range(21)]):
        assert graph_client.post("/v1.0/$batch", json={"requests": wrong}).status_code == 400


def test_the_log_holds_each_request_with_its_status(graph: GraphServer, graph_client: httpx.Client) -> None:
    graph_client.get("/v1.0/users/delta", headers={"Prefer": "return=minimal"})
    graph_client.get("/v1.0/nothing/delta")
    assert [(seen.number, seen.status) for seen in graph.log] == [(1, 200), (2, 404)]
    assert graph.requests("users")[0].headers["prefer"] == "return=minimal"


def test_without_a_socket_the_same_is_told_and_the_same_goes_wrong(
    graph: GraphServer, graph_client: httpx.Client
) -> None:
    fill(graph)
    headers = {"Authorization": f"Bearer {graph.token}"}
    direct = Direct(graph)
    with httpx.Client(transport=direct, headers=headers, base_url=graph.base) as client:
        assert items(client, "/v1.0/users/delta")[0] == items(graph_client, "/v1.0/users/delta")[0]
        for fault, raised in ((Cut(), httpx.RemoteProtocolError), (Delay(30), httpx.ReadTimeout)):
            graph.faults.add(fault)
            with pytest.raises(raised):
                client.get("/v1.0/users/delta")
        graph.faults.add(throttled(7))
        assert client.get("/v1.0/users/delta").headers["retry-after"] == "7"
        with pytest.raises(httpx.ConnectError):
            client.get("https://elsewhere.test/v1.0/users/delta")
    assert direct.strangers == ["elsewhere.test"]


def test_the_server_runs_by_hand() -> None:
    command = [sys.executable, "-m", "tests.fakes.graph", "--users", "300", "--groups", "2", "--files", "30"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told = loads(process.stdout.readline())
        with httpx.Client(
            verify=ssl.create_default_context(cafile=told["ca"]), headers={"Authorization": f"Bearer {told['token']}"}
        ) as client:
            found, link = items(client, f"{told['base_url']}/users/delta?$select=jobTitle")
            process.stdin.write("change 3\n")
            process.stdin.flush()
            assert loads(process.stdout.readline())["done"] == "change"
            assert (len(found), len(items(client, link)[0])) == (300, 3)
        process.stdin.close()
        assert process.wait(30) == 0
