"""Finds points and attributes: by their path, by their WebId, or by patterns of their names.

Sources: PI Web API Reference, "Point GetByPath", "Attribute GetByPath", "DataServer List", "DataServer GetPoints",
"Path Syntax", "WebID Type".
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from airflow_provider_integrations.connectors.historian.model import Tag
from airflow_provider_integrations.connectors.historian.pi_answers import refused
from airflow_provider_integrations.connectors.historian.pi_model import (
    Answer,
    Learned,
    Limits,
    Request,
    Response,
    Step,
    Stream,
    Way,
)
from airflow_provider_integrations.connectors.historian.pi_wire import batch, batch_answers
from airflow_provider_integrations.core.errors import ConfigError, StalledError, TransientError

__all__ = ["find_points", "look_up"]

_NUMBERS = frozenset({"Float16", "Float32", "Float64", "Int16", "Int32", "Int64", "Double", "Single", "Byte"})
_KINDS = {"DP": "points", "Ab": "attributes"}
_WEB_ID = re.compile(r"[FIPLD]1(DP|Ab)[A-Za-z0-9_-]*")
_PAGE = 1_000
_SHOWN = 10


class _Thing(msgspec.Struct):
    WebId: str
    Name: str = ""
    Path: str = ""
    PointType: str = ""
    Type: str = ""


class _Things(msgspec.Struct):
    Items: list[_Thing]


_ONE, _MANY = msgspec.json.Decoder(_Thing), msgspec.json.Decoder(_Things)
Asking = Generator[Step, "Response | None", Any]


def look_up(
    tags: Sequence[Tag], limits: Limits, learned: Learned | None = None, *, paths: Mapping[Tag, str] | None = None
) -> Generator[Step, Response | None, list[Stream]]:
    """The streams of tags, in their order; an address that is neither a path nor a WebId of a known form is used as it is.

    Args:
        tags: To be found.
        limits: How much one request may ask for.
        learned: Whether the server takes batches.
        paths: By which to find a tag instead of its address, e.g. after a failover.

    Raises:
        ConfigError: some are not there, all of which are named, or access is denied.
        TransientError: the service cannot answer now.
    """
    addresses = [(paths or {}).get(tag) or tag.address for tag in tags]
    requests = [_by_address(address) for address in addresses]
    found: dict[int, Stream] = {}
    missing: list[str] = []
    wanted = [at for at, request in enumerate(requests) if request is not None]
    for part in _parts(wanted, limits.streams):
        answers = yield from _asked([each for at in part if (each := requests[at]) is not None], limits, learned)
        for at, answer in zip(part, answers, strict=True):
            if answer.status in (400, 404, 410):
                missing.append(addresses[at])
                continue
            thing = _thing(answer)
            kind = thing.PointType or thing.Type
            found[at] = Stream(tags[at], thing.WebId, thing.Path, kind in _NUMBERS if kind else None)
    if missing:
        raise ConfigError(
            "the server does not have all that is asked for",
            missing=tuple(missing[:_SHOWN]),
            count=len(missing),
            next_step="Write a point as \\\\SERVER\\POINT and an attribute as \\\\AF\\Database\\Element|Attribute;"
            " look at who may read it, and with Kerberos at the delegation of the service.",
        )
    return [found.get(at) or Stream(tag, tag.address) for at, tag in enumerate(tags)]


def find_points(patterns: Sequence[str]) -> Generator[Step, Response | None, list[Tag]]:
    """Points of all data servers whose names fit a pattern with `*` and `?`, by name; attributes by their whole path.

    Args:
        patterns: Of names, or with a server before them: `\\\\PISRV\\SINUS*`.

    Raises:
        StalledError: the service gives the same points again and again.
    """
    whole = [pattern for pattern in patterns if "|" in pattern]
    named = [pattern for pattern in patterns if "|" not in pattern]
    tags = {path: Tag(path, path) for path in whole}
    servers: list[_Thing] = []
    if named:
        servers = (
            yield from _things(Request("GET", "dataservers", (("selectedFields", "Items.WebId;Items.Name"),)))
        ).Items
    for pattern in named:
        server, name = _split(pattern)
        for each in servers:
            if server and each.Name.lower() != server.lower():
                continue
            for thing in (yield from _points(each.WebId, name)):
                path = thing.Path or f"\\\\{each.Name}\\{thing.Name}"
                tags[path] = Tag(thing.Name, path)
    names = [tag.name for tag in tags.values()]
    twice = {name for name in names if names.count(name) > 1}
    ordered = sorted(tags.values(), key=lambda tag: (tag.name, tag.address))
    return [Tag(tag.address, tag.address) if tag.name in twice else tag for tag in ordered]


def _points(server: str, name: str) -> Generator[Step, Response | None, list[_Thing]]:
    """Asked for until a page is empty: a short one may be cut by a cap."""
    found: dict[str, _Thing] = {}
    while True:
        page = yield from _things(
            Request(
                "GET",
                f"dataservers/{server}/points",
                (
                    ("nameFilter", name),
                    ("startIndex", str(len(found))),
                    ("maxCount", str(_PAGE)),
                    ("selectedFields", "Items.WebId;Items.Name;Items.Path"),
                ),
            )
        )
        if not page.Items:
            return list(found.values())
        before = len(found)
        found |= {thing.WebId: thing for thing in page.Items}
        if len(found) != before + len(page.Items):
            raise StalledError(
                "the list of points comes with the same points again", points=before, next_step="Try again later."
            )


def _things(request: Request) -> Generator[Step, Response | None, _Things]:
    response = yield request
    assert response is not None, "a request is answered by a response"
    answer = Answer(response.status, response.headers, response.body)
    if response.status != 200:
        raise refused(answer)
    things: _Things = _decoded(_MANY, answer)
    return things


def _asked(
    requests: Sequence[Request], limits: Limits, learned: Learned | None
) -> Generator[Step, Response | None, list[Answer]]:
    """All answers: in one round trip where the service takes batches, else one by one."""
    if len(requests) > 1 and (learned is None or learned.way is Way.BATCH):
        response = yield batch(requests, limits)
        assert response is not None, "a request is answered by a response"
        if response.status in (200, 207):
            return batch_answers(response, len(requests))
        if learned is not None:
            learned.way = Way.STREAMSET
    answers = []
    for request in requests:
        response = yield request
        assert response is not None, "a request is answered by a response"
        answers.append(Answer(response.status, response.headers, response.body))
    return answers


def _by_address(address: str) -> Request | None:
    fields = ("selectedFields", "WebId;Name;Path;PointType;Type")
    if address.startswith("\\\\"):
        kind = "attributes" if "|" in address else "points"
        return Request("GET", kind, (("path", address), fields))
    known = _WEB_ID.fullmatch(address)
    return Request("GET", f"{_KINDS[known[1]]}/{address}", (fields,)) if known is not None else None


def _thing(answer: Answer) -> _Thing:
    if answer.status != 200:
        raise refused(answer)
    thing: _Thing = _decoded(_ONE, answer)
    return thing


def _decoded(decoder: msgspec.json.Decoder[Any], answer: Answer) -> Any:
    try:
        return decoder.decode(answer.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    raise TransientError(
        "an answer that is none of PI Web API",
        type=answer.headers.get("content-type", "")[:100],
        next_step="Look at what stands between here and the server, and at /piwebapi in the URL.",
    )


def _split(pattern: str) -> tuple[str, str]:
    if not pattern.startswith("\\\\"):
        return "", pattern
    server, _, name = pattern[2:].partition("\\")
    return server, name or "*"


def _parts(all_of: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (all_of[at : at + size] for at in range(0, len(all_of), size))
