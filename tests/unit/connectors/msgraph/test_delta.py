"""The delta protocol, clause by clause, by `next` and `send`."""

from __future__ import annotations

import gc
import pickle
from dataclasses import replace

import pytest

from airflow_provider_integrations.connectors.msgraph.delta import run_round
from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
from airflow_provider_integrations.connectors.msgraph.model import (
    AskPause,
    LinkKind,
    Page,
    Pause,
    Protocol,
    Request,
    Response,
    Restart,
    RoundStart,
    Step,
)
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.connectors.msgraph.throttle import AppScope, paced
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    RateLimitedError,
    StalledError,
    SystemicError,
    TransientError,
)
from tests.unit.connectors.msgraph.delta_answers import (
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

ANNA, BEN = {"id": "1", "displayName": "Anna"}, {"id": "2", "displayName": "Ben"}


def restarts(talk: Talk) -> list[tuple[bool, str, LinkKind]]:
    return [(step.full, step.reason, step.kind) for step in talk.steps if isinstance(step, Restart)]


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


def test_410_with_a_location_is_followed_and_enumerates_everything() -> None:
    talk = Talk(incremental())
    talk.say(error(410, "resyncRequired", headers={"location": f"{DELTA}fresh"}))
    assert talk.asked[-1] == f"{DELTA}fresh"
    assert restarts(talk) == [(True, "resyncRequired", LinkKind.FRESH)]
    talk.say(page(ANNA, delta_link=f"{DELTA}two"))
    assert talk.end is not None
    assert talk.end.full
    assert talk.pages[0].full
    assert talk.pages[0].attempt == 1


def test_a_relative_location_is_of_the_same_host() -> None:
    talk = Talk(incremental())
    talk.say(error(410, headers={"Location": "/v1.0/users/delta?$deltatoken=fresh"}))
    assert talk.asked[-1] == f"{DELTA}fresh"


def test_a_location_with_an_empty_token_keeps_our_options() -> None:
    """It is "the same as the initial query": without `$select` rows would come half filled."""
    talk = Talk(incremental())
    talk.say(error(410, headers={"Location": f"{ROOT}?$deltatoken="}))
    assert talk.asked[-1] == f"{ROOT}?$deltatoken=&$select=id,displayName"
    talk = Talk(incremental())
    talk.say(error(410, headers={"Location": f"{ROOT}?%24select=id%2CdisplayName&$deltaToken="}))
    assert talk.asked[-1] == f"{ROOT}?%24select=id%2CdisplayName&$deltaToken="


def test_410_without_a_location_starts_again() -> None:
    talk = Talk(incremental())
    talk.say(error(410))
    assert talk.asked[-1] == USERS.initial_url()
    assert restarts(talk) == [(True, "410", LinkKind.INITIAL)]


def test_410_without_a_location_in_mid_round_starts_again_in_full() -> None:
    talk = Talk(incremental())
    talk.say(page(ANNA, next_link=f"{SKIP}a"))
    talk.say(error(410, "resyncChangesApplyDifferences"))
    assert talk.asked[-1] == USERS.initial_url()
    talk.say(page(BEN, delta_link=f"{DELTA}two"))
    assert talk.end is not None
    assert (talk.end.full, talk.end.pages, talk.end.items, talk.end.attempt) == (True, 1, 1, 1)


@pytest.mark.parametrize("status", [400, 404, 410])
@pytest.mark.parametrize(
    "codes", [("syncStateNotFound",), ("SyncStateNotFound",), ("BadRequest", "syncStateNotFound"), ("0x80044352",)]
)
def test_a_token_that_expired_starts_again(status: int, codes: tuple[str, ...]) -> None:
    talk = Talk(incremental())
    talk.say(error(status, *codes))
    assert talk.asked[-1] == USERS.initial_url()
    assert restarts(talk) == [(True, codes[-1], LinkKind.INITIAL)]


def test_codes_are_read_in_both_spellings_of_the_inner_error() -> None:
    talk = Talk(incremental())
    talk.say(answer(400, {"error": {"code": "BadRequest", "innererror": {"code": "syncStateNotFound"}}}))
    assert talk.asked[-1] == USERS.initial_url()


@pytest.mark.parametrize("codes", [("Request_BadRequest",), ("invalidRequest",), ()])
def test_a_malformed_400_alarms_and_does_not_start_again(codes: tuple[str, ...]) -> None:
    talk = Talk(incremental())
    with pytest.raises(SystemicError) as caught:
        talk.say(error(400, *codes))
    assert caught.value.values["codes"] == codes
    assert restarts(talk) == []


def test_messages_are_not_read() -> None:
    """Microsoft: "your code should not branch on message values because they can change at any time"."""
    with pytest.raises(SystemicError):
        Talk(incremental()).say(answer(400, {"error": {"code": "x", "message": "syncStateNotFound: expired"}}))


@pytest.mark.parametrize("code", ["syncStateNotFound", "Directory_ExpiredPageToken"])
def test_a_next_link_that_expires_begins_the_round_anew(code: str) -> None:
    talk = Talk(incremental())
    talk.say(page(ANNA, next_link=f"{SKIP}a"))
    talk.say(error(400, code))
    assert talk.asked[-1] == f"{DELTA}one"
    assert restarts(talk) == [(False, code, LinkKind.DELTA)]
    talk.say(page(BEN, delta_link=f"{DELTA}two"))
    assert talk.end is not None
    assert (talk.end.full, talk.end.pages, talk.end.restarts) == (False, 1, (code,))


def test_if_the_delta_link_is_lost_too_everything_is_enumerated() -> None:
    talk = Talk(incremental())
    talk.say(page(ANNA, next_link=f"{SKIP}a"))
    talk.say(error(400, "syncStateNotFound"))
    talk.say(error(400, "syncStateNotFound"))
    assert [step[0] for step in restarts(talk)] == [False, True]
    assert talk.asked[-1] == USERS.initial_url()


def test_a_next_link_of_a_full_round_that_expires_begins_it_anew() -> None:
    talk = Talk(full())
    talk.say(page(ANNA, next_link=f"{SKIP}a"))
    talk.say(error(400, "Directory_ExpiredPageToken"))
    assert talk.asked == [USERS.initial_url(), f"{SKIP}a", USERS.initial_url()]


def test_a_round_that_is_ended_again_and_again_gives_up() -> None:
    talk = Talk(incremental(), restarts=3)
    for _ in range(3):
        talk.say(error(410, headers={"Location": f"{DELTA}fresh"}))
    with pytest.raises(StalledError) as caught:
        talk.say(error(410, headers={"Location": f"{DELTA}fresh"}))
    assert caught.value.values["reasons"] == ("410",) * 4


def test_a_round_that_began_anew_may_have_the_same_next_links() -> None:
    talk = Talk(incremental())
    for _ in range(3):
        talk.say(page(ANNA, next_link=f"{SKIP}a"))
        talk.say(error(400, "syncStateNotFound"))
    talk.say(page(ANNA, next_link=f"{SKIP}a"))
    talk.say(page(BEN, delta_link=f"{DELTA}two"))
    assert talk.end is not None
    assert (talk.end.pages, talk.end.attempt) == (2, 3)


def held() -> int:
    gc.collect()
    return sum(isinstance(each, Page | Response) for each in gc.get_objects())


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


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/v1.0/users/delta?$skiptoken=a",
        "https://graph.microsoft.com.evil.example/v1.0/users",
        "http://graph.microsoft.com/v1.0/users/delta?$skiptoken=a",
        "https://graph.microsoft.us/v1.0/users/delta?$skiptoken=a",
        "https://graph.microsoft.com@evil.example/",
        "//evil.example/",
    ],
)
@pytest.mark.parametrize("where", ["nextLink", "deltaLink", "Location"])
def test_no_link_leads_to_another_host(where: str, elsewhere: str) -> None:
    talk = Talk(incremental())
    response = {
        "nextLink": page(ANNA, next_link=elsewhere),
        "deltaLink": page(ANNA, delta_link=elsewhere),
        "Location": error(410, headers={"Location": elsewhere}),
    }[where]
    with pytest.raises(SystemicError) as caught:
        talk.say(response)
    assert len(talk.asked) == 1
    assert talk.pages == []
    assert "skiptoken" not in str(caught.value)


