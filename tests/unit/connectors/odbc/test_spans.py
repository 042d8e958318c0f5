"""What a person's bound is, and what a server takes it for, as texts."""

from __future__ import annotations

import pytest

from airflow_provider_integrations.connectors.odbc.spans import _other_time


@pytest.mark.parametrize(
    ("value", "taken", "instants", "problem"),
    [
        ("2025-01-01", "2025-01-01 00:00:00.000000", False, None),
        ("2025-01-01T10:00", "2025-01-01 10:00:00", False, None),
        ("2025-01-01T10:00:00.5", "2025-01-01T10:00:00.5000000", False, None),
        ("2025-01-01 10:00:00.0015", "2025-01-01 10:00:00.003", False, "takes it for"),
        ("2025-01-01 10:00", "2025-01-01", False, "takes it for"),
        ("2025-01-01T00:00:00Z", "2025-01-01 00:00:00", False, "has a zone"),
        ("2025-01-01T00:00:00Z", "2025-01-01 00:00:00+00", True, None),
        ("2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z", True, None),
        ("2025-03-30T00:00:00+05:45", "2025-03-29 18:15:00+00", True, None),
        ("2025-03-30T00:00:00.25+0545", "2025-03-29 18:15:00.250000000 +00:00", True, None),
        ("2025-03-30T00:00:00-01", "2025-03-30 01:00:00+00", True, None),
        ("2025-03-30T00:00:00+05:45", "2025-03-30 00:00:00.000000", True, "takes it for"),
        ("garbage", "2025-01-01", False, "ISO 8601"),
        ("2025-1-1", "2025-01-01", False, "ISO 8601"),
        ("2025-02-31", "2025-02-31 00:00:00.000000", False, "ISO 8601"),
        ("2024-02-29", "2024-02-29", False, None),
        ("2025-02-29", "2025-02-29", False, "ISO 8601"),
        ("2025-13-01", "2025-13-01", False, "ISO 8601"),
        ("12025-01-01", "12025-01-01", False, None),
        ("infinity", "infinity", True, "ISO 8601"),
    ],
)
def test_a_time_that_the_server_takes_for_another(value: str, taken: str, instants: bool, problem: str | None) -> None:
    found = _other_time(value, taken, instants=instants, engine="sqlserver")
    assert found == problem or (found is not None and problem is not None and problem in found)


def test_zero_dates_are_mariadbs_alone_and_infinity_is_postgresqls() -> None:
    zero = ("2025-01-00", "2025-01-00 00:00:00.000000")
    assert _other_time(*zero, instants=False, engine="mariadb") is None
    assert _other_time(*zero, instants=False, engine="sqlserver") is not None
    assert _other_time("-infinity", "-infinity", instants=True, engine="postgresql") is None
