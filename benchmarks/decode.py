"""Decoding a CSV by contract to Parquet, beside the usual recipe: pandas, one pydantic model for each row, `to_parquet`.

    python benchmarks/decode.py --mb 1000 --runs 3 --out benchmarks/results/decode.json

Both ways read the same file in turns, each run in a fresh process; the medians are compared. The recipe gets the first
`--recipe-mb` of the file, since its rate does not depend on the size and its memory does. Memory is the peak of the child's
resident set; ours is measured on two sizes, to see that it does not grow with the file.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import json
import multiprocessing
import os
import pstats
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

COLUMNS = [
    {"name": "customer_id", "type": "integer", "nullable": False, "range": {"min": 1}, "unique": True},
    {"name": "full_name", "type": "string", "nullable": False, "max_length": 200, "pii": "name"},
    {"name": "email", "type": "string", "pattern": r"^[^@\s]+@[^@\s]+\.[^@\s]+$", "pii": "email"},
    {"name": "country", "type": "string", "nullable": False, "pattern": "^[A-Z]{2}$"},
    {"name": "segment", "type": "string", "nullable": False, "enum": ["residential", "business", "public"]},
    {"name": "balance", "type": "decimal(18,2)", "nullable": False},
    {"name": "signed_up", "type": "date", "nullable": False, "range": {"min": "1990-01-01"}},
    {"name": "updated_at", "type": "timestamp", "nullable": False},
]
CONTRACT = {
    "contract": "bench_customers", "version": "1.0.0", "keys": ["customer_id"], "max_reject_share": 1, "columns": COLUMNS,
}  # fmt: skip
_VARIANTS = {
    "clean": ("i", "'Customer Name ' || (i * 7919 % 1000003)"),
    "quoted": ("i", '\'"Name, \' || (i * 7919 % 1000003) || \' ""Jr"""\''),
    "bad_1pct": ("CASE WHEN i % 100 = 7 THEN 'x' || i ELSE i::VARCHAR END", "'Customer Name ' || (i * 7919 % 1000003)"),
    "stray_1pct": (
        "i",
        "CASE WHEN i % 100 = 7 THEN 'A \"stray\" quote' ELSE 'Customer Name ' || (i * 7919 % 1000003) END",
    ),
    "shuffled": ("(i * 7919) % 1000000007", "'Customer Name ' || (i * 7919 % 1000003)"),
}


def write_csv(path: Path, mb: int, variant: str) -> None:
    """Rows of about 105 bytes, the same on any machine."""
    import duckdb

    key, name = _VARIANTS[variant]
    rows = mb * 1_000_000 // 105
    duckdb.execute(
        f"""COPY (SELECT {key} AS customer_id, {name} AS full_name, 'user' || (i * 31 % 9999991) || '@example.org' AS email,
        ['DE','AT','CH','FR','IT','NL','BE','PL'][1 + (i % 8)] AS country,
        ['residential','business','public'][1 + (i % 3)] AS segment,
        CAST((i * 7717 % 100000000) / 100.0 AS DECIMAL(18,2)) AS balance,
        DATE '1995-01-01' + CAST(i % 9000 AS INT) AS signed_up,
        strftime(TIMESTAMP '2025-11-01 00:00:00' + to_seconds(i % 864000), '%Y-%m-%dT%H:%M:%SZ') AS updated_at
        FROM range(1, {rows} + 1) t(i)) TO '{path}' (HEADER, DELIMITER ',', QUOTE '', ESCAPE '')"""
    )


def ours(path: Path, profile: bool = False) -> dict[str, Any]:
    """Decode by contract."""
    from airflow_provider_integrations.core.contract import Contract
    from airflow_provider_integrations.formats.delimited import decode

    contract = Contract.from_mapping(CONTRACT)
    profiler = cProfile.Profile()
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, path.open("rb", buffering=0) as stream:
        started, cpu = time.perf_counter(), time.process_time()
        if profile:
            profiler.enable()
        decoded = decode(stream, contract, Path(folder), batch_id="b" * 32, version="2025-11-05/00023/0")  # type: ignore[arg-type]
        profiler.disable()
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    text = io.StringIO()
    if profile:
        pstats.Stats(profiler, stream=text).sort_stats("tottime").print_stats(12)
    return {
        "rows": decoded.rows_read,
        "rejected": decoded.rows_rejected,
        "seconds": seconds,
        "cpu": cpu,
        "profile": text.getvalue(),
    }


