"""Intervals by the rules of samples: estimates of what is missing, and actual values that take their place later."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_integrations.connectors.historian.intervals_outputs import beside
from airflow_provider_integrations.connectors.historian.intervals_samples import estimate_missing, interval_samples
from airflow_provider_integrations.connectors.historian.precedence import replaced, resolve
from tests.unit.connectors.historian.interval_files import by_the_clock, normalized, slots

ZONE = "America/Chicago"


def read(folder: Path, lines: list[str]) -> tuple[pa.Table, pa.Table]:
    folder.mkdir(exist_ok=True)
    normalized(folder, "\n".join(["service_point,timestamp,value,quality", *lines]))
    out = folder / "intervals.parquet"
    return pq.read_table(out), pq.read_table(beside(out, "missing"))


def test_status_and_origin_of_samples(tmp_path: Path) -> None:
    told = [("1", "A"), ("2", "E"), ("3", "S"), ("", "A"), ("5", "N")]
    lines = [f"SP1,2025-06-01 0{hour}:00,{value},{flag}" for hour, (value, flag) in enumerate(told)]
    samples = interval_samples(read(tmp_path, lines)[0])
    assert samples.column("tag").unique().to_pylist() == ["SP1"]
    assert samples.column("status").to_pylist() == [0, 0x40000000, 0x40910000, 0x809B0000, 0x80000000]
    assert samples.column("origin").to_pylist() == ["actual", "estimated", "substituted", "actual", "actual"]
    assert samples.column("quality").to_pylist() == ["good", "uncertain", "uncertain", "bad", "bad"]


def test_an_actual_value_takes_the_place_of_an_estimate_with_an_audit_row(tmp_path: Path) -> None:
    """The week before is 168 hours of the local clock away, over the night on which clocks go back."""
    stamps = by_the_clock(slots(ZONE, "2025-10-30", 8, 15), ZONE)
    lines = [f"SP1,{stamp},{place},A" for place, stamp in enumerate(stamps)]
    gone = [place for place, stamp in enumerate(stamps) if stamp == "2025-11-06 12:00"]
    first, missing = read(tmp_path / "first", [line for place, line in enumerate(lines) if place not in gone])
    estimates = estimate_missing("same_day_last_week", first, missing, ZONE, 15)
    assert estimates.column("value_number").to_pylist() == [48.0]
    assert (estimates.column("origin")[0].as_py(), estimates.column("method")[0].as_py()) == (
        "estimated",
        "same_day_last_week",
    )

    before = resolve(pa.concat_tables([interval_samples(first), estimates]))
    later, _ = read(tmp_path / "later", lines)
    after = resolve(pa.concat_tables([before, interval_samples(later)]))
    audit = replaced(before, after, at=1).to_pylist()
    assert set(after.column("origin").to_pylist()) == {"actual"}
    assert [(row["old_value_number"], row["new_value_number"], row["old_method"]) for row in audit] == [
        (48.0, float(gone[0]), "same_day_last_week")
    ]
    # An estimate that comes again changes nothing.
    assert resolve(pa.concat_tables([after, estimates])).equals(after)
