"""What begins a round anew, where, and what does not."""

from __future__ import annotations

import pytest

from airflow_provider_integrations.connectors.msgraph.model import (
    LinkKind,
)
from airflow_provider_integrations.core.errors import (
    StalledError,
    SystemicError,
)
from tests.unit.connectors.msgraph.delta_answers import (
    ANNA,
    BEN,
    DELTA,
    ROOT,
    SKIP,
    USERS,
    Talk,
    answer,
    error,
    full,
    incremental,
    page,
    restarts,
)


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
