"""The delta function of Graph: initial requests, nextLinks, deltaLinks, and what is said to tokens that are no good.

Sources: https://learn.microsoft.com/graph/delta-query-overview, https://learn.microsoft.com/graph/delta-query-users,
https://learn.microsoft.com/graph/delta-query-groups, https://learn.microsoft.com/graph/api/driveitem-delta,
https://devblogs.microsoft.com/microsoft365dev/duration-of-change-tracking-tokens-for-identity-and-education-resources/.
"""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import quote, unquote

from tests.fakes.graph.faults import badly_formed, gone, sync_state_not_found
from tests.fakes.graph.messages import Refused, Request, Response, graph_error
from tests.fakes.graph.query import Query, page_size, parse_query
from tests.fakes.graph.rounds import Rounds, Token
from tests.fakes.graph.things import Collection, Flavour
from tests.fakes.graph.world import World

__all__ = ["answer_delta", "delta_path", "delta_url"]

# `/delta` is a shortcut for `/microsoft.graph.delta`; drives also send `delta(token='...')`.
_DELTA = re.compile(r"(?P<path>.+?)/(?:microsoft\.graph\.)?delta(?:\((?:token='?(?P<token>[^')]*)'?)?\))?/?")


def delta_path(path: str) -> re.Match[str] | None:
    """The collection and the token of a path without its version, if it calls the delta function."""
    return _DELTA.fullmatch(unquote(path))


def delta_url(base: str, version: str, query: Query) -> str:
    """A new start, as a Location tells it: the initial query with an empty `$deltatoken`."""
    options = "".join(f"&{name}={quote(value)}" for name, value in query.options().items())
    return f"{base}/{version}/{query.path}/delta?$deltatoken={options}"


def answer_delta(request: Request, called: re.Match[str], version: str, base: str, rounds: Rounds) -> Response:
    """One page."""
    world: World = rounds.world
    collection = world.collections.get(called["path"])
    if collection is None:
        raise Refused(graph_error(404, "itemNotFound", f"{called['path']} is not served here."))
    url = f"{base}/{version}/{collection.path}/delta"
    token = _token(request, called, collection, rounds, url)
    if isinstance(token, str):  # Sync from now: a deltaLink and no data.
        return Response(body=_body(base, version, collection, None, [], {"@odata.deltaLink": token}))
    manner, minimal = rounds.manner, request.preferences().get("return") == "minimal"
    page = rounds.page(token, page_size(request, manner.page_size, manner.most), minimal=minimal)
    link = _link(url, collection.flavour, page.following, last=page.last)
    applied = ", ".join(f"{k}={v}" for k, v in request.preferences().items() if k in ("return", "odata.maxpagesize"))
    body = _body(base, version, collection, token.query, page.items, link)
    return Response(body=body, headers={"Preference-Applied": applied} if applied else {})


def _token(request: Request, called: re.Match[str], collection: Collection, rounds: Rounds, url: str) -> Token | str:
    """Where the page begins, or a whole deltaLink if nothing but that is asked for."""
    options, drive = request.options(), collection.flavour is Flavour.DRIVE
    skip, delta = options.get("skiptoken"), options.get("deltatoken")
    if drive:
        delta = called["token"] or options.get("token")
    if skip is None and not delta:
        return rounds.begin(parse_query(request, collection, lenient=rounds.manner.lenient_top))
    if delta is not None and delta.lower() == "latest":
        query = parse_query(request, collection, lenient=rounds.manner.lenient_top)
        return _link(url, collection.flavour, rounds.latest(query), last=True)["@odata.deltaLink"]
    text = skip or delta or ""
    token = rounds.find(text)
    if token is None or token.query.path != collection.path:
        raise Refused(badly_formed().response)
    if not drive and (token.entries is None) == (skip is not None):
        raise Refused(badly_formed().response)
    if rounds.expired(text):
        raise Refused(_expired(collection, token, rounds, url))
    if "select" in options:
        if token.entries is not None or collection.flavour is not Flavour.DIRECTORY:
            said = "$select is not supported together with a state token."
            raise Refused(graph_error(400, "Request_UnsupportedQuery", said))
        token = replace(token, query=token.query.reselected(collection, options["select"]))
    if token.entries is not None:
        return token
    parents = "deltaexcludeparent" not in request.headers  # A header holds for its request alone.
    return rounds.resume(replace(token, query=replace(token.query, parents=parents)))


def _expired(collection: Collection, token: Token, rounds: Rounds, url: str) -> Response:
    if collection.flavour is Flavour.DRIVE:
        fresh = rounds.give(rounds.begin(token.query))
        return gone(f"{url}(token='{fresh}')", code="resyncChangesApplyDifferences").response
    return sync_state_not_found(410 if collection.flavour is Flavour.OUTLOOK else 400).response


def _link(url: str, flavour: Flavour, text: str, *, last: bool) -> dict[str, str]:
    if flavour is Flavour.DRIVE:
        return {"@odata.deltaLink": f"{url}?token={text}"} if last else {"@odata.nextLink": f"{url}(token='{text}')"}
    if last:
        return {"@odata.deltaLink": f"{url}?$deltatoken={text}"}
    return {"@odata.nextLink": f"{url}?$skiptoken={text}"}


def _body(
    base: str, version: str, collection: Collection, query: Query | None, items: list[dict[str, object]],
    link: dict[str, str],
) -> dict[str, object]:  # fmt: skip
    selected = f"({','.join(query.select)})" if query is not None and query.select is not None else ""
    name = f"Collection({collection.kind})" if collection.flavour is Flavour.DRIVE else collection.path.split("/")[-1]
    return {"@odata.context": f"{base}/{version}/$metadata#{name}{selected}", **link, "value": items}
