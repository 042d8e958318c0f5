"""Which of several rows of one sample counts: an actual value before a substituted one, and that before an estimated one.

A row whose status is bad, or that has no value, is no reading whatever its origin, and stands last: an estimate fills it, and the
raw row is still there. What counts never gets worse by rows that come later, and does not hang on the order in which they come.
When a better row takes the place of an estimate, an audit row says what stood there, since when it does not, and what does.

>>> resolve(pa.concat_tables([estimates, actuals])).column("origin").unique().to_pylist()  # doctest: +SKIP
['actual']
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from airflow_provider_integrations.connectors.historian.samples import SAMPLES, Origin

__all__ = ["AUDIT", "PREFERENCE", "replaced", "resolve"]

PREFERENCE = ("linear_interpolation", "same_day_last_week", "last_good_value")
"""Of several estimates of one sample: the historian's own, which has no method, then these, then others by their names."""

_ORIGINS = (Origin.ACTUAL.value, Origin.SUBSTITUTED.value, Origin.ESTIMATED.value)
_NO_READING = len(_ORIGINS)
_KEY = ("tag", "ts", "ordinal")
_SAID = ("value_number", "value_text", "value_state", "status", "origin", "method", "method_version")
_INSTANT = pa.timestamp("ns", tz="UTC")

_AUDIT_FIELDS: list[pa.Field[Any]] = [
    *(SAMPLES.field(name) for name in _KEY),
    pa.field("replaced_at", _INSTANT, nullable=False),
    *(SAMPLES.field(name).with_name(f"old_{name}") for name in _SAID),
    pa.field("new_ts", _INSTANT, nullable=False),
    *(SAMPLES.field(name).with_name(f"new_{name}") for name in _SAID),
]
AUDIT = pa.schema(_AUDIT_FIELDS)
"""A row that no longer counts: by its own key, when that was seen, what it said, and what the row says that counts now."""


def resolve(rows: pa.Table, *, near: int = 0) -> pa.Table:
    """The one row of each (tag, ts, ordinal) that counts, sorted by them.

    Args:
        rows: In the schema `SAMPLES`, in any order; several tags, and rows that stand twice, may be among them.
        near: An estimated or substituted row does not count where a better one of its tag is at most so many nanoseconds away: a
            clock that wanders does not keep both. Half of a cadence is meant; 0 compares instants exactly.
    """
    if not rows.num_rows:
        return SAMPLES.empty_table()
    rows = _with_ranks(rows.select(SAMPLES.names).cast(SAMPLES)).combine_chunks()
    order: list[Any] = [(name, "ascending") for name in (*_KEY, "rank", "preference", "method")]
    order += [("method_version", "descending")]
    # A total order, so that of two rows that differ anywhere always the same one is taken.
    order += [
        (name, "ascending") for name in ("status", "quality_detail", "value_text", "value_state", "bits", "quality")
    ]
    rows = rows.sort_by(order).combine_chunks()
    tags, ts = _tags(rows), _ints(rows, "ts")
    ordinal, rank = _ints(rows, "ordinal"), _ints(rows, "rank")
    first = np.ones(len(ts), dtype=bool)
    first[1:] = (tags[1:] != tags[:-1]) | (ts[1:] != ts[:-1]) | (ordinal[1:] != ordinal[:-1])
    kept = np.flatnonzero(first)
    tags, ts, rank = tags[kept], ts[kept], rank[kept]
    counts = np.ones(len(kept), dtype=bool)
    # A substituted row does so though an actual one takes its own place: what was replaced never comes back.
    for worse in (1, 2) if near else ():
        for low, high in _runs_of(tags):
            better = ts[low:high][rank[low:high] < worse]
            asked = low + np.flatnonzero(rank[low:high] == worse)
            counts[asked] &= _distance(better, ts[asked]) > near
    return rows.take(pa.array(kept[counts], pa.int64())).select(SAMPLES.names)


def replaced(before: pa.Table, after: pa.Table, *, at: int, near: int = 0) -> pa.Table:
    """Audit rows for the substituted and estimated rows that counted before and do not any more, in the schema `AUDIT`.

    Args:
        before, after: What `resolve` gave without the new rows and with them.
        at: Now, in nanoseconds since 1970.
        near: As it was resolved with.
    """
    gone = _rows_not_in(before, after)
    candidates = [row for row in gone if row["origin"] != Origin.ACTUAL.value and row["status"] < 1 << 31]
    if not candidates:
        return AUDIT.empty_table()
    tags, ts, ordinal = after.column("tag").to_pylist(), _ints(after, "ts"), _ints(after, "ordinal")
    sections = {tags[low]: (low, high) for low, high in _runs_of(_tags(after))}
    told = []
    for row in candidates:
        low, high = sections.get(row["tag"], (0, 0))
        place = _place_of(ts, ordinal, low, high, row, near)
        if place is None:
            continue
        new = _values(after.slice(place, 1))[0]
        told.append(
            {
                **{name: row[name] for name in _KEY},
                "replaced_at": at,
                "new_ts": new["ts"],
                **{f"old_{name}": row[name] for name in _SAID},
                **{f"new_{name}": new[name] for name in _SAID},
            }
        )
    return pa.table([pa.array([row[field.name] for row in told], field.type) for field in AUDIT], schema=AUDIT)