def recipe(path: Path) -> dict[str, Any]:
    """What is written everywhere: read all, a model for each row, keep the good ones, write."""
    import datetime
    import decimal
    from typing import Literal

    import pandas as pd
    from pydantic import BaseModel, Field, ValidationError

    class Customer(BaseModel):
        customer_id: int = Field(ge=1)
        full_name: str = Field(max_length=200)
        email: str | None = Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
        country: str = Field(pattern="^[A-Z]{2}$")
        segment: Literal["residential", "business", "public"]
        balance: decimal.Decimal = Field(max_digits=18, decimal_places=2)
        signed_up: datetime.date = Field(ge=datetime.date(1990, 1, 1))
        updated_at: datetime.datetime

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        started, cpu = time.perf_counter(), time.process_time()
        frame = pd.read_csv(path, dtype=str)
        good, bad = [], 0
        for row in frame.to_dict("records"):
            try:
                good.append(Customer.model_validate(row).model_dump())
            except ValidationError:
                bad += 1
        pd.DataFrame(good).to_parquet(Path(folder) / "out.parquet")
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    return {"rows": len(frame), "rejected": bad, "seconds": seconds, "cpu": cpu}


def _child(work: Callable[..., dict[str, Any]], args: tuple[Any, ...], answers: Any) -> None:
    result = work(*args)
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    answers.put(result)


def apart(work: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
    """Run in a process of its own, so that neither memory nor warm caches of one run reach the next."""
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    child = context.Process(target=_child, args=(work, args, answers))
    child.start()
    result: dict[str, Any] = answers.get()
    child.join()
    result["rows_per_s"] = round(result["rows"] / result["seconds"])
    # On a busy machine the wall lies; the CPU's time lies less.
    result["rows_per_cpu_s"] = round(result["rows"] / result["cpu"])
    return result


def median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians of each figure, with the rates of all runs."""
    keys = ("rows", "rejected", "seconds", "cpu", "peak_mb", "rows_per_s", "rows_per_cpu_s")
    return {key: statistics.median(run[key] for run in runs) for key in keys} | {
        "rates": [run["rows_per_s"] for run in runs]
    }


def main() -> None:
    """Write the files, run in turns, say and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--mb", type=int, default=1000)
    parser.add_argument("--recipe-mb", type=int, default=50)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--variants", nargs="*", default=["quoted", "bad_1pct", "stray_1pct", "shuffled"])
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole, part = folder / "whole.csv", folder / "part.csv"
        write_csv(whole, args.mb, "clean")
        write_csv(part, min(args.mb, args.recipe_mb), "clean")
        mine, theirs = [], []
        for _ in range(args.runs):
            mine.append(apart(ours, whole))
            theirs.append(apart(recipe, part))
        result: dict[str, Any] = {
            "mb": args.mb, "cores": os.cpu_count(), "ours": median(mine), "recipe": median(theirs),
        }  # fmt: skip
        result["times"] = round(result["ours"]["rows_per_s"] / result["recipe"]["rows_per_s"], 1)
        result["goal"] = 15
        small = folder / "small.csv"
        write_csv(small, max(1, args.mb // 4), "clean")
        result["peak_mb_quarter_size"] = apart(ours, small)["peak_mb"]
        for variant in args.variants:
            write_csv(small, max(1, args.mb // 4), variant)
            run = apart(ours, small)
            result[variant] = {key: run[key] for key in ("rows", "rejected", "rows_per_s", "rows_per_cpu_s", "peak_mb")}
        result["profile_of_the_main_thread"] = apart(ours, small, True)["profile"].splitlines()[:24]
    text = json.dumps(result, indent=2)
    print(text)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
