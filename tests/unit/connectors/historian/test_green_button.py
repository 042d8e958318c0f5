"""Green Button by NAESB REQ.21 (ESPI); the feed is written from its schema, and laid out as data custodians do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.historian.green_button import dst_rule
from airflow_provider_integrations.core.errors import RejectedError
from airflow_provider_integrations.core.reasons import Reason
from tests.unit.connectors.historian.interval_files import Normalized, normalized, utc

BASE = "https://services.example.com/DataCustodian/espi/1_1/resource/RetailCustomer/9b6c7063/UsagePoint"
BEGIN = 1_762_063_200
"""2025-11-02T06:00:00Z, an hour before the clocks of Chicago go back."""


def entry(self: str, up: str, related: list[str], content: str) -> str:
    links = [f'<link rel="self" href="{self}"/>', f'<link rel="up" href="{up}"/>']
    links += [f'<link rel="related" href="{one}"/>' for one in related]
    return f"<entry><id>urn:uuid:1</id>{''.join(links)}<content>{content}</content></entry>"


def reading(begin: int | str, value: int | str, seconds: int | str = 900, extra: str = "") -> str:
    period = f"<timePeriod><duration>{seconds}</duration><start>{begin}</start></timePeriod>"
    return f"<IntervalReading>{period}<value>{value}</value>{extra}</IntervalReading>"


def quality(code: str) -> str:
    return f"<ReadingQuality><quality>{code}</quality></ReadingQuality>"


def block(readings: list[str], meter: str = "01", point: str = "01", begin: int = BEGIN) -> str:
    content = f'<IntervalBlock xmlns="http://naesb.org/espi"><interval><duration>86400</duration><start>{begin}</start></interval>'
    up = f"{BASE}/{point}/MeterReading/{meter}/IntervalBlock"
    return entry(f"{up}/173", up, [], f"{content}{''.join(readings)}</IntervalBlock>")


def kind(name: str = "07", power: int = 0, uom: int = 72, behaviour: int = 4, extra: str = "") -> str:
    content = (
        f"<accumulationBehaviour>{behaviour}</accumulationBehaviour><flowDirection>1</flowDirection>"
        f"<intervalLength>900</intervalLength><powerOfTenMultiplier>{power}</powerOfTenMultiplier><uom>{uom}</uom>{extra}"
    )
    return entry(
        f"{BASE}/ReadingType/{name}",
        f"{BASE}/ReadingType",
        [],
        f'<ReadingType xmlns="http://naesb.org/espi">{content}</ReadingType>',
    )


def meter(name: str = "01", type_name: str = "07", point: str = "01") -> str:
    up = f"{BASE}/{point}/MeterReading"
    related = [f"{up}/{name}/IntervalBlock", f"{BASE}/ReadingType/{type_name}"]
    return entry(f"{up}/{name}", up, related, '<MeterReading xmlns="http://naesb.org/espi"/>')


def usage_point(name: str = "01") -> str:
    content = '<UsagePoint xmlns="http://naesb.org/espi"><ServiceCategory><kind>0</kind></ServiceCategory></UsagePoint>'
    return entry(f"{BASE}/{name}", BASE, [f"{BASE}/{name}/MeterReading"], content)


CLOCK = entry(
    f"{BASE}/LocalTimeParameters/01", f"{BASE}/LocalTimeParameters", [],
    '<LocalTimeParameters xmlns="http://naesb.org/espi"><dstEndRule>B40E2000</dstEndRule><dstOffset>3600</dstOffset>'
    "<dstStartRule>360E2000</dstStartRule><tzOffset>-21600</tzOffset></LocalTimeParameters>",
)  # fmt: skip


def feed(*entries: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom"><id>1</id>{"".join(entries)}</feed>'


def read(folder: Path, *entries: str) -> Normalized:
    return normalized(folder, feed(*entries))


FOUR = [reading(BEGIN + 900 * place, 100 + place) for place in range(4)]


def test_a_feed(tmp_path: Path) -> None:
    found = read(tmp_path, usage_point(), CLOCK, meter(), kind(), block(FOUR))
    assert found.begins == [utc(f"2025-11-02T06:{minute:02d}") for minute in (0, 15, 30, 45)]
    assert found.values == [100.0, 101.0, 102.0, 103.0]
    told = found.rows[0]
    assert (told["service_point"], told["channel"], told["unit"], told["quality"]) == ("01", "01", "Wh", "good")
    assert told["local_begin"] == "2025-11-02T01:00:00-05:00"
    [clock] = found.report["local_time_parameters"]
    assert clock == {
        "tzOffset": "-21600",
        "dstOffset": "3600",
        "dstStartRule": "month 3, second Sunday, 02:00",
        "dstEndRule": "month 11, first Sunday, 02:00",
    }


def test_the_hour_that_comes_twice_is_told_in_utc(tmp_path: Path) -> None:
    found = read(
        tmp_path, usage_point(), meter(), kind(), block([reading(BEGIN + 900 * place, place) for place in range(8)])
    )
    assert len(set(found.begins)) == 8
    assert [row["local_begin"][-6:] for row in found.rows] == ["-05:00"] * 4 + ["-06:00"] * 4


def test_what_is_metered_may_come_after_the_readings(tmp_path: Path) -> None:
    first = read(tmp_path, usage_point(), meter(), kind(), block(FOUR))
    assert read(tmp_path, block(FOUR), kind(), meter(), usage_point()).rows == first.rows


@pytest.mark.parametrize(("power", "value"), [(0, 123.0), (3, 123000.0), (-3, 0.123), (-1, 12.3), (-6, 0.000123)])
def test_powers_of_ten_round_once(power: int, value: float, tmp_path: Path) -> None:
    found = read(tmp_path, usage_point(), meter(), kind(power=power), block([reading(BEGIN, 123)]))
    assert found.values == [value]


def test_each_block_belongs_to_its_meter_by_links(tmp_path: Path) -> None:
    found = read(
        tmp_path, usage_point(), usage_point("02"), meter(), meter("02", "08"), meter("01", "08", "02"), kind(),
        kind("08", uom=38), block(FOUR[:1]), block(FOUR[:2], "02"), block(FOUR[:3], "01", "02"),
    )  # fmt: skip
    told = [(row["service_point"], row["channel"], row["unit"]) for row in found.rows]
    assert told == [("01", "01", "Wh"), *[("01", "02", "W")] * 2, *[("02", "01", "W")] * 3]


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        ("", ("good", "actual")), ("0", ("good", "actual")), ("17", ("good", "actual")), ("10", ("uncertain", "actual")),
        ("8", ("uncertain", "estimated")), ("9", ("uncertain", "estimated")), ("12", ("uncertain", "estimated")),
        ("7", ("uncertain", "substituted")), ("17 8", ("uncertain", "estimated")), ("10 7", ("uncertain", "substituted")),
    ],
)  # fmt: skip
def test_qualities(codes: str, told: tuple[str, str], tmp_path: Path) -> None:
    extra = "".join(quality(code) for code in codes.split())
    found = read(tmp_path, usage_point(), meter(), kind(), block([reading(BEGIN, 1, extra=extra)]))
    assert (found.rows[0]["quality"], found.rows[0]["origin"]) == told


def test_the_quality_of_the_type_holds_where_a_reading_has_none(tmp_path: Path) -> None:
    found = read(tmp_path, usage_point(), meter(), kind(extra="<defaultQuality>8</defaultQuality>"), block(FOUR))
    assert {row["origin"] for row in found.rows} == {"estimated"}


def test_readings_without_a_period_follow_each_other(tmp_path: Path) -> None:
    plain = [f"<IntervalReading><value>{place}</value></IntervalReading>" for place in range(3)]
    found = read(tmp_path, usage_point(), meter(), kind(), block(plain))
    assert found.begins == [utc(f"2025-11-02T06:{minute:02d}") for minute in (0, 15, 30)]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (reading(BEGIN, "many"), "value"),
        (reading(BEGIN, "1.5"), "value"),
        (reading("soon", 1), "stamp"),
        (reading(-900, 1), "stamp"),
        (reading(99_999_999_999, 1), "stamp"),
        (reading(BEGIN, 1, 3600), "length"),
        (reading(BEGIN + 60, 1), "off_grid"),
        (reading(BEGIN, 1, extra=quality("99")), "quality"),
    ],
)
def test_a_reading_that_cannot_be_read_is_refused_alone(bad: str, reason: str, tmp_path: Path) -> None:
    found = read(tmp_path, usage_point(), meter(), kind(), block([bad, FOUR[1]]))
    assert (found.values, found.report["rejects"]) == ([101.0], {reason: 1})


def test_a_register_is_no_interval(tmp_path: Path) -> None:
    parts = (usage_point(), meter(), meter("02", "08"), kind(), kind("08", behaviour=3))
    found = read(tmp_path, *parts, block(FOUR), block(FOUR, "02"))
    assert (found.report["slots"], found.report["rejects"]) == (4, {"not_intervals": 4})


BOMB = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
WHOLE = feed(usage_point(), meter(), kind(), block(FOUR))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (BOMB + "<feed>&b;</feed>", Reason.UNREADABLE),
        (OUTSIDE + WHOLE.split("?>", 1)[1], Reason.UNREADABLE),
        ('<?xml version="1.0"?><!DOCTYPE feed>' + WHOLE.split("?>", 1)[1], Reason.UNREADABLE),
        (WHOLE[:-20], Reason.TRUNCATED),
        (WHOLE[: len(WHOLE) // 2], Reason.TRUNCATED),
        (WHOLE.replace("</IntervalBlock>", "</Block>"), Reason.UNREADABLE),
        ("<html><body/></html>", Reason.UNREADABLE),
        ("<" * 1000, Reason.UNREADABLE),
        (feed("<a>" * 60 + "</a>" * 60), Reason.UNREADABLE),
        (feed(usage_point(), meter(), kind(), block([reading(BEGIN, "1" * 20_000)])), Reason.UNREADABLE),
        (feed(usage_point(), meter(), kind(power=400), block(FOUR)), Reason.UNREADABLE),
        (feed(usage_point(), meter(), meter("02"), kind(), block(FOUR, "03")), Reason.UNREADABLE),
        (feed(usage_point(), meter(), kind("08"), kind("09"), block(FOUR)), Reason.UNREADABLE),
        (feed(usage_point(), meter(), kind()), Reason.NO_ROWS),
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_files_that_are_none(content: str, reason: Reason, tmp_path: Path) -> None:
    with pytest.raises(RejectedError) as caught:
        normalized(tmp_path, content)
    assert caught.value.reason is reason
    assert not (tmp_path / "intervals.parquet").exists()


def test_a_block_of_many_readings(tmp_path: Path) -> None:
    """More than one chunk of the file, so that blocks and texts go over its edges."""
    many = [reading(BEGIN + 900 * place, place) for place in range(8_000)]
    found = read(tmp_path, usage_point(), meter(), kind(), block(many))
    assert found.values == [float(place) for place in range(8_000)]


@pytest.mark.parametrize("code", ["", "FFFFFFFF", "xyz", "360E20000"])
def test_rules_that_are_none(code: str) -> None:
    assert dst_rule(code) is None


def test_points_of_several_customers_with_the_same_last_name_stay_apart(tmp_path: Path) -> None:
    """Custodians number usage points within each customer: 01 of one is not 01 of another."""
    entries = [kind(), *(usage_point(), meter(), block([reading(BEGIN, 5)]))]
    others = [one.replace("9b6c7063", "other") for one in (usage_point(), meter(), block([reading(BEGIN, 6)]))]
    others = [one.replace("RetailCustomer/other/UsagePoint/ReadingType", "RetailCustomer/9b6c7063/UsagePoint/ReadingType")
              for one in others]  # fmt: skip
    found = read(tmp_path, *entries, *others)
    assert [row["value"] for row in found.rows] == [5.0, 6.0]
    assert len({row["service_point"] for row in found.rows}) == 2


@pytest.mark.parametrize("what", ["MeterReading", "UsagePoint", "ReadingType"])
def test_entries_that_share_an_address_are_not_taken_for_one(what: str, tmp_path: Path) -> None:
    """Without addresses of their own nothing says which of two meters a block belongs to."""
    entries = [usage_point("01"), usage_point("02"), kind("07"), kind("08", power=3), meter("01"), meter("02", "08")]
    no_self = [
        re.sub('rel="self" href="[^"]*"', 'rel="self" href=""', one) if f"<{what} " in one else one for one in entries
    ]
    with pytest.raises(RejectedError) as raised:
        read(tmp_path, *no_self, block([reading(BEGIN, 5)]), block([reading(BEGIN, 6)], "02"))
    assert raised.value.reason is Reason.UNREADABLE