def _place_of(ts: Any, ordinal: Any, low: int, high: int, row: dict[str, Any], near: int) -> int | None:
    """The row that counts in place of another: of its own instant and ordinal, or else the nearest one."""
    begin, end = (low + int(place) for place in np.searchsorted(ts[low:high], (row["ts"], row["ts"] + 1)))
    for place in range(begin, end):
        if ordinal[place] == row["ordinal"]:
            return place
    if begin < end:
        return begin
    beside = [place for place in (begin - 1, begin) if low <= place < high and abs(int(ts[place]) - row["ts"]) <= near]
    return min(beside, key=lambda place: abs(int(ts[place]) - row["ts"]), default=None)


def _with_ranks(rows: pa.Table) -> pa.Table:
    number = rows.column("value_number").combine_chunks()
    values = number.to_numpy(zero_copy_only=False)
    there = ~np.isnan(values)
    for name in ("value_text", "value_state"):
        there |= rows.column(name).is_valid().to_numpy()
    readings = there & (_ints(rows, "status") < 1 << 31)
    by_origin = _indices(rows, "origin", {origin: place for place, origin in enumerate(_ORIGINS)}, len(_ORIGINS) - 1)
    rank = np.where(readings, by_origin, _NO_READING).astype(np.int8)
    preference = _indices(rows, "method", {None: 0, **{name: place for place, name in enumerate(PREFERENCE, 1)}}, 100)
    added = {
        "rank": pa.array(rank),
        "preference": pa.array(preference.astype(np.int8)),
        "bits": pa.array(values.view(np.int64), mask=np.asarray(number.is_null())),
    }
    for name, column in added.items():
        rows = rows.append_column(name, column)
    return rows


def _indices(rows: pa.Table, name: str, places: dict[Any, int], otherwise: int) -> npt.NDArray[np.int64]:
    coded: Any = rows.column(name).combine_chunks().dictionary_encode(null_encoding="encode")
    meant = np.array([places.get(value, otherwise) for value in coded.dictionary.to_pylist()], dtype=np.int64)
    found: npt.NDArray[np.int64] = meant[coded.indices.to_numpy(zero_copy_only=False)]
    return found


def _tags(rows: pa.Table) -> npt.NDArray[np.int64]:
    coded: Any = rows.column("tag").combine_chunks().dictionary_encode()
    indices: npt.NDArray[np.int64] = coded.indices.to_numpy(zero_copy_only=False)
    return indices


def _ints(rows: pa.Table, name: str) -> npt.NDArray[np.int64]:
    numbers: npt.NDArray[np.int64] = rows.column(name).cast(pa.int64()).to_numpy()
    return numbers


def _runs_of(tags: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Where each tag begins and ends; they are sorted."""
    borders = [0, *(np.flatnonzero(tags[1:] != tags[:-1]) + 1).tolist(), len(tags)]
    yield from ((low, high) for low, high in pairwise(borders) if low < high)


def _distance(others: npt.NDArray[np.int64], ts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """From each instant to the nearest of others."""
    if not len(others):
        return np.full(len(ts), np.iinfo(np.int64).max)
    after = np.searchsorted(others, ts)
    left, right = np.clip(after - 1, 0, None), np.clip(after, None, len(others) - 1)
    nearest: npt.NDArray[np.int64] = np.minimum(np.abs(ts - others[left]), np.abs(others[right] - ts))
    return nearest


def _rows_not_in(before: pa.Table, after: pa.Table) -> list[dict[str, Any]]:
    """Rows of one table that the other one does not have as they are."""
    made = _made(before)
    same = {_identity(row) for row in _values(_made(after))}
    return [row for row in _values(made) if _identity(row) not in same]


def _made(rows: pa.Table) -> pa.Table:
    """Those that are not actual."""
    mask = _indices(rows, "origin", {Origin.ACTUAL.value: 0}, 1) == 1
    return rows.filter(pa.array(mask))


def _identity(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in (*_KEY, *_SAID))


def _values(rows: pa.Table) -> list[dict[str, Any]]:
    """As Python values; instants as nanoseconds, which `datetime` would not hold."""
    place = rows.schema.get_field_index("ts")
    return rows.set_column(place, "ts", rows.column("ts").cast(pa.int64())).to_pylist()
