"""The three files of normalised intervals: written under other names, and each takes its own when all are whole."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from inspect import signature
from pathlib import Path
from typing import Any

import pyarrow.parquet

from airflow_provider_integrations.connectors.historian.intervals import INTERVALS
from airflow_provider_integrations.connectors.historian.intervals_days import MISSING, WRITTEN
from airflow_provider_integrations.formats.arrow import Table, pa

__all__ = ["Outputs", "Writer", "beside"]

pq: Any = pyarrow.parquet

_ROW_GROUP = 1 << 20
_BATCH = 1 << 14
_PAGES = {"max_rows_per_page": _ROW_GROUP} if "max_rows_per_page" in signature(pq.write_table).parameters else {}
"""Pages as large as bytes allow, so that what repeats is seen; older Arrow knows no other bound."""
_DICTIONARY = 4 << 20
"""Bytes: the local clock of some years of quarters is 3 MB."""
_BOUNDED = ["service_point", "ts_begin", "local_date"]
"""Columns that are asked for by range; bounds of the others cost time and help nobody."""
_ENCODINGS = dict.fromkeys(["ts_begin", "ts_end", "slot", "local_date"], "DELTA_BINARY_PACKED") | {
    "value": "BYTE_STREAM_SPLIT"
}
_COMPRESSION = dict.fromkeys(INTERVALS.names, "zstd") | {"local_begin": "snappy"}
"""By column; numbers of the local clock's texts shrink little by either, and quicker so."""
_LEVELS = {name: 1 for name, codec in _COMPRESSION.items() if codec == "zstd"}
_STRINGS = [name for name in INTERVALS.names if INTERVALS.field(name).type == pa.string()]


def beside(out: Path, what: str) -> Path:
    """The name of a file that belongs to another: `june.parquet` has `june.rejects.parquet`."""
    return out.with_name(f"{out.stem}.{what}.parquet")


class Outputs:
    """Three files that take their names when they are whole."""

    def __init__(self, out: Path) -> None:
        self.finals = {"intervals": out, "rejects": beside(out, "rejects"), "missing": beside(out, "missing")}
        self.drafts = {name: out.with_name(f".{out.name}.{name}") for name in self.finals}

    def publish(self, *names: str) -> None:
        """Replace what an earlier run left, also by nothing."""
        for name in names:
            if self.drafts[name].exists():
                self.drafts[name].replace(self.finals[name])
            else:
                self.finals[name].unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove what has not taken its name."""
        for draft in self.drafts.values():
            draft.unlink(missing_ok=True)


class Writer:
    """Writes portions while the next one is worked on."""

    def __init__(self, outputs: Outputs) -> None:
        self._intervals = pq.ParquetWriter(
            outputs.drafts["intervals"], WRITTEN, compression=_COMPRESSION, compression_level=_LEVELS,
            use_dictionary=_STRINGS, dictionary_pagesize_limit=_DICTIONARY, write_statistics=_BOUNDED,
            column_encoding=_ENCODINGS, store_schema=False, write_batch_size=_BATCH, **_PAGES,
        )  # fmt: skip
        self._missing = pq.ParquetWriter(outputs.drafts["missing"], MISSING, compression="zstd")
        self._pool = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown(wait=True)
        self._missing.close()
        self._intervals.close()
        if kind is None and self._last is not None:
            self._last.result()

    def write(self, rows: Table, missing: Table) -> None:
        """Hand over; one portion waits at most."""
        if self._last is not None:
            self._last.result()
        self._last = self._pool.submit(self._written, rows, missing)

    def _written(self, rows: Table, missing: Table) -> None:
        if rows.num_rows:
            self._intervals.write_table(rows, row_group_size=_ROW_GROUP)
        if missing.num_rows:
            self._missing.write_table(missing)
