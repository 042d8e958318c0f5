"""The hour that comes twice and the one that is left out: told by order, by flag or by offset, and never guessed or shifted."""

from __future__ import annotations

from datetime import datetime
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from airflow_provider_integrations.connectors.historian.intervals_passes import passes_of
from tests.unit.connectors.historian.interval_files import csv_of, normalized, utc

FIRST = ["2025-11-02 01:00", "2025-11-02 01:15", "2025-11-02 01:30", "2025-11-02 01:45"]
BEFORE, AFTER = ["2025-11-02 00:45"], ["2025-11-02 02:00"]
TWICE = [utc(f"2025-11-02T0{hour}:{minute:02d}") for hour in (6, 7) for minute in (0, 15, 30, 45)]
WHOLE = [utc("2025-11-02T05:45"), *TWICE, utc("2025-11-02T08:00")]


def test_the_first_pass_is_the_first_occurrence_by_order(tmp_path: Path) -> None:
    found = normalized(tmp_path, csv_of([*BEFORE, *FIRST, *FIRST, *AFTER]))
    assert found.begins == WHOLE
    assert found.values == [float(place) for place in range(10)]
    assert [row["local_begin"][-6:] for row in found.rows] == ["-05:00"] * 5 + ["-06:00"] * 5


def test_a_file_sorted_by_its_local_stamps(tmp_path: Path) -> None:
    pairs = list(chain.from_iterable(zip(FIRST, FIRST, strict=True)))
    found = normalized(tmp_path, csv_of([*BEFORE, *pairs, *AFTER]))
    assert found.begins == WHOLE
    assert found.values == [0, 1, 3, 5, 7, 2, 4, 6, 8, 9]


def test_a_file_that_runs_from_new_to_old(tmp_path: Path) -> None:
    stamps = [*AFTER, *FIRST[::-1], *FIRST[::-1], *BEFORE]
    found = normalized(tmp_path, csv_of(stamps))
    assert (found.begins, found.values) == (WHOLE, [9.0 - place for place in range(10)])


def test_part_of_a_pass_is_known_by_the_step_back(tmp_path: Path) -> None:
    """01:30 and 01:45 of the first pass are missing; counting occurrences would put those of the second there."""
    found = normalized(tmp_path, csv_of([*BEFORE, *FIRST[:2], *FIRST, *AFTER]))
    assert found.begins == [WHOLE[0], *TWICE[:2], *TWICE[4:], WHOLE[-1]]
    assert found.report["missing"] - found.report["missing_at_edges"] == 2


def test_one_pass_alone_may_be_either_and_is_refused(tmp_path: Path) -> None:
    found = normalized(tmp_path, csv_of([*BEFORE, *FIRST, *AFTER]))
    assert found.begins == [WHOLE[0], WHOLE[-1]]
    assert found.reasons == [(stamp.replace(" ", "T") + ":00", "ambiguous_time") for stamp in FIRST]


def test_three_passes_are_refused(tmp_path: Path) -> None:
    found = normalized(tmp_path, csv_of([*BEFORE, *FIRST, *FIRST, *FIRST, *AFTER]))
    assert (len(found.rows), found.report["rejects"]) == (2, {"ambiguous_time": 12})


def test_the_order_of_each_meter_counts_however_they_are_mixed(tmp_path: Path) -> None:
    lines = [f"{point},{stamp},{point}" for stamp in [*BEFORE, *FIRST, *FIRST, *AFTER] for point in (1, 2, 3)]
    found = normalized(tmp_path, "\n".join(["meter,timestamp,value", *lines]))
    assert found.begins == WHOLE * 3


def test_an_offset_wins_over_the_order(tmp_path: Path) -> None:
    content = "service_point,timestamp,value,offset\nA,2025-11-02 01:30,1,-06:00\nA,2025-11-02 01:30,2,-05:00\n"
    found = normalized(tmp_path, content)
    assert list(zip(found.begins, found.values, strict=True)) == [
        (utc("2025-11-02T06:30"), 2.0),
        (utc("2025-11-02T07:30"), 1.0),
    ]


@pytest.mark.parametrize(
    "stamp", ["2025-11-02T01:30-05:00", "2025-11-02 06:30Z", "2025-11-02 07:30:00+01:00", "20251102T0630Z"]
)
def test_an_offset_in_the_stamp(stamp: str, tmp_path: Path) -> None:
    assert normalized(tmp_path, csv_of([stamp])).begins == [utc("2025-11-02T06:30")]


@pytest.mark.parametrize(("summer", "standard"), [("1", "0"), ("Y", "N"), ("true", "false"), ("DST", "STD")])
def test_a_flag_wins_over_the_order(summer: str, standard: str, tmp_path: Path) -> None:
    lines = [f"A,{stamp},{flag}" for flag in (standard, summer) for stamp in FIRST]
    found = normalized(tmp_path, "\n".join(["meter,timestamp,dst,value", *(f"{line},1" for line in lines)]))
    assert found.begins == TWICE


