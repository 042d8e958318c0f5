"""The state of a delta source in the ledger: encrypted, replaced by compare-and-set, and never read as a beginning when lost."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from airflow_provider_integrations.connectors.msgraph.round_items import round_items
from airflow_provider_integrations.connectors.msgraph.sealing import Sealing
from airflow_provider_integrations.connectors.msgraph.state import DeltaState, Progress
from airflow_provider_integrations.core.errors import ConfigError, WatermarkLostError
from airflow_provider_integrations.ledger.graph import GraphRecord
from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["LOST", "Kept", "KeptStates"]

LOST = "the link was lost"
"""Why everything is enumerated again, where a person goes on without the state."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the ledger holds of a source.

    Args:
        state: Where it stands.
        revision: How often it was written.
        request: Who asked for the full enumeration that is under way, so that another try of the same run does not ask again.
        sessions: Of the attempt under way, from which page on which session wrote.
        lost: There was a state, and a person has asked to go on without it.
    """

    state: DeltaState
    revision: int = 0
    request: str = ""
    sessions: tuple[tuple[int, str], ...] = ()
    lost: bool = False

    @property
    def sealed(self) -> Progress | None:
        """The round that was read to its end and waits to be loaded; None if none does."""
        progress = self.state.progress
        return progress if progress is not None and progress.end_link else None


class KeptStates:
    """The states of a ledger.

    Args:
        ledger: Where they are.
        keys: Of Fernet, the one that writes first.

    Raises:
        ConfigError: one is no key, or there is none.
    """

    def __init__(self, ledger: Ledger, keys: tuple[str, ...]) -> None:
        self._ledger, self._sealing = ledger, Sealing(keys)

    def get(self, source: str, *, resync: bool = False) -> Kept:
        """Where a source stands; a new state if it never began.

        Args:
            source: Its name.
            resync: A person wants a full enumeration, which a lost state does not hinder: what is gone is found by what is
                known.

        Raises:
            WatermarkLostError: it had a state and has none.
            ConfigError: no key opens the state, or it is none.
        """
        record = self._ledger.graph.get(source)
        if record is None:
            return self._without(source, resync)
        try:
            content = json.loads(self._sealing.open(record.content))
            state = DeltaState.from_json(content["state"])
        except ConfigError:
            if not resync:
                raise
            return Kept(DeltaState(rounds=self._settled(source, record.rounds)), record.revision, lost=True)
        return Kept(
            state,
            record.revision,
            content["request"],
            tuple((int(first), str(name)) for first, name in content["sessions"]),
        )

    def save(self, source: str, kept: Kept) -> Kept:
        """Replace what is kept, by the revision that was read; gives it with the new one.

        Raises:
            ClaimLostError: another worker has written meanwhile.
        """
        state, sealed = kept.state, kept.sealed
        content = {"state": state.to_json(), "request": kept.request, "sessions": kept.sessions}
        # A server that sends the same link again has not made it younger.
        newer = sealed is not None and sealed.end_link != state.link
        record = GraphRecord(
            source,
            self._sealing.seal(json.dumps(content)),
            state.rounds,
            obtained_at=sealed.sealed_at if newer and sealed is not None else state.obtained_at,
            sealed_at=sealed.sealed_at if sealed is not None else None,
        )
        return replace(kept, revision=self._ledger.graph.save(record, expected=kept.revision))

    def _without(self, source: str, resync: bool) -> Kept:
        watermark = self._ledger.watermarks.get(source)
        rounds = self._settled(source, int(str(watermark.cursor[0])) if watermark is not None else 0)
        if not rounds:
            return Kept(DeltaState())
        if not resync:
            raise WatermarkLostError(
                "the source has followed changes before and has no link",
                source=source,
                rounds=rounds,
                next_step="Restore the ledger; or run it with `resync`, which reads everything again and finds what is gone"
                " by what is known.",
            )
        return Kept(DeltaState(rounds=rounds), lost=True)

    def _settled(self, source: str, rounds: int) -> int:
        """The last round of which anything was landed: its number is taken."""
        while (found := round_items(self._ledger, source, rounds + 1)).landed or found.given_up:
            rounds += 1
        return rounds
