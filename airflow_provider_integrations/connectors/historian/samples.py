"""Samples of a historian: a number, a text or a state at an instant, with its quality whole and where it comes from.

A value stands in exactly one place, and is null where there is none:

- numbers in `value_number`; one that a double cannot hold exactly has all of its digits in `value_text` besides;
- texts in `value_text`, likewise bytes (hexadecimal), instants (ISO 8601) and structures (JSON);
- digital states by their name in `value_state`, system states too (`I/O Timeout`): no state is ever a number;
- booleans in `value_number` as 1 or 0, so that they can be averaged, with `true` or `false` in `value_state` besides.

Of samples of one instant each has an `ordinal`, from 0 in the order in which the server gives them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from airflow_provider_integrations.connectors.historian.columns import numbers, repeated, texts, values_of

__all__ = ["PAGE", "SAMPLES", "Origin", "Quality", "empty_page", "ordinals_of", "quality_of", "samples_table"]


class Quality(StrEnum):
    """What a status says in one word: its severity (OPC 10000-4, 7.39: the two highest bits)."""

    GOOD = "good"
    UNCERTAIN = "uncertain"
    BAD = "bad"


class Origin(StrEnum):
    """Where a value comes from; actual stands above substituted, and that above estimated."""

    ACTUAL = "actual"
    ESTIMATED = "estimated"
    SUBSTITUTED = "substituted"


_INSTANT = pa.timestamp("ns", tz="UTC")
_NAME = pa.dictionary(pa.int8(), pa.string())

_PAGE_FIELDS: list[pa.Field[Any]] = [
    pa.field("ts", _INSTANT, nullable=False),
    pa.field("ordinal", pa.int32(), nullable=False),
    pa.field("value_number", pa.float64()),
    pa.field("value_text", pa.string()),
    pa.field("value_state", pa.string()),
    pa.field("status", pa.uint32(), nullable=False),
    pa.field("origin", _NAME, nullable=False),
    pa.field("quality_detail", pa.string()),
]
PAGE = pa.schema(_PAGE_FIELDS)
"""What a reader gives of one tag.

`status` is OPC UA's code, whole. What PI says is told by the code that means the same, see `pi_values`. `quality_detail` has what
else is known, in words with commas between: `annotated`, `questionable`, `bound`, `interpolated`, `partial`, `modified`.
"""

_SAMPLES_FIELDS: list[pa.Field[Any]] = [
    pa.field("tag", pa.string(), nullable=False),
    pa.field("ts", _INSTANT, nullable=False),
    pa.field("ordinal", pa.int32(), nullable=False),
    pa.field("value_number", pa.float64()),
    pa.field("value_text", pa.string()),
    pa.field("value_state", pa.string()),
    pa.field("status", pa.uint32(), nullable=False),
    pa.field("quality", pa.string(), nullable=False),
    pa.field("origin", pa.string(), nullable=False),
    pa.field("quality_detail", pa.string()),
    pa.field("method", pa.string()),
    pa.field("method_version", pa.string()),
]
SAMPLES = pa.schema(_SAMPLES_FIELDS)
"""Rows as files and tables have them; `method` and its version say how what is not actual was made."""

_QUALITIES = texts([Quality.GOOD, Quality.UNCERTAIN, Quality.BAD, Quality.BAD])


def quality_of(status: pa.Array[Any]) -> pa.Array[Any]:
    """The severity of each status code in one word; the reserved one counts as bad."""
    severity = np.right_shift(values_of(status, np.uint32), 30).astype(np.int8)
    return pa.DictionaryArray.from_arrays(numbers(severity, pa.int8()), _QUALITIES).cast(pa.string())


def ordinals_of(ts: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """The place of each among its neighbours of the same instant; `ts` is ascending, in nanoseconds.

    >>> ordinals_of(np.array([5, 5, 6, 7, 7, 7])).tolist()
    [0, 1, 0, 0, 1, 2]
    """
    again = ts[1:] == ts[:-1]
    if not again.any():  # As in most pages.
        return np.zeros(len(ts), np.int32)
    places = np.arange(len(ts), dtype=np.int64)
    begins = np.ones(len(ts), dtype=bool)
    begins[1:] = ~again
    run_begin = np.maximum.accumulate(np.where(begins, places, 0))
    return (places - run_begin).astype(np.int32)


def empty_page() -> pa.RecordBatch:
    """A page without samples."""
    return pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in PAGE], schema=PAGE)


def samples_table(tag: str, page: pa.RecordBatch) -> pa.Table:
    """Rows of one tag's page, in the schema `SAMPLES`."""
    rows = page.num_rows
    nothing = pa.nulls(rows, pa.string())
    columns = {
        **{name: page.column(name) for name in PAGE.names},
        "tag": repeated(tag, rows),
        "quality": quality_of(page.column("status")),
        "origin": page.column("origin").cast(pa.string()),
        "method": nothing,
        "method_version": nothing,
    }
    return pa.table([columns[name] for name in SAMPLES.names], schema=SAMPLES)
