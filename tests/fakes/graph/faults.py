"""What goes wrong, and at which request: schedules of faults.

faults.add(throttled(5), at=3)                      # the third request from now
faults.add(gone("users"), where="skiptoken")        # the next request that holds a skip token
faults.add(Cut(after=100), times=2)
faults.add(Call(lambda: world.soft_delete("users", ada)), at=2)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any, Protocol

from tests.fakes.graph.messages import Request, Response, graph_error

__all__ = [
    "Answer",
    "Call",
    "Cut",
    "Delay",
    "Fault",
    "Faults",
    "Links",
    "badly_formed",
    "gone",
    "sync_state_not_found",
    "throttled",
]

Answering = Callable[[Request], Response]


class Fault(Protocol):
    """Something that stands between a request and its answer."""

    def apply(self, request: Request, answer: Answering) -> Response: ...


@dataclass(frozen=True)
class Answer:
    """The request is not looked at; this is the answer."""

    response: Response

    def apply(self, request: Request, answer: Answering) -> Response:
        return replace(self.response, headers=dict(self.response.headers))


@dataclass(frozen=True)
class Cut:
    """The connection is cut: before any answer, or after some bytes of its body. The state has then moved on."""

    after: int = 0

    def apply(self, request: Request, answer: Answering) -> Response:
        return replace(answer(request), cut=self.after)


@dataclass(frozen=True)
class Delay:
    """The answer comes late, or never while a client waits."""

    seconds: float

    def apply(self, request: Request, answer: Answering) -> Response:
        return replace(answer(request), delay=self.seconds)


@dataclass(frozen=True)
class Call:
    """Something happens first, e.g. a change of the state or the expiry of all tokens; then the request is answered."""

    action: Callable[[], object]

    def apply(self, request: Request, answer: Answering) -> Response:
        self.action()
        return answer(request)


@dataclass(frozen=True)
class Links:
    """The answer's links are other than they should be.

    Args:
        base: Scheme and host that they get instead of the server's.
        absent: Both are left out.
        both: A deltaLink stands beside the nextLink, which "a page can't contain".
        same: The nextLink is the request's own.
    """

    base: str | None = None
    absent: bool = False
    both: bool = False
    same: bool = False

    def apply(self, request: Request, answer: Answering) -> Response:
        response = answer(request)
        body: dict[str, Any] = dict(response.body)
        for name in ("@odata.nextLink", "@odata.deltaLink"):
            if name in body and self.absent:
                del body[name]
            elif name in body and self.base is not None:
                body[name] = self.base + "/" + body[name].split("/", 3)[3]
        if self.same and "@odata.nextLink" in body:
            body["@odata.nextLink"] = request.url
        if self.both:
            link = body.get("@odata.nextLink") or body["@odata.deltaLink"]
            body.update({"@odata.nextLink": link, "@odata.deltaLink": link})
        return replace(response, body=body)


def throttled(
    retry_after: float | None = 1, *, status: int = 429, at: datetime | None = None, code: str = "TooManyRequests"
) -> Answer:
    """429, 503 or 504 with Retry-After in seconds, as a date, or without it.

    Sources: https://learn.microsoft.com/graph/throttling, https://learn.microsoft.com/graph/errors (503),
    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after (seconds or date).

    Args:
        retry_after: Seconds; None leaves the header out.
        status: 429, 503 or 504.
        at: Send the date that is `retry_after` seconds after this moment instead.
        code: The error's code.
    """
    headers = {}
    if retry_after is not None and at is not None:
        headers["Retry-After"] = format_datetime(at + timedelta(seconds=retry_after), usegmt=True)
    elif retry_after is not None:
        headers["Retry-After"] = f"{retry_after:g}"
    return Answer(graph_error(status, code, "Please retry after the time in the header.", **headers))


def gone(location: str | None = None, *, code: str = "resyncRequired", detail: str = "") -> Answer:
    """410: start again, from the Location if there is one.

    Sources: https://learn.microsoft.com/graph/delta-query-overview#synchronization-reset,
    https://learn.microsoft.com/graph/api/driveitem-delta (`resyncChangesApplyDifferences` and
    `resyncChangesUploadDifferences`).
    """
    headers = {} if location is None else {"Location": location}
    return Answer(graph_error(410, code, "Resync required.", *([detail] if detail else []), **headers))


def sync_state_not_found(status: int = 400) -> Answer:
    """The token expired: https://learn.microsoft.com/graph/errors (`syncStateNotFound`)."""
    said = "The sync state generation is not found. The delta token is expired and data must be synchronized again."
    return Answer(graph_error(status, "syncStateNotFound", said))


def badly_formed() -> Answer:
    """400 that says nothing of a token's age: a fault of the caller, that a new start does not mend."""
    return Answer(graph_error(400, "Request_BadRequest", "Badly formed token.", "invalidRequest"))


@dataclass
class _Rule:
    fault: Fault
    at: int
    times: int
    where: Callable[[Request], bool]
    seen: int = 0


@dataclass
class Faults:
    """The schedule; the first rule that is due at a request is applied to it."""

    rules: list[_Rule] = field(default_factory=list)

    def add(
        self,
        fault: Fault,
        *,
        at: int = 1,
        times: int = 1,
        where: str | Callable[[Request], bool] = lambda request: "/oauth2/" not in request.url,
    ) -> None:
        """Schedule a fault.

        Args:
            fault: What happens.
            at: At which request from now, counting those that `where` holds for.
            times: At how many of them in a row.
            where: A part of the URL or a condition; without it all requests but those for access tokens.
        """
        matches = (lambda request: where in request.url) if isinstance(where, str) else where
        self.rules.append(_Rule(fault, at, times, matches))

    def clear(self) -> None:
        self.rules.clear()

    def pass_through(self, request: Request, answer: Answering) -> Response:
        """The answer to a request, with the fault that is due."""
        due: Fault | None = None
        for rule in self.rules:
            if rule.where(request):
                rule.seen += 1
                if due is None and rule.at <= rule.seen < rule.at + rule.times:
                    due = rule.fault
        self.rules = [rule for rule in self.rules if rule.seen < rule.at + rule.times - 1]
        return answer(request) if due is None else due.apply(request, answer)
