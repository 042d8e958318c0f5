"""Answers as Microsoft's pages show them, and a way to hold a conversation by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airflow_provider_integrations.connectors.msgraph.delta import run_round
from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
from airflow_provider_integrations.connectors.msgraph.model import (
    Answer,
    Conversation,
    LinkKind,
    Page,
    Request,
    Response,
    Restart,
    RoundEnd,
    RoundStart,
    Step,
)
from airflow_provider_integrations.connectors.msgraph.query import Query

NOW = datetime(2025, 11, 5, 12, tzinfo=UTC)
GRAPH = endpoint("https://graph.microsoft.com/v1.0")
USERS = Query(GRAPH, "users", select=("id", "displayName"))
ANNA, BEN = {"id": "1", "displayName": "Anna"}, {"id": "2", "displayName": "Ben"}
ROOT = "https://graph.microsoft.com/v1.0/users/delta"
DELTA, SKIP = f"{ROOT}?$deltatoken=", f"{ROOT}?$skiptoken="


def page(*items: Mapping[str, Any], next_link: str | None = None, delta_link: str | None = None) -> Response:
    """An answer of 200."""
    body: dict[str, Any] = {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users", "value": list(items)}
    if next_link is not None:
        body["@odata.nextLink"] = next_link
    if delta_link is not None:
        body["@odata.deltaLink"] = delta_link
    return answer(200, body)


def answer(status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status, headers or {}, b"" if body is None else json.dumps(body).encode(), NOW)


def error(status: int, *codes: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error with its codes, the outermost first."""
    inner: dict[str, Any] = {"request-id": "1137f277", "date": "2025-11-05T12:00:00"}
    for code in reversed(codes):
        inner = {"code": code, "message": "do not branch on this", "innerError": inner}
    return answer(status, {"error": inner}, headers)


def full(query: Query = USERS, **values: Any) -> RoundStart:
    return RoundStart(1, True, query.initial_url(), LinkKind.INITIAL, **values)


def incremental(link: str = f"{DELTA}one", **values: Any) -> RoundStart:
    return RoundStart(2, False, link, LinkKind.DELTA, origin=link, **values)


class Talk:
    """A conversation with its steps so far."""

    def __init__(self, start: RoundStart, query: Query = USERS, **limits: int) -> None:
        self.conversation: Conversation = run_round(start, query, **limits)
        self.steps: list[Step] = [next(self.conversation)]
        self.end: RoundEnd | None = None

    def say(self, response: Answer) -> None:
        """Send a response, and take the pages and restarts that follow until the next request or the end."""
        try:
            self.steps.append(self.conversation.send(response))
            while not isinstance(self.steps[-1], Request):
                self.steps.append(self.conversation.send(None))
        except StopIteration as end:
            self.end = end.value

    @property
    def asked(self) -> list[str]:
        return [step.url for step in self.steps if isinstance(step, Request)]

    @property
    def pages(self) -> list[Page]:
        return [step for step in self.steps if isinstance(step, Page)]


def restarts(talk: Talk) -> list[tuple[bool, str, LinkKind]]:
    return [(step.full, step.reason, step.kind) for step in talk.steps if isinstance(step, Restart)]
