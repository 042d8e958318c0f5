"""Dataverse's Web API with change tracking: no `/delta`, but `Prefer: odata.track-changes` at a table.

Sources: https://learn.microsoft.com/power-apps/developer/data-platform/use-change-tracking-synchronize-data-external-systems
(delta links, `$deletedEntity`, refused options, seven days, deleted records last),
https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/page-results (`odata.maxpagesize`, 5,000),
https://learn.microsoft.com/power-apps/developer/data-platform/reference/web-service-error-codes (0x80044352,
`ExpiredVersionStamp`).
"""

from __future__ import annotations

from typing import Any

from tests.fakes.graph.messages import Refused, Request, Response, graph_error
from tests.fakes.graph.query import page_size, parse_query
from tests.fakes.graph.rounds import Rounds, Token
from tests.fakes.graph.things import Collection, Flavour

__all__ = ["answer_dataverse"]

_MOST = 5000


def answer_dataverse(request: Request, base: str, rounds: Rounds) -> Response:
    """One page of a table."""
    api, name = request.path.strip("/").rsplit("/", 1)
    collection = rounds.world.collections.get(f"dataverse/{name}")
    if collection is None or collection.flavour is not Flavour.DATAVERSE:
        raise Refused(graph_error(404, "0x80060888", f"Resource not found for the segment '{name}'."))
    options, preferences = request.options(), request.preferences()
    text = options.get("skiptoken") or options.get("deltatoken")
    if text is None and "odata.track-changes" not in preferences:
        said = "This server answers tables with change tracking alone."
        raise Refused(graph_error(501, "NotImplemented", said))
    token = (
        rounds.begin(parse_query(request, collection)) if text is None else _token(request, collection, rounds, text)
    )
    page = rounds.page(token, page_size(request, _MOST, _MOST))
    if rounds.manner.bare and "deltatoken" in options and page.last and not page.items:
        return Response(body={}, headers={"OData-Version": "4.0"})
    metadata = f"{base}/{api}/$metadata#{name}"
    selected = f"({','.join(token.query.select)})" if token.query.select is not None else ""
    body: dict[str, Any] = {"@odata.context": f"{metadata}{selected}{'/$delta' if token.since else ''}"}
    option = "$deltatoken" if page.last else "$skiptoken"
    select = f"$select={','.join(token.query.select)}&" if token.query.select is not None else ""
    link = f"{base}/{api}/{name}?{select}{option}={page.following}"
    body["@odata.deltaLink" if page.last else "@odata.nextLink"] = link
    body["value"] = [
        {**item, "@odata.context": f"{metadata}/$deletedEntity"}
        if "reason" in item and "@odata.etag" not in item
        else item
        for item in page.items
    ]
    headers = {"OData-Version": "4.0"}
    if "odata.track-changes" in preferences:
        headers["Preference-Applied"] = "odata.track-changes"
    return Response(body=body, headers=headers)


def _token(request: Request, collection: Collection, rounds: Rounds, text: str) -> Token:
    token = rounds.find(text)
    if (
        token is None
        or token.query.path != collection.path
        or (token.entries is None) == ("skiptoken" in request.options())
    ):
        raise Refused(graph_error(400, "0x80060888", "The delta token is not valid."))
    if request.options().get("select") != token.query.options().get("$select"):
        raise Refused(graph_error(400, "0x80060888", "The delta token is of another query."))
    if rounds.expired(text):
        said = "Version stamp associated with the client has expired. Please perform a full sync."
        raise Refused(graph_error(400, "0x80044352", said))
    return token if token.entries is not None else rounds.resume(token)