def test_a_kept_link_of_another_cloud_is_not_requested() -> None:
    with pytest.raises(SystemicError):
        Talk(incremental("https://graph.microsoft.us/v1.0/users/delta?$deltatoken=one"))


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (error(401, "InvalidAuthenticationToken"), ConfigError),
        (error(403, "accessDenied"), ConfigError),
        (error(404, "itemNotFound"), ConfigError),
        (error(302, headers={"Location": "https://evil.example"}), SystemicError),
        (error(429), RateLimitedError),
        (error(503), TransientError),
        (error(501, "NotImplemented"), SystemicError),
        (answer(400, None), SystemicError),
    ],
)
def test_other_answers_are_errors_of_their_kind(response: object, kind: type[IntegrationError]) -> None:
    talk = Talk(incremental())
    with pytest.raises(kind) as caught:
        talk.say(response)  # type: ignore[arg-type]
    assert caught.value.next_step
    assert len(talk.asked) == 1


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


CANARY = "canary-7f3a"


@pytest.mark.parametrize(
    "response",
    [
        page(ANNA),
        page(ANNA, next_link=f"{DELTA}{CANARY}"),
        page(ANNA, next_link=f"https://evil.example/{CANARY}"),
        error(400, "x"),
        error(401, "x"),
        error(410, headers={"Location": f"https://evil.example/{CANARY}"}),
        error(410, headers={"Location": f"https://graph.microsoft.com\\@{CANARY}.example/"}),
        error(429),
        answer(200, [CANARY]),
        answer(200, {"value": [CANARY]}),
    ],
)
def test_no_error_shows_a_link_or_a_payload(response: object) -> None:
    talk = Talk(incremental(f"{DELTA}{CANARY}"))
    with pytest.raises(IntegrationError) as caught:
        talk.say(response)  # type: ignore[arg-type]
    assert CANARY not in str(caught.value) + repr(caught.value) + repr(caught.value.values)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_no_step_shows_a_link_or_an_object() -> None:
    talk = Talk(incremental(f"{DELTA}{CANARY}"))
    talk.say(error(410, headers={"Location": f"{DELTA}{CANARY}2"}))
    talk.say(page({"id": CANARY}, delta_link=f"{DELTA}{CANARY}3"))
    assert CANARY not in repr([*talk.steps, talk.end, full(), incremental(f"{DELTA}{CANARY}")])


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


