"""The state of an extraction that runs without a ledger: one JSON file, replaced whole, and a lock beside it.

It carries the sum of its own content: a bookmark that was cut, or changed by hand, could lie above every row that will ever
be, and nothing would be read again without a word. SQLite, for one, takes any text for a value of any column.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.odbc.model import PageMark
from airflow_provider_integrations.connectors.odbc.plan import RunPlan
from airflow_provider_integrations.connectors.odbc.position import BEGINNING, Position
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.landing.durable import replace_durably

__all__ = ["OpenRun", "State", "locked", "read_state", "sum_of", "write_state"]

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that has begun: what it was asked for, its plan, its version, and how far each shard has come."""

    id: str
    version: str
    asked: str
    plan: RunPlan
    marks: tuple[PageMark, ...]

    def moved(self, shard: int, mark: PageMark) -> OpenRun:
        """With one shard's new mark."""
        return replace(self, marks=(*self.marks[:shard], mark, *self.marks[shard + 1 :]))


@dataclass(frozen=True, slots=True)
class State:
    """Where a table stands.

    Args:
        table, order, engine: Whose state it is; `order` is its keyset's names.
        position: How far the runs that have ended came.
        runs: How many have ended.
        version: The last one that rows were given, so that no later rows get an earlier one.
        ended: The last run that has ended, whose folder may still be there.
        run: One that has not ended.
    """

    table: str
    order: tuple[str, ...]
    engine: str
    position: Position = BEGINNING
    runs: int = 0
    version: str = ""
    ended: str = ""
    run: OpenRun | None = field(default=None)


def read_state(path: Path, *, table: str, order: tuple[str, ...], engine: str, out: Path) -> State:
    """The state of a table; a new one if there is no file.

    Raises:
        StateConflictError: it is another table's, or it is gone while the folder holds files that it has made.
        ConfigError: it is no state.
    """
    if not path.exists():
        if any(out.glob("*.parquet")):
            raise StateConflictError(
                "there are files and no state",
                folder=str(out),
                state=str(path),
                next_step="Give the state file's path, or an empty folder to begin anew.",
            )
        return State(table, order, engine)
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw.pop("format") != _FORMAT:
            raise ValueError("format")
        if raw.pop("sum", None) != sum_of(raw):
            raise ValueError("sum")
        state = State(
            table=raw["table"],
            order=tuple(raw["order"]),
            engine=raw["engine"],
            position=Position.from_json(json.dumps(raw["position"])),
            runs=int(raw["runs"]),
            version=str(raw["version"]),
            ended=str(raw["ended"]),
            run=_run(raw["run"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        raise ConfigError(
            "the state file is damaged",
            path=str(path),
            problem=type(error).__name__,
            next_step="Restore it; to begin anew, remove it and give an empty folder.",
        ) from None
    if (state.table, state.order, state.engine) != (table, order, engine):
        raise StateConflictError(
            "the state is of another table, order or database",
            state=(state.table, state.order, state.engine),
            asked=(table, order, engine),
            next_step="Give each table its own state file.",
        )
    return state


def write_state(path: Path, state: State) -> None:
    """Replace the state durably; a process that dies leaves the old one or the new one."""
    raw: dict[str, Any] = asdict(state)
    if state.run is not None:
        raw["run"]["plan"] = json.loads(state.run.plan.to_json())
    whole = {"format": _FORMAT, **raw, "sum": sum_of(raw)}
    replace_durably(path, (json.dumps(whole, indent=1) + "\n").encode())


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the state against a second run; the kernel lets go when this process ends.

    Raises:
        ConfigError: the path is of something else than a file.
        StateConflictError: another run is at work.
    """
    if path.exists() and not path.is_file():
        raise ConfigError("the state is no file", path=str(path), next_step="Name a file, which need not exist yet.")
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StateConflictError(
                "another run is at work on this state", state=str(path), next_step="Wait until it has ended."
            ) from None
        yield
    finally:
        os.close(lock)


def sum_of(raw: dict[str, Any]) -> str:
    """SHA-256 of a state's values, without its format and its sum."""
    return hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()


def _run(raw: Any) -> OpenRun | None:
    if raw is None:
        return None
    marks = tuple(
        PageMark(**{**mark, "bookmark": None if mark["bookmark"] is None else tuple(mark["bookmark"])})
        for mark in raw["marks"]
    )
    return OpenRun(raw["id"], raw["version"], raw["asked"], RunPlan.from_json(json.dumps(raw["plan"])), marks)
