"""The historian of the demo's plant, a process of its own: `python -m demo.plant_server INCLUDE FOLDER PORT`.

An OPC UA server (asyncua) that keeps history of 20 tags in memory and gives it in pages that the server caps.
Once there is a file `corrected` in its folder, it gives what somebody has corrected.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from pathlib import Path
from typing import Any

from asyncua import Server, ua
from asyncua.server.history import HistoryStorageInterface

from airflow_provider_integrations.connectors.historian.catalog import TagEntry
from demo.plant_data import STATES, Point, catalog, points

__all__ = ["CORRECTED_FILE", "main"]

CORRECTED_FILE = "corrected"

_NAMESPACE = "urn:plant1"
_MOST = 5_000
"""Values in one answer, whatever is asked for."""


class History(HistoryStorageInterface):
    """History that is there from the beginning, and to which nothing is added."""

    def __init__(self, folder: Path) -> None:
        super().__init__(_MOST)
        self._flag = folder / CORRECTED_FILE
        self._entries: dict[ua.NodeId, TagEntry] = {}
        self._kept: dict[tuple[ua.NodeId, bool], list[Any]] = {}

    def keep(self, node: ua.NodeId, entry: TagEntry) -> None:
        """Give the history of a tag under a node; it is made when it is first asked for, so that the server is up soon."""
        self._entries[node] = entry

    async def init(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def read_node_history(
        self, node_id: ua.NodeId, start: datetime | None, end: datetime | None, nb_values: int
    ) -> tuple[list[Any], datetime | None]:
        """Values from start to end, both included; where there are more, the instant of the first that is left out.

        asyncua goes on from that instant, so no page ends between two values of one.
        """
        values, at = self._values(node_id), attrgetter("SourceTimestamp")
        first = bisect_left(values, _aware(start), key=at) if start else 0
        last = bisect_right(values, _aware(end), key=at) if end else len(values)
        cut = first + min(nb_values or _MOST, _MOST)
        if cut >= last:
            return values[first:last], None
        cut = bisect_left(values, values[cut].SourceTimestamp, key=at)
        return values[first:cut], values[cut].SourceTimestamp

    def _values(self, node: ua.NodeId) -> list[Any]:
        key = node, self._flag.exists()
        if key not in self._kept and node in self._entries:
            entry = self._entries[node]
            self._kept[key] = [_kept(entry, point) for point in points(entry, corrected=key[1])]
        return self._kept.get(key, [])


def _aware(instant: datetime) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _variant(entry: TagEntry, value: object) -> Any:
    kinds = {
        "number": ua.VariantType.Double,
        "text": ua.VariantType.String,
        "state": ua.VariantType.UInt32,
        "boolean": ua.VariantType.Boolean,
    }
    return ua.Variant(value, kinds[entry.kind]) if value is not None else ua.Variant()


def _kept(entry: TagEntry, point: Point) -> Any:
    return ua.DataValue(
        Value=_variant(entry, point.value),
        StatusCode=ua.StatusCode(ua.UInt32(point.status)),
        SourceTimestamp=point.at,
        ServerTimestamp=point.at + timedelta(milliseconds=40),
    )


async def _furnish(server: Server, history: History, entries: Sequence[TagEntry]) -> None:
    space = await server.register_namespace(_NAMESPACE)
    plant = await server.nodes.objects.add_object(space, "plant1")
    for entry in entries:
        first = next(points(entry))
        node = ua.NodeId(entry.name, space)
        variable = await plant.add_variable(node, ua.QualifiedName(entry.name, space), _variant(entry, first.value))
        if entry.kind == "state":
            names = [ua.LocalizedText(name) for name in STATES]
            await variable.add_property(ua.NodeId(f"{entry.name}.EnumStrings", space), "EnumStrings", names)
        for level in (ua.AttributeIds.AccessLevel, ua.AttributeIds.UserAccessLevel):
            await variable.set_attr_bit(level, ua.AccessLevel.HistoryRead)
        await variable.write_attribute(ua.AttributeIds.Historizing, ua.DataValue(ua.Variant(True)))
        history.keep(node, entry)


async def _serve(include: Path, folder: Path, port: int) -> None:
    server, history = Server(), History(folder)
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/plant1")
    server.set_server_name("Historian of plant 1")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    server.iserver.history_manager.set_storage(history)
    await _furnish(server, history, catalog(include))
    async with server:
        print(f"the plant is at opc.tcp://127.0.0.1:{port}/plant1", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Serve until ended."""
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(_serve(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))


if __name__ == "__main__":
    main()