ORG = endpoint("https://contoso.crm.dynamics.com/api/data/v9.2")
ACCOUNTS = Query(ORG, "accounts", select=("name",), protocol=Protocol.DATAVERSE, key="accountid")
ACCOUNTS_DELTA = "https://contoso.crm.dynamics.com/api/data/v9.2/accounts?$select=name&$deltatoken="


def test_dataverse_asks_for_a_delta_link_by_a_header() -> None:
    talk = Talk(full(ACCOUNTS), ACCOUNTS)
    [request] = [step for step in talk.steps if isinstance(step, Request)]
    assert request.url == "https://contoso.crm.dynamics.com/api/data/v9.2/accounts?$select=name"
    assert request.headers["Prefer"] == "odata.track-changes"
    assert request.headers["OData-Version"] == "4.0"
    talk.say(page({"accountid": "1", "name": "x"}, delta_link=f"{ACCOUNTS_DELTA}919042%2108%2f22"))
    assert talk.end is not None
    later = Talk(incremental(talk.end.link), ACCOUNTS)
    assert isinstance(later.steps[0], Request)
    assert "Prefer" not in later.steps[0].headers


@pytest.mark.parametrize("body", [None, {}, {"value": []}])
def test_dataverse_may_answer_nothing_where_nothing_changed(body: object) -> None:
    """The link that was followed stays good."""
    talk = Talk(incremental(f"{ACCOUNTS_DELTA}1"), ACCOUNTS)
    talk.say(answer(200, body))
    assert talk.end is not None
    assert (talk.end.link, talk.end.items) == (f"{ACCOUNTS_DELTA}1", 0)


def test_dataverse_may_not_leave_out_the_link_otherwise() -> None:
    row = {"accountid": "1", "name": "x"}
    for start in (full(ACCOUNTS), incremental(f"{ACCOUNTS_DELTA}1")):
        with pytest.raises(SystemicError, match="neither"):
            Talk(start, ACCOUNTS).say(page(row))
    with pytest.raises(SystemicError):
        Talk(full(ACCOUNTS), ACCOUNTS).say(answer(200, {}))


def test_dataverse_links_may_have_either_name_of_the_environment() -> None:
    talk = Talk(full(ACCOUNTS), ACCOUNTS)
    talk.say(page(next_link="https://contoso.api.crm.dynamics.com/api/data/v9.2/accounts?$skiptoken=a"))
    with pytest.raises(SystemicError):
        talk.say(page(next_link="https://other.crm.dynamics.com/api/data/v9.2/accounts?$skiptoken=b"))


def test_amounts_keep_all_their_digits() -> None:
    talk = Talk(full(ACCOUNTS), ACCOUNTS)
    body = b'{"value": [{"accountid": "1", "revenue": 12345678901234567.8901}], "@odata.deltaLink": "%s"}'
    whole = page()
    talk.say(type(whole)(200, {}, body % f"{ACCOUNTS_DELTA}1".encode(), whole.at))
    assert str(talk.pages[0].items[0]["revenue"]) == "12345678901234567.8901"
