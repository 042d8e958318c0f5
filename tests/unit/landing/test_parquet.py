"""Parts: what the digest says is what the file is, row groups and parts have their bounds, failure leaves nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_integrations.landing.parquet import PartWriter, without_lines

SCHEMA = pa.schema([pa.field("name", pa.string()), pa.field("_line", pa.int64(), nullable=False)])


def rows(first: int, count: int) -> pa.Table:
    lines = range(first, first + count)
    return pa.table({"name": [f"n{line}" for line in lines], "_line": list(lines)}, schema=SCHEMA)


def test_size_digest_and_rows_are_those_of_the_file(tmp_path: Path) -> None:
    with PartWriter(tmp_path, SCHEMA) as writer:
        writer.write(rows(0, 1000))
    (file,) = writer.files
    data = (tmp_path / file.name).read_bytes()
    assert (file.size, file.sha256, file.rows) == (len(data), hashlib.sha256(data).hexdigest(), 1000)
    assert pq.read_schema(tmp_path / file.name) == SCHEMA
    assert pq.ParquetFile(tmp_path / file.name).metadata.row_group(0).column(0).compression == "ZSTD"


def test_row_groups_are_cut_by_rows_however_they_arrive(tmp_path: Path) -> None:
    with PartWriter(tmp_path, SCHEMA, row_group=100) as writer:
        for first in range(0, 350, 7):
            writer.write(rows(first, 7))
    held = pq.ParquetFile(tmp_path / "part-00000.parquet").metadata
    assert [held.row_group(at).num_rows for at in range(held.num_row_groups)] == [100, 100, 100, 50]


def test_parts_end_at_their_bound(tmp_path: Path) -> None:
    with PartWriter(tmp_path, SCHEMA, row_group=100, part_bytes=1500) as writer:
        writer.write(rows(0, 1000))
    assert len(writer.files) > 2
    assert sum(file.rows for file in writer.files) == 1000
    assert pa.concat_tables([pq.read_table(tmp_path / file.name) for file in writer.files]) == rows(0, 1000)


def test_an_error_leaves_no_part(tmp_path: Path) -> None:
    def break_off() -> None:
        with PartWriter(tmp_path, SCHEMA, row_group=10, part_bytes=1) as writer:
            writer.write(rows(0, 100))
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    assert list(tmp_path.iterdir()) == []


def test_no_rows_no_part(tmp_path: Path) -> None:
    with PartWriter(tmp_path, SCHEMA) as writer:
        pass
    assert writer.files == ()
    assert list(tmp_path.iterdir()) == []


def test_rows_are_taken_out_of_their_part_and_the_others_stay_as_they_are(tmp_path: Path) -> None:
    with PartWriter(tmp_path, SCHEMA, row_group=10, part_bytes=1) as writer:
        writer.write(rows(0, 40))
    untouched = writer.files[0]
    kept = without_lines(tmp_path, writer.files, np.array([*range(10, 20), 25], np.int64))
    assert [(file.name, file.rows) for file in kept] == [
        ("part-00000.parquet", 10), ("part-00002.parquet", 9), ("part-00003.parquet", 10),
    ]  # fmt: skip
    assert kept[0] == untouched
    data = (tmp_path / kept[1].name).read_bytes()
    assert kept[1].sha256 == hashlib.sha256(data).hexdigest()
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name for file in kept]
