"""What a round refuses: links to other places, answers that are errors; and nothing of it shows a secret."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from airflow_provider_integrations.core.errors import (
    ConfigError,
    IntegrationError,
    RateLimitedError,
    SystemicError,
    TransientError,
)
from tests.unit.connectors.msgraph.delta_answers import (
    ANNA,
    DELTA,
    Talk,
    answer,
    error,
    full,
    incremental,
    page,
)


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


@pytest.mark.parametrize("body", [b"<html>", b'{"value": [{"id": "a", "n": 1e99999999999999999999}]}', b"[" * 99_999])
@pytest.mark.parametrize("status", [200, 400])
def test_what_json_or_decimal_cannot_read_is_our_error(body: bytes, status: int) -> None:
    with pytest.raises(TransientError if status == 200 else SystemicError):
        Talk(incremental()).say(replace(answer(status), body=body))


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
