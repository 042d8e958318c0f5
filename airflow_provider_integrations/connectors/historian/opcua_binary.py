"""OPC UA's binary encoding as far as answers about history hold it, read with every bound checked.

Source: OPC 10000-6, 5.2. A server that lies about a length gets `GarbledError`: nothing is allocated that was not received.

>>> Cursor(bytes.fromhex("02000000 6f6b")).text()
'ok'
"""

from __future__ import annotations

import math
import struct
import uuid
from collections.abc import Callable
from typing import Any

from airflow_provider_integrations.connectors.historian.model import to_iso

__all__ = ["EPOCH", "Cursor", "GarbledError", "instant_text"]

EPOCH = 116_444_736_000_000_000
"""1970-01-01 in ticks of 100 ns since 1601-01-01."""

_LAST = 2_650_467_743_990_000_000  # 9999-12-31T23:59:59: "a date/time at or after it is the maximum of an Int64"
_DEEPEST = (
    20  # Variants may hold variants; "decoders shall support at least 100 levels" is meant for machines with stacks.
)
_I32, _U32, _U16 = struct.Struct("<i"), struct.Struct("<I"), struct.Struct("<H")
_NUMBERS = {2: "b", 3: "B", 4: "h", 5: "H", 6: "i", 7: "I", 8: "q", 9: "Q", 10: "f", 11: "d"}
_STRUCTS = {kind: struct.Struct(f"<{letter}") for kind, letter in _NUMBERS.items()}


class GarbledError(ValueError):
    """The bytes are not what the encoding says."""


