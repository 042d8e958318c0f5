"""NEM12 by AEMO's Meter Data File Format Specification NEM12 & NEM13; the samples are written from it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_integrations.core.errors import RejectedError
from airflow_provider_integrations.core.reasons import Reason
from tests.unit.connectors.historian.interval_files import Normalized, normalized, utc

ZONE = "Etc/GMT-10"
HEADER = "100,NEM12,200405011135,MDA1,Ret1"
DETAILS = "200,VABD000163,E1Q1,1,E1,N1,METSER123,kWh,30,20050101"


def day(
    date: str = "20040201",
    flag: str = "A",
    values: list[str] | None = None,
    rest: str = ",,20040202120025,20040202142516",
) -> str:
    return f"300,{date},{','.join(values or [f'{place}.111' for place in range(48)])},{flag},{rest}"


def read(folder: Path, *records: str, zone: str = ZONE, minutes: int = 30, end: str = "900\r\n") -> Normalized:
    return normalized(folder, "\r\n".join([HEADER, *records, end]), zone, minutes)


def test_a_day_begins_at_midnight_of_market_time(tmp_path: Path) -> None:
    found = read(tmp_path, DETAILS, day(), "500,O,S01009,20040202120025,")
    assert (found.report["format"], found.report["slots"], found.report["days_unexpected"]) == ("nem12", 48, 0)
    assert found.begins == [utc("2004-01-31T14:00") + timedelta(minutes=30) * place for place in range(48)]
    assert found.values == [float(f"{place}.111") for place in range(48)]
    told = found.rows[0]
    assert (told["service_point"], told["channel"], told["unit"], told["quality_detail"]) == (
        "VABD000163",
        "E1",
        "kWh",
        "A",
    )


def test_market_time_has_no_summer_time(tmp_path: Path) -> None:
    """Sydney's clocks went back on 28 March 2004: market time has 48 intervals that day all the same."""
    found = read(tmp_path, DETAILS, day("20040328"), zone="Australia/Sydney")
    assert (found.report["slots"], found.report["rejected"]) == (48, 0)
    assert [row["local_begin"][-6:] for row in found.rows] == ["+11:00"] * 4 + ["+10:00"] * 44
    assert found.begins[0] == utc("2004-03-27T14:00")


@pytest.mark.parametrize(("minutes", "count"), [(5, 288), (15, 96), (30, 48)])
def test_lengths(minutes: int, count: int, tmp_path: Path) -> None:
    details = DETAILS.replace(",30,", f",{minutes},")
    found = read(tmp_path, details, day(values=["1.5"] * count), minutes=minutes)
    assert (found.report["slots"], found.report["missing"]) == (count, 0)


@pytest.mark.parametrize(
    ("flag", "quality", "origin"),
    [
        ("A", "good", "actual"),
        ("S14", "uncertain", "substituted"),
        ("F52", "uncertain", "substituted"),
        ("E62", "uncertain", "estimated"),
    ],
)
def test_flags(flag: str, quality: str, origin: str, tmp_path: Path) -> None:
    found = read(tmp_path, DETAILS, day(flag=flag, rest="79,Power outage,20040202120025,"))
    assert {(row["quality"], row["origin"], row["quality_detail"]) for row in found.rows} == {
        (quality, origin, f"{flag}/79")
    }


def test_a_null_is_no_value_though_the_file_has_0(tmp_path: Path) -> None:
    found = read(tmp_path, DETAILS, day(flag="N", values=["0"] * 48))
    assert (set(found.values), found.report["without_value"]) == ({None}, 48)


def test_events_tell_the_quality_of_each_interval(tmp_path: Path) -> None:
    found = read(tmp_path, DETAILS, day(flag="V"), "400,1,20,A,,", "400,21,24,F14,76,", "400,25,48,E52,,")
    told = [(row["origin"], row["quality_detail"]) for row in found.rows]
    assert told == [("actual", "A")] * 20 + [("substituted", "F14/76")] * 4 + [("estimated", "E52")] * 24


@pytest.mark.parametrize(
    ("events", "left"),
    [
        ([], 0),
        (["400,1,20,A,,"], 20),
        (["400,1,48,A,,", "400,48,48,E52,,"], 47),
        (["400,1,49,A,,"], 0),
        (["400,0,48,A,,"], 0),
        (["400,5,4,A,,"], 0),
        (["400,1,48,V,,"], 0),
        (["400,1,48,E,,"], 0),
        (["400,1,48"], 0),
        (["400,one,48,A,,"], 0),
    ],
)
def test_what_no_event_tells_the_quality_of_is_refused(events: list[str], left: int, tmp_path: Path) -> None:
    """It might be an estimate."""
    found = read(tmp_path, DETAILS, day("20040131"), day(flag="V"), *events)
    assert (len(found.rows), found.report["rejects"]["quality"]) == (48 + left, 48 - left)


