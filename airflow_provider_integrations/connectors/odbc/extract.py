"""Reads one shard of a table to its end: late rows and NULL cursors first, then page after page, all in one snapshot.

A page is on disk before its mark is saved, so that a process that dies anywhere reads at most one page again. Rows are fetched
on a thread of their own; this one types and writes them. What was read is compared with what the server counted in the
same snapshot, and a page's last row must be found again by its own bookmark before that counts as one.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from decimal import Context, Decimal
from functools import partial
from typing import Any

from airflow_provider_integrations.connectors.odbc.ahead import ahead
from airflow_provider_integrations.connectors.odbc.model import NullPolicy, PageMark
from airflow_provider_integrations.connectors.odbc.page_files import LATE, Page, PageFiles, PageWriter
from airflow_provider_integrations.connectors.odbc.pages import (
    Behind,
    Counted,
    LateEnd,
    PageEnd,
    Restart,
    ShardJob,
    count_behind,
    counting,
    fetched,
)
from airflow_provider_integrations.connectors.odbc.report import ShardReport
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.core.errors import ReconciliationError
from airflow_provider_integrations.formats.arrow import pa, pc

__all__ = ["ShardJob", "extract_shard"]

Save = Callable[[PageMark], None]
Boundary = Callable[[str], None]
Snapshot = Callable[[], AbstractContextManager[None]]

_WIDE = Context(prec=100)
"""Python's own rounds sums to 28 digits, fewer than one value may have."""
_NUMBER = re.compile(r"-?\d+(\.\d{1,9})?")
"""A number as text, such as SQLite's, of which the server makes an exact sum too."""


def extract_shard(
    session: OdbcSession,
    job: ShardJob,
    mark: PageMark,
    save: Save,
    *,
    boundary: Boundary = lambda _: None,
    snapshot: Snapshot | None = None,
) -> ShardReport:
    """Read a shard to its end, going on after `mark`.

    Args:
        session: Open, and in no snapshot.
        job: What is read.
        mark: How far an earlier attempt came.
        save: Keeps a mark durably; its pages are on disk by then.
        boundary: Called between the steps; tests kill the process there.
        snapshot: Begins and ends the snapshot that is read; the session's own without it.

    Raises:
        ReconciliationError: what was read is not what the server counted.
        StateConflictError: a bookmark does not find its row, or a NULL cursor where there must be none.
    """
    began = time.monotonic()
    files = PageFiles(job.folder)
    anew = not files.resume(mark)
    if anew:
        mark = PageMark()
    session.prepare(job.query.columns)
    with (snapshot or session.snapshot)():
        behind = count_behind(session, job, mark)
        with counting(session, job, mark) as counted:
            source = partial(fetched, session, job, mark, behind, counted)
            read, sums = _written(session, job, mark, source, behind, files, save, boundary)
            expected = counted()
    _reconcile(read, mark, expected, sums, sum(page.rows for page in files.pages if page.name == LATE))
    done = replace(read, done=True)
    save(done)
    boundary("shard done")
    rejects = Counter[str]()
    for page in files.pages:
        rejects.update(page.rejects)
    found = files.finish()
    landed = sum(file.rows for file in found)
    if landed + rejects.total() != done.rows:
        raise ReconciliationError(
            "rows were lost between reading and writing", read=done.rows, landed=landed, rejected=rejects.total()
        )
    late = sum(page.rows for page in files.pages if page.name == LATE)
    return ShardReport(
        rows_read=done.rows,
        rows_landed=landed,
        rows_rejected=rejects.total(),
        rejects_by_rule=dict(rejects),
        late=late,
        nulls=behind.nulls,
        source_rows=mark.rows + expected.rows + (0 if mark.late else late),
        sums=expected.sums,
        pages=done.pages,
        size=sum(file.size for file in found),
        seconds=time.monotonic() - began,
        bookmark=done.bookmark,
        files=found,
        anew=anew,
        ahead=done.ahead,
        ahead_rejected=done.ahead_rejected,
    )


