"""Objects of a page as changes: what to write, what to remove, and who is no longer a member of what.

Nothing is held: each item becomes its changes, in order, and the last one of an object wins when they are applied
(`replay.py` says how, row by row). Sources: learn.microsoft.com/graph/delta-query-overview, "Resource representation in the
delta query response"; delta-query-groups; driveitem-delta; Dataverse, use-change-tracking-synchronize-data-external-systems.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NoReturn

from airflow_provider_integrations.connectors.msgraph.model import Item, Page, Protocol
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.core.errors import SystemicError

__all__ = ["Change", "Op", "RelationChange", "changes_of_page"]

_RELATION = "@delta"


class Op(StrEnum):
    """What happens to a row."""

    UPSERT = "upsert"
    REMOVE_SOFT = "remove_soft"
    """It can be restored, or it is not known whether it can."""
    REMOVE_HARD = "remove_hard"


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to an object.

    Args:
        op: What is to be done.
        id: Of the object; ids alone identify it, names and paths change (driveitem-delta, "always track items by id").
        round, seq: Its place in the order of all changes; `seq` counts the items of a round from 1.
        properties: What was sent: null clears a property, and one that is not among them was not sent.
        complete: What was not sent is empty, as in a full enumeration; else it is as it was.
    """

    op: Op
    id: str
    round: int
    seq: int
    properties: Mapping[str, Any] = field(default_factory=dict, repr=False)
    complete: bool = False


@dataclass(frozen=True, slots=True)
class RelationChange:
    """What happened to a relation, e.g. between a group and a member; only changes of it are sent, never its whole.

    Args:
        op: An upsert relates the two, a removal ends it, by leaving or as the member itself is gone.
        relation: Name of the property, e.g. `members`.
        owner, member: Ids.
        member_type: What the member is, e.g. `#microsoft.graph.user`; empty if that was not said.
        round, seq: Its place in the order of all changes: that of the owner's item.
    """

    op: Op
    relation: str
    owner: str
    member: str
    member_type: str
    round: int
    seq: int


class _Names(dict[str, str]):
    """What each name of an item is: a property under the name to keep, `@` and a relation, or nothing; found out once."""

    def __init__(self, query: Query) -> None:
        super().__init__()
        self.key = query.key
        self.wanted = {name.split("/")[0].casefold(): name.split("/")[0] for name in query.select}

    def __missing__(self, name: str) -> str:
        if name.endswith(_RELATION) and len(name) > len(_RELATION):
            kept = f"@{name.removesuffix(_RELATION)}"
        elif "@" in name or name == self.key:
            kept = ""
        else:
            # Servers take a name in any case of letters and answer in their own; a column is called as it was asked for.
            kept = self.wanted.get(name.casefold(), "") if self.wanted else name
        self[name] = kept
        return kept


def changes_of_page(page: Page, query: Query) -> Iterator[Change | RelationChange]:
    """All changes of a page, in the server's order; an object may come again on this page, or on a later one.

    The changes of an item are its own first, then those of its relations.

    Raises:
        SystemicError: an item that cannot be understood, of which nothing is guessed.
    """
    names, dataverse = _Names(query), query.protocol is Protocol.DATAVERSE
    for seq, item in enumerate(page.items, start=page.first):
        removal = _dataverse_removal(item) if dataverse else _graph_removal(item)
        # A deleted row of Dataverse has `id`, whatever the table calls its key.
        identity = item.get("id" if removal and dataverse else query.key)
        if not isinstance(identity, str) or not identity:
            _refuse("an item without an id", query, seq)
        if removal is not None:
            yield Change(removal, identity, page.round, seq)
            continue
        properties: dict[str, Any] = {}
        relations: list[str] = []
        for name, value in item.items():
            kept = names[name]
            if kept and kept[0] == "@":
                relations.append(name)
            elif kept:
                properties[kept] = value
        yield Change(Op.UPSERT, identity, page.round, seq, properties, page.full)
        for name in relations:
            yield from _relation_changes(names[name][1:], identity, item[name], query, page.round, seq)


def _graph_removal(item: Item) -> Op | None:
    """Whether and how an object was removed.

    `@removed` has the reason `changed`, "deleted and can be restored", or `deleted`, "cannot be restored"; it "may include"
    one. A drive's or list's item has a `deleted` facet instead, whose `state` may say that it lies in a recycle bin.
    """
    if (removed := item.get("@removed")) is not None:
        return _by_reason(removed.get("reason") if isinstance(removed, dict) else None)
    if isinstance(facet := item.get("deleted"), dict):
        return Op.REMOVE_SOFT if str(facet.get("state", "")).lower() == "softdeleted" else Op.REMOVE_HARD
    return None


def _dataverse_removal(item: Item) -> Op | None:
    """Deleted rows have a context of their own that ends in `$deletedEntity`."""
    context = item.get("@odata.context")
    if isinstance(context, str) and context.endswith("/$deletedEntity"):
        return _by_reason(item.get("reason"))
    return None


def _by_reason(reason: object) -> Op:
    """A reason that is missing or new is no proof that nothing can be restored."""
    return Op.REMOVE_HARD if reason == "deleted" else Op.REMOVE_SOFT


def _relation_changes(
    relation: str, owner: str, value: object, query: Query, round: int, seq: int
) -> Iterator[RelationChange]:
    """Changes of one relation.

    A large group comes again on several pages, each with some of its members, and an empty one has no `members@delta` at all
    (delta-query-groups, "Paging through members in a large group").
    """
    members = value if isinstance(value, list) else [value]
    last: dict[str, RelationChange] = {}
    for member in members:
        if not isinstance(member, dict) or not isinstance(identity := member.get("id"), str) or not identity:
            _refuse(f"a member of {relation} without an id", query, seq)
        removed = member.get("@removed")
        reason = removed.get("reason") if isinstance(removed, dict) else None
        op = Op.UPSERT if removed is None else _by_reason(reason)
        last.pop(identity, None)
        kind = str(member.get("@odata.type", ""))
        last[identity] = RelationChange(op, relation, owner, identity, kind, round, seq)
    yield from last.values()


def _refuse(what: str, query: Query, seq: int) -> NoReturn:
    raise SystemicError(
        what,
        resource=query.resource,
        item=seq,
        key=query.key,
        next_step="Nothing of the round is applied. Correct the key, or ask Microsoft.",
    )
