"""Registers against sums of intervals: what agrees, what differs, and what nobody can tell."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_integrations.connectors.historian.register import (
    Register,
    RegisterRead,
    Tolerance,
    Verdict,
    compare_register,
)
from airflow_provider_integrations.core.errors import ConfigError
from tests.unit.connectors.historian.interval_files import by_the_clock, normalized, slots

ZONE = "America/Chicago"


@pytest.fixture
def autumn(tmp_path: Path) -> pa.Table:
    """100 quarters of 0.25 each: a day of 25 hours."""
    stamps = by_the_clock(slots(ZONE, "2025-11-02", 1, 15), ZONE)
    lines = [f"SP1,{stamp},0.25,{'E' if place < 4 else 'A'}" for place, stamp in enumerate(stamps)]
    normalized(tmp_path, "\n".join(["service_point,timestamp,value,quality", *lines]))
    return pq.read_table(tmp_path / "intervals.parquet")


PLAIN = Register()


def compared(intervals: pa.Table, first: str, last: str, register: Register = PLAIN, **given: Any) -> Any:
    begin = given.get("begin", "2025-11-02T00:00:00-05:00")
    end = given.get("end", "2025-11-03T00:00:00-06:00")
    reads = (RegisterRead(datetime.fromisoformat(at), Decimal(value)) for at, value in ((begin, first), (end, last)))
    return compare_register(
        *reads, intervals, register, given.get("tolerance", Tolerance(Decimal("0.1"), Decimal("0.01")))
    )


def test_a_day_of_25_hours_agrees_with_its_register(autumn: pa.Table) -> None:
    found = compared(autumn, "1000", "1025")
    assert (found.verdict, found.total, found.difference) == (Verdict.AGREES, Decimal("25.0"), 0)
    assert (found.missing, found.not_actual) == (timedelta(), timedelta(hours=1))


@pytest.mark.parametrize(("last", "verdict"), [("1025.25", "agrees"), ("1025.26", "differs"), ("1024.7", "differs")])
def test_the_larger_tolerance_counts(last: str, verdict: str, autumn: pa.Table) -> None:
    assert compared(autumn, "1000", last).verdict == verdict


def test_a_dial_that_went_round(autumn: pa.Table) -> None:
    assert compared(autumn, "99990", "15", Register(digits=5)).advance == 25
    assert compared(autumn, "99990", "15", Register(digits=5)).verdict is Verdict.AGREES


def test_a_dial_that_was_changed_did_not_go_round(autumn: pa.Table) -> None:
    found = compared(autumn, "50000", "3", Register(digits=5))
    assert (found.verdict, found.why, found.difference) == (Verdict.CANNOT_TELL, ("register_went_back",), None)
    assert compared(autumn, "99990", "15", Register(digits=5, most=Decimal(24))).why == ("register_went_back",)
    assert compared(autumn, "99990", "15").why == ("register_went_back",)


def test_the_multiplier_is_of_the_dial(autumn: pa.Table) -> None:
    assert compared(autumn, "100", "100.625", Register(multiplier=Decimal(40))).verdict is Verdict.AGREES


def test_with_missing_intervals_nobody_can_tell(autumn: pa.Table) -> None:
    found = compared(autumn.slice(0, 98), "1000", "1025")
    assert (found.verdict, found.why, found.missing) == (
        Verdict.CANNOT_TELL,
        ("missing_intervals",),
        timedelta(minutes=30),
    )


def test_an_interval_without_a_value_is_missing(autumn: pa.Table) -> None:
    values = pa.array([None, *[0.25] * 99])
    found = compared(autumn.set_column(autumn.column_names.index("value"), "value", values), "1000", "1025")
    assert (found.why, found.missing) == (("missing_intervals",), timedelta(minutes=15))


def test_a_reading_within_an_interval_cannot_be_compared(autumn: pa.Table) -> None:
    assert compared(autumn, "1000", "1025", begin="2025-11-02T00:05:00-05:00").why == ("read_within_interval",)


def test_readings_in_the_wrong_order_and_several_series_are_refused(autumn: pa.Table) -> None:
    with pytest.raises(ConfigError, match="wrong order"):
        compared(autumn, "1", "2", begin="2025-11-03T00:00:00-06:00")
    names = pa.array(["SP2", *["SP1"] * 99])
    with pytest.raises(ConfigError, match="several series"):
        compared(autumn.set_column(0, "service_point", names), "1", "2")


@pytest.mark.parametrize("given", [{"digits": 0}, {"digits": 16}, {"multiplier": Decimal(0)}])
def test_dials_that_are_none(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="no such dial"):
        Register(**given)
