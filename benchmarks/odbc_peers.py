"""dlt's `sql_database`, run by a Python that has it; prints one JSON object. Not imported: a script of its own."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def main() -> None:
    """`odbc_peers.py connectorx|pyarrow PORT FOLDER`: a pipeline with an incremental cursor into local Parquet."""
    way, port, folder = sys.argv[1:]
    import dlt
    from dlt.sources.sql_database import sql_table

    began = time.perf_counter()
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=f"{folder}/pipelines",
        destination=dlt.destinations.filesystem(bucket_url=f"file://{folder}/out"),
        dataset_name="erp",
    )
    table = sql_table(
        f"postgresql+psycopg2://postgres@127.0.0.1:{port}/postgres",
        table="orders",
        backend=way,
        chunk_size=100_000,
        incremental=dlt.sources.incremental("updated_at"),
        backend_kwargs={"return_type": "arrow"} if way == "connectorx" else {},
        reflection_level="full_with_precision",
    )
    pipeline.run(table, loader_file_format="parquet", write_disposition="append")
    seconds = time.perf_counter() - began
    rows = sum(pipeline.last_trace.last_normalize_info.row_counts.get("orders", 0) for _ in (0,))
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"seconds": seconds, "rows": rows, "child_mb": int(peak.split()[1]) // 1024}))


if __name__ == "__main__":
    main()
