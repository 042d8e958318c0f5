"""Two drivers' readings of the same values: what counts as the same, and how a change at the source is told apart."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_integrations.connectors.odbc.comparing import agree, differing, python_rows
from airflow_provider_integrations.connectors.odbc.model import ReadColumn
from airflow_provider_integrations.core.errors import PermanentError

COLUMNS = [ReadColumn("id", "id", None, pa.int64()), ReadColumn("v", "v", None, pa.string())]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (None, None),
        (float("nan"), float("nan")),
        (4294967295, -1),  # pyodbc takes unsigned integers for signed ones
        ("a\0b", "a"),  # and ends a text at its first NUL
        (time(1, 2, 3, 456), time(1, 2, 3)),  # and has no fraction of a time of day
        (Decimal("1.50"), Decimal("1.5")),
        ("1.50", Decimal("1.5")),
        ("t", True),
        ("00ff", bytearray(b"\x00\xff")),
        ("2025-01-01 00:00:00.5", datetime(2025, 1, 1, 0, 0, 0, 500000)),
        (datetime(2025, 1, 1), date(2025, 1, 1)),
    ],
)
def test_the_same_value_in_two_forms(ours: Any, theirs: Any) -> None:
    assert differing([(1, ours)], [(1, theirs)], COLUMNS) == set()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(None, 0), (0, None), (0.1, 0.10000000149011612), (5, -1), ("a", "b"), ("a", "ab"), (Decimal(0), Decimal("NaN"))],
)
def test_a_difference_is_named_by_its_column(ours: Any, theirs: Any) -> None:
    assert differing([(1, ours)], [(1, theirs)], COLUMNS) == {"v"}


def test_a_row_more_or_less_makes_every_column_doubtful() -> None:
    assert differing([(1, "a")], [], COLUMNS) == {"id", "v"}


def test_a_row_that_changed_once_is_no_difference_of_drivers() -> None:
    agree([(1, "old")], lambda: [(1, "new")], lambda: [(1, "new")], COLUMNS)


def test_a_difference_that_stays_stops_the_run() -> None:
    with pytest.raises(PermanentError, match=r"\['v'\]"):
        agree([(1, "a")], lambda: [(1, "b")], lambda: [(1, "a")], COLUMNS)


def test_instants_are_compared_naive_and_years_that_python_has_not_as_numbers() -> None:
    stamps = pa.array([0, 2**60], pa.timestamp("us", "UTC"))
    assert python_rows(pa.table([stamps], ["at"])) == [(datetime(1970, 1, 1),), (2**60,)]
