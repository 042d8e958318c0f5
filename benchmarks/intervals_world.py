"""Meters that report a year of quarters by the clock of Chicago, and the ways to turn that into UTC intervals.

Most meters are whole. Of each hundred one lost half an hour of the first pass of the hour that comes twice, one all of the first
and one all of the second; one has its rows sorted by their local stamps; and one has four readings more in the hour that clocks
leave out. Values tell which reading is which, so that each row of a result can be checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from benchmarks.machine import clock

__all__ = ["KINDS", "bare", "make_world", "ours", "recipe", "recipe_without_text", "wrong_rows"]

ZONE = "America/Chicago"
SLOTS = 35_040
KINDS = ("whole", "half_a_pass", "second_pass", "first_pass", "sorted", "left_out")
_BEGIN = datetime(2025, 1, 1, 6, tzinfo=UTC)
_QUARTER = timedelta(minutes=15)


def kind_of(meter: int) -> str:
    """Which kind of meter it is, by its number."""
    return KINDS[meter % 100] if meter % 100 < len(KINDS) else KINDS[0]


def make_world(folder: str, meters: int) -> dict[str, Any]:
    """`readings.parquet` and `readings.csv`, meter by meter."""
    path = Path(folder)
    schema = pa.schema([("service_point", pa.string()), ("timestamp", pa.timestamp("s")), ("value", pa.float64())])
    rows, stamps = 0, {kind: _reported(kind) for kind in KINDS}
    with (
        pq.ParquetWriter(path / "readings.parquet", schema) as parquet,
        pa.csv.CSVWriter(path / "readings.csv", schema) as csv,
        clock() as spent,
    ):
        for meter in range(meters):
            places, told = stamps[kind_of(meter)]
            names = pa.array([f"SP{meter:08d}"]).take(pa.array(np.zeros(len(places), np.int8)))
            table = pa.table([names, pa.array(told, pa.timestamp("s")), pa.array(_values(places))], schema=schema)
            parquet.write_table(table)
            csv.write_table(table)
            rows += len(places)
    return {**spent, "rows": rows}


def ours(source: str, out: str) -> dict[str, Any]:
    """`integrations intervals normalize`."""
    from airflow_provider_integrations.connectors.historian.intervals_file import Rules, normalize_file

    with clock() as spent:
        report = normalize_file(Path(source), Path(out), Rules(ZoneInfo(ZONE), 15))
    return {**spent, "rows": report["rows"]}


def recipe(source: str, out: str, *, text: bool = True) -> dict[str, Any]:
    """The recipe of pandas: `tz_localize` for each meter, since `infer` goes by order; then the same columns as ours.

    Where `infer` gives up, the usual answer is taken: the first pass.

    Args:
        text: With the local clock as text, which takes pandas most of its time.
    """
    import pandas as pd

    def localized(stamps: Any) -> Any:
        try:
            return stamps.dt.tz_localize(ZONE, ambiguous="infer", nonexistent="shift_forward").dt.tz_convert("UTC")
        except ValueError:
            given = np.ones(len(stamps), dtype=bool)
            return stamps.dt.tz_localize(ZONE, ambiguous=given, nonexistent="shift_forward").dt.tz_convert("UTC")

    with clock() as spent:
        frame = _frame(source)
        rows = len(frame)
        frame["ts_begin"] = frame.groupby("service_point", sort=False)["timestamp"].transform(localized)
        frame = frame.drop_duplicates(["service_point", "ts_begin"])
        frame["ts_end"] = frame["ts_begin"] + pd.Timedelta(minutes=15)
        local = frame["ts_begin"].dt.tz_convert(ZONE)
        if text:
            frame["local_begin"] = local.dt.strftime("%Y-%m-%dT%H:%M:%S%z")
        frame["local_date"] = local.dt.tz_localize(None).dt.normalize()
        frame["slot"] = frame.groupby(["service_point", "local_date"], sort=False).cumcount()
        frame.drop(columns="timestamp").to_parquet(out, index=False)
    return {**spent, "rows": rows}


def recipe_without_text(source: str, out: str) -> dict[str, Any]:
    """The same without the local clock as text."""
    return recipe(source, out, text=False)


def bare(source: str, out: str) -> dict[str, Any]:
    """No more than `tz_localize` of the whole column, with the doubtful stamps lost, and the file."""
    with clock() as spent:
        frame = _frame(source)
        rows = len(frame)
        told = frame["timestamp"].dt.tz_localize(ZONE, ambiguous="NaT", nonexistent="NaT").dt.tz_convert("UTC")
        frame.assign(ts_begin=told).dropna(subset="ts_begin").drop(columns="timestamp").to_parquet(out, index=False)
    return {**spent, "rows": rows}


def wrong_rows(out: str) -> dict[str, int]:
    """Rows of a result at another instant than that of their reading, and readings that are not at theirs, by kind of meter."""
    found = {f"{what}_{kind}": 0 for kind in KINDS for what in ("wrong", "absent")}
    told = {kind: _reported(kind)[0] for kind in KINDS}
    for meter, values, begins in _by_meter(out):
        kind = kind_of(meter)
        whole = np.round(values * 1000).astype(np.int64)
        truth = int(_BEGIN.timestamp()) + whole * _INVERSE % SLOTS * 900
        right = int(((begins == truth) & (whole < SLOTS)).sum())
        found[f"wrong_{kind}"] += len(begins) - right
        found[f"absent_{kind}"] += int((told[kind] < SLOTS).sum()) - right
    return found


_FACTOR = 7_919
_INVERSE = pow(_FACTOR, -1, SLOTS)


def _values(places: Any) -> Any:
    """A number of three decimals for each place, no two alike; above 35.04 for places that are none."""
    return np.where(places < SLOTS, places * _FACTOR % SLOTS, places) / 1000


def _reported(kind: str) -> tuple[Any, list[datetime]]:
    """Which slots of the year a meter reports, and by which stamps."""
    local = [(_BEGIN + _QUARTER * place).astimezone(ZoneInfo(ZONE)) for place in range(SLOTS)]
    twice = [place for place, at in enumerate(local) if at.fold]
    gone = {
        "half_a_pass": {twice[0] - 4, twice[0] - 3},
        "second_pass": {place - 4 for place in twice},
        "first_pass": set(twice),
    }.get(kind, set())
    told = [(place, at.replace(tzinfo=None, fold=0)) for place, at in enumerate(local) if place not in gone]
    if kind == "sorted":
        told.sort(key=lambda one: one[1])
    if kind == "left_out":
        first = next(place for place, at in enumerate(local) if at.utcoffset() != local[0].utcoffset())
        begin = datetime(2025, 3, 9, 2)
        # Of no slot: their places are after the last.
        told[first:first] = [(SLOTS + number, begin + _QUARTER * number) for number in range(4)]
    return np.array([place for place, _ in told], np.int64), [at for _, at in told]


def _frame(source: str) -> Any:
    import pandas as pd

    return pd.read_csv(source, parse_dates=["timestamp"]) if source.endswith(".csv") else pd.read_parquet(source)


def _by_meter(out: str) -> Iterator[tuple[int, Any, Any]]:
    file = pq.ParquetFile(out)
    held: pa.Table | None = None
    for batch in file.iter_batches(1 << 20, columns=["service_point", "value", "ts_begin"]):
        table = pa.Table.from_batches([batch])
        table = table if held is None else pa.concat_tables([held, table])
        names = table.column("service_point").to_numpy()
        edges = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist()]
        for begin, end in pairwise(edges):
            yield _one(table.slice(begin, end - begin))
        held = table.slice(edges[-1])
    if held is not None:
        yield _one(held)


def _one(table: pa.Table) -> tuple[int, Any, Any]:
    begins = table.column("ts_begin").cast(pa.timestamp("s", "UTC"), safe=False).cast(pa.int64()).to_numpy()
    return int(table.column("service_point")[0].as_py()[2:]), table.column("value").to_numpy(), begins