def test_a_flag_that_is_none_is_refused(tmp_path: Path) -> None:
    found = normalized(tmp_path, "meter,timestamp,dst,value\nA,2025-11-02 01:00,maybe,1\nA,2025-11-02 03:00,,1\n")
    assert found.report["rejects"] == {"stamp": 1}


def test_stamps_in_the_hour_left_out_are_refused_and_not_shifted(tmp_path: Path) -> None:
    stamps = ["2025-03-09 01:45", "2025-03-09 02:00", "2025-03-09 02:30", "2025-03-09 03:00"]
    found = normalized(tmp_path, csv_of(stamps))
    assert found.begins == [utc("2025-03-09T07:45"), utc("2025-03-09T08:00")]
    assert found.reasons == [("2025-03-09T02:00:00", "nonexistent_time"), ("2025-03-09T02:30:00", "nonexistent_time")]


@pytest.mark.parametrize("end", ["2025-03-09 02:00", "2025-03-09 03:00"])
def test_the_last_interval_before_the_clocks_go_forward_may_end_by_either_clock(end: str, tmp_path: Path) -> None:
    found = normalized(tmp_path, csv_of(["2025-03-09 01:45", end, "2025-03-09 03:15"]), ending=True)
    assert found.begins == [utc("2025-03-09T07:30"), utc("2025-03-09T07:45"), utc("2025-03-09T08:00")]
    assert found.report["rejected"] == 0


@pytest.mark.parametrize(
    "ends",
    [
        # As the clock shows it at the end of each interval.
        ["01:00", "01:15", "01:30", "01:45", "01:00", "01:15", "01:30", "01:45", "02:00", "02:15"],
        # The beginning by the clock, and its length added.
        ["01:00", "01:15", "01:30", "01:45", "02:00", "01:15", "01:30", "01:45", "02:00", "02:15"],
        # Both, sorted.
        ["01:00", "01:00", "01:15", "01:15", "01:30", "01:30", "01:45", "01:45", "02:00", "02:15"],
        ["01:00", "01:15", "01:15", "01:30", "01:30", "01:45", "01:45", "02:00", "02:00", "02:15"],
    ],
)
def test_the_hour_that_comes_twice_told_by_its_ends(ends: list[str], tmp_path: Path) -> None:
    found = normalized(tmp_path, csv_of(f"2025-11-02 {end}" for end in ends), ending=True)
    assert found.begins == WHOLE
    assert found.report["rejected"] == 0


def test_the_end_of_a_day_may_be_called_24_00(tmp_path: Path) -> None:
    found = normalized(tmp_path, csv_of(["2025-06-01 23:45", "2025-06-01 24:00", "2025-06-02 00:15"]), ending=True)
    assert [row["local_begin"] for row in found.rows] == [
        "2025-06-01T23:30:00-05:00",
        "2025-06-01T23:45:00-05:00",
        "2025-06-02T00:00:00-05:00",
    ]
    assert [(row["slot"], str(row["local_date"])) for row in found.rows] == [
        (94, "2025-06-01"),
        (95, "2025-06-01"),
        (0, "2025-06-02"),
    ]


def test_24_00_begins_nothing(tmp_path: Path) -> None:
    found = normalized(tmp_path, csv_of(["2025-06-01 23:45", "2025-06-01 24:00"]))
    assert (len(found.rows), found.report["rejects"]) == (1, {"midnight_24": 1})


def test_the_day_that_samoa_left_out(tmp_path: Path) -> None:
    stamps = ["2011-12-29 23:45", "2011-12-30 00:00", "2011-12-30 12:00", "2011-12-31 00:00"]
    found = normalized(tmp_path, csv_of(stamps), "Pacific/Apia")
    assert found.begins == [utc("2011-12-30T09:45"), utc("2011-12-30T10:00")]
    assert found.report["rejects"] == {"nonexistent_time": 2}
    assert found.report["days_without_any"] == 0


def test_a_meter_on_standard_time_all_year_knows_no_turn(tmp_path: Path) -> None:
    stamps = ["2025-03-09 02:30", "2025-07-01 00:00", "2025-11-02 01:30"]
    found = normalized(tmp_path, csv_of(stamps), "Etc/GMT+6")
    assert found.begins == [datetime.fromisoformat(f"{stamp}-06:00") for stamp in stamps]


def test_passes_of_nothing() -> None:
    nothing = np.zeros(0, np.int64)
    assert passes_of(nothing, nothing, np.zeros(0, np.int8)).tolist() == []
