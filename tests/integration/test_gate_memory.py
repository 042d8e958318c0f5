import pytest

from benchmarks.gate import GOAL_MB, measure

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


def test_ten_million_rows_are_gated_in_less_than_a_gigabyte():
    found = measure(1, 10_000_000)
    assert found["rows_failed"] == 10_000
    assert found["verdicts"] == ["passed_with_quarantine"]
    assert found["peak_mb"] < GOAL_MB, found
