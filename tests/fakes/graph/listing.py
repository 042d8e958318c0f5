"""Plain reads: lists with `$top` and `$skiptoken`, one object, its manager, memberships and members, deleted items.

Sources: https://learn.microsoft.com/graph/api/user-list (`$top` 1 to 999, 100 by default), https://learn.microsoft.com/graph/paging,
https://learn.microsoft.com/graph/api/user-list-manager, https://learn.microsoft.com/graph/api/user-list-memberof,
https://learn.microsoft.com/graph/api/group-list-members, https://learn.microsoft.com/graph/api/directory-deleteditems-list.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from tests.fakes.graph.messages import Refused, Request, Response, graph_error
from tests.fakes.graph.things import Collection, Properties
from tests.fakes.graph.world import World

__all__ = ["answer_listing"]

_USUAL, _MOST = 100, 999


def answer_listing(request: Request, path: str, version: str, base: str, world: World) -> Response:
    """A list, or one object."""
    context = f"{base}/{version}/$metadata#{path.split('/')[0]}"
    if path.startswith("directory/deletedItems/microsoft.graph."):
        kind = path.rpartition(".")[2]
        found = [
            _told(c, t) for c in world.collections.values() if c.kind == kind for t in world.removed(c.path).items()
        ]
        return Response(body={"@odata.context": context, "value": [item for item in found if item]})
    if path in world.collections:
        return _list(request, world.collections[path], f"{base}/{version}/{path}", context)
    for collection in world.collections.values():
        thing_id, _, relation = path.removeprefix(f"{collection.path}/").partition("/")
        thing = collection.find(thing_id) if path.startswith(f"{collection.path}/") else None
        if thing is None or thing.removed is not None:
            continue
        if not relation:
            return Response(
                body={"@odata.context": f"{context}/$entity", "id": thing.id, **_selected(request, thing.properties)}
            )
        return _related(world, collection, thing.id, relation, context)
    raise Refused(graph_error(404, "Request_ResourceNotFound", f"Resource '{path}' does not exist."))


def _told(collection: Collection, removal: tuple[str, str]) -> Properties | None:
    thing = collection.things[removal[0]]
    return {"id": thing.id, **thing.properties} if removal[1] == "changed" else None


def _selected(request: Request, properties: Properties) -> Properties:
    select = request.options().get("select")
    if select is None:
        return properties
    names = [name.strip() for name in select.split(",")]
    return {name: properties.get(name) for name in names if name != "id"}


def _list(request: Request, collection: Collection, url: str, context: str) -> Response:
    options = request.options()
    top, at = options.get("top", str(_USUAL)), options.get("skiptoken", "0")
    if not top.isdigit() or not 1 <= int(top) <= _MOST:
        raise Refused(graph_error(400, "Request_UnsupportedQuery", f"$top is {top}; it is 1 to {_MOST}."))
    if not at.isdigit():
        raise Refused(graph_error(400, "Request_BadRequest", "Badly formed token."))
    ids, first = collection.ids(), int(at)
    items = []
    for thing_id in ids[first : first + int(top)]:
        thing = collection.find(thing_id)
        if thing is not None and thing.removed is None:
            items.append({"id": thing.id, **_selected(request, thing.properties)})
    body: dict[str, Any] = {"@odata.context": context, "value": items}
    if first + int(top) < len(ids):
        kept = {f"${name}": value for name, value in options.items() if name in ("select", "top")}
        body["@odata.nextLink"] = f"{url}?{urlencode({**kept, '$skiptoken': first + int(top)}, safe='$,')}"
    return Response(body=body)


def _related(world: World, collection: Collection, thing_id: str, relation: str, context: str) -> Response:
    if relation == "memberOf":
        found = [f"{path} {holder}" for path, holder in world.holders(thing_id, "members")]
        targets = [tuple(each.split(" ")) for each in found]
    elif relation in collection.relations:
        kinds = {c.kind: c.path for c in world.collections.values()}
        thing = collection.find(thing_id)
        links = thing.links.get(relation, {}) if thing is not None else {}
        targets = [(kinds[link.kind], target) for target, link in links.items() if link.holds]
    else:
        raise Refused(graph_error(400, "BadRequest", f"Resource not found for the segment '{relation}'."))
    items = []
    for path, target in targets:
        held = world.collections[path].find(target)
        if held is not None and held.removed is None:
            kind = f"#microsoft.graph.{world.collections[path].kind}"
            items.append({"@odata.type": kind, "id": held.id, **held.properties})
    if relation == "manager":
        if not items:
            raise Refused(graph_error(404, "Request_ResourceNotFound", "Resource 'manager' does not exist."))
        return Response(body={"@odata.context": context, **items[0]})
    return Response(body={"@odata.context": context, "value": items})
