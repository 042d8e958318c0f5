"""Points and their values, as a PI Data Archive keeps them: compressed, at 100 ns, several at one instant if need be."""

from __future__ import annotations

import base64
import bisect
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Archive", "Point", "Value", "render_time", "state", "system_state"]

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Value:
    """A timed value ("Value Types"): flags are as PI keeps them."""

    ts: int
    value: Any
    good: bool = True
    questionable: bool = False
    substituted: bool = False
    annotated: bool = False
    errors: tuple[str, ...] = ()
    untimed: bool = False

    def fields(self, units: str) -> dict[str, Any]:
        """As JSON, in the order in which the service writes it."""
        found: dict[str, Any] = {
            "Timestamp": "0001-01-01T00:00:00Z" if self.untimed else render_time(self.ts),
            "Value": self.value,
            "UnitsAbbreviation": units,
            "Good": self.good,
            "Questionable": self.questionable,
            "Substituted": self.substituted,
            "Annotated": self.annotated,
        }
        # "Any time series value in the response that contains an 'Errors' property" (Error Handling).
        return found | ({"Errors": list(self.errors)} if self.errors else {})


def state(name: str, number: int) -> dict[str, Any]:
    """A state of a digital point's own set ("Value Types": enumeration value)."""
    return {"Name": name, "Value": number, "IsSystem": False}


def system_state(name: str, number: int) -> dict[str, Any]:
    """A state of the SYSTEM set, e.g. `I/O Timeout`, 246 (AF SDK, AFSystemStateCode)."""
    return {"Name": name, "Value": number, "IsSystem": True}


def render_time(ts: int) -> str:
    """ISO 8601 in UTC, with as many of seven decimals as it needs."""
    from datetime import datetime, timedelta

    seconds, rest = divmod(ts, SECOND)
    whole = (datetime(1970, 1, 1) + timedelta(seconds=seconds)).isoformat()
    decimals = f"{rest // 100:07d}".rstrip("0")
    return f"{whole}{'.' + decimals if decimals else ''}Z"


@dataclass
class Point:
    """A point of a Data Archive, or an attribute of an AF element (with a `|` in its path)."""

    path: str
    values: list[Value] = field(default_factory=list)
    type: str = "Float32"
    units: str = ""
    generation: int = 0
    times: list[int] = field(default_factory=list)
    rendered: dict[str, tuple[bytes, list[int]]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.path.rsplit("|" if "|" in self.path else "\\", 1)[1]

    def web_id(self, kind: str = "F") -> str:
        """Its WebId, of which there are several ("WebID Type"); a failover to another member changes them."""
        marker = "Ab" if "|" in self.path else "DP"
        told = base64.urlsafe_b64encode(f"{self.generation}{self.path}".encode()).decode().rstrip("=")
        return f"{kind}1{marker}{told}"

    def set(self, values: Iterable[Value]) -> None:
        """Keep values, in the order of time; those of one instant in the order given."""
        self.values = sorted(values, key=lambda value: value.ts)
        self.times = [value.ts for value in self.values]
        self.rendered = {}

    def between(self, begin: int, end: int, boundary: str) -> tuple[int, int]:
        """Places of the values of a range, both ends included ("Boundary Type": Inside, Outside)."""
        low, high = bisect.bisect_left(self.times, begin), bisect.bisect_right(self.times, end)
        if boundary == "Outside":
            # The recorded values outside of the range are the first and the last one.
            if low == len(self.times) or self.times[low] != begin:
                low = max(low - 1, 0)
            if high == 0 or self.times[high - 1] != end:
                high = min(high + 1, len(self.times))
        return low, high

    def text(self, low: int, high: int, selected: Sequence[str]) -> bytes:
        """JSON of the values of some places, with commas between."""
        key = ";".join(selected)
        if key not in self.rendered:
            parts, ends, at = [], [0], 0
            for value in self.values:
                fields = value.fields(self.units)
                kept = {name: told for name, told in fields.items() if not selected or name in selected}
                parts.append(json.dumps(kept, separators=(",", ":")).encode())
                at += len(parts[-1]) + 1
                ends.append(at)
            self.rendered[key] = b",".join(parts), ends
        whole, ends = self.rendered[key]
        return whole[ends[low] : max(ends[high] - 1, ends[low])]


@dataclass
class Archive:
    """All points of a server, by path."""

    points: dict[str, Point] = field(default_factory=dict)
    known: dict[str, Point] = field(default_factory=dict)

    def add(self, path: str, values: Iterable[Value] = (), **told: Any) -> Point:
        """Create a point with values."""
        point = Point(path, **told)
        point.set(values)
        self.points[path.lower()] = point
        self.known = {}
        return point

    def by_web_id(self, web_id: str) -> Point | None:
        """Any of a point's WebIds names it, but those of before a failover."""
        if not self.known:
            self.known = {point.web_id(kind): point for point in self.points.values() for kind in "FIP"}
        return self.known.get(web_id)

    def fail_over(self) -> None:
        """Another member of the collective answers: WebIds that hold the server's id are other ones."""
        self.known = {}
        for point in self.points.values():
            point.generation += 1
