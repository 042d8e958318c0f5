"""Decoding a CSV by contract to Parquet, beside the usual recipe: pandas, one pydantic model for each row, `to_parquet`.

The recipe gets the first `recipe_megabytes` of the file, since its rate does not depend on the size and its memory does.
Memory is measured on two sizes, to see that it does not grow with the file; files that are quoted, partly bad or not in
the key's order are decoded besides.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.customers import CONTRACT, VARIANTS, write_csv
from benchmarks.machine import Goal, Options, apart, clock, in_turns, main, medians, save

__all__ = ["measure", "ours"]

FULL = {"megabytes": 1000, "recipe_megabytes": 50, "rounds": 3}
QUICK = {"megabytes": 50, "recipe_megabytes": 5, "rounds": 1}


def measure(options: Options) -> dict[str, Any]:
    """Rounds of both, then the other files and sizes."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        whole, part, other = (Path(name) / file for file in ("whole.csv", "part.csv", "other.csv"))
        write_csv(whole, options["megabytes"])
        write_csv(part, min(options["megabytes"], options["recipe_megabytes"]))
        runs = in_turns({"ours": (ours, whole), "pandas_pydantic": (recipe, part)}, options["rounds"])
        figures = {way: medians(each) for way, each in runs.items()}
        quarter = max(1, options["megabytes"] // 4)
        for variant in VARIANTS:
            write_csv(other, quarter, variant)
            figures[f"ours_{variant}_quarter_size"] = medians([apart(ours, other)])
    for figure in figures.values():
        figure["rows_per_s"] = round(figure["rows"] / figure["seconds"])
        figure["rows_per_cpu_s"] = round(figure["rows"] / figure["cpu"])
    ratio = figures["ours"]["rows_per_s"] / figures["pandas_pydantic"]["rows_per_s"]
    memory = figures["ours"]["peak_mb"] / figures["ours_clean_quarter_size"]["peak_mb"]
    goals = [
        Goal("times the rows/s of pandas and pydantic", ratio, least=15),
        Goal("times the memory of a quarter of the file", memory, most=1.25),
    ]
    return save("decode", goals, figures, options)


def ours(path: Path) -> dict[str, Any]:
    """Decode by contract."""
    from airflow_provider_integrations.core.contract import Contract
    from airflow_provider_integrations.formats.delimited import decode

    contract = Contract.from_mapping(CONTRACT)
    with (
        tempfile.TemporaryDirectory(dir=path.parent) as folder,
        path.open("rb", buffering=0) as stream,
        clock() as spent,
    ):
        version = "2025-11-05/00023/0"
        decoded = decode(stream, contract, Path(folder), batch_id="b" * 32, version=version)
    return {"rows": decoded.rows_read, "rejected": decoded.rows_rejected, **spent}


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

    with tempfile.TemporaryDirectory(dir=path.parent) as folder, clock() as spent:
        frame = pd.read_csv(path, dtype=str)
        good, bad = [], 0
        for row in frame.to_dict("records"):
            try:
                good.append(Customer.model_validate(row).model_dump())
            except ValidationError:
                bad += 1
        pd.DataFrame(good).to_parquet(Path(folder) / "out.parquet")
    return {"rows": len(frame), "rejected": bad, **spent}


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK, doc=__doc__)
