"""The delta protocol, clause by clause, by `next` and `send`."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace

import pytest

from airflow_provider_integrations.connectors.msgraph.delta import run_round
from airflow_provider_integrations.connectors.msgraph.model import (
    AskPause,
    LinkKind,
    Page,
    Pause,
    Request,
    Response,
    RoundStart,
    Step,
)
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.connectors.msgraph.throttle import AppScope, paced
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    StalledError,
    SystemicError,
)
from tests.unit.connectors.msgraph.delta_answers import (
    ANNA,
    BEN,
    DELTA,
    GRAPH,
    NOW,
    ROOT,
    SKIP,
    USERS,
    Talk,
    answer,
    error,
    full,
    incremental,
    page,
)


def test_next_links_are_followed_to_the_delta_link() -> None:
    talk = Talk(full())
    talk.say(page(ANNA, next_link=f"{SKIP}a"))
    talk.say(page(BEN, delta_link=f"{DELTA}one"))
    assert talk.asked == [f"{ROOT}?$select=id,displayName", f"{SKIP}a"]
    assert [(each.number, each.first, list(each.items), each.full) for each in talk.pages] == [
        (1, 1, [ANNA], True),
        (2, 2, [BEN], True),
    ]
    assert talk.end is not None
    assert (talk.end.link, talk.end.full, talk.end.pages, talk.end.items) == (f"{DELTA}one", True, 2, 2)


def test_a_link_is_used_as_it_was_sent() -> None:
    odd = "https://graph.microsoft.com:443/v1.0/me/drive/root/delta(token='MzslMjM0;%20a b')?$select=id"
    talk = Talk(full())
    talk.say(page(next_link=odd))
    assert talk.asked[-1] == odd


def test_an_empty_page_with_a_next_link_goes_on() -> None:
    talk = Talk(incremental())
    for number in range(50):
        talk.say(page(next_link=f"{SKIP}{number}"))
    talk.say(page(ANNA, delta_link=f"{DELTA}two"))
    assert talk.end is not None
    assert (talk.end.pages, talk.end.items) == (51, 1)


def test_pages_that_stay_empty_for_ever_end() -> None:
    talk = Talk(incremental(), empty_pages=3)
    for number in range(3):
        talk.say(page(next_link=f"{SKIP}{number}"))
    with pytest.raises(StalledError, match="empty"):
        talk.say(page(next_link=f"{SKIP}3"))


def test_a_round_without_changes_ends_at_once_and_its_link_replaces_the_old_one() -> None:
    talk = Talk(incremental())
    talk.say(page(delta_link=f"{DELTA}two"))
    assert talk.end is not None
    assert (talk.end.link, talk.end.items, talk.end.full) == (f"{DELTA}two", 0, False)


def test_neither_link_is_an_error_and_not_the_end() -> None:
    talk = Talk(full())
    with pytest.raises(SystemicError, match="neither"):
        talk.say(page(ANNA))
    assert talk.pages == []


def test_both_links_are_an_error() -> None:
    with pytest.raises(SystemicError, match="both"):
        Talk(full()).say(page(ANNA, next_link=f"{SKIP}a", delta_link=f"{DELTA}one"))


@pytest.mark.parametrize(
    "body",
    [
        {"@odata.deltaLink": f"{DELTA}one"},
        {"@odata.deltaLink": f"{DELTA}one", "value": None},
        {"@odata.deltaLink": f"{DELTA}one", "value": ["1"]},
        {"@odata.deltaLink": "", "value": []},
        {"@odata.deltaLink": 7, "value": []},
        {"@odata.nextLink": None, "value": []},
        [],
        "text",
    ],
)
def test_what_is_no_page_is_an_error(body: object) -> None:
    with pytest.raises(SystemicError):
        Talk(full()).say(answer(200, body))


def test_an_answer_that_was_cut_may_be_asked_for_again() -> None:
    whole = page(ANNA, delta_link=f"{DELTA}one")
    cut = type(whole)(200, {}, whole.body[:-5], whole.at)
    with pytest.raises(ConnectionLostError):
        Talk(full()).say(cut)


def test_a_next_link_that_comes_again_is_an_error() -> None:
    talk = Talk(full())
    talk.say(page(ANNA, next_link=f"{SKIP}a"))
    talk.say(page(BEN, next_link=f"{SKIP}b"))
    with pytest.raises(SystemicError, match="again"):
        talk.say(page(ANNA, next_link=f"{SKIP}a"))


def test_a_next_link_that_is_its_own_page_is_an_error_after_a_crash_too() -> None:
    talk = Talk(RoundStart(1, True, f"{SKIP}a", LinkKind.NEXT, pages=3, items=600))
    with pytest.raises(SystemicError, match="again"):
        talk.say(page(ANNA, next_link=f"{SKIP}a"))


def test_a_round_goes_on_after_a_crash() -> None:
    talk = Talk(RoundStart(1, True, f"{SKIP}c", LinkKind.NEXT, pages=3, items=600, attempt=2))
    talk.say(page(ANNA, delta_link=f"{DELTA}one"))
    assert [(each.number, each.first, each.attempt) for each in talk.pages] == [(4, 601, 2)]
    assert talk.end is not None
    assert (talk.end.pages, talk.end.items) == (4, 601)


def held() -> int:
    gc.collect()
    return sum(isinstance(each, Page | Response) for each in gc.get_objects())


@pytest.fixture
def few_objects() -> Iterator[None]:
    """The collector knows only of what is made from now on: to walk a million others each time takes a second."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("few_objects")
