"""Subscriptions against the server's rules: found again, renewed in time, part by part, and never made twice."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import pytest

from airflow_provider_integrations.connectors.msgraph.client import Landing, OwnPauses, Reach, drive, open_client
from airflow_provider_integrations.connectors.msgraph.hosts import Endpoint, endpoint
from airflow_provider_integrations.connectors.msgraph.model import Answer, Step
from airflow_provider_integrations.connectors.msgraph.subscribing import (
    Renewal,
    delete_subscriptions,
    list_subscriptions,
    renew_subscriptions,
    subscribe,
)
from airflow_provider_integrations.connectors.msgraph.subscriptions import (
    Subscription,
    Wanted,
    change_types,
    longest,
    plan_renewals,
    until_text,
)
from airflow_provider_integrations.connectors.msgraph.throttle import AppScope, Pace, paced
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    RateLimitedError,
    SystemicError,
    TransientError,
)
from tests.fakes.graph.faults import Answer as Instead
from tests.fakes.graph.faults import Call, Cut, throttled
from tests.fakes.graph.messages import Response
from tests.fakes.graph.service import GraphService
from tests.fakes.graph.transport import Direct

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SCOPE = AppScope("t", "t", "c")
End = TypeVar("End")


class Service(GraphService):
    """Its clock moves as we sleep; receivers are taken for good, as no socket is in play here."""

    def __init__(self, held: int = 0, days: float = 2) -> None:
        super().__init__(clock=lambda: NOW)
        self.slept: list[float] = []
        self.root: Endpoint = endpoint(f"{self.base}/v1.0", named=("graph.test",))
        for number in range(held):
            self.hold(f"s-{number}", days)

    def hold(self, name: str, days: float, **more: Any) -> None:
        until = (self.now() + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")
        given = {
            "id": name,
            "resource": "users",
            "changeType": "updated,deleted",
            "notificationUrl": "https://r.test/n",
        }
        self.subscriptions.held[name] = {
            **given, "lifecycleNotificationUrl": "https://r.test/n", "expirationDateTime": until, **more,
        }  # fmt: skip

    def talk(self, conversation: Generator[Step, Answer, End], budget: float = 1000) -> End:
        def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            self.advance(seconds=seconds)

        landing = Landing(lambda page: None, lambda restart: None, OwnPauses(), self.now)
        with open_client(Reach(), Direct(self)) as client:
            held = paced(conversation, SCOPE, random=lambda: 0.0, pace=Pace(budget=budget))
            return drive(held, client, landing, token=lambda fresh: self.token, sleep=sleep)

    def calls(self, method: str) -> int:
        return sum(1 for seen in self.log if seen.request.method == method and not seen.request.batched)


def wanted(**more: Any) -> Wanted:
    return Wanted(**{"resource": "/users", "notification_url": "https://r.test/n", "client_state": "canary", **more})


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fakes.graph.subscriptions.Subscriptions._validated", lambda self, url: True)


@pytest.mark.parametrize(
    ("resource", "minutes", "types"),
    [
        ("users", 41_760, "deleted,updated"),
        ("/groups/", 41_760, "deleted,updated"),
        ("drives/b!x/root", 42_300, "updated"),
        ("sites/s/lists/l", 42_300, "updated"),
        ("users/ada/messages", 10_080, "created,deleted,updated"),
        ("me/mailFolders('inbox')/messages", 10_080, "created,deleted,updated"),
        ("users/ada", 41_760, "deleted,updated"),
        ("users/ada/calendarView", 4_230, "created,deleted,updated"),
        ("print/printers", 4_230, "created,deleted,updated"),
    ],
)
def test_how_long_each_resource_lives_and_what_it_tells(resource: str, minutes: int, types: str) -> None:
    assert longest(resource) == timedelta(minutes=minutes)
    assert change_types(resource) == types
    asked = datetime.fromisoformat(until_text(resource, NOW)[:19] + "+00:00")
    assert NOW + longest(resource) * 0.9 <= asked < NOW + longest(resource)


@pytest.mark.parametrize(
    "wrong",
    [{"notification_url": "http://r.test"}, {"lifecycle_url": "ftp://r.test"}, {"client_state": ""},
     {"client_state": "x" * 129}, {"change_types": "updated,read"}],
)  # fmt: skip
def test_what_the_service_would_refuse_is_refused_here(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        wanted(**wrong)


def test_no_secret_is_in_a_repr() -> None:
    assert "canary" not in repr(wanted())
    assert "r.test" not in repr(Subscription("s", "users", "updated", "https://r.test/?code=secret", NOW))


def test_renewals_are_planned_by_what_is_left_of_the_longest_life() -> None:
    def live(name: str, resource: str, days: float) -> Subscription:
        return Subscription(name, resource, "updated", "https://r.test", NOW + timedelta(days=days))

    found = [live("a", "users", 15), live("b", "users", 14), live("c", "me/messages", 3), live("d", "me/messages", 4)]
    assert [each.id for each in plan_renewals(found, NOW)] == ["c", "b"]
    assert [each.id for each in plan_renewals(found, NOW, share=1)] == ["c", "d", "b", "a"]


def test_all_pages_of_subscriptions_are_read_and_a_page_that_comes_again_ends_it() -> None:
    graph = Service(held=2)
    assert [each.id for each in graph.talk(list_subscriptions(graph.root))] == ["s-0", "s-1"]
    one = {"value": [], "@odata.nextLink": f"{graph.base}/v1.0/subscriptions?$skiptoken=canary"}
    graph.faults.add(Instead(Response(body=one)), times=3)
    with pytest.raises(SystemicError, match="comes again") as caught:
        graph.talk(list_subscriptions(graph.root))
    assert "canary" not in str(caught.value)


def test_pages_of_subscriptions_without_end_end() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        link = f"https://graph.test/v1.0/subscriptions?$skiptoken={len(asked)}"
        return httpx.Response(200, json={"value": [], "@odata.nextLink": link})

    root = endpoint("https://graph.test/v1.0", named=("graph.test",))
    landing = Landing(lambda page: None, lambda restart: None)
    with open_client(Reach(), httpx.MockTransport(answer)) as client, pytest.raises(SystemicError, match="without end"):
        drive(list_subscriptions(root), client, landing, token=lambda fresh: "t")
    assert len(asked) == 1_001


def test_a_link_to_another_host_is_not_followed() -> None:
    graph = Service()
    graph.faults.add(Instead(Response(body={"value": [], "@odata.nextLink": "https://evil.test/v1.0/subscriptions"})))
    with pytest.raises(SystemicError, match="another place"):
        graph.talk(list_subscriptions(graph.root))
    assert len(graph.log) == 1


@pytest.mark.usefixtures("trusting")
def test_subscribing_again_makes_no_second_one() -> None:
    graph = Service()
    first = graph.talk(subscribe(graph.root, wanted(), SCOPE, graph.now()))
    again = graph.talk(subscribe(graph.root, wanted(), SCOPE, graph.now()))
    assert (first.done, again.done) == ("created", "kept")
    assert first.subscription.id == again.subscription.id
    assert (len(graph.subscriptions.held), graph.calls("POST")) == (1, 1)
    graph.advance(days=20)
    assert graph.talk(subscribe(graph.root, wanted(), SCOPE, graph.now())).done == "renewed"
    other = graph.talk(subscribe(graph.root, wanted(resource="groups"), SCOPE, graph.now()))
    assert (other.done, len(graph.subscriptions.held)) == ("created", 2)


@pytest.mark.usefixtures("trusting")
def test_a_new_secret_takes_the_place_of_the_old_one_when_it_works() -> None:
    graph = Service(held=2)
    made = graph.talk(subscribe(graph.root, wanted(), SCOPE, graph.now(), anew=True))
    assert made.done == "created"
    assert list(graph.subscriptions.held) == [made.subscription.id]
    assert graph.subscriptions.held[made.subscription.id]["clientState"] == "canary"


@pytest.mark.usefixtures("trusting")
def test_a_receiver_that_moved_takes_the_place_of_the_other_when_a_person_asks_for_it() -> None:
    graph = Service()
    graph.hold("old", 20, notificationUrl="https://old.test/n")
    with pytest.raises(ConfigError, match=r"another receiver.*'old'"):
        graph.talk(subscribe(graph.root, wanted(), SCOPE, graph.now()))
    assert list(graph.subscriptions.held) == ["old"]
    made = graph.talk(subscribe(graph.root, wanted(), SCOPE, graph.now(), anew=True))
    assert made.done == "created"
    assert list(graph.subscriptions.held) == [made.subscription.id]


@pytest.mark.usefixtures("trusting")
def test_one_that_another_run_makes_meanwhile_is_kept() -> None:
    graph = Service()
    graph.faults.add(Call(lambda: graph.hold("theirs", 20)), where=lambda request: request.method == "POST")
    there = graph.talk(subscribe(graph.root, wanted(), SCOPE, graph.now()))
    assert (there.done, there.subscription.id) == ("kept", "theirs")


def test_one_kind_that_is_there_twice_is_told_once() -> None:
    graph = Service(held=2, days=20)
    assert graph.talk(subscribe(graph.root, wanted(), SCOPE, graph.now())).done == "kept"
    assert list(graph.subscriptions.held) == ["s-1"]


@pytest.mark.usefixtures("trusting")
def test_a_creation_whose_answer_is_lost_is_not_sent_twice_and_found_by_the_next_run() -> None:
    graph = Service()
    graph.faults.add(Cut(), where=lambda request: request.method == "POST")
    with pytest.raises(ConnectionLostError):
        graph.talk(subscribe(graph.root, wanted(), SCOPE, graph.now()))
    assert graph.calls("POST") == 1
    assert graph.talk(subscribe(graph.root, wanted(), SCOPE, graph.now())).done == "kept"
    assert len(graph.subscriptions.held) == 1


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize(("status", "posts"), [(429, 2), (503, 2), (500, 1), (504, 1)])
def test_a_creation_is_sent_again_only_where_it_was_surely_not_done(status: int, posts: int) -> None:
    graph = Service()
    graph.faults.add(
        Instead(Response(status, {}, {"Retry-After": "3"})), where=lambda request: request.method == "POST"
    )
    try:
        assert graph.talk(subscribe(graph.root, wanted(), SCOPE, graph.now())).done == "created"
    except TransientError:
        assert posts == 1
    assert graph.calls("POST") == posts


def test_a_receiver_that_does_not_prove_itself_is_told() -> None:
    graph = Service()
    with pytest.raises(ConfigError, match="within 10 s"):
        graph.talk(subscribe(graph.root, wanted(notification_url="https://127.0.0.1:1/n"), SCOPE, graph.now()))


def test_renewals_go_by_twenty_and_say_what_is_gone() -> None:
    graph = Service(held=45)
    found = graph.talk(list_subscriptions(graph.root))
    del graph.subscriptions.held["s-7"]
    renewal = graph.talk(renew_subscriptions(graph.root, found, SCOPE, graph.now()))
    assert (len(renewal.renewed), renewal.gone, graph.calls("POST")) == (44, ("s-7",), 3)
    assert {each.until > graph.now() + timedelta(days=28) for each in renewal.renewed} == {True}


def test_a_part_that_is_throttled_waits_and_is_sent_again_alone() -> None:
    graph = Service(held=5)
    found = graph.talk(list_subscriptions(graph.root))
    graph.faults.add(throttled(40), where=lambda request: request.batched and "s-3" in request.url, times=2)
    assert len(graph.talk(renew_subscriptions(graph.root, found, SCOPE, graph.now())).renewed) == 5
    assert graph.slept == [40.0, 40.0]
    parts = [seen.request.url[-3:] for seen in graph.log if seen.request.batched]
    assert parts == ["s-0", "s-1", "s-2", "s-3", "s-4", "s-3", "s-3"]


@pytest.mark.parametrize(("retry_after", "kind"), [("0", TransientError), ("900", RateLimitedError)])
def test_parts_that_stay_throttled_end_the_run_by_tries_or_by_budget(
    retry_after: str, kind: type[IntegrationError]
) -> None:
    graph = Service(held=2)
    found = graph.talk(list_subscriptions(graph.root))
    graph.faults.add(
        Instead(Response(429, {}, {"Retry-After": retry_after})), where=lambda request: request.batched, times=10_000
    )
    with pytest.raises(kind):
        graph.talk(renew_subscriptions(graph.root, found, SCOPE, graph.now()), budget=1000)
    assert sum(graph.slept) <= 1000


def test_one_renewal_that_is_refused_keeps_no_other_from_being_renewed() -> None:
    graph = Service(held=45)
    found = graph.talk(list_subscriptions(graph.root))
    graph.faults.add(Instead(Response(403, {})), where=lambda request: request.batched and request.url.endswith("/s-0"))
    with pytest.raises(ConfigError, match=r"access is denied.*subscriptions/s-0"):
        graph.talk(renew_subscriptions(graph.root, found, SCOPE, graph.now()))
    left = plan_renewals(graph.talk(list_subscriptions(graph.root)), graph.now())
    assert [each.id for each in left] == ["s-0"]


def test_a_batch_that_is_answered_in_part_is_an_error_and_a_denied_part_a_setting() -> None:
    graph = Service(held=2)
    found = graph.talk(list_subscriptions(graph.root))
    graph.faults.add(Instead(Response(body={"responses": [{"id": "0", "status": 200, "body": {}}]})))
    with pytest.raises(SystemicError, match="in part"):
        graph.talk(renew_subscriptions(graph.root, found, SCOPE, graph.now()))
    graph.faults.clear()
    graph.faults.add(Instead(Response(403, {})), where=lambda request: request.batched)
    with pytest.raises(ConfigError, match="access is denied"):
        graph.talk(renew_subscriptions(graph.root, found, SCOPE, graph.now()))


def test_deleting_what_is_gone_is_no_error_and_an_id_is_no_path() -> None:
    graph = Service(held=1)
    assert graph.talk(delete_subscriptions(graph.root, ["s-0", "s-0"])) == ["s-0", "s-0"]
    with pytest.raises(ConfigError):
        graph.talk(delete_subscriptions(graph.root, ["../users/ada"]))
    assert graph.talk(renew_subscriptions(graph.root, [], SCOPE, graph.now())) == Renewal((), ())


def test_an_answer_that_is_no_subscription_is_told() -> None:
    graph = Service()
    graph.faults.add(Instead(Response(body={"value": [{"id": "s-1"}]})))
    with pytest.raises(SystemicError, match="subscription that is none"):
        graph.talk(list_subscriptions(graph.root))


def test_the_body_is_sent_as_json() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"value": []}) if request.method == "GET" else httpx.Response(400, json={})

    graph = Service()
    talk, landing = subscribe(graph.root, wanted(), SCOPE, NOW), Landing(lambda page: None, lambda restart: None)
    with open_client(Reach(), httpx.MockTransport(answer)) as client, pytest.raises(ConfigError):
        drive(talk, client, landing, token=lambda fresh: "t")
    assert [request.headers.get("content-type") for request in seen] == [None, "application/json"]