class Cursor:
    """A place in received bytes; every method reads what stands there and goes on behind it.

    Args:
        data: What was received.
        at: Where to begin.
        end: Where it ends; without it at the end of the bytes.
    """

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.data, self.at, self.end = data, at, len(data) if end is None else end

    def skip(self, length: int) -> int:
        """Where `length` bytes begin that are there."""
        begin = self.at
        if length < 0 or begin + length > self.end:
            raise GarbledError(f"{length} bytes are announced where {self.end - begin} are left")
        self.at = begin + length
        return begin

    def byte(self) -> int:
        """One byte."""
        return self.data[self.skip(1)]

    def unsigned16(self) -> int:
        """A UInt16."""
        return int(_U16.unpack_from(self.data, self.skip(2))[0])

    def unsigned(self) -> int:
        """A UInt32."""
        return int(_U32.unpack_from(self.data, self.skip(4))[0])

    def signed(self) -> int:
        """An Int32."""
        return int(_I32.unpack_from(self.data, self.skip(4))[0])

    def ticks(self) -> int:
        """A DateTime, as it stands."""
        return int(_STRUCTS[8].unpack_from(self.data, self.skip(8))[0])

    def octets(self) -> bytes | None:
        """A ByteString; -1 is null."""
        length = self.signed()
        if length == -1:
            return None
        begin = self.skip(length)
        return self.data[begin : begin + length]

    def text(self) -> str | None:
        """A String."""
        found = self.octets()
        return None if found is None else found.decode("utf-8", "replace")

    def count(self) -> int:
        """The length of an array whose elements have at least one byte each; null has none."""
        length = self.signed()
        if length > self.end - self.at:
            raise GarbledError(f"{length} elements are announced where {self.end - self.at} bytes are left")
        return max(length, 0)

    def node_id(self) -> str:
        """A NodeId or ExpandedNodeId, as text."""
        encoding = self.byte()
        form, space = encoding & 0x3F, 0
        if form == 0:
            name = f"i={self.byte()}"
        elif form == 1:
            space, name = self.byte(), f"i={self.unsigned16()}"
        elif form in (2, 3, 4, 5):
            space = self.unsigned16()
            name = self._identifier(form)
        else:
            raise GarbledError(f"no form of a NodeId: {form}")
        uri = self.text() if encoding & 0x80 else None
        server = f"svr={self.unsigned()};" if encoding & 0x40 else ""
        where = f"nsu={uri};" if uri else f"ns={space};" if space else ""
        return f"{server}{where}{name}"

    def _identifier(self, form: int) -> str:
        if form == 2:
            return f"i={self.unsigned()}"
        if form == 3:
            return f"s={self.text() or ''}"
        if form == 4:
            return f"g={self._guid()}"
        return f"b={(self.octets() or b'').hex()}"

    def _guid(self) -> str:
        begin = self.skip(16)
        return str(uuid.UUID(bytes_le=bytes(self.data[begin : begin + 16])))

    def extension(self) -> dict[str, Any] | None:
        """An ExtensionObject of any type: its type and its bytes in hexadecimal."""
        type_id, encoding = self.node_id(), self.byte()
        if encoding not in (0, 1, 2):
            raise GarbledError(f"no encoding of an ExtensionObject: {encoding}")
        body = self.octets() if encoding else None
        return None if body is None and type_id == "i=0" else {"type": type_id, "body": (body or b"").hex()}

    def diagnostics(self, depth: int = 0) -> dict[str, Any]:
        """A DiagnosticInfo; what it says is for people."""
        if depth > _DEEPEST:
            raise GarbledError("diagnostics too deep")
        mask, found = self.byte(), {}
        for bit, name in ((0x01, "symbol"), (0x02, "namespace"), (0x08, "locale"), (0x04, "localized")):
            if mask & bit:
                found[name] = self.signed()
        if mask & 0x10:
            found["info"] = self.text() or ""  # type: ignore[assignment]
        if mask & 0x20:
            found["status"] = self.unsigned()
        return {**found, "inner": self.diagnostics(depth + 1)} if mask & 0x40 else found

    def variant(self, depth: int = 0) -> tuple[int, Any]:
        """A Variant: its type, 0 for null, and a value; an array's is a list, nested by its dimensions."""
        if depth > _DEEPEST:
            raise GarbledError("variants too deep")
        encoding = self.byte()
        kind = encoding & 0x3F
        if not encoding & 0x80:
            return kind, self._value(kind, depth)
        if kind == 0:
            raise GarbledError("an array of nothing")
        values = [self._value(kind, depth) for _ in range(self.count())]
        if encoding & 0x40:
            sizes = [self.signed() for _ in range(self.count())]
            # Dimensions that do not fit are not believed; the flat list loses nothing.
            if len(sizes) > 1 and min(sizes) > 0 and math.prod(sizes) == len(values):
                for size in reversed(sizes[1:]):
                    values = [values[begin : begin + size] for begin in range(0, len(values), size)]
        return kind, values

    def data_value(self, depth: int = 0) -> dict[str, Any]:
        """A DataValue: `kind` and `value`, `status`, `source`, `server` in ticks, and their `_pico` of 10 ps each."""
        mask, found = self.byte(), dict[str, Any]()
        if mask & 0xC0:
            raise GarbledError(f"no mask of a DataValue: {mask}")
        found["kind"], found["value"] = self.variant(depth + 1) if mask & 0x01 else (0, None)
        found["status"] = self.unsigned() if mask & 0x02 else 0
        # The order of 5.2.2.17. asyncua 2.1.0 reads both times first and then their picoseconds.
        found["source"] = self.ticks() if mask & 0x04 else 0
        found["source_pico"] = self.unsigned16() if mask & 0x10 else 0
        found["server"] = self.ticks() if mask & 0x08 else 0
        found["server_pico"] = self.unsigned16() if mask & 0x20 else 0
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if kind in _STRUCTS:
            form = _STRUCTS[kind]
            return form.unpack_from(self.data, self.skip(form.size))[0]
        if kind == 1:
            return self.byte() != 0
        if kind in (22, 23, 24, 25):
            return self._nested(kind, depth)
        # 26 to 31 are reserved: "the ByteString Value" is theirs.
        read = _OTHERS.get(kind) or (_hex if 26 <= kind <= 31 else None)
        if read is None:
            raise GarbledError(f"no type of a value: {kind}")
        return read(self)

    def _nested(self, kind: int, depth: int) -> Any:
        if kind == 22:
            return self.extension()
        if kind == 23:
            found = self.data_value(depth + 1)
            return {"value": found["value"], "status": found["status"], "source": instant_text(found["source"])}
        return self.variant(depth + 1)[1] if kind == 24 else self.diagnostics(depth + 1)


def instant_text(ticks: int) -> str:
    """A DateTime in ISO 8601, held within the calendar."""
    return to_iso((min(max(ticks, 0), _LAST) - EPOCH) * 100)


def _hex(cursor: Cursor) -> str | None:
    found = cursor.octets()
    return None if found is None else found.hex()


def _qualified(cursor: Cursor) -> str:
    space, name = cursor.unsigned16(), cursor.text()
    return f"{space}:{name or ''}"


def _localized(cursor: Cursor) -> str | None:
    mask = cursor.byte()
    if mask & 0x01:
        cursor.text()
    return cursor.text() if mask & 0x02 else None


def _status(cursor: Cursor) -> str:
    return f"0x{cursor.unsigned():08X}"


_OTHERS: dict[int, Callable[[Cursor], Any]] = {
    0: lambda cursor: None,
    12: Cursor.text,
    13: lambda cursor: instant_text(cursor.ticks()),
    14: Cursor._guid,
    15: _hex,
    16: Cursor.text,
    17: Cursor.node_id,
    18: Cursor.node_id,
    19: _status,
    20: _qualified,
    21: _localized,
}
