"""Each type: what it takes, what it refuses, and that a bad neighbour changes no good value."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.formats.decoding import contract, read_back

GOOD: list[tuple[str, str, Any]] = [
    ("integer", "0", 0),
    ("integer", "+5", 5),
    ("integer", "-0", 0),
    ("integer", "007", 7),
    ("integer", " 12\t", 12),
    ("integer", "9223372036854775807", 2**63 - 1),
    ("integer", "-9223372036854775808", -(2**63)),
    ("float", "+.5", 0.5),
    ("float", "1E+5", 1e5),
    ("float", "1e-400", 0.0),
    ("decimal(18,2)", "1e2", Decimal("100.00")),
    ("decimal(18,2)", "0.10", Decimal("0.10")),
    ("decimal(18,2)", "-9999999999999999.99", Decimal("-9999999999999999.99")),
    ("decimal(38,0)", "9" * 38, Decimal("9" * 38)),
    ("decimal(18,2)", "1.000", Decimal("1.00")),
    ("boolean", "TRUE", True),
    ("boolean", "n", False),
    ("boolean", "Yes", True),
    ("boolean", "0", False),
    ("date", "2024-02-29", date(2024, 2, 29)),
    ("date", "0001-01-01", date(1, 1, 1)),
    ("time", "23:59", time(23, 59)),
    ("time", "23:59:59.5", time(23, 59, 59, 500_000)),
    ("timestamp", "2024-01-01T10:00:00+01:00", datetime(2024, 1, 1, 9, tzinfo=UTC)),
    ("timestamp", "0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ("timestamp", "2024-01-01T10:00:00Z", datetime(2024, 1, 1, 10, tzinfo=UTC)),
    ("timestamp", "2024-01-01 10:00:00.123456", datetime(2024, 1, 1, 10, 0, 0, 123456, tzinfo=UTC)),
    ("timestamp", "2024-01-01", datetime(2024, 1, 1, tzinfo=UTC)),
    ("uuid", "F47AC10B-58CC-4372-A567-0E02B2C3D479", "f47ac10b-58cc-4372-a567-0e02b2c3d479"),
    ("string", "  kept  ", "  kept  "),
]
BAD = [
    *(
        ("integer", text)
        for text in ["0x1F", "1_0", "1.0", "1e3", "--1", "+-1", "-", "9223372036854775808", "\uff11", "x"]
    ),
    *(("float", text) for text in ["nan", "NaN", "inf", "-Infinity", "1e400", "1,5", "0x1p3", ".", "1e"]),
    *(("decimal(18,2)", text) for text in ["1.005", "10000000000000000.00", "1e999", "nan", ".", "", "0x1"] if text),
    *(("boolean", text) for text in ["2", "on", "tru", "ja"]),
    *(("date", text) for text in ["2024-02-30", "20240101", "2024-1-1", "0000-01-01", "2024-01-01T00:00:00"]),
    *(("time", text) for text in ["24:00:00", "10", "10:00:00.1234567", "1:00"]),
    *(("timestamp", text) for text in ["2024-01-01T24:00:00", "2024-01-01T10:00:00.1234567", "0000-01-01T00:00:00"]),
    *(("timestamp", text) for text in ["9999-12-31T23:59:59-05:00", "2024-01-01T10:00:00+25:00", "2024-13-01T00:00"]),
    *(("uuid", text) for text in ["f47ac10b58cc4372a5670e02b2c3d479", "x", "f47ac10b-58cc-4372-a567-0e02b2c3d47g"]),
]


@pytest.mark.parametrize(("kind", "text", "value"), GOOD)
@pytest.mark.parametrize("neighbour", [None, "\x7fbad"])
def test_a_good_value_is_the_same_alone_and_beside_a_bad_one(
    tmp_path: Path, kind: str, text: str, value: Any, neighbour: str | None
) -> None:
    rows = f'1,"{text}"\n' + (f"2,{neighbour}\n" if neighbour and kind != "string" else "")
    result = read_back(
        b"id,v\n" + rows.encode(), contract({"name": "id", "type": "integer"}, {"name": "v", "type": kind}), tmp_path
    )
    assert result.column("v") == [value]
    assert result.broken == ([(3, "v", "type")] if neighbour and kind != "string" else [])


@pytest.mark.parametrize(("kind", "text"), BAD)
@pytest.mark.parametrize("with_good", [False, True])
def test_a_bad_value_is_a_reject_of_its_type(tmp_path: Path, kind: str, text: str, with_good: bool) -> None:
    good = next(entry[1] for entry in GOOD if entry[0] == kind)
    rows = f'1,"{text}"\n' + (f'2,"{good}"\n' * 1 if with_good else "")
    result = read_back(
        b"id,v\n" + rows.encode(), contract({"name": "id", "type": "integer"}, {"name": "v", "type": kind}), tmp_path
    )
    assert result.broken == [(2, "v", "type")]
    assert result.decoded.rows_landed == int(with_good)


def berlin(tmp_path: Path, *texts: str, **column: Any) -> tuple[list[Any], list[str]]:
    data = "id,at\n" + "".join(f"{at},{text}\n" for at, text in enumerate(texts))
    by = contract(
        {"name": "id", "type": "integer"}, {"name": "at", "type": "timestamp", "zone": "Europe/Berlin", **column}
    )
    result = read_back(data.encode(), by, tmp_path)
    return result.column("at"), [rule for _, _, rule in result.broken]


def test_local_time_becomes_utc_by_the_rules_of_its_day(tmp_path: Path) -> None:
    values, broken = berlin(tmp_path, "2024-01-01T12:00:00", "2024-07-01T12:00:00")
    assert values == [datetime(2024, 1, 1, 11, tzinfo=UTC), datetime(2024, 7, 1, 10, tzinfo=UTC)]
    assert broken == []


def test_a_local_time_in_the_spring_gap_is_refused_and_not_shifted(tmp_path: Path) -> None:
    values, broken = berlin(tmp_path, "2024-03-31T02:30:00", "2024-03-31T03:00:00")
    assert values == [datetime(2024, 3, 31, 1, tzinfo=UTC)]
    assert broken == ["nonexistent_time"]


def test_a_local_time_in_the_repeated_hour_is_refused_and_not_guessed_unless_an_offset_says_which(
    tmp_path: Path,
) -> None:
    values, broken = berlin(tmp_path, "2024-10-27T02:30:00", "2024-10-27T02:30:00+01:00", "2024-10-27T02:30:00+02:00")
    assert values == [datetime(2024, 10, 27, 1, 30, tzinfo=UTC), datetime(2024, 10, 27, 0, 30, tzinfo=UTC)]
    assert broken == ["ambiguous_time"]


@pytest.mark.parametrize(
    ("form", "text", "value"),
    [
        ("%d.%m.%Y %H:%M", "31.12.2023 23:30", datetime(2023, 12, 31, 22, 30, tzinfo=UTC)),
        ("%d.%m.%Y %H:%M", "1.2.2024 7:05", datetime(2024, 2, 1, 6, 5, tzinfo=UTC)),
        ("%Y%m%d%H%M%S", "20240701120000", datetime(2024, 7, 1, 10, tzinfo=UTC)),
        ("%Y-%m-%d %H:%M:%S.%f", "2024-07-01 12:00:00.25", datetime(2024, 7, 1, 10, 0, 0, 250_000, tzinfo=UTC)),
        ("%d %b %Y %I:%M %p", "01 Jul 2024 12:00 PM", datetime(2024, 7, 1, 10, tzinfo=UTC)),
        ("%Y-%m-%dT%H:%M:%S%z", "2024-07-01T12:00:00-0100", datetime(2024, 7, 1, 13, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("bad", [(), ("31.02.2024 00:00",)])
def test_a_partners_own_stamp_format_and_a_day_that_is_not_is_never_moved(
    tmp_path: Path, form: str, text: str, value: datetime, bad: tuple[str, ...]
) -> None:
    values, broken = berlin(tmp_path, text, *bad, format=form)
    assert values == [value]
    assert broken == ["format"] * len(bad)


def test_dates_and_times_in_a_partners_own_format(tmp_path: Path) -> None:
    by = contract(
        {"name": "id", "type": "integer"},
        {"name": "d", "type": "date", "format": "%d/%m/%Y"},
        {"name": "t", "type": "time", "format": "%H%M%S"},
    )
    result = read_back(b"id,d,t\n1,31/01/2024,235959\n2,31/02/2024,235959\n3,,\n", by, tmp_path)
    assert result.column("d") == [date(2024, 1, 31), None]
    assert result.column("t") == [time(23, 59, 59), None]
    assert result.broken == [(3, "d", "format")]


@pytest.mark.parametrize(
    ("zone", "text"), [("Europe/Berlin", "0001-01-01 00:00:00"), ("America/New_York", "9999-12-31 23:59:59")]
)
@pytest.mark.parametrize("form", [None, "%Y-%m-%d %H:%M:%S"])
def test_a_local_time_whose_instant_is_outside_the_years_1_to_9999_is_refused(
    zone: str, text: str, form: str | None, tmp_path: Path
) -> None:
    """Partners write the first of these for "no date"; in UTC it is in the year 0, which Python cannot hold."""
    by = contract({"name": "id", "type": "integer"}, {"name": "v", "type": "timestamp", "zone": zone, "format": form})
    for others in ("", "2,2024-01-01 10:00:00\n", "2,2024-13-01 10:00:00\n"):
        result = read_back(f"id,v\n1,{text}\n{others}".encode(), by, tmp_path)
        assert result.broken[0] == (2, "v", "type"), others


def test_a_bound_between_two_integers_holds_for_integers_that_no_float_has(tmp_path: Path) -> None:
    by = contract({"name": "id", "type": "integer", "range": {"min": 1.5, "max": "9007199254740993.5"}})
    result = read_back(b"id\n1\n2\n9007199254740993\n9007199254740994\n", by, tmp_path)
    assert result.column("id") == [2, 9007199254740993]
    assert [rule for _, _, rule in result.broken] == ["range", "range"]


def test_patterns_are_re2_and_not_pythons(tmp_path: Path) -> None:
    by = contract({"name": "id", "type": "string", "pattern": r"^\pL+(?i)b\z"})
    result = read_back("id\näB\n1b\n".encode(), by, tmp_path)
    assert result.column("id") == ["äB"]
