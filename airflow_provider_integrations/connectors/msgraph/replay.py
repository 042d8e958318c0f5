"""What changes make of a table when they are applied in order: the meaning of all that a source writes, in a few lines.

>>> target = Target()
>>> target.apply(Change(Op.UPSERT, "1", round=1, seq=1, properties={"city": "Rome"}, complete=True))
>>> target.apply(Change(Op.UPSERT, "1", round=2, seq=1, properties={"city": None}))
>>> dict(target.live())
{'1': {'city': None}}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_integrations.connectors.msgraph.changes import Change, Op, RelationChange

__all__ = ["Row", "Target", "completed", "whole"]


def completed(changes: Iterable[Change | RelationChange], target: Target) -> Iterator[Change | RelationChange]:
    """The same changes, each upsert with the whole row, as a reader may want who knows no "was not sent".

    An owner that is gone for good is followed by the ends of its relations, which no server tells.

    Args:
        changes: In order.
        target: The objects that they name, as they stood before; the changes are applied to it.
    """
    for change in changes:
        held = target.held(change.id) if isinstance(change, Change) and change.op is Op.REMOVE_HARD else ()
        target.apply(change)
        yield change if isinstance(change, RelationChange) else whole(change, target)
        for relation, owner, member in held:
            yield RelationChange(Op.REMOVE_HARD, relation, owner, member, "", change.round, change.seq)


def whole(change: Change, target: Target) -> Change:
    """A change that was just applied, an upsert with the whole row."""
    if change.op is not Op.UPSERT:
        return change
    properties = target.rows[change.id].properties
    if change.complete and properties is change.properties:
        return change
    return Change(Op.UPSERT, change.id, change.round, change.seq, properties, complete=True)


@dataclass(slots=True)
class Row:
    """An object as it stands.

    Args:
        properties: Those that were ever sent; one that is not among them is empty.
        removed: It is gone and can come back.
        round: In which it was last written.
    """

    properties: Mapping[str, Any]
    removed: bool
    round: int


@dataclass(slots=True)
class Target:
    """A table of objects and its relations, which count while their owner is not removed: a restored one has them again."""

    rows: dict[str, Row] = field(default_factory=dict)
    relations: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def apply(self, change: Change | RelationChange) -> None:
        """Apply the next change in the order of round and `seq`.

        - A child may come before its parent, and a folder may go before what lies in it: no row asks for another one.
        - What is removed and was never there stays away.
        - Properties that were not sent are as they were. In a full enumeration they are empty, but for those that an earlier
          item of the same object and round has brought: an object that changes meanwhile comes again, with "at least the
          properties that have been updated".
        """
        if isinstance(change, RelationChange):
            self._relate(change)
        elif change.op is Op.UPSERT:
            row = self.rows.get(change.id)
            keep = row is not None and (not change.complete or (row.round == change.round and not row.removed))
            before = row.properties if row is not None and keep else {}
            # Nothing is written into either of them.
            properties = {**before, **change.properties} if before else change.properties
            self.rows[change.id] = Row(properties, removed=False, round=change.round)
        elif change.op is Op.REMOVE_SOFT:
            if (row := self.rows.get(change.id)) is not None:
                row.removed, row.round = True, change.round
        else:
            self.rows.pop(change.id, None)
            # Nobody can be a member of what is gone for good.
            for key in self.held(change.id):
                del self.relations[key]

    def held(self, owner: str) -> list[tuple[str, str, str]]:
        """The relations of an owner, in order."""
        return sorted(key for key in self.relations if key[1] == owner)

    def live(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Objects that are not removed."""
        return ((identity, row.properties) for identity, row in self.rows.items() if not row.removed)

    def _relate(self, change: RelationChange) -> None:
        key = (change.relation, change.owner, change.member)
        if change.op is Op.UPSERT:
            self.relations[key] = change.member_type
        else:
            self.relations.pop(key, None)
