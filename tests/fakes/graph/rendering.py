"""How a thing is told in a delta: its properties, what was cleared, what is removed, what it is linked to.

Sources: https://learn.microsoft.com/graph/delta-query-overview ("Resource representation in the delta query
response"), https://learn.microsoft.com/graph/api/user-delta ("Response": default and `return=minimal`),
https://learn.microsoft.com/graph/delta-query-groups (`members@delta`),
https://learn.microsoft.com/graph/api/driveitem-delta ("Remarks": `deleted` facet, no `path`, no `name` when deleted),
https://learn.microsoft.com/power-apps/developer/data-platform/use-change-tracking-synchronize-data-external-systems.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from tests.fakes.graph.query import Query
from tests.fakes.graph.things import Collection, Flavour, Thing

__all__ = ["relevant", "render"]


def relevant(thing: Thing, query: Query, since: int) -> bool:
    """Whether a round that begins after `since` tells of this thing: only what is selected is tracked."""
    if since == 0 or thing.created > since or thing.removed_at > since:
        return True
    if any(version > since and query.selects(name) for name, version in thing.changed.items()):
        return True
    if any(link.version > since for name in query.relations for link in thing.links.get(name, {}).values()):
        return True
    return "folder" in thing.properties  # Folders above a change are told although they are as they were.


def render(
    collection: Collection,
    thing: Thing,
    query: Query,
    since: int,
    *,
    minimal: bool = False,
    part: tuple[int, int] = (0, 100),
    stale: bool = False,
) -> dict[str, Any] | None:
    """One item of a page.

    Args:
        collection: Where the thing belongs.
        thing: The thing.
        query: What was asked for.
        since: Version after which the round tells; 0 is a full enumeration.
        minimal: Tell changed properties alone.
        part: Which part of a long relation, and how many links a part has.
        stale: Tell the state before the last change.

    Returns:
        The item, or nothing if there is nothing to tell.
    """
    properties, removed = thing.properties, thing.removed
    # An older occurrence that is removed may only come before one that tells all anew.
    if stale and thing.before is not None and (removed or thing.created > since or not thing.before[1]):
        properties, removed = thing.before
    if thing.removed is not None and (since == 0 or thing.removed_at <= since):
        return None  # "Resources that were deleted prior to the initial delta query aren't returned."
    if removed is not None:
        return _removed(collection, thing, removed)
    if not _wanted(query, thing, since):
        return None
    whole = not minimal or since == 0 or thing.created > since
    told = {
        name: value
        for name, value in properties.items()
        if query.selects(name) and (whole or thing.changed.get(name, thing.created) > since)
    }
    item: dict[str, Any] = {collection.key: thing.id, **told}
    if collection.flavour is Flavour.DATAVERSE:
        item = {"@odata.etag": f'W/"{max([thing.created, *thing.changed.values()])}"', **item}
        item.update({name: None for name in query.select or () if name not in item})
    if not stale:
        for relation in query.relations:
            links = _links(thing, relation, 0 if thing.created > since else since, since, part)
            if links:
                item[f"{relation}@delta"] = links
    if part[0] and not any(f"{relation}@delta" in item for relation in query.relations):
        return None
    return item


def _wanted(query: Query, thing: Thing, since: int) -> bool:
    """Outlook's `changeType` holds from the second round on: https://learn.microsoft.com/graph/delta-query-messages."""
    if query.change_type is None or since == 0:
        return True
    return query.change_type == ("created" if thing.created > since else "updated")


def _removed(collection: Collection, thing: Thing, reason: str) -> dict[str, Any]:
    if collection.flavour is Flavour.DRIVE:
        facets: dict[str, Any] = {
            name: thing.properties[name] for name in ("file", "folder") if name in thing.properties
        }
        return {"id": thing.id, **facets, "deleted": {}}
    if collection.flavour is Flavour.DATAVERSE:
        context = f"$metadata#{collection.kind}/$deletedEntity"
        return {"@odata.context": context, "id": thing.id, "reason": "deleted"}
    return {"id": thing.id, "@removed": {"reason": reason}}


def _links(thing: Thing, relation: str, since: int, gone_since: int, part: tuple[int, int]) -> list[dict[str, Any]]:
    number, size = part
    told: list[dict[str, Any]] = []
    for target, link in islice(thing.links.get(relation, {}).items(), number * size, (number + 1) * size):
        item: dict[str, Any] = {"@odata.type": f"#microsoft.graph.{link.kind}", "id": target}
        if link.holds and link.version > since:
            told.append(item)
        elif not link.holds and link.version > gone_since > 0:
            told.append({**item, "@removed": {"reason": "deleted"}})
    return told
