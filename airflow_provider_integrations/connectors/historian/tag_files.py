"""The Parquet file of a tag: its name whatever the tag is called, and its bytes the same whatever ways the samples came.

>>> file_name("../Plant 1/Pump")
'Plant_1_Pump-f1bc63e51386.parquet'
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from airflow_provider_integrations.connectors.historian.samples import SAMPLES
from airflow_provider_integrations.connectors.historian.state_file import MadeFile
from airflow_provider_integrations.landing.durable import copy_durably
from airflow_provider_integrations.landing.parquet import PartWriter

pq: Any = pyarrow.parquet

__all__ = ["changed", "file_name", "publish_file", "write_file"]

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 60
_FEW = dict.fromkeys(
    ("tag", "ordinal", "value_state", "status", "quality", "origin", "quality_detail", "method", "method_version"), True
) | {"ts": False}
"""Counted for each tag, it would take as long as to write a small file."""


def file_name(tag: str) -> str:
    """Letters that every file system has, and a digest that tells apart what they cannot."""
    shown = _UNSAFE.sub("_", tag).strip("._-")[:_LONGEST]
    return f"{shown or 'tag'}-{hashlib.sha256(tag.encode()).hexdigest()[:12]}.parquet"


def write_file(folder: Path, tag: str, tables: Iterator[pa.Table]) -> MadeFile:
    """Write a tag's file into a folder; one without samples has no rows.

    Args:
        folder: Where it stands.
        tag: Names it.
        tables: Of `landing.parquet.ROW_GROUP` rows each, but for the last one, in the schema `SAMPLES`.
    """
    target = folder / file_name(tag)
    with PartWriter(folder, SAMPLES, stem=target.stem, part_bytes=1 << 62, durable=False, few=_FEW) as writer:
        for table in tables:
            writer.write(table)
    if writer.files:
        made = writer.files[0]
        (folder / made.name).replace(target)
        return MadeFile(target.name, made.rows, made.size, made.sha256)
    pq.write_table(SAMPLES.empty_table(), target, compression="zstd", store_schema=False)
    data = target.read_bytes()
    return MadeFile(target.name, 0, len(data), hashlib.sha256(data).hexdigest())


def publish_file(source: Path, out: Path) -> None:
    """Give a written file its place, whole; the folder is to be synced after the last one."""
    fresh = out / f".{source.name}.new"
    fresh.unlink(missing_ok=True)
    copy_durably(source, fresh, link=True)
    fresh.replace(out / source.name)


def changed(out: Path, made: MadeFile) -> bool:
    """Whether a file is not what it was when it was made."""
    try:
        with (out / made.name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() != made.sha256
    except FileNotFoundError:
        return True
