"""The order of sweeps and runs, so that no row that was read after a sweep's snapshot is taken for one that the sweep found gone.

A row carries a version, the instant before it was read, and a sweep marks keys of earlier versions than its own. Clocks of two
workers differ, and a run may be planned at the very moment of a sweep; so each side writes to the ledger before it looks there:

| a sweep | a run of the source |
| --- | --- |
| 1. moves the sweep mark (`stamp_sweep`) | a. enters its items, with the earliest version that their rows may have |
| 2. lists what is not loaded, steps back (`step_back`) | b. asks for the sweep mark, stamps behind it (`read_version`) |
| 3. begins its snapshot, compares, marks | c. begins its snapshot, reads, loads, closes its items |

Suppose that a row was read in a snapshot that began after the sweep's, c after 3. If b came after 1, the row's version is not
before the sweep's, and the row stays. Else a came before 1 too, and the item was open at 2: it is closed after c, which
is after 3. Then the sweep's version is not behind the item's, and the row stays again. No third order is left. So what
is marked was read before the sweep's snapshot and is not in it: it is gone. The clocks may be as wrong as they like.

The other way round, a row that was read before the snapshot and is loaded after the marks stays deleted if its version is
before the sweep's. If it is not (its run was open at 2), the key is alive until the next sweep: late, but never lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import cast

from airflow_provider_integrations.core.errors import StateConflictError, TransientError
from airflow_provider_integrations.core.watermark import Watermark
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["open_versions", "read_version", "stamp_sweep", "step_back"]

_OPEN = (State.DISCOVERED, State.LANDED, State.GATED)
_TRIES = 10
_TICK = timedelta(microseconds=1)


def stamp_sweep(ledger: Ledger, source: str, now: datetime) -> datetime:
    """Move the source's sweep mark on to now, or just behind where it stands; gives where it stands then.

    Raises:
        TransientError: other sweeps of the source came in between, again and again.
    """
    name = _name(source)
    for _ in range(_TRIES):
        last = ledger.watermarks.get(name)
        mark = _instant(now) if last is None else max(_instant(now), _stands(last) + _TICK)
        try:
            if last is None:
                ledger.watermarks.begin(name, Watermark((mark,)))
            else:
                ledger.watermarks.advance(name, last, Watermark((mark,)))
        except StateConflictError:  # Another sweep of the source was first.
            continue
        return mark
    raise TransientError("other sweeps of the source came in between", source=source, next_step="Sweep again later.")


def open_versions(ledger: Ledger, source: str) -> list[str]:
    """The earliest version of each item that is not loaded yet."""
    return [str(item.facts["run_version"]) for item in ledger.items.list(source, _OPEN, limit=None)]


def step_back(mark: datetime, sweep: str, open_versions: Iterable[str] = ()) -> str:
    """The version of a sweep: rows of this version and later ones are never gone.

    Args:
        mark: Of `stamp_sweep`.
        sweep: Id of the sweep.
        open_versions: Of the runs that are not loaded, listed after the mark was moved and before the snapshot.
    """
    return min((_version(mark, sweep), *open_versions))


def read_version(ledger: Ledger, source: str, now: datetime, *, run: str, entered: str) -> str:
    """The version of what is read from here on: behind every sweep that has begun, and not before what was entered.

    Args:
        ledger: Holds the sweep mark.
        source: Whose.
        now: By the reader's clock.
        run: Name of the run.
        entered: The version that the run was entered in the ledger with.
    """
    last = ledger.watermarks.get(_name(source))
    at = _instant(now) if last is None else max(_instant(now), _stands(last) + _TICK)
    return max(_version(at, run), entered)


def _name(source: str) -> str:
    """No source has such a name."""
    return f"sweep/{source}"


def _stands(mark: Watermark) -> datetime:
    return cast(datetime, mark.cursor[0])


def _instant(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _version(at: datetime, name: str) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%fZ}/{name}"
