"""What each sample is worth to whoever looks for gaps: a reading, an estimate of one, or nothing to go by.

A reading is a sample that has a value of its tag's kind and a good status. Not worth anything is a bad status, a system state
such as `I/O Timeout`, NaN, infinity, a number's tag with a text in its place, and, as OPC UA has it (10000-13), uncertain quality
unless the catalog says otherwise. Bounds are not samples. A value outside its limits is a reading: limits are a check, not a gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_integrations.connectors.historian.catalog import TagEntry
from airflow_provider_integrations.connectors.historian.samples import Origin

__all__ = ["BAD", "COLUMNS", "ESTIMATED", "READING", "Points", "points_of"]

READING, ESTIMATED, BAD = 0, 1, 2
"""The lower the better: of samples of one instant the best one counts."""

COLUMNS = ("ts", "value_number", "value_text", "value_state", "status", "origin", "quality_detail")
"""Columns of a page or of rows that are looked at."""

_BOUND = r"(^|,)\s*bound\s*(,|$)"


@dataclass(frozen=True, slots=True)
class Points:
    """Samples as far as gaps go.

    Args:
        ts: Nanoseconds since 1970, ascending, with those of one instant side by side.
        worth: `READING`, `ESTIMATED` or `BAD` of each.
        uncertain: Whether it is a reading of uncertain quality.
        out_of_limits: Whether it is a reading outside the limits of its tag.
        samples: The samples themselves, without bounds.
    """

    ts: npt.NDArray[np.int64]
    worth: npt.NDArray[np.uint8]
    uncertain: npt.NDArray[np.bool_]
    out_of_limits: npt.NDArray[np.bool_]
    samples: pa.RecordBatch


def points_of(entry: TagEntry, samples: pa.RecordBatch) -> Points:
    """See the module; `samples` has `COLUMNS` and is ascending."""
    detail = samples.column("quality_detail")
    if detail.null_count < len(detail):
        bounds: Any = pc.match_substring_regex(detail, _BOUND)
        samples = samples.filter(pa.array(~_mask(bounds.fill_null(False))))
    status = samples.column("status").to_numpy(zero_copy_only=False)
    severity = np.right_shift(status, 30)
    there, value = _values(entry, samples)
    bad = ~there | (severity >= (1 if entry.treat_uncertain_as_bad else 2))
    estimated = _mask(pc.equal(samples.column("origin").cast(pa.string()), pa.scalar(Origin.ESTIMATED.value)))
    worth = np.where(bad, BAD, np.where(estimated, ESTIMATED, READING)).astype(np.uint8)
    readings = worth == READING
    outside = np.zeros(len(worth), dtype=bool)
    if value is not None and (entry.limits.low is not None or entry.limits.high is not None):
        scaled = entry.scaling.applied(value)
        low = -np.inf if entry.limits.low is None else entry.limits.low
        high = np.inf if entry.limits.high is None else entry.limits.high
        outside = readings & ((scaled < low) | (scaled > high))
    ts = samples.column("ts").cast(pa.timestamp("ns", tz="UTC")).view(pa.int64()).to_numpy(zero_copy_only=False)
    return Points(ts, worth, readings & (severity == 1), outside, samples)


def _values(entry: TagEntry, samples: pa.RecordBatch) -> tuple[npt.NDArray[np.bool_], Any]:
    """Whether there is a value of the tag's kind, and the numbers of a tag that has numbers."""
    if entry.kind == "number":
        value = samples.column("value_number").to_numpy(zero_copy_only=False)  # NaN in place of null
        return np.isfinite(value), value
    if entry.kind == "text":
        return _mask(samples.column("value_text").is_valid()), None
    state = _mask(samples.column("value_state").is_valid())
    if entry.kind == "state":
        return state, None
    return state | _mask(samples.column("value_number").is_valid()), None


def _mask(values: Any) -> npt.NDArray[np.bool_]:
    mask: npt.NDArray[np.bool_] = values.to_numpy(zero_copy_only=False).astype(bool)
    return mask
