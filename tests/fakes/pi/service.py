"""The service: requests in, responses out, without a socket.

All topics are of the PI Web API Reference unless the User Guide is named.
"""

from __future__ import annotations

import base64
import fnmatch
import json
import re
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.pi.archive import SECOND, Archive, Point

__all__ = ["Call", "PiService", "Reply"]

Query = dict[str, list[str]]


@dataclass(frozen=True)
class Call:
    """A request as it came."""

    method: str
    path: str
    query: Query
    headers: Mapping[str, str]
    body: bytes

    def one(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[0]


@dataclass
class Reply:
    """A response; `cut` ends the connection after so many bytes of the body, `delay` are seconds before it."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    delay: float = 0.0

    @classmethod
    def of(cls, status: int, told: Any, **headers: str) -> Reply:
        return cls(status, json.dumps(told, separators=(",", ":")).encode(), headers)

    @classmethod
    def error(cls, status: int, *messages: str, **headers: str) -> Reply:
        """ "Error Handling": a body with the messages."""
        return cls.of(status, {"Errors": list(messages)}, **headers)


Fault = Callable[[Call], "Reply | None"]
Bend = Callable[[Call, Point, int, int], "tuple[int, int] | bytes"]


@dataclass
class PiService:
    """A server with its settings; tests change them.

    Args:
        archive: What it has.
        cap: MaxReturnedItemsPerCall (User Guide, "Restrictions on number of items per call").
        silent_cap: Cuts pages without a word, as no server should.
        total_cap: Cuts all streams of a set together.
        users: Names and passwords for Basic; empty for Anonymous.
        token: For Bearer.
        csrf: EnableCSRFDefense (User Guide, "Other security settings").
        batches: Whether POST batch is answered.
        sets: Whether ad hoc stream sets are.
        faults: Asked before each request; the first reply counts.
        bend: Changes the places of the values of a page, or its JSON.
        now: For `*` in time strings.
        zone: Seconds that the server's zone is ahead, in which a time without a zone is read ("Time Strings").
    """

    archive: Archive = field(default_factory=Archive)
    cap: int = 150_000
    silent_cap: int | None = None
    total_cap: int | None = None
    users: dict[str, str] = field(default_factory=dict)
    token: str = ""
    csrf: bool = True
    batches: bool = True
    sets: bool = True
    faults: list[Fault] = field(default_factory=list)
    bend: Bend | None = None
    now: int = 1_900_000_000 * SECOND
    zone: int = 7_200
    calls: list[Call] = field(default_factory=list)
    round_trips: int = 0

    def answer(self, call: Call) -> Reply:
        """One HTTP request."""
        self.round_trips += 1
        if (refused := self._who(call)) is not None:
            return refused
        if call.method == "POST":
            # A custom header proves that no page of another origin sent it.
            if self.csrf and "x-requested-with" not in call.headers:
                return Reply.error(400, "A required header (X-Requested-With) is missing.")
            fault = next((reply for each in self.faults if (reply := each(call)) is not None), None)
            if fault is not None:
                return fault
            if call.path == "batch" and self.batches:
                return self._batch(call)
            return Reply.of(405, {"Message": "The requested resource does not support http method 'POST'."})
        return self._get(call)

    def _who(self, call: Call) -> Reply | None:
        told = call.headers.get("authorization", "")
        if self.users:
            good = {base64.b64encode(f"{name}:{word}".encode()).decode() for name, word in self.users.items()}
            if told.removeprefix("Basic ") not in good:
                return Reply(401, b"", {"WWW-Authenticate": "Negotiate, NTLM, Basic realm=piwebapi"})
        if self.token and told != f"Bearer {self.token}":
            return Reply(401, b"", {"WWW-Authenticate": "Bearer"})
        return None

    def _get(self, call: Call) -> Reply:
        self.calls.append(call)
        fault = next((reply for each in self.faults if (reply := each(call)) is not None), None)
        if fault is not None:
            return fault
        match call.path.split("/"):
            case ["points"] | ["attributes"]:
                return self._by_path(call)
            case ["points" | "attributes", web_id]:
                return self._thing(self.archive.by_web_id(web_id))
            case ["dataservers"]:
                servers = sorted({path[2:].split("\\")[0] for path in self._points()})
                return Reply.of(200, {"Items": [{"WebId": f"F1DS{name}", "Name": name} for name in servers]})
            case ["dataservers", server, "points"]:
                return self._listed(call, server.removeprefix("F1DS"))
            case ["streams", web_id, "recorded"]:
                return self._recorded(call, web_id)
            case ["streamsets", "recorded"] if self.sets:
                return self._set(call)
            case ["streams", web_id, "interpolated" | "plot" | "summary" as what]:
                return self._calculated(call, web_id, what)
        return Reply.of(404, {"Message": "No HTTP resource was found that matches the request URI."})

    def _points(self) -> list[str]:
        return [point.path for point in self.archive.points.values() if "|" not in point.path]

    def _by_path(self, call: Call) -> Reply:
        """ "Point GetByPath", "Attribute GetByPath"."""
        return self._thing(self.archive.points.get(call.one("path").lower()))

    def _thing(self, point: Point | None) -> Reply:
        if point is None:
            return Reply.error(404, "PI Point not found.")
        kind = "Type" if "|" in point.path else "PointType"
        return Reply.of(200, {"WebId": point.web_id(), "Name": point.name, "Path": point.path, kind: point.type})

    def _listed(self, call: Call, server: str) -> Reply:
        """ "DataServer GetPoints": nameFilter, startIndex, maxCount (1000 by default)."""
        names = [path for path in sorted(self._points()) if path.lower().startswith(f"\\\\{server}\\".lower())]
        fitting = [
            self.archive.points[path.lower()]
            for path in names
            if fnmatch.fnmatch(path.rsplit("\\", 1)[1].lower(), call.one("nameFilter", "*").lower())
        ]
        begin = int(call.one("startIndex", "0"))
        page = fitting[begin : begin + min(int(call.one("maxCount", "1000")), 1_000)]
        return Reply.of(200, {"Items": [{"WebId": p.web_id(), "Name": p.name, "Path": p.path} for p in page]})

    def _recorded(self, call: Call, web_id: str) -> Reply:
        """ "Stream GetRecorded": 1000 values by default, both ends included, Inside by default."""
        point = self.archive.by_web_id(web_id)
        if point is None:
            return Reply.error(404, "The specified stream was not found. Unknown or invalid WebID.")
        found = self._page(call, point, _selected(call, "Items."))
        if isinstance(found, Reply):
            return found
        return Reply(
            200, b'{"Links":{},"Items":[' + found + b'],"UnitsAbbreviation":' + json.dumps(point.units).encode() + b"}"
        )

    def _page(self, call: Call, point: Point, selected: list[str], share: int | None = None) -> Reply | bytes:
        most = int(call.one("maxCount", "1000"))
        if most > self.cap:
            # User Guide: "400 Parameter (name) is greater than the maximum allowed (maximum defined number)".
            return Reply.error(400, f"Parameter 'maxCount' is greater than the maximum allowed ({self.cap}).")
        begin, end = self._time(call.one("startTime", "*-1d")), self._time(call.one("endTime", "*"))
        low, high = point.between(begin, end, call.one("boundaryType", "Inside"))
        high = min([high, *(low + each for each in (most, self.silent_cap, share) if each is not None)])
        if self.bend is not None:
            bent = self.bend(call, point, low, high)
            if isinstance(bent, bytes):
                return bent
            low, high = bent
        return point.text(low, max(low, high), selected)

    def _set(self, call: Call) -> Reply:
        """ "StreamSet GetRecordedAdHoc": several webId, one list for each."""
        left, items = self.total_cap, []
        for web_id in call.query["webId"]:
            point = self.archive.by_web_id(web_id)
            if point is None:
                return Reply.error(404, "The specified stream was not found. Unknown or invalid WebID.")
            found = self._page(call, point, _selected(call, "Items.Items."), left)
            if isinstance(found, Reply):
                return found
            left = None if left is None else max(left - found.count(b'"Timestamp"'), 0)
            head = json.dumps({"WebId": point.web_id("P"), "Name": point.name, "Path": point.path})[:-1].encode()
            items.append(head + b',"Items":[' + found + b"]}")
        return Reply(200, b'{"Links":{},"Items":[' + b",".join(items) + b"]}")

    def _calculated(self, call: Call, web_id: str, what: str) -> Reply:
        """ "Stream GetInterpolated", "GetPlot", "GetSummary": enough of them to see what is done with their answers."""
        point = self.archive.by_web_id(web_id)
        if point is None:
            return Reply.error(404, "The specified stream was not found. Unknown or invalid WebID.")
        begin, end = self._time(call.one("startTime")), self._time(call.one("endTime"))
        low, high = point.between(begin, end, "Inside")
        values = [value.fields(point.units) for value in point.values[low:high]]
        if what == "summary":
            kind = call.one("summaryType", "Total")
            return Reply.of(200, {"Items": [{"Type": kind, "Value": value} for value in values[:1]]})
        return Reply.of(200, {"Items": values})

    def _batch(self, call: Call) -> Reply:
        """ "Batch Execute": 207 and a dictionary; the authority of a Resource is ignored."""
        parts: dict[str, Any] = json.loads(call.body)
        answers: dict[str, Any] = {}
        bodies: list[bytes] = []
        for key in _in_order(parts):
            part = parts[key]
            if "RequestTemplate" in part:
                # A sub-request from the template for each token of the parent's answer.
                tokens = [str(thing) for path in part["Parameters"] for thing in _select(answers, path)]
                subs = [
                    self._sub(part, part["RequestTemplate"]["Resource"].replace("{0}", token), call) for token in tokens
                ]
                content = {"Total": len(subs), "Items": [_told(reply) for reply in subs]}
                reply = Reply.of(207, content)
            else:
                resource = part["Resource"]
                for at, path in enumerate(part.get("Parameters", [])):
                    resource = resource.replace(f"{{{at}}}", str(next(iter(_select(answers, path)), "")))
                reply = self._sub(part, resource, call)
            if len(parts) > 1 and any("ParentIds" in each for each in parts.values()):
                answers[key] = _told(reply)
            headers = json.dumps({"Content-Type": "application/json; charset=utf-8", **reply.headers}).encode()
            status = str(reply.status).encode()
            body = reply.body if reply.body else b"null"
            bodies.append(
                json.dumps(key).encode()
                + b':{"Status":'
                + status
                + b',"Headers":'
                + headers
                + b',"Content":'
                + body
                + b"}"
            )
        return Reply(207, b"{" + b",".join(bodies) + b"}")

    def _sub(self, part: Mapping[str, Any], resource: str, call: Call) -> Reply:
        url = urllib.parse.urlsplit(resource)
        path = url.path.partition("/piwebapi/")[2]
        query = urllib.parse.parse_qs(url.query, keep_blank_values=True)
        return self._get(Call(part.get("Method", "GET"), path, query, call.headers, b""))

    def _time(self, text: str) -> int:
        """ "Time Strings": ISO 8601, `*`, `*-1d`; without a zone it is the server's."""
        if text.startswith("*"):
            match = re.fullmatch(r"\*(?:([+-]\d+)d)?", text)
            assert match is not None, text
            return self.now + int(match[1] or 0) * 86_400 * SECOND
        match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?(Z)?", text)
        assert match is not None, text
        from datetime import UTC, datetime

        whole = int(datetime.fromisoformat(match[1]).replace(tzinfo=UTC).timestamp())
        ahead = 0 if match[3] else self.zone
        return (whole - ahead) * SECOND + int((match[2] or "0").ljust(7, "0")) * 100


def _selected(call: Call, prefix: str) -> list[str]:
    """ "Selected Fields": of the values alone; empty for all."""
    named = [name.removeprefix(prefix) for name in call.one("selectedFields").split(";") if name.startswith(prefix)]
    return [name for name in named if "." not in name]


def _in_order(parts: Mapping[str, Any]) -> list[str]:
    """Parents before those that name them."""
    done: list[str] = []
    while len(done) < len(parts):
        done += [key for key, part in parts.items() if key not in done and set(part.get("ParentIds", [])) <= set(done)]
    return done


def _told(reply: Reply) -> dict[str, Any]:
    return {"Status": reply.status, "Headers": reply.headers, "Content": json.loads(reply.body or b"null")}


def _select(answers: Mapping[str, Any], path: str) -> list[Any]:
    """The few JSONPaths that the reference's examples use: `$.1.Content.Items[*].WebId`."""
    found: list[Any] = [answers]
    for name, star in re.findall(r"([A-Za-z0-9]+)(\[\*\])?", path.removeprefix("$.")):
        found = [each[name] for each in found]
        found = [item for each in found for item in each] if star else found
    return found