def test_no_page_is_held_after_it_is_landed() -> None:
    before = held()
    conversation = paced(run_round(full(), USERS), AppScope("global", "t", "a"), random=lambda: 0.0)
    step: Step | None = next(conversation)
    for number in range(30):
        while not isinstance(step, Request):
            step = conversation.send(Pause(None, NOW) if isinstance(step, AskPause) else None)
        assert held() == before
        step = None
        step = conversation.send(page(*[{"id": str(each)} for each in range(200)], next_link=f"{SKIP}{number}"))
        assert isinstance(step, Page)
        step = conversation.send(None)


def test_the_latest_link_brings_no_objects_and_no_deletes() -> None:
    link = USERS.initial_url(latest=True)
    assert link.endswith("$deltatoken=latest")
    talk = Talk(RoundStart(1, False, link, LinkKind.INITIAL, latest=True))
    talk.say(page(delta_link=f"{DELTA}now"))
    assert talk.end is not None
    assert not talk.end.full


def test_drives_and_lists_ask_for_the_latest_link_in_their_own_way() -> None:
    for resource in ("me/drive/root", "drives/b!x/root", "sites/s/lists/l/items"):
        assert Query(GRAPH, resource).initial_url(latest=True).endswith("/delta?token=latest")
    assert Query(GRAPH, "me/todo/lists/l/tasks").initial_url(latest=True).endswith("/delta?$deltatoken=latest")


def test_a_resource_without_a_latest_link_is_not_begun_with_all_objects_by_mistake() -> None:
    talk = Talk(RoundStart(1, False, USERS.initial_url(latest=True), LinkKind.INITIAL, latest=True))
    with pytest.raises(ConfigError, match="latest"):
        talk.say(page(ANNA, delta_link=f"{DELTA}now"))


def test_messages_with_a_filter_are_cut_at_five_thousand_and_that_is_no_end() -> None:
    inbox = Query(GRAPH, "me/mailFolders/inbox/messages", filter="receivedDateTime ge 2025-01-01")
    whole = RoundStart(1, True, f"{SKIP}z", LinkKind.NEXT, pages=49, items=4_998)
    fits = Talk(whole, inbox)
    fits.say(page(ANNA, delta_link=f"{DELTA}one"))
    assert fits.end is not None
    with pytest.raises(ConfigError, match="cuts"):
        Talk(whole, inbox).say(page(ANNA, BEN, delta_link=f"{DELTA}one"))
    unfiltered = Talk(whole, replace(inbox, filter=""))
    unfiltered.say(page(ANNA, BEN, delta_link=f"{DELTA}one"))
    assert unfiltered.end is not None


def test_preferences_are_sent_with_every_request_and_minimal_never_in_full() -> None:
    query = Query(GRAPH, "users", prefer=("return=minimal", "odata.maxpagesize=200"))
    talk = Talk(incremental(), query)
    talk.say(page(next_link=f"{SKIP}a"))
    talk.say(error(410))
    requests = [step for step in talk.steps if isinstance(step, Request)]
    assert [step.headers["Prefer"] for step in requests] == [
        "return=minimal, odata.maxpagesize=200",
        "return=minimal, odata.maxpagesize=200",
        "odata.maxpagesize=200",
    ]
