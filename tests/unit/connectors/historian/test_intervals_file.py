"""Files of readings as they come: duplicates and conflicts, what is missing, and files that mean harm."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_integrations.connectors.historian.intervals import INTERVALS
from airflow_provider_integrations.connectors.historian.intervals_file import Rules, normalize_file
from airflow_provider_integrations.connectors.historian.intervals_outputs import beside
from airflow_provider_integrations.core.errors import ConfigError, RejectedError
from airflow_provider_integrations.core.reasons import Reason
from tests.unit.connectors.historian.interval_files import by_the_clock, csv_of, normalized, slots, utc

DAY = by_the_clock(slots("America/Chicago", "2025-06-01", 1, 15), "America/Chicago")


def test_the_file_has_the_columns_that_it_should(tmp_path: Path) -> None:
    normalized(tmp_path, csv_of(DAY))
    assert pq.read_schema(tmp_path / "intervals.parquet").equals(INTERVALS)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "intervals.missing.parquet",
        "intervals.parquet",
        "readings",
    ]


def test_the_same_again_is_dropped_and_counted(tmp_path: Path) -> None:
    once, twice = csv_of(DAY), csv_of(DAY) + csv_of(DAY).split("\n", 1)[1]
    first = normalized(tmp_path, once)
    found = normalized(tmp_path, twice)
    assert found.rows == first.rows
    assert (found.report["rows"], found.report["duplicates"], found.report["rejected"]) == (192, 96, 0)


def test_two_values_for_one_slot_are_both_refused(tmp_path: Path) -> None:
    content = "meter,timestamp,value\nA,2025-06-01 00:00,1\nA,2025-06-01 00:00,2\nA,2025-06-01 00:15,3\n"
    found = normalized(tmp_path, content)
    assert found.values == [3.0]
    assert [(row["row"], row["value"], row["reason"]) for row in found.rejects] == [
        (1, "1.0", "conflict"),
        (2, "2.0", "conflict"),
    ]


@pytest.mark.parametrize(
    "versions", [("1", "2"), ("2025-06-02 00:00", "2025-06-03 00:00"), ("20250602000000", "20250603000000")]
)
def test_of_versions_the_latest_wins(versions: tuple[str, str], tmp_path: Path) -> None:
    lines = [f"A,2025-06-01 00:00,{value},{version}" for value, version in zip((1, 2), versions, strict=True)]
    for order in (lines, lines[::-1]):
        found = normalized(tmp_path, "\n".join(["meter,timestamp,value,version", *order]))
        assert (found.values, found.report["superseded"], found.report["rejected"]) == ([2.0], 1, 0)
        assert [(row["value"], row["reason"]) for row in found.rejects] == [("1.0", "superseded")]


@pytest.mark.parametrize(
    ("flags", "kept"),
    [("EA", 2), ("AE", 1), ("ES", 2), ("SE", 1), ("SA", 2), ("AS", 1)],
)
def test_an_actual_value_stands_above_a_substituted_one_and_that_above_an_estimate(
    flags: str, kept: int, tmp_path: Path
) -> None:
    """Whatever their order and versions: precedence is monotone."""
    lines = [f"A,2025-06-01 00:00,{place},{flag},{9 - place}" for place, flag in enumerate(flags, 1)]
    found = normalized(tmp_path, "\n".join(["meter,timestamp,value,quality,version", *lines]))
    assert (found.values, found.report["superseded"]) == ([float(kept)], 1)


def test_a_value_stands_above_none(tmp_path: Path) -> None:
    found = normalized(tmp_path, "meter,timestamp,value,quality\nA,2025-06-01 00:00,,A\nA,2025-06-01 00:00,5,E\n")
    assert (found.values, found.report["without_value"]) == ([5.0], 0)


def test_a_slot_without_a_value_is_null_and_never_0(tmp_path: Path) -> None:
    found = normalized(tmp_path, "meter,timestamp,value\nA,2025-06-01 00:00,\nA,2025-06-01 00:15,1\n")
    assert (found.values, found.report["without_value"]) == ([None, 1.0], 1)


def test_missing_slots_are_listed(tmp_path: Path) -> None:
    gone = ("2025-06-01 00:00", "2025-06-01 12:00", "2025-06-01 12:15", "2025-06-01 23:45")
    found = normalized(tmp_path, csv_of(stamp for stamp in DAY if stamp not in gone))
    assert [(row["local_begin"], row["slots"], row["edge"]) for row in found.missing] == [
        ("2025-06-01T00:00:00-05:00", 1, True),
        ("2025-06-01T12:00:00-05:00", 2, False),
        ("2025-06-01T23:45:00-05:00", 1, True),
    ]
    assert found.missing[1]["ts_end"] == utc("2025-06-01T17:30")
    assert (found.report["missing"], found.report["missing_at_edges"]) == (4, 2)
    assert found.report["unexpected"] == [
        {"service_point": "SP1", "channel": "", "local_date": "2025-06-01", "slots": 92, "expected": 96}
    ]


def test_a_day_without_any_slot_is_counted(tmp_path: Path) -> None:
    found = normalized(tmp_path, csv_of(["2025-06-01 23:45", "2025-06-03 00:00"]))
    assert (found.report["days"], found.report["days_without_any"], found.report["missing"]) == (2, 1, 286)


def test_channels_of_one_meter_are_series_of_their_own(tmp_path: Path) -> None:
    content = "nmi,register,timestamp,kwh\nA,E1,2025-06-01 00:00,1\nA,B1,2025-06-01 00:00,2\n"
    found = normalized(tmp_path, content)
    assert [(row["channel"], row["value"], row["unit"]) for row in found.rows] == [
        ("E1", 1.0, "kWh"),
        ("B1", 2.0, "kWh"),
    ]
    assert (found.report["series"], found.report["service_points"]) == (2, 1)


@pytest.mark.parametrize(
    ("header", "ending"),
    [("interval_end", True), ("Interval Ending", True), ("interval_start", False), ("timestamp", False)],
)
def test_the_name_of_the_stamps_says_what_they_tell(header: str, ending: bool, tmp_path: Path) -> None:
    found = normalized(tmp_path, f"meter,{header},value\nA,2025-06-01 12:00,1\n")
    assert found.begins == [utc("2025-06-01T16:45") if ending else utc("2025-06-01T17:00")]
    assert found.report["stamps"] == ("ending" if ending else "beginning")


@pytest.mark.parametrize(
    ("value", "stamp", "flag", "reason"),
    [
        ("x", "2025-06-01 00:00", "A", "value"),
        ("nan", "2025-06-01 00:00", "A", "value"),
        ("inf", "2025-06-01 00:00", "A", "value"),
        ("1e999", "2025-06-01 00:00", "A", "value"),
        ("1_0", "2025-06-01 00:00", "A", "value"),
        ('"1,5"', "2025-06-01 00:00", "A", "value"),
        ("=1+1", "2025-06-01 00:00", "A", "value"),
        ("1", "", "A", "stamp"),
        ("1", "yesterday", "A", "stamp"),
        ("1", "06/01/2025 00:00", "A", "stamp"),
        ("1", "2025-06-31 00:00", "A", "stamp"),
        ("1", "2025-13-01 00:00", "A", "stamp"),
        ("1", "2025-06-01 24:15", "A", "stamp"),
        ("1", "2025-06-01 12:60", "A", "stamp"),
        ("1", "1969-12-31 23:45", "A", "stamp"),
        ("1", "2100-01-01 00:00", "A", "stamp"),
        ("1", "0000-00-00 00:00", "A", "stamp"),
        ("1", "2025-06-01T00:00+99:00", "A", "stamp"),
        ("1", "2025-06-01 00:07", "A", "off_grid"),
        ("1", "2025-06-01 00:14:59", "A", "off_grid"),
        ("1", "2025-06-01 00:00", "Q", "quality"),
    ],
)
def test_what_cannot_be_read_is_refused_and_the_rest_is_not(
    value: str, stamp: str, flag: str, reason: str, tmp_path: Path
) -> None:
    content = f"meter,timestamp,value,quality\nA,{stamp},{value},{flag}\nA,2025-06-01 01:00,7,A\n"
    found = normalized(tmp_path, content)
    assert (found.values, found.report["rejects"]) == ([7.0], {reason: 1})
    assert (found.rejects[0]["row"], found.rejects[0]["service_point"]) == (1, "A")


def test_a_form_that_is_given(tmp_path: Path) -> None:
    content = "meter,timestamp,value\nA,06/01/2025 00:15,1\nA,06/01/2025 24:00,2\nA,13/01/2025 00:15,2\n"
    found = normalized(tmp_path, content, ending=True, form="%m/%d/%Y %H:%M")
    assert (found.begins, found.report["rejects"]) == ([utc("2025-06-01T05:00"), utc("2025-06-02T04:45")], {"stamp": 1})


@pytest.mark.parametrize("form", ["%m/%d", "%q", "", "2025"])
def test_a_form_that_tells_no_time_is_refused(form: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no form of a stamp"):
        normalized(tmp_path, csv_of(DAY), form=form)


@pytest.mark.parametrize("encode", ["utf-8-sig", "utf-16"])
def test_marks_of_encodings_and_ends_of_lines(encode: str, tmp_path: Path) -> None:
    content = csv_of(DAY).replace("\n", "\r\n").encode(encode)
    assert len(normalized(tmp_path, content).rows) == 96


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters(delimiter: str, tmp_path: Path) -> None:
    assert len(normalized(tmp_path, csv_of(DAY).replace(",", delimiter)).rows) == 96


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.EMPTY_FILE),
        (b"\xef\xbb\xbf", Reason.UNREADABLE),
        (b"service_point,timestamp,value\n", Reason.NO_ROWS),
        (b"service_point,timestamp,value", Reason.NO_ROWS),
        (b"a,b,c\n1,2,3\n", Reason.COLUMNS_MISSING),
        (b"meter,nmi,timestamp,value\nA,B,2025-06-01 00:00,1\n", Reason.UNREADABLE),
        (b"meter,timestamp,value\nA,2025-06-01 00:00,1,2,3\n", Reason.NO_ROWS),
        (b"meter,timestamp,value\nA,2025-06-01 00:00,\xff\n", Reason.UNREADABLE),
        (b"x" * 20_000_000, Reason.UNREADABLE),
        (b"meter,timestamp,value\nA,2025-06-01 00:00," + b"1" * 20_000_000 + b"\n", Reason.UNREADABLE),
        (b"PK\x03\x04rest", Reason.WRONG_TYPE),
        (b"\x1f\x8brest", Reason.WRONG_TYPE),
        (b"PAR1rest", Reason.UNREADABLE),
    ],
    ids=lambda value: str(value)[:24],
)  # fmt: skip
def test_files_that_are_none(content: bytes, reason: Reason, tmp_path: Path) -> None:
    with pytest.raises(RejectedError) as caught:
        normalized(tmp_path, content)
    assert caught.value.reason is reason
    assert not (tmp_path / "intervals.parquet").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_row_of_other_columns_is_refused_alone(tmp_path: Path) -> None:
    found = normalized(tmp_path, "meter,timestamp,value\nA,2025-06-01 00:00,1\nA,2025\nA,2025-06-01 00:15,2\n")
    assert (found.values, found.report["rejects"]) == ([1.0, 2.0], {"record": 1})


def test_text_that_a_spreadsheet_would_run_stays_text(tmp_path: Path) -> None:
    found = normalized(tmp_path, "meter,timestamp,value\n=HYPERLINK(1),2025-06-01 00:00,1\n")
    assert found.rows[0]["service_point"] == "=HYPERLINK(1)"


def test_too_many_refusals_leave_the_file_of_before(tmp_path: Path) -> None:
    before = normalized(tmp_path, csv_of(DAY))
    content = csv_of([*DAY[:8], "x", "y"])
    with pytest.raises(RejectedError) as caught:
        normalized(tmp_path, content, most_rejected=0.19)
    assert caught.value.reason is Reason.TOO_MANY_REJECTS
    out = tmp_path / "intervals.parquet"
    assert pq.read_table(out).num_rows == len(before.rows)
    assert pq.read_table(beside(out, "rejects")).num_rows == 2
    assert len(normalized(tmp_path, content, most_rejected=0.2).rows) == 8


def test_an_old_file_of_refusals_does_not_stay(tmp_path: Path) -> None:
    assert normalized(tmp_path, csv_of([*DAY, "x"])).rejects
    assert normalized(tmp_path, csv_of(DAY)).rejects == []


def test_a_source_is_never_replaced(tmp_path: Path) -> None:
    source = tmp_path / "june.csv"
    source.write_text(csv_of(DAY))
    with pytest.raises(ConfigError, match="replace its own source"):
        normalize_file(source, source, Rules(ZoneInfo("UTC"), 15))
    assert source.read_text() == csv_of(DAY)


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_parquet_with_local_stamps_and_with_instants(zone: str | None, tmp_path: Path) -> None:
    stamps = [
        datetime(2025, 6, 1, 12, tzinfo=UTC if zone else None),
        datetime(2025, 6, 1, 12, 15, 0, 500, tzinfo=UTC if zone else None),
    ]
    table = pa.table(
        {"meter": ["A", "A"], "timestamp": pa.array(stamps, pa.timestamp("us", zone)), "value": [1.5, 2.5]}
    )
    pq.write_table(table, tmp_path / "in.parquet")
    report = normalize_file(tmp_path / "in.parquet", tmp_path / "out.parquet", Rules(ZoneInfo("America/Chicago"), 15))
    [row] = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert row["ts_begin"] == (utc("2025-06-01T12:00") if zone else utc("2025-06-01T17:00"))
    assert (report["format"], report["rejects"]) == ("parquet", {"stamp": 1})


@pytest.mark.parametrize("minutes", [0, 7, 1441])
def test_lengths_that_fill_no_day(minutes: int) -> None:
    with pytest.raises(ConfigError, match="do not fill a day"):
        Rules(ZoneInfo("UTC"), minutes)
