"""Done of total, rate and ETA: sane at the beginning, in the middle, at the end, and after a resume."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.historian.progress import Progress

SECONDS = st.floats(0, 1e9)


def test_before_anything_was_read_nobody_knows_when_it_ends() -> None:
    start = Progress(total=100, done=0, before=0, samples=0, elapsed=0)
    assert (start.share, start.rate, start.eta) == (0, 0, None)


def test_the_end_is_told_by_the_pace_of_this_run_alone() -> None:
    resumed = Progress(total=100, done=60, before=50, samples=500, elapsed=5)
    assert (resumed.eta, resumed.rate) == (20, 100)


def test_what_is_done_is_done() -> None:
    assert Progress(total=100, done=100, before=100, samples=0, elapsed=0).eta == 0
    empty = Progress(total=0, done=0, before=0, samples=0, elapsed=1)
    assert (empty.share, empty.eta) == (1, 0)


@given(SECONDS, st.floats(0, 1), st.floats(0, 1), st.integers(0, 10**9), SECONDS)
def test_an_eta_is_none_or_a_time_from_now(
    total: float, done: float, before: float, samples: int, elapsed: float
) -> None:
    now = Progress(total, total * max(done, before), total * min(done, before), samples, elapsed)
    assert now.eta is None or now.eta >= 0
    assert 0 <= now.share <= 1
    assert set(now.as_json()) == {
        "seconds_total", "seconds_done", "share", "samples", "samples_per_second", "eta_seconds"
    }  # fmt: skip