def test_several_streams(tmp_path: Path) -> None:
    other = DETAILS.replace(",E1,N1,", ",B1,N1,")
    found = read(tmp_path, DETAILS, day(), day("20040202"), other, day(), "200,VABD000164,E1,1,E1,N1,M2,Wh,30,", day())
    assert (found.report["series"], found.report["service_points"], found.report["slots"]) == (3, 2, 4 * 48)
    assert {row["unit"] for row in found.rows if row["service_point"] == "VABD000164"} == {"Wh"}


def test_of_a_day_that_came_again_the_latest_update_wins(tmp_path: Path) -> None:
    older, newer = (day(values=["1"] * 48, rest=f",,{at},") for at in ("20040202120025", "20040203120025"))
    newer = newer.replace(",1,", ",2,").replace(",1,", ",2,")
    for order in ((older, newer), (newer, older)):
        found = read(tmp_path, DETAILS, *order)
        assert (set(found.values), found.report["superseded"]) == ({2.0}, 48)


@pytest.mark.parametrize(
    ("record", "reason", "count"),
    [
        ("300,20040201,1,2", "record", 48),
        (day(values=["1"] * 47), "quality", 48),
        (day(values=["1"] * 49), "quality", 48),
        (day("20040230"), "record", 48),
        (day("2004-2-1"), "record", 48),
        (day(flag="X"), "quality", 48),
        (day(flag="E"), "quality", 48),
        (day(values=["1"] * 47 + ["-1"]), "value", 1),
        (day(values=["1"] * 47 + ["1e3"]), "value", 1),
        (day(values=["1"] * 47 + ["nan"]), "value", 1),
        (day(values=["1"] * 47 + [""]), "value", 1),
        (DETAILS.replace("kWh", "furlongs"), "record", 1),
        ("999,what", "record", 1),
    ],
)
def test_a_malformed_record_is_refused_with_its_line(record: str, reason: str, count: int, tmp_path: Path) -> None:
    found = read(tmp_path, DETAILS, day("20040131"), record)
    assert found.report["rejects"] == {reason: count}
    assert {row["row"] for row in found.rejects} == {4}
    assert found.report["slots"] >= 48


def test_days_under_details_that_cannot_be_read_belong_to_nobody(tmp_path: Path) -> None:
    found = read(tmp_path, DETAILS, day("20040131"), DETAILS.replace(",30,", ",31,"), day())
    assert (found.report["slots"], [row["row"] for row in found.rejects]) == (48, [4, 5])


def test_another_length_is_refused(tmp_path: Path) -> None:
    found = read(tmp_path, DETAILS, day(), DETAILS.replace(",30,", ",15,"), day(values=["1"] * 96))
    assert (found.report["slots"], found.report["rejects"]) == (48, {"length": 96})


@pytest.mark.parametrize("end", ["", "90", "500,O,S01009,20040202120025,"])
def test_a_file_that_ends_early_is_refused(end: str, tmp_path: Path) -> None:
    with pytest.raises(RejectedError) as caught:
        read(tmp_path, DETAILS, day(), end=end)
    assert caught.value.reason is Reason.TRUNCATED
    assert not (tmp_path / "intervals.parquet").exists()


def test_the_end_needs_no_new_line(tmp_path: Path) -> None:
    assert read(tmp_path, DETAILS, day(), end="900").report["slots"] == 48


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (f"{HEADER}\n{DETAILS}\n900\n{DETAILS}\n", Reason.UNREADABLE),
        ("100,NEM13,200405011135,MDA1,Ret1\n900\n", Reason.WRONG_TYPE),
        ("100,NEM12\n900\n", Reason.UNREADABLE),
        (f"{HEADER}\n{'9' * 100_000}\n900\n", Reason.UNREADABLE),
        (f"{HEADER}\n900\n", Reason.NO_ROWS),
    ],
)
def test_files_that_are_none(content: str, reason: Reason, tmp_path: Path) -> None:
    with pytest.raises(RejectedError) as caught:
        normalized(tmp_path, content, ZONE, 30)
    assert caught.value.reason is reason
