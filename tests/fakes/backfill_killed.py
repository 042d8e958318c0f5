"""One run of a backfill that is killed at a boundary; the top of a module, so that a fork server has it loaded."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from airflow_provider_integrations.connectors.historian.backfill import Limits, Order
from airflow_provider_integrations.connectors.historian.model import HistoryReader, Span, Tag, from_iso
from airflow_provider_integrations.connectors.historian.once import Request, backfill_once
from airflow_provider_integrations.connectors.historian.windows import Sizing
from airflow_provider_integrations.system import go_on
from tests.fakes.model_historian import ModelHistorian, history
from tests.fakes.protocol_historians import OpcUaInMemory, PiInMemory

__all__ = ["PLANT", "World", "backfill_until", "reader_of", "series_of"]

PLANT = Span(from_iso("2026-03-01"), from_iso("2026-03-21"))


class World(NamedTuple):
    """A server and what it has.

    Args:
        protocol: Whose conversation it speaks: `opcua`, `pi`, or `model` for none.
        rows: Of all tags together.
        cap: Its limit for one call.
        runs: Of equal instants, likewise.
        tags: How many.
        keep: Seconds between two moments at which what was read is made durable.
        windows: About as many a tag, if nothing changes their size.
    """

    protocol: str
    rows: int
    cap: int
    runs: int = 500
    tags: int = 1
    keep: float = 0.0
    windows: int = 20


@cache
def series_of(world: World) -> dict[str, pa.RecordBatch]:
    """The samples of each tag; made once in a process."""
    rows, runs = world.rows // world.tags, world.runs // world.tags
    return {f"t{at}": history(at, rows, PLANT, runs=runs) for at in range(world.tags)}


@cache
def reader_of(world: World) -> HistoryReader:
    """The server, which keeps nothing of who asked it."""
    kinds: dict[str, Callable[..., HistoryReader]] = {"opcua": OpcUaInMemory, "pi": PiInMemory, "model": ModelHistorian}
    return kinds[world.protocol](series_of(world), cap=world.cap)


def backfill_until(
    folder: str, world: World, boundary: str = "", after: int = 0, boundaries: Callable[[str], None] = go_on
) -> dict[str, Any]:
    """Back-fill into a folder; SIGKILL at the `after`-th boundary of that name, or of any without one; 0 is never."""
    seen = 0

    def at(name: str) -> None:
        nonlocal seen
        boundaries(name)
        seen += boundary in ("", name)
        if after and seen == after:
            os.kill(os.getpid(), signal.SIGKILL)

    @asynccontextmanager
    async def connect() -> AsyncIterator[HistoryReader]:
        reader = reader_of(world)
        if isinstance(reader, OpcUaInMemory | PiInMemory):
            reader.boundary = at
        yield reader

    tags = tuple(Tag(name, name) for name in series_of(world))
    out = Path(folder)
    limits = Limits(keep=world.keep, sizing=Sizing(width=(PLANT.end - PLANT.begin) // world.windows))
    request = Request(Order(tags, PLANT), world.protocol, out, out / ".backfill.json", limits)
    return backfill_once(request, connect, boundary=at)
