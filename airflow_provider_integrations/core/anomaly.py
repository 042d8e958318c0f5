"""Whether a run has an unusual number of rows, by those of the runs before it; a hint for people, never a refusal.

>>> row_count_anomaly(100, [1000, 1010, 990, 1005]).unusual
True
>>> row_count_anomaly(1030, [1000, 1010, 990, 1005]).unusual
False
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["LEAST_RUNS", "LOOK_BACK", "RowCountAnomaly", "row_count_anomaly"]

LOOK_BACK = 7
"""Runs that are looked at: a week of daily ones, so that each weekday is in it once."""

LEAST_RUNS = 3
"""Fewer say nothing."""

_WIDTH = 4.0
_NORMAL = 1.4826  # Median absolute deviation to standard deviation, where counts are normal.
_LEAST_SHARE = 0.1
_NOISE = 16  # Four roots of it: a count of fewer may be nothing by chance.


@dataclass(frozen=True, slots=True)
class RowCountAnomaly:
    """What was expected of a run, and what came.

    Args:
        rows: What came.
        low, high: What would have been usual, both included.
        median: Of the runs before.
        runs: How many those were.
    """

    rows: int
    low: int
    high: int
    median: float
    runs: int

    @property
    def unusual(self) -> bool:
        """Whether the count lies outside of what is usual."""
        return not self.low <= self.rows <= self.high


def row_count_anomaly(rows: int, earlier: Sequence[int]) -> RowCountAnomaly | None:
    """Compare a run's rows with those of the runs before it; None if these are too few to say anything.

    Usual is what lies within four standard deviations of the median, estimated by the median deviation, which one odd run
    does not move. The deviation is taken for no less than a tenth of the median, nor than the noise of a count (its root).
    Where no run brought nothing or next to nothing, one that does is unusual, however much the others differ.

    Args:
        rows: Of the run.
        earlier: Of the runs before it, the latest first; the first seven count.
    """
    looked_at = list(earlier[:LOOK_BACK])
    if len(looked_at) < LEAST_RUNS:
        return None
    middle = median(looked_at)
    deviation = _NORMAL * median(abs(count - middle) for count in looked_at)
    reach = _WIDTH * max(deviation, _LEAST_SHARE * middle, math.sqrt(middle), 1.0)
    least = 1 if min(looked_at) > _NOISE else 0
    return RowCountAnomaly(
        rows=rows,
        low=max(least, math.floor(middle - reach)),
        high=math.ceil(middle + reach),
        median=float(middle),
        runs=len(looked_at),
    )
