"""What a backfill without a ledger was asked for and which files it has made: one JSON file, replaced whole.

How far it is the parts beside it say. It carries the sum of its own content, so that one that was cut or changed is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from airflow_provider_integrations.connectors.historian.backfill import Order
from airflow_provider_integrations.connectors.historian.model import to_iso
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.landing.durable import replace_durably

__all__ = ["MadeFile", "State", "read_state", "write_state"]

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file of a backfill that has ended."""

    name: str
    rows: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class State:
    """An order, and what came of it.

    Args:
        source: The server, without credentials.
        tags: Name and address of each.
        begin, end: The span, as instants in UTC; the end is not part of it.
        files: All of them, once everything is read; none before.
    """

    source: str
    tags: tuple[tuple[str, str], ...]
    begin: str
    end: str
    files: tuple[MadeFile, ...] | None = None

    @classmethod
    def of(cls, order: Order, source: str) -> Self:
        """Of an order that begins."""
        tags = tuple((tag.name, tag.address) for tag in order.tags)
        return cls(source, tags, to_iso(order.span.begin), to_iso(order.span.end))

    def ended(self, files: Sequence[MadeFile]) -> State:
        """With the files that were made."""
        return replace(self, files=tuple(files))


def read_state(path: Path, asked: State) -> State | None:
    """What is kept of an order; none if there is no file.

    Raises:
        StateConflictError: it is of another order.
        ConfigError: it is no state, or damaged.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        raw = json.loads(content)
        if raw.pop("format") != _FORMAT or raw.pop("sum") != _sum(raw):
            raise ValueError("sum")
        files = None if raw["files"] is None else tuple(MadeFile(**file) for file in raw["files"])
        kept = State(raw["source"], tuple((name, at) for name, at in raw["tags"]), raw["begin"], raw["end"], files)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            "the state file is damaged",
            path=str(path),
            problem=type(error).__name__,
            next_step="Restore it; to begin anew, remove it and the files that it has made.",
        ) from None
    if replace(kept, files=None) != asked:
        names = ("source", "tags", "begin", "end")
        raise StateConflictError(
            "the state is of another backfill",
            state=str(path),
            other=[name for name in names if getattr(kept, name) != getattr(asked, name)],
            kept={"source": kept.source, "tags": len(kept.tags), "begin": kept.begin, "end": kept.end},
            next_step="Give each backfill a folder, or at least a state file, of its own; to begin anew, remove this one.",
        )
    return kept


def write_state(path: Path, state: State) -> None:
    """Replace it durably, for its owner alone; a process that dies leaves the old one or the new one."""
    raw: dict[str, Any] = asdict(state)
    whole = {"format": _FORMAT, **raw, "sum": _sum(raw)}
    replace_durably(path, (json.dumps(whole, indent=1) + "\n").encode())


def _sum(raw: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()