def _written(
    session: OdbcSession, job: ShardJob, start: PageMark, source: Callable[[], Iterator[Any]], behind: Behind,
    files: PageFiles, save: Save, boundary: Boundary,
) -> tuple[PageMark, dict[str, Decimal]]:  # fmt: skip
    """Type and write what is fetched; gives how far it came, and the sums of the control columns in the pages."""
    mark, writer = start, None
    sums = dict.fromkeys(job.control, Decimal(0))
    of_pages = dict(sums)
    with ahead(source, cancel=session.cancel) as items:
        try:
            for item in items:
                if isinstance(item, Restart):
                    if writer is not None:
                        writer.abort()
                    writer, sums = None, dict(of_pages)
                    continue
                if isinstance(item, (LateEnd, PageEnd)):
                    rejected = writer.rejected(behind.ahead) if writer is not None else 0
                    page = writer.close() if writer is not None else _empty(files, item)
                    writer = None
                    if isinstance(item, LateEnd):
                        _check_behind(page, job, behind)
                    boundary("page written")
                    mark, of_pages = _moved(mark, item, page, behind, rejected), dict(sums)
                    save(mark)
                    boundary("page saved")
                    continue
                if writer is None:
                    name = f"{mark.pages + 1:06d}" if mark.late else LATE
                    writer = _writer(files, name, job, mark)
                if mark.late:
                    _add(sums, item)
                writer.write(item)
        except BaseException:
            if writer is not None:
                writer.abort()
            raise
    if writer is not None:  # Rows without an end: the fetching side has given up early.
        writer.abort()
    return mark, sums


def _writer(files: PageFiles, name: str, job: ShardJob, mark: PageMark) -> PageWriter:
    return PageWriter(
        files, name, job.contract, job.query.columns,
        batch_id=job.batch_id, version=job.version, first_row=mark.rows + 1,
    )  # fmt: skip


def _empty(files: PageFiles, item: LateEnd | PageEnd) -> Page:
    """No late rows are a page too, so that it is known that they were looked for."""
    page = Page(LATE, (), 0, {})
    if isinstance(item, LateEnd):
        files.add(page)
    return page


def _moved(mark: PageMark, item: LateEnd | PageEnd, page: Page, behind: Behind, rejected: int) -> PageMark:
    rows, size = mark.rows + page.rows, mark.size + sum(file.size for file in page.files)
    if isinstance(item, LateEnd):
        apart = replace(mark, nulls=behind.nulls, ahead=behind.ahead, ahead_rejected=rejected)
        return replace(apart, late=True, rows=rows, size=size)
    return replace(mark, pages=mark.pages + 1, rows=rows, size=size, bookmark=item.bookmark)


def _add(sums: dict[str, Decimal], batch: Any) -> None:
    """Add a batch's numbers; a column without an exact sum is taken out, as floats are and what is no number."""
    for name in list(sums):
        column = batch.column(batch.schema.get_field_index(name))
        if pa.types.is_integer(column.type) or pa.types.is_decimal(column.type):
            scale = column.type.scale if pa.types.is_decimal(column.type) else 0
            # Twice as wide, since a sum of 38 digits needs more.
            total = pc.sum(column.cast(pa.decimal256(76, scale))).as_py()
            sums[name] = _WIDE.add(sums[name], total if total is not None else Decimal(0))
        elif pa.types.is_string(column.type) and all(map(_NUMBER.fullmatch, column.drop_null().to_pylist())):
            for text in column.drop_null().to_pylist():
                sums[name] = _WIDE.add(sums[name], Decimal(text))
        else:
            del sums[name]


def _check_behind(page: Page, job: ShardJob, behind: Behind) -> None:
    """The rows that are read apart against what the server counted of them in the same snapshot."""
    expected = behind.late + behind.ahead + (behind.nulls if job.nulls is NullPolicy.INCLUDE_EVERY_RUN else 0)
    if page.rows != expected:
        raise ReconciliationError(
            "the source counts other rows behind the mark than it gave",
            counted=expected,
            read=page.rows,
            next_step="Look for a driver or a server that ends results early; nothing was moved forward.",
        )


def _reconcile(read: PageMark, start: PageMark, expected: Counted, sums: dict[str, Decimal], late: int) -> None:
    """What was read against what the server counted and summed in the same snapshot."""
    before = start.rows if start.late else late
    if read.rows - before != expected.rows:
        raise ReconciliationError(
            "the source counts other rows than it gave",
            counted=expected.rows,
            read=read.rows - before,
            next_step="Look for a driver or a server that ends results early; nothing was moved forward.",
        )
    for name, total in () if expected.suspects else sums.items():
        if Decimal(expected.sums[name] or 0) != total:
            raise ReconciliationError("a control sum differs from the source's", column=name, rows=read.rows)
