"""Arrays of DataValues to columns: runs of values that are encoded alike are read at once, all others one by one.

A historian's page is mostly one number after another, each with the same fields: then every value has the same length, and
numpy reads all of them as records. Where the encoding changes (a bad value has a status, a good one has none) a new run begins.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from airflow_provider_integrations.connectors.historian.opcua_binary import EPOCH, Cursor, GarbledError, instant_text

__all__ = ["BOOLEAN", "NOTHING", "NUMBER", "TEXT", "WHOLE", "Values", "no_values", "read_modified", "read_values"]

NOTHING, NUMBER, BOOLEAN, WHOLE, TEXT = range(5)
"""What a value is: nothing, a floating number, a boolean, a whole number (of which some name states), or a text."""

# Nanoseconds of 64 bits reach from 1677 to 2262; what lies outside is no time of a sample, nor is 0, which means null.
_FIRST_TICK = EPOCH - 92_233_720_368_547_758 + 1
_LAST_TICK = EPOCH + 92_233_720_368_547_758 - 2
_EXACT = 2**53
_FIXED = {
    0: "",
    1: "u1",
    2: "i1",
    3: "u1",
    4: "<i2",
    5: "<u2",
    6: "<i4",
    7: "<u4",
    8: "<i8",
    9: "<u8",
    10: "<f4",
    11: "<f8",
}
_KINDS = [NOTHING, BOOLEAN, *([WHOLE] * 8), NUMBER, NUMBER]
_SHORTEST_RUN = 4
_UPDATES = {1: "inserted", 2: "replaced", 3: "updated", 4: "deleted"}


@dataclass(frozen=True, slots=True)
class Values:
    """Values of one node in the order of the server.

    Args:
        ts: Nanoseconds since 1970 UTC, of the source where it told one.
        timed: Which of them have a time at all.
        by_server: Of which of them only the server told a time.
        kind: `NOTHING`, `NUMBER`, `BOOLEAN`, `WHOLE` or `TEXT`.
        number: The number of those that are one.
        status: Code, whole.
        texts: By place: texts, and the digits of numbers that a double does not hold.
        notes: By place: what else is to be said of the quality.
    """

    ts: npt.NDArray[np.int64]
    timed: npt.NDArray[np.bool_]
    by_server: npt.NDArray[np.bool_]
    kind: npt.NDArray[np.uint8]
    number: npt.NDArray[np.float64]
    status: npt.NDArray[np.uint32]
    texts: dict[int, str]
    notes: dict[int, str]

    def __len__(self) -> int:
        return len(self.ts)

    def taken(self, places: npt.NDArray[np.int64]) -> Values:
        """Those at some places, in that order."""
        texts, notes = self.texts, self.notes
        if texts or notes:
            new = enumerate(places.tolist())
            moved = [(at, old) for at, old in new if old in texts or old in notes]
            texts = {at: self.texts[old] for at, old in moved if old in self.texts}
            notes = {at: self.notes[old] for at, old in moved if old in self.notes}
        return Values(
            self.ts[places], self.timed[places], self.by_server[places], self.kind[places],
            self.number[places], self.status[places], texts, notes,
        )  # fmt: skip

    def part(self, begin: int, end: int) -> Values:
        """Those from one place to before another."""
        if begin == 0 and end == len(self):
            return self
        return self.taken(np.arange(begin, end))

    def joined(self, others: list[Values]) -> Values:
        """These and then the others."""
        parts = [self, *others]
        texts, notes, base = dict[int, str](), dict[int, str](), 0
        for part in parts:
            texts |= {base + at: text for at, text in part.texts.items()}
            notes |= {base + at: note for at, note in part.notes.items()}
            base += len(part)
        columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
        return Values(**columns, texts=texts, notes=notes)

    def same(self, other: Values) -> bool:
        """Whether both hold the same in the same order."""
        return (
            len(self) == len(other)
            and all(np.array_equal(getattr(self, name), getattr(other, name)) for name in _COLUMNS if name != "number")
            and np.array_equal(self.number.view(np.int64), other.number.view(np.int64))
            and self.texts == other.texts
            and self.notes == other.notes
        )


_COLUMNS = ("ts", "timed", "by_server", "kind", "number", "status")


def no_values(rows: int = 0) -> Values:
    """Columns of so many nulls without a time."""
    return Values(
        np.zeros(rows, np.int64), np.zeros(rows, bool), np.zeros(rows, bool), np.zeros(rows, np.uint8),
        np.zeros(rows), np.zeros(rows, np.uint32), {}, {},
    )  # fmt: skip


def read_values(cursor: Cursor) -> Values:
    """The array of DataValues at which the cursor stands.

    Raises:
        GarbledError: the bytes are not what the encoding says.
    """
    rows = cursor.count()
    values, at, probe = no_values(rows), 0, 64
    while at < rows:
        record, kind = _record(cursor)
        length = 0 if record is None else _run(cursor, record.itemsize, min(rows - at, probe), kind)
        if record is None or length < min(_SHORTEST_RUN, rows - at):
            _one(cursor, values, at)
            at, probe = at + 1, 64
            continue
        run = np.frombuffer(cursor.data, record, length, cursor.skip(length * record.itemsize))
        _many(run, kind, values, at)
        # Looking far ahead is worth it only where runs are long.
        at, probe = at + length, probe * 2 if length == probe else 64
    return values


def read_modified(cursor: Cursor) -> Values:
    """HistoryModifiedData (OPC 10000-11, 6.6.3): values, and for each what was done to it."""
    values = read_values(cursor)
    infos = cursor.count()
    for at in range(infos):
        when, what = cursor.ticks(), cursor.signed()
        cursor.text()  # The name of a person stays where it is.
        if at < len(values):
            _note(values, at, f"modified,{_UPDATES.get(what, 'changed')},modified_at={instant_text(when)}")
    if infos not in (0, len(values)):
        raise GarbledError(f"{infos} modifications of {len(values)} values")
    return values


@lru_cache(maxsize=1024)
def _dtype(mask: int, kind: int) -> np.dtype[Any] | None:
    """The record of one DataValue; none where its length varies."""
    if mask & 0xC0 or kind not in _FIXED:
        return None
    fields = [("mask", "u1")]
    if mask & 0x01:
        fields += [("type", "u1"), ("value", _FIXED[kind])] if _FIXED[kind] else [("type", "u1")]
    fields += [("status", "<u4")] if mask & 0x02 else []
    # The order of OPC 10000-6, 5.2.2.17.
    fields += [("source", "<i8")] if mask & 0x04 else []
    fields += [("source_pico", "<u2")] if mask & 0x10 else []
    fields += [("server", "<i8")] if mask & 0x08 else []
    fields += [("server_pico", "<u2")] if mask & 0x20 else []
    return np.dtype(fields)


def _record(cursor: Cursor) -> tuple[np.dtype[Any] | None, int]:
    if cursor.at >= cursor.end:
        raise GarbledError("fewer values than announced")
    mask = cursor.data[cursor.at]
    if not mask & 0x01:
        return _dtype(mask, 0), 0
    if cursor.at + 1 >= cursor.end:
        raise GarbledError("fewer values than announced")
    kind = cursor.data[cursor.at + 1]
    return _dtype(mask, kind), kind


def _run(cursor: Cursor, size: int, most: int, kind: int) -> int:
    """How many values from here have this mask and this type; each one's length follows from them, so none is guessed."""
    most = min(most, (cursor.end - cursor.at) // size)
    table = np.frombuffer(cursor.data, np.uint8, most * size, cursor.at).reshape(most, size)
    alike = table[:, 0] == cursor.data[cursor.at] if most else np.zeros(0, bool)
    if most and table[0, 0] & 0x01:
        alike &= table[:, 1] == kind
    differing = np.flatnonzero(~alike)
    return int(differing[0]) if len(differing) else most


def _many(run: npt.NDArray[Any], kind: int, values: Values, at: int) -> None:
    names, to = run.dtype.names or (), at + len(run)
    here = slice(at, to)
    if "status" in names:
        values.status[here] = run["status"]
    if "value" in names:
        found = run["value"]
        values.kind[here] = _KINDS[kind]
        values.number[here] = found != 0 if kind == 1 else found
        if kind in (8, 9):
            # Not by `abs`: the least of them has none.
            for place in np.flatnonzero((found > _EXACT) | (found < -_EXACT) if kind == 8 else found > _EXACT).tolist():
                values.texts[at + place] = str(int(found[place]))
    nothing = np.zeros(len(run), np.int64)
    source, server = (run[name] if name in names else nothing for name in ("source", "server"))
    by_source = (source >= _FIRST_TICK) & (source <= _LAST_TICK)
    by_server = ~by_source & (server >= _FIRST_TICK) & (server <= _LAST_TICK)
    timed = by_source | by_server
    values.timed[here], values.by_server[here] = timed, by_server
    values.ts[here] = np.where(timed, np.where(by_source, source, server) - EPOCH, 0) * 100
    if "source_pico" in names or "server_pico" in names:
        picos = (run[name] if name in names else nothing for name in ("source_pico", "server_pico"))
        pico = np.where(by_source, *picos).astype(np.int64)
        for place in np.flatnonzero(pico).tolist():
            _add_pico(values, at + place, int(pico[place]))


def _one(cursor: Cursor, values: Values, at: int) -> None:
    found = cursor.data_value()
    values.status[at] = found["status"]
    for name in ("source", "server"):
        if _FIRST_TICK <= found[name] <= _LAST_TICK:
            values.ts[at], values.timed[at], values.by_server[at] = (found[name] - EPOCH) * 100, True, name == "server"
            _add_pico(values, at, found[f"{name}_pico"])
            break
    kind, value = found["kind"], found["value"]
    if value is None:
        return
    if kind < len(_KINDS) and not isinstance(value, list):
        values.kind[at], values.number[at] = _KINDS[kind], value
        if isinstance(value, int) and abs(value) > _EXACT:
            values.texts[at] = str(value)
        return
    values.kind[at] = TEXT
    values.texts[at] = value if isinstance(value, str) else json.dumps(_plain(value), ensure_ascii=False)


def _add_pico(values: Values, at: int, pico: int) -> None:
    """Picoseconds come in tens, "values from 0 to 9999": whole nanoseconds are counted, the rest is told."""
    pico = min(pico, 9_999)
    whole, rest = divmod(pico, 100)
    values.ts[at] += whole
    if rest:
        _note(values, at, f"picoseconds={rest * 10}")


def _note(values: Values, at: int, text: str) -> None:
    values.notes[at] = f"{values.notes[at]},{text}" if at in values.notes else text


def _plain(value: Any) -> Any:
    """As JSON can say it, which knows no NaN and no infinity."""
    if isinstance(value, float) and value - value != 0:
        return str(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return {name: _plain(each) for name, each in value.items()} if isinstance(value, dict) else value
