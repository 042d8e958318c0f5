"""What a link was made for: the trap of the changed `$select`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_integrations.connectors.msgraph.fingerprint import check_fingerprint, fingerprint_of
from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
from airflow_provider_integrations.connectors.msgraph.model import Protocol
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from tests.unit.connectors.msgraph.delta_answers import GRAPH

GROUPS = Query(
    GRAPH,
    "groups",
    select=("id", "displayName", "members"),
    filter="id eq '7'",
    expand="members($select=id,mail),owners",
    prefer=("return=minimal",),
    tenant="contoso",
)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("select", replace(GROUPS, select=("id", "displayName"))),
        ("select", replace(GROUPS, select=())),
        ("filter", replace(GROUPS, filter="id eq '8'")),
        ("filter", replace(GROUPS, filter="")),
        ("expand", replace(GROUPS, expand="members($select=id),owners")),
        ("prefer", replace(GROUPS, prefer=())),
        ("option startDateTime", replace(GROUPS, options=(("startDateTime", "2025-01-01"),))),
    ],
)
def test_a_changed_option_is_refused_with_its_name_or_becomes_a_planned_resync(name: str, changed: Query) -> None:
    kept = fingerprint_of(GROUPS)
    with pytest.raises(StateConflictError) as caught:
        check_fingerprint(kept, changed)
    assert caught.value.values["changed"] == (name,)
    assert check_fingerprint(kept, changed, resync=True) == (name,)


def test_a_window_of_a_calendar_view_is_in_the_token() -> None:
    options = (("startDateTime", "2025-01-01T00:00:00Z"), ("endDateTime", "2025-02-01T00:00:00Z"))
    january = Query(GRAPH, "me/calendarView", options=options)
    february = replace(january, options=(options[0], ("endDateTime", "2025-03-01T00:00:00Z")))
    with pytest.raises(StateConflictError) as caught:
        check_fingerprint(fingerprint_of(january), february)
    assert caught.value.values["changed"] == ("option endDateTime",)


@pytest.mark.parametrize(
    "same",
    [
        replace(GROUPS, select=("members", "id", "displayName", "id")),
        replace(GROUPS, expand="owners, members($select=id,mail)"),
        replace(GROUPS, prefer=("Return = minimal", "odata.maxpagesize=50")),
        replace(GROUPS, options=(("$top", "50"),)),
        replace(GROUPS, tenant="CONTOSO"),
        replace(GROUPS, filter=" id eq '7' "),
    ],
)
def test_what_says_the_same_is_no_change(same: Query) -> None:
    assert check_fingerprint(fingerprint_of(GROUPS), same) == ()


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("resource", replace(GROUPS, resource="users")),
        ("tenant", replace(GROUPS, tenant="fabrikam")),
        ("endpoint", replace(GROUPS, endpoint=endpoint("https://graph.microsoft.us/v1.0", cloud="gcc_high"))),
    ],
)
def test_another_source_is_never_a_resync(name: str, other: Query) -> None:
    """Everything that the kept state knows would count as deleted."""
    for resync in (False, True):
        with pytest.raises(StateConflictError) as caught:
            check_fingerprint(fingerprint_of(GROUPS), other, resync=resync)
        assert name in caught.value.values["changed"]


def test_options_are_escaped_in_the_first_request() -> None:
    query = replace(GROUPS, filter="displayName eq 'a&b+c%#' or id eq '\N{SNOWMAN}'", select=("id",), expand="")
    assert query.initial_url() == (
        "https://graph.microsoft.com/v1.0/groups/delta?$select=id"
        "&$filter=displayName%20eq%20'a%26b%2Bc%25%23'%20or%20id%20eq%20'%E2%98%83'"
    )


@pytest.mark.parametrize("resource", ["users/delta", "users/microsoft.graph.delta", "users/microsoft.graph.delta()"])
def test_a_resource_may_name_the_function_itself(resource: str) -> None:
    assert Query(GRAPH, resource).initial_url().endswith(resource)


@pytest.mark.parametrize(
    "wrong",
    [
        {"resource": "users?$top=1"},
        {"resource": "/users"},
        {"resource": "../v1.0/users"},
        {"resource": "users//delta"},
        {"resource": "https://evil.example"},
        {"resource": "users\n"},
        {"resource": ""},
        {"select": ("id,mail",)},
        {"select": ("",)},
        {"prefer": ("a, b",)},
        {"prefer": ("a\r\nHost: evil",)},
        {"options": (("$select", "id"),)},
        {"options": (("$deltatoken", "x"),)},
        {"protocol": Protocol.DATAVERSE},
        {"protocol": Protocol.DATAVERSE, "key": "accountid", "filter": "a eq 1"},
        {"protocol": Protocol.DATAVERSE, "key": "accountid", "expand": "a"},
        {"protocol": Protocol.DATAVERSE, "key": "accountid", "options": (("$top", "5"),)},
        {"protocol": Protocol.DATAVERSE, "key": "accountid", "options": (("$orderby", "name"),)},
    ],
)
def test_what_cannot_be_tracked_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Query(**{"endpoint": GRAPH, "resource": "users", **wrong})  # type: ignore[arg-type]


def test_dataverse_has_no_latest_link() -> None:
    accounts = Query(GRAPH, "accounts", protocol=Protocol.DATAVERSE, key="accountid")
    with pytest.raises(ConfigError):
        accounts.initial_url(latest=True)


def test_the_latest_link_and_minimal_answers_would_give_half_filled_rows() -> None:
    with pytest.raises(ConfigError, match="never read"):
        Query(GRAPH, "users", prefer=("return = minimal",)).initial_url(latest=True)
