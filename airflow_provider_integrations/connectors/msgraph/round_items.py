"""The work items of a round: one of the source, and one of each relation that is followed."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_integrations.connectors.msgraph.round_names import item_path
from airflow_provider_integrations.core.errors import StateConflictError
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.landing.deletions import awaits_deletions
from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["RoundItems", "round_items"]


@dataclass(frozen=True, slots=True)
class RoundItems:
    """Those items of a round that are entered; the source's is the first."""

    items: tuple[WorkItem, ...]

    @property
    def landed(self) -> bool:
        """Whether anything of the round was landed, so that it must not be read again under its number."""
        return any(item.state not in (State.DISCOVERED, State.DUPLICATE) for item in self.items)

    @property
    def given_up(self) -> bool:
        """Whether the round counts without an item that was refused, and was released too late."""
        return any(item.state is State.DUPLICATE for item in self.items)

    @property
    def loaded(self) -> bool:
        """Whether all of the round is in the warehouse, with what was deleted marked."""
        done = all(item.state in (State.LOADED, State.ARCHIVED) and not awaits_deletions(item) for item in self.items)
        return bool(self.items) and "sources" in self.items[0].facts and done

    @property
    def may_give_up(self) -> bool:
        """Whether the round waits for a person, who may want everything read again instead."""
        return not self.landed or (not self._to_land and any(map(_was_refused, self.items)))

    @property
    def _to_land(self) -> bool:
        """Whether a worker died between two items, so that landing goes first: what it is to delete would be forgotten."""
        return any(item.state is State.DISCOVERED and not _was_refused(item) for item in self.items)

    def check(self) -> None:
        """Say which refused batch holds the round back.

        Raises:
            StateConflictError: one does, and there is nothing else to be landed.
        """
        refused = [item for item in self.items if item.state is State.QUARANTINED]
        if not refused or self._to_land:
            return
        raise StateConflictError(
            "a refused batch holds the round back, and the link stays",
            source=refused[0].source,
            item=refused[0].id,
            reason=refused[0].reason,
            next_step=f"Correct the contract and run `integrations ledger release {refused[0].id} --why ...`; or run the"
            " source with `resync`, which goes on without the batch and reads everything again.",
        )


def _was_refused(item: WorkItem) -> bool:
    """Whether it is refused, or was and is released since."""
    released = item.state is State.DISCOVERED and bool(item.facts.get("releases"))
    return item.state is State.QUARANTINED or released


def round_items(ledger: Ledger, source: str, number: int) -> RoundItems:
    """The items of a round; none before it was begun."""
    path = item_path(number)
    first = ledger.items.latest(source, path)
    if first is None:
        return RoundItems(())
    others = (ledger.items.latest(name, path) for name in first.facts.get("sources", ()) if name != source)
    return RoundItems((first, *(item for item in others if item is not None)))
