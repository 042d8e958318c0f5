"""The files of one shard while it is read: a page is a Parquet file, and what is complete stands in a list beside them.

::

    page-000001-00000.parquet   late-00000.parquet   rejects-000001.jsonl   _pages.jsonl

A page counts once the mark that names it was saved elsewhere; whatever lies beyond the mark is thrown away.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from airflow_provider_integrations.connectors.odbc.model import PageMark, ReadColumn
from airflow_provider_integrations.connectors.odbc.typed import RowReject, to_landed
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.manifest import DataFile
from airflow_provider_integrations.formats.arrow import pa
from airflow_provider_integrations.formats.schema import arrow_schema
from airflow_provider_integrations.landing.durable import replace_durably, sync_folder
from airflow_provider_integrations.landing.parquet import PartWriter

__all__ = ["LATE", "Page", "PageFiles", "PageWriter"]

LATE = "late"
_LIST = "_pages.jsonl"
_REJECTS = "rejects.jsonl"
_OURS = re.compile(
    r"(page-\d{6}-|late-)\d{5}\.parquet|rejects-(\d{6}|late)\.jsonl|_pages\.jsonl|\._pages\.jsonl-\w+|rejects\.jsonl"
)


@dataclass(frozen=True, slots=True)
class Page:
    """One complete page: its name (`late` or its number), files, rows read and rejects by rule."""

    name: str
    files: tuple[DataFile, ...]
    rows: int
    rejects: dict[str, int]


class PageFiles:
    """The folder of one shard."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pages: list[Page] = []

    def resume(self, mark: PageMark) -> bool:
        """Bring the folder to what a mark says; False if pages that it names are not here: then it is empty."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        wanted = mark.pages + mark.late
        self.pages = self._listed()[:wanted]
        whole = len(self.pages) == wanted and all(self._there(file) for page in self.pages for file in page.files)
        if not whole:
            self.pages = []
        keep = {file.name for page in self.pages for file in page.files}
        keep |= {_LIST, *(_rejects_name(page.name) for page in self.pages)}
        for path in self.folder.iterdir():
            if _OURS.fullmatch(path.name) and path.name not in keep:
                path.unlink()
        self._write_list()
        return whole

    def add(self, page: Page) -> None:
        """Note a page whose files are on disk."""
        self.pages.append(page)
        with (self.folder / _LIST).open("a", encoding="utf-8") as file:
            file.write(_line(page))
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self.folder)

    def finish(self) -> tuple[DataFile, ...]:
        """All files in order, with the pages' rejects put together in one file beside them."""
        rejects = [path for page in self.pages if (path := self.folder / _rejects_name(page.name)).exists()]
        if rejects:
            with (self.folder / _REJECTS).open("wb") as out:
                for path in rejects:
                    out.write(path.read_bytes())
                out.flush()
                os.fsync(out.fileno())
        return tuple(file for page in self.pages for file in page.files)

    def _there(self, file: DataFile) -> bool:
        path = self.folder / file.name
        return path.is_file() and path.stat().st_size == file.size

    def _listed(self) -> list[Page]:
        path = self.folder / _LIST
        found = []
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            try:
                raw = json.loads(line)
            except ValueError:
                break  # The process died while it wrote this line; no mark names the page.
            files = tuple(DataFile(**entry) for entry in raw["files"])
            found.append(Page(raw["name"], files, raw["rows"], raw["rejects"]))
        return found

    def _write_list(self) -> None:
        # Whole or not at all: a list that a death left empty would have every page read again.
        replace_durably(self.folder / _LIST, "".join(_line(page) for page in self.pages).encode())


class PageWriter:
    """Writes one page: types the rows, adds the reserved columns, and keeps what is rejected.

    Args:
        files: Where.
        name: `late`, or the page's number in six digits.
        contract: What the rows are typed by.
        columns: What is read.
        batch_id, version: Of every row.
        first_row: Ordinal of the page's first row in the shard, from 1.
    """

    def __init__(
        self,
        files: PageFiles,
        name: str,
        contract: Contract,
        columns: Sequence[ReadColumn],
        *,
        batch_id: str,
        version: str,
        first_row: int,
    ) -> None:
        self._files, self._name, self._contract, self._columns = files, name, contract, columns
        self._constants = (batch_id, version)
        self._schema = arrow_schema(contract)
        self._rejects: list[RowReject] = []
        self.rows = 0
        self._first_row = first_row
        stem = LATE if name == LATE else f"page-{name}"
        self._out = PartWriter(files.folder, self._schema, stem=stem, part_bytes=1 << 62)

    def write(self, batch: Any) -> None:
        """Take rows as they were read."""
        first = self._first_row + self.rows
        table, rejects = to_landed(batch, self._contract, self._columns, first_row=first)
        lines = np.arange(first, first + batch.num_rows, dtype=np.int64)
        if rejects:
            lines = np.delete(lines, [reject.row - first for reject in rejects])
            self._rejects += rejects
        self.rows += batch.num_rows
        self._out.write(self._with_reserved(table, lines))

    def rejected(self, last: int) -> int:
        """How many of the last rows were rejected."""
        return sum(reject.row >= self._first_row + self.rows - last for reject in self._rejects)

    def close(self) -> Page:
        """The page is on disk now, and in the list."""
        if self._rejects:
            self._write_rejects()
        by_rule = dict(Counter(reject.rule for reject in self._rejects))
        page = Page(self._name, self._out.close(), self.rows, by_rule)
        self._files.add(page)
        return page

    def abort(self) -> None:
        """Throw away what was written."""
        self._out.abort()

    def _with_reserved(self, table: Any, lines: Any) -> Any:
        n = table.num_rows
        indices = pa.array(np.zeros(n, np.int8))
        batch_id, version = (pa.DictionaryArray.from_arrays(indices, pa.array([text])) for text in self._constants)
        reserved = [batch_id, pa.array(lines), version, pa.array(np.ones(n, np.bool_)), pa.nulls(n, pa.string())]
        arrays = [*table.columns, *reserved]
        fields = [
            pa.field(field.name, getattr(array, "type", field.type), nullable=field.nullable)
            for field, array in zip(self._schema, arrays, strict=True)
        ]
        return pa.Table.from_arrays(arrays, schema=pa.schema(fields))

    def _write_rejects(self) -> None:
        path = self._files.folder / _rejects_name(self._name)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            for reject in self._rejects:
                entry = {
                    "column": reject.column,
                    "key": reject.key,
                    "line": reject.row,
                    "rule": reject.rule,
                    "value": reject.value,
                }
                out.write(json.dumps(entry, ensure_ascii=False) + "\n")
            out.flush()
            os.fsync(out.fileno())


def _rejects_name(page: str) -> str:
    return f"rejects-{page}.jsonl"


def _line(page: Page) -> str:
    return json.dumps(asdict(page)) + "\n"
