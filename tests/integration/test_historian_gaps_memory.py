"""Gaps of a long history are found in the memory of a short one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from airflow_provider_integrations.connectors.historian.samples import SAMPLES

pq: Any = pyarrow.parquet

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

CHILD = """
import json, sys
from pathlib import Path
from airflow_provider_integrations.connectors.historian.gap_report import report
from tests.fakes.memory import peak_kib
folder = Path(sys.argv[1])
[tag] = report(folder, folder / "tags.yaml", now=2 * 10**18)["tags"]
print(json.dumps([tag["expected"], tag["readings"], len(tag["gaps"]), peak_kib()]))
"""


def write(folder: Path, count: int) -> None:
    """A sample each second but for each 50,000th."""
    folder.mkdir()
    (folder / "tags.yaml").write_text("tags: [{name: flow, cadence: 1}]")
    with pq.ParquetWriter(folder / "flow.parquet", SAMPLES, compression="zstd", store_schema=False) as writer:
        for low in range(0, count, 131_072):
            seconds = np.arange(low, min(count, low + 131_072))
            seconds = seconds[seconds % 50_000 != 1]
            rows = len(seconds)
            made = {
                "tag": pa.repeat(pa.scalar("flow"), rows),
                "ts": pa.array(seconds * 1_000_000_000, pa.timestamp("ns", tz="UTC")),
                "ordinal": pa.array(np.zeros(rows, dtype=np.int32)),
                "value_number": pa.array(np.sin(seconds)),
                "status": pa.array(np.zeros(rows, dtype=np.uint32)),
                "quality": pa.repeat(pa.scalar("good"), rows),
                "origin": pa.repeat(pa.scalar("actual"), rows),
            }
            columns = [made.get(field.name, pa.nulls(rows, field.type)) for field in SAMPLES]
            writer.write_table(pa.table(columns, schema=SAMPLES))


def test_memory_does_not_grow_with_the_history(tmp_path: Path) -> None:
    peaks = {}
    for count in (200_000, 3_000_000):
        write(tmp_path / str(count), count)
        child = subprocess.run(
            [sys.executable, "-c", CHILD, str(tmp_path / str(count))], capture_output=True, text=True, check=True
        )
        expected, readings, gaps, peaks[count] = json.loads(child.stdout)
        assert (expected, readings, gaps) == (count, count - count // 50_000, count // 50_000)
    assert peaks[3_000_000] - peaks[200_000] < 60 << 10  # KiB; its columns have more than 100 MB.
