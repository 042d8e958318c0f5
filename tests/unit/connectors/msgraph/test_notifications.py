"""What a receiver checks: the handshake, and the secret of each notification, one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.msgraph.notifications import (
    Act,
    Notice,
    check_notification,
    client_state,
    validate_token,
)
from airflow_provider_integrations.core.errors import ConfigError, PermanentError

KEY, OLD = Fernet.generate_key().decode(), Fernet.generate_key().decode()
STATES = {
    "entra_users": [client_state(KEY, "entra_users"), client_state(OLD, "entra_users")],
    "entra_groups": [client_state(KEY, "entra_groups")],
}


def told(state: Any, **more: Any) -> dict[str, Any]:
    return {"subscriptionId": "s-1", "clientState": state, "changeType": "updated", **more}


def body(*value: Any) -> bytes:
    return json.dumps({"value": value}).encode()


def test_a_state_is_of_its_source_and_key_alone_and_short_enough() -> None:
    states = {client_state(key, source) for key in (KEY, OLD) for source in ("a", "b")}
    assert len(states) == 4
    assert {len(state) for state in states} == {43}
    assert KEY not in "".join(states)
    with pytest.raises(ConfigError):
        client_state("", "a")


def test_the_handshake_sends_the_decoded_token_back() -> None:
    assert validate_token("validationToken=Validation%3a+abc+%26+more&x=1") == "Validation: abc & more"
    assert validate_token("?validationToken=a") == "a"
    assert validate_token("x=1") is None
    assert validate_token("") is None


@pytest.mark.parametrize("given", ["secret", [""], ["secret", ""]])
def test_a_letter_of_a_secret_or_none_lets_nobody_in(given: Any) -> None:
    with pytest.raises(ConfigError, match="not the secrets of a source"):
        check_notification(body(told("s"), told("")), {"entra_users": given})


@pytest.mark.parametrize(
    "query",
    ["validationToken=", "validationToken=%3Cscript%3E", "validationToken=a%0Ab", "validationToken=" + "a" * 5000,
     "validationToken=a&validationToken=b"],
    ids=["empty", "markup", "line_end", "long", "twice"],
)  # fmt: skip
def test_what_is_no_token_is_not_sent_back_to_whoever_asked(query: str) -> None:
    with pytest.raises(PermanentError):
        validate_token(query)


def test_each_notification_of_a_delivery_is_checked_by_its_own_secret() -> None:
    users, old, groups = (*STATES["entra_users"], *STATES["entra_groups"])
    checked = check_notification(
        body(told(users), told(groups, changeType="deleted"), told(old), told("wrong"), told(None), told(7)), STATES
    )
    assert checked.notices == (
        Notice("entra_users", "s-1", Act.SYNC, "updated"),
        Notice("entra_groups", "s-1", Act.SYNC, "deleted"),
        Notice("entra_users", "s-1", Act.SYNC, "updated"),  # Of a subscription from before the key was rotated.
    )
    assert checked.refused == 3


@pytest.mark.parametrize(
    ("event", "act"),
    [
        ("reauthorizationRequired", Act.RENEW),
        ("subscriptionRemoved", Act.SUBSCRIBE),
        ("missed", Act.SYNC),
        ("newInNextYear", Act.SYNC),
    ],
)
def test_lifecycle_events_say_what_to_do(event: str, act: Act) -> None:
    state = STATES["entra_groups"][0]
    given = {"subscriptionId": "s-1", "clientState": state, "lifecycleEvent": event}
    assert check_notification(body(given), STATES).notices == (Notice("entra_groups", "s-1", act, event),)


@pytest.mark.parametrize(
    "wrong",
    [b"", b"[]", b'{"value": 1}', b'{"value": [1]}', b"[" * 100_000, b"\xff", b'{"value": []}' + b" " * 5_000_000],
    ids=["empty", "list", "number", "number_within", "deep", "no_utf8", "large"],
)
def test_what_is_no_delivery_is_refused_as_one(wrong: bytes) -> None:
    with pytest.raises(PermanentError) as caught:
        check_notification(wrong, STATES)
    assert str(wrong[:20]) not in str(caught.value)


def test_a_secret_beyond_ascii_compares_and_does_not_break() -> None:
    assert check_notification(body(told("ä\ud800")), STATES).refused == 1


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from([*STATES["entra_users"], "missed"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "clientState", "changeType", "lifecycleEvent", "subscriptionId"]), inner
        )
    ),
    max_leaves=20,
)


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps({"value": value}).encode()))
def test_nothing_that_comes_breaks_the_receiver_or_gets_in_without_the_secret(sent: bytes) -> None:
    try:
        checked = check_notification(sent, STATES)
    except PermanentError:
        return
    told_of = json.loads(sent)["value"]
    assert len(checked.notices) + checked.refused == len(told_of)
    assert len(checked.notices) <= sum(each.get("clientState") in STATES["entra_users"] for each in told_of)


@given(st.text(max_size=40))
def test_a_query_gives_a_token_nothing_or_a_refusal(query: str) -> None:
    try:
        token = validate_token(query)
    except PermanentError:
        return
    assert token is None or (token and "<" not in token and token.isprintable())
