"""Dataverse's change tracking, by the same conversation."""

from __future__ import annotations

import pytest

from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
from airflow_provider_integrations.connectors.msgraph.model import (
    Protocol,
    Request,
)
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.core.errors import (
    SystemicError,
)
from tests.unit.connectors.msgraph.delta_answers import (
    Talk,
    answer,
    full,
    incremental,
    page,
)

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
