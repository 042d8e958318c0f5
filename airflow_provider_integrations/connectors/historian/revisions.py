"""What was known of samples and when: bitemporal rows, by which yesterday's report can be made again.

A reading says all that a historian has of some tags over a span. Compared with what is known, a sample is new, changed or gone;
what is as it was leaves no trace. A sample is known by (tag, ts, ordinal): one that was put between others of its instant moves
those after it, which then change, so that each report has its samples in the order in which they were given.

The warehouse does the same in SQL (SCD 2, and windows that were read again); this is what it is tested against. Estimates that
are made here are no reading: they are kept apart, or the next reading would call them gone.

>>> as_of(revise(NOTHING, reading).revisions, reading.at) == reading.samples  # doctest: +SKIP
True
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from airflow_provider_integrations.connectors.historian.model import Span, to_iso
from airflow_provider_integrations.connectors.historian.samples import SAMPLES
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError

pc: Any = pyarrow.compute

__all__ = ["NOTHING", "REVISIONS", "Reading", "Revised", "as_of", "history", "revise"]

_KEY = ("tag", "ts", "ordinal")
_CONTENT = tuple(name for name in SAMPLES.names if name not in _KEY)
_INSTANT = pa.timestamp("ns", tz="UTC")
_Mask = npt.NDArray[np.bool_]

_REVISIONS_FIELDS: list[pa.Field[Any]] = [
    *SAMPLES,
    pa.field("known_from", _INSTANT, nullable=False),
    pa.field("known_to", _INSTANT),
]
REVISIONS = pa.schema(_REVISIONS_FIELDS)
"""A sample, from when it was known like this and until when; `known_to` is null of what is still known."""

NOTHING = REVISIONS.empty_table()
"""Before the first reading."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All that a historian had of some tags over a span.

    Args:
        tags: Which; one without samples has none in the span.
        span: The time that was read whole.
        samples: In the schema `SAMPLES`, in any order.
        at: When it was read, in nanoseconds since 1970.
    """

    tags: frozenset[str]
    span: Span
    samples: pa.Table
    at: int


@dataclass(frozen=True, slots=True)
class Revised:
    """What a reading makes of what was known.

    Args:
        revisions: All of them, sorted by key and `known_from`.
        new, changed, gone: How many samples each is true of.
    """

    revisions: pa.Table
    new: int = 0
    changed: int = 0
    gone: int = 0


def revise(known: pa.Table, reading: Reading) -> Revised:
    """Enter a reading. The same one again changes nothing, and a corrected value gives exactly one revision.

    Raises:
        ConfigError: a sample lies outside what was read, or two have one key.
        StateConflictError: it was read before something that it would change was known: `history` takes readings in any order.
    """
    fresh = _checked(reading)
    current = known.column("known_to").is_null().to_numpy() & _covered(known, reading)
    before = known.filter(pa.array(current)).select(SAMPLES.names)
    both = pa.concat_tables([before, fresh]).append_column("row", pa.array(np.arange(before.num_rows + fresh.num_rows)))
    both = both.sort_by([(name, "ascending") for name in (*_KEY, "row")]).combine_chunks()
    row = both.column("row").to_numpy()
    is_fresh = row >= before.num_rows
    paired = np.zeros(len(row), dtype=bool)  # Whether it has the key of the one before: known first, then fresh.
    paired[1:] = _same(both, _KEY)
    same = np.zeros(len(row), dtype=bool)
    same[1:] = paired[1:] & _same(both, _CONTENT)
    followed = np.append(paired[1:], False) if len(row) else paired
    kept = np.append(same[1:], False) if len(row) else same
    opened = row[is_fresh & ~same] - before.num_rows
    closed = np.flatnonzero(current)[row[~is_fresh & ~kept]]
    _check_time(known, closed, reading.at)
    changed = int(np.count_nonzero(paired & ~same))
    return Revised(
        _entered(known, closed, fresh.take(pa.array(opened, pa.int64())), reading.at),
        new=len(opened) - changed,
        changed=changed,
        gone=int(np.count_nonzero(~is_fresh & ~followed)),
    )


def history(readings: Iterable[Reading]) -> pa.Table:
    """All revisions of readings that came in any order, as if each had come when it was read."""
    known = NOTHING
    for reading in sorted(readings, key=lambda one: one.at):
        known = revise(known, reading).revisions
    return known


def as_of(revisions: pa.Table, at: int) -> pa.Table:
    """The samples as they were known at an instant, in the schema `SAMPLES`, sorted: the same to the byte whatever came later."""
    begun = _ints(revisions, "known_from") <= at
    to = revisions.column("known_to").cast(pa.int64())
    rows = revisions.filter(pa.array(begun & (pc.fill_null(to, np.iinfo(np.int64).max).to_numpy() > at)))
    return rows.select(SAMPLES.names).sort_by([(name, "ascending") for name in _KEY]).combine_chunks()


def _checked(reading: Reading) -> pa.Table:
    samples = reading.samples.select(SAMPLES.names).cast(SAMPLES)
    if not _covered(samples, reading).all():
        raise ConfigError(
            "a sample outside of what was read",
            tags=sorted(reading.tags)[:10],
            begin=to_iso(reading.span.begin),
            end=to_iso(reading.span.end),
            next_step="Give the tags and the span of the reading; the end of the span is not part of it.",
        )
    ordered = samples.sort_by([(name, "ascending") for name in _KEY]).combine_chunks()
    if len(ordered) and _same(ordered, _KEY).any():
        raise ConfigError("two samples of one tag, instant and ordinal", next_step="Give each its ordinal.")
    return samples


def _covered(rows: pa.Table, reading: Reading) -> _Mask:
    ts = _ints(rows, "ts")
    mine: _Mask = pc.is_in(rows.column("tag"), pa.array(sorted(reading.tags), pa.string())).to_numpy()
    return mine & (ts >= reading.span.begin) & (ts < reading.span.end)


def _same(rows: pa.Table, names: Iterable[str]) -> _Mask:
    """Of each row but the first whether it has what the one before has: null is null, NaN is NaN, and -0.0 is 0.0."""
    same = np.ones(max(0, rows.num_rows - 1), dtype=bool)
    for name in names:
        column = rows.column(name).combine_chunks()
        there = column.is_valid().to_numpy(zero_copy_only=False)
        same &= there[1:] == there[:-1]
        if pa.types.is_string(column.type):
            column = column.dictionary_encode().indices
        elif pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())
        values = column.fill_null(0).to_numpy(zero_copy_only=False)
        equal = values[1:] == values[:-1]
        if pa.types.is_floating(column.type):
            equal |= np.isnan(values[1:]) & np.isnan(values[:-1])
        same &= equal
    return same


def _check_time(known: pa.Table, closed: npt.NDArray[np.int64], at: int) -> None:
    later = _ints(known, "known_from")[closed]
    if len(later) and later.max() >= at:
        raise StateConflictError(
            "a reading that is older than what it would change",
            read_at=to_iso(at),
            known_from=to_iso(int(later.max())),
            next_step="Enter readings in the order in which they were read, or make the history of all of them anew.",
        )


def _entered(known: pa.Table, closed: npt.NDArray[np.int64], opened: pa.Table, at: int) -> pa.Table:
    if not len(closed) and not opened.num_rows:
        return known
    ends: Any = known.column("known_to").cast(pa.int64())
    mask = np.zeros(known.num_rows, dtype=bool)
    mask[closed] = True
    ends = pc.if_else(pa.array(mask), pa.scalar(at, pa.int64()), ends).cast(_INSTANT)
    before = known.set_column(known.schema.get_field_index("known_to"), REVISIONS.field("known_to"), ends)
    count = opened.num_rows
    begins = pa.array(np.full(count, at, dtype=np.int64)).cast(_INSTANT)
    columns: list[Any] = [*opened.columns, begins, pa.nulls(count, _INSTANT)]
    rows = pa.concat_tables([before.cast(REVISIONS), pa.table(columns, schema=REVISIONS)])
    return rows.sort_by([(name, "ascending") for name in (*_KEY, "known_from")]).combine_chunks()


def _ints(rows: pa.Table, name: str) -> npt.NDArray[np.int64]:
    numbers: npt.NDArray[np.int64] = rows.column(name).cast(pa.int64()).to_numpy()
    return numbers
