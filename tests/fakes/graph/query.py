"""What a delta request asks for: which collection, which properties, which ids; what is not documented is refused.

Sources: https://learn.microsoft.com/graph/delta-query-overview#optional-query-parameters,
https://learn.microsoft.com/graph/api/user-delta, https://learn.microsoft.com/graph/api/group-delta,
https://learn.microsoft.com/graph/api/driveitem-delta#optional-query-parameters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tests.fakes.graph.messages import Refused, Request, graph_error
from tests.fakes.graph.things import Collection, Flavour

__all__ = ["MOST_IDS", "Query", "page_size", "parse_query"]

MOST_IDS = 50  # "There is a limit of 50 filtered objects."
_ID = re.compile(r"\s*id\s+eq\s+'([^']*)'\s*", re.IGNORECASE)
_KNOWN = {"select", "filter", "expand", "top", "token", "deltatoken", "skiptoken", "format", "count"}
# `changeType` of messages, and the window of a calendar view: https://learn.microsoft.com/graph/api/event-delta.
_OUTLOOK = {"changetype", "startdatetime", "enddatetime", "orderby", "skip"}


@dataclass(frozen=True)
class Query:
    """What a state token is bound to.

    Args:
        path: Path of the collection.
        select: Properties and relations asked for; None is the default set.
        ids: Ids that `$filter` names; None is all.
        relations: Relations that are told and tracked.
        parents: Whether a drive tells the folders above what changed.
        change_type: Outlook's `changeType`.
    """

    path: str
    select: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    relations: tuple[str, ...] = ()
    parents: bool = True
    change_type: str | None = None

    def options(self) -> dict[str, str]:
        """The options of a request that asks for the same."""
        found = {}
        if self.select is not None:
            found["$select"] = ",".join(self.select)
        if self.ids is not None:
            found["$filter"] = " or ".join(f"id eq '{each}'" for each in self.ids)
        return found

    def selects(self, name: str) -> bool:
        return self.select is None or name in self.select

    def reselected(self, collection: Collection, select: str) -> Query:
        """The same query with other properties: a deltaLink may be sent with another `$select`, as the overview says."""
        names = _names(select)
        return replace(self, select=names, relations=tuple(name for name in collection.relations if name in names))


def parse_query(request: Request, collection: Collection, *, lenient: bool = False) -> Query:
    """Read an initial request.

    Args:
        request: The request.
        collection: What it asks for.
        lenient: Take `$top` where the documentation says that it is not supported.

    Raises:
        Refused: An option that this collection's page does not offer.
    """
    options, flavour = request.options(), collection.flavour
    _refuse_unsupported(options, flavour, lenient)
    expand = _names(options["expand"]) if "expand" in options else ()
    if flavour is Flavour.DIRECTORY and set(expand) - set(collection.relations) - {""}:
        raise _unsupported(f"$expand={options['expand']} is not supported.")
    select = _names(options["select"]) if "select" in options else None
    relations = tuple(
        name
        for name in collection.relations
        if name in expand or (name in select if select is not None else name == "members")
    )
    ids = _ids(options["filter"]) if "filter" in options else None
    parents = "deltaexcludeparent" not in request.headers
    return Query(collection.path, select, ids, relations, parents, options.get("changetype"))


def _refuse_unsupported(options: dict[str, str], flavour: Flavour, lenient: bool) -> None:
    if flavour is Flavour.DATAVERSE:
        for name in ("filter", "orderby", "expand", "top"):
            if name in options:
                said = f'The "${name}" query parameter isn\'t supported when Change Tracking is enabled.'
                raise Refused(graph_error(400, "0x80060888", said))
        return
    refused = {"orderby", "search", "skip"} | ({"filter"} if flavour is Flavour.DRIVE else set())
    if flavour is Flavour.DIRECTORY and not lenient:
        refused.add("top")
    if flavour is Flavour.OUTLOOK:
        refused = {"search", "expand"}
    for name in options:
        if name in refused:
            raise _unsupported(f"${name} is not supported by a delta query of this resource.")
        if name not in _KNOWN | (_OUTLOOK if flavour is Flavour.OUTLOOK else set()):
            raise Refused(graph_error(400, "invalidRequest", f"{name} is no query option.", "invalidQueryOption"))


def _unsupported(message: str) -> Refused:
    return Refused(graph_error(400, "Request_UnsupportedQuery", message))


def _names(value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(","))


def _ids(value: str) -> tuple[str, ...]:
    parts = [_ID.fullmatch(part) for part in re.split(r"\s+or\s+", value, flags=re.IGNORECASE)]
    found = tuple(part.group(1) for part in parts if part is not None)
    if len(found) < len(parts):
        raise _unsupported("Only $filter=id eq '...' or id eq '...' is supported by a delta query.")
    if len(found) > MOST_IDS:
        raise _unsupported(f"$filter names {len(found)} ids; {MOST_IDS} is the limit.")
    return found


def page_size(request: Request, usual: int, most: int) -> int:
    """Items of a page: `Prefer: odata.maxpagesize` or `$top`, within what the server gives.

    Source: https://learn.microsoft.com/graph/delta-query-messages ("Request header"), which calls it a wish.
    """
    asked = request.preferences().get("odata.maxpagesize") or request.options().get("top")
    if asked is None:
        return usual
    if not asked.isdigit() or int(asked) == 0:
        raise Refused(graph_error(400, "invalidRequest", f"{asked} is no size of a page.", "invalidQueryOption"))
    return min(int(asked), most)
