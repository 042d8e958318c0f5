"""The server without a socket: requests in, answers out, with a log, a clock that can be moved and a schedule of faults.

graph = GraphService()
ada = graph.world.add("users", displayName="Ada")
page = graph.get("users/delta?$select=displayName")
page.body["value"] == [{"id": ada, "displayName": "Ada"}]
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from tests.fakes.graph.dataverse import answer_dataverse
from tests.fakes.graph.delta import answer_delta, delta_path, delta_url
from tests.fakes.graph.faults import Faults
from tests.fakes.graph.identity import Identity
from tests.fakes.graph.listing import answer_listing
from tests.fakes.graph.messages import Refused, Request, Response, graph_error
from tests.fakes.graph.query import Query
from tests.fakes.graph.rounds import Manner, Rounds
from tests.fakes.graph.subscriptions import Subscriptions
from tests.fakes.graph.world import World

__all__ = ["GraphService", "Seen"]

_MOST_BATCHED = 20
_VERSIONED = re.compile(r"/(v1\.0|beta)/(.+)")
_LOGIN = re.compile(r"/msi/token|/[^/]+/(?:oauth2/v2\.0/token|v2\.0/\.well-known/openid-configuration)")


@dataclass(frozen=True)
class Seen:
    """One request of the log, and the status it was answered with."""

    number: int
    request: Request
    status: int
    at: datetime


class GraphService:
    """A tenant that answers.

    Args:
        base: Scheme and host of its links.
        seed: What its tokens are made from, so that a run can be repeated.
        clock: Where its time begins from; `advance` moves it.
    """

    def __init__(
        self,
        base: str = "https://graph.test",
        seed: str = "graph",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.base, self._clock, self._ahead = base, clock, timedelta()
        self.world = World()
        self.rounds = Rounds(self.world, self.now, seed)
        self.faults = Faults()
        self.identity = Identity(self.now, self.rounds.opaque)
        self.subscriptions = Subscriptions(self.world, self.now, self.rounds.opaque)
        self.log: list[Seen] = []
        self.token = self.identity.issue()
        self.identity.given[self.token] = datetime.max.replace(tzinfo=UTC)

    @property
    def manner(self) -> Manner:
        """How it pages."""
        return self.rounds.manner

    def now(self) -> datetime:
        return self._clock() + self._ahead

    def advance(self, **duration: float) -> None:
        """Let time pass, e.g. `advance(days=8)`."""
        self._ahead += timedelta(**duration)

    def location(self, path: str, *, select: tuple[str, ...] | None = None) -> str:
        """A new start, for a 410's Location."""
        return delta_url(self.base, "v1.0", Query(path, select))

    def requests(self, part: str = "") -> list[Request]:
        """What was asked so far, of URLs that hold this part."""
        return [seen.request for seen in self.log if part in seen.request.url]

    def get(self, path: str, **headers: str) -> Response:
        """Answer a request with a good access token; for tests that need no socket."""
        url = path if path.startswith("http") else f"{self.base}/v1.0/{path}"
        named = {name.lower().replace("_", "-"): value for name, value in headers.items()}
        return self.answer(Request("GET", url, {"authorization": f"Bearer {self.token}", **named}))

    def answer(self, request: Request) -> Response:
        """Answer one request."""
        with self.world.lock:
            number = len(self.log) + 1
            self.log.append(Seen(number, request, 0, self.now()))
            response = self.faults.pass_through(request, self._answer)
            self.log[number - 1] = replace(self.log[number - 1], status=response.status)
            return response

    def _answer(self, request: Request) -> Response:
        try:
            return self._route(request)
        except Refused as refused:
            return refused.response

    def _route(self, request: Request) -> Response:
        path = unquote(request.path)
        if _LOGIN.fullmatch(path):
            return self.identity.answer(request, self.base)
        refusal = self.identity.admit(request)
        if refusal is not None:
            return refusal
        if path.startswith("/api/data/"):
            return answer_dataverse(request, self.base, self.rounds)
        versioned = _VERSIONED.fullmatch(path)
        if versioned is None:
            return graph_error(404, "itemNotFound", f"{path} is not served here.")
        version, rest = versioned.groups()
        if rest == "$batch":
            return self._batch(request, version)
        if rest.partition("/")[0] == "subscriptions":
            return self.subscriptions.answer(request, rest.partition("/")[2])
        if request.method != "GET":
            return graph_error(
                405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target."
            )
        called = delta_path(rest)
        if called is not None:
            return answer_delta(request, called, version, self.base, self.rounds)
        return answer_listing(request, rest.strip("/"), version, self.base, self.world)

    def _batch(self, request: Request, version: str) -> Response:
        """Many requests in one: https://learn.microsoft.com/graph/json-batching."""
        asked = (request.json() or {}).get("requests", []) if request.method == "POST" else []
        ids = [str(each.get("id", "")).lower() for each in asked]
        if not asked or len(asked) > _MOST_BATCHED or len(set(ids)) < len(ids) or "" in ids:
            said = f"A batch is 1 to {_MOST_BATCHED} requests with ids of their own."
            return graph_error(400, "BadRequest", said)
        answers: dict[str, dict[str, Any]] = {}
        for each in asked:
            if any(answers.get(str(before), {"status": 424})["status"] >= 400 for before in each.get("dependsOn", [])):
                response = graph_error(424, "FailedDependency", "A request that this one depends on failed.")
            else:
                response = self._batched(request, each, version)
            answers[str(each["id"])] = {
                "id": str(each["id"]),
                "status": response.status,
                "headers": {"Content-Type": "application/json", **response.headers},
                "body": response.body,
            }
        return Response(body={"responses": list(answers.values())[::-1]})  # "might appear in a different order"

    def _batched(self, request: Request, each: dict[str, Any], version: str) -> Response:
        headers = {name.lower(): value for name, value in each.get("headers", {}).items()}
        headers["authorization"] = request.headers.get("authorization", "")
        url = f"{self.base}/{version}/{each['url'].lstrip('/')}"
        body = json.dumps(each["body"]).encode() if "body" in each else b""
        return self.answer(Request(each["method"], url, headers, body, batched=True))
