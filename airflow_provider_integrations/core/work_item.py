"""A work item is one thing to take in, and the states it may go through.

::

    discovered ──> landed ──> gated ──> loaded ──> archived
        │            │          │
        ├────────────┴──────────┴──> quarantined ──(release)──> discovered
        ├──> duplicate
        └──> loaded (a range of a table without rows)

A state is what is durably true of the item; who works on it is the claim, which is apart from the state and runs out.

    >>> allowed(State.DISCOVERED, State.LANDED), allowed(State.LANDED, State.LOADED)
    (True, False)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

__all__ = ["END_STATES", "Claim", "RemoteFile", "State", "WorkItem", "allowed"]


class State(StrEnum):
    """What is durably true of a work item."""

    DISCOVERED = "discovered"
    LANDED = "landed"
    GATED = "gated"
    LOADED = "loaded"
    ARCHIVED = "archived"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"


_ALLOWED = {
    State.DISCOVERED: {State.LANDED, State.LOADED, State.DUPLICATE, State.QUARANTINED},
    State.LANDED: {State.GATED, State.QUARANTINED},
    State.GATED: {State.LOADED, State.QUARANTINED},
    State.LOADED: {State.ARCHIVED},
    State.ARCHIVED: set(),
    State.DUPLICATE: set(),
    State.QUARANTINED: {State.DISCOVERED},
}

END_STATES = frozenset({State.ARCHIVED, State.DUPLICATE, State.QUARANTINED})
"""No step takes an item on from here; a release takes it back from quarantine."""


def allowed(old: State, new: State) -> bool:
    """Whether an item may go from `old` to `new` in one step."""
    return new in _ALLOWED[old]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file as a listing showed it.

    Args:
        path: Path on the server.
        size: Bytes.
        mtime: Whole seconds since 1970 UTC as the server says (SFTP v3); the uploader may have set it.
    """

    path: str
    size: int
    mtime: int

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on an item until `expires_at`; `token` fences off whoever held it before."""

    item_id: str
    owner: str
    token: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One thing to take in, as the ledger knows it.

    Args:
        id: 32 hexadecimal digits.
        source: Name of the source, e.g. `acme_customers`.
        path: Where it lay when discovered (for a file: its path on the server).
        generation: Counts the items of one source and path, from 1.
        size, mtime: As in `RemoteFile`.
        state: What is durably true.
        reason: Code of `core.reasons.Reason` for quarantined and duplicate items.
        detail: The message that goes with the reason; holds no payload.
        facts: What the steps found out: digests, batch id, row counts, signer, sequence, manifest path.
        replay_of: Id of the item whose kept original this one decodes again.
        disposed_at: When the remote file was moved away from where it was discovered.
    """

    id: str
    source: str
    path: str
    generation: int
    size: int
    mtime: int
    state: State
    discovered_at: datetime
    updated_at: datetime
    attempts: int = 0
    reason: str | None = None
    detail: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    replay_of: str | None = None
    disposed_at: datetime | None = None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]
