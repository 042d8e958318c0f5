"""A run's rows against those of the runs before it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.core.anomaly import LEAST_RUNS, row_count_anomaly

counts = st.integers(0, 10**9)


@pytest.mark.parametrize(
    ("rows", "earlier", "unusual"),
    [
        (0, [1000] * 7, True),
        (5000, [1000] * 7, True),
        (1100, [1000] * 7, False),
        (0, [0] * 7, False),
        (2, [0] * 7, False),
        (900, [0] * 7, True),
        (1000, [1000, 1010, 10**7, 990, 1005, 1000, 1000], False),
        (10**7, [1000, 1010, 10**7, 990, 1005, 1000, 1000], True),
        (3, [1, 5, 2, 7, 3, 4, 2], False),
        (500, [1000, 0, 2000, 100, 3000, 0, 1500], False),
        (0, [1000, 0, 2000, 100, 3000, 0, 1500], False),
        (0, [1000, 5000, 2000, 8000, 3000, 1000, 9000], True),
        (1, [1000, 5000, 2000, 8000, 3000, 1000, 9000], False),
        (0, [3, 1, 5, 2, 7, 3, 4], False),
    ],
)
def test_what_is_usual_is_told_by_the_median(rows: int, earlier: list[int], unusual: bool) -> None:
    found = row_count_anomaly(rows, earlier)
    assert found is not None
    assert found.unusual is unusual


def test_too_few_runs_say_nothing_and_only_the_last_seven_count() -> None:
    assert row_count_anomaly(5, [1] * (LEAST_RUNS - 1)) is None
    found = row_count_anomaly(5, [5] * 7 + [10**6] * 50)
    assert found is not None
    assert (found.runs, found.median, found.unusual) == (7, 5.0, False)


@given(counts, st.lists(counts, min_size=LEAST_RUNS, max_size=9))
def test_a_count_that_is_the_median_is_never_unusual_and_bounds_are_in_order(rows: int, earlier: list[int]) -> None:
    found = row_count_anomaly(rows, earlier)
    assert found is not None
    assert 0 <= found.low <= found.median <= found.high
    again = row_count_anomaly(int(found.median), earlier)
    assert again is not None
    assert not again.unusual
