"""Windows that were read whole, beside their samples in the warehouse: a sample that a later reading of its time has not is gone.

    BatchJob(..., mark_deletions=partial(mark_gone, entries=entries))

A historian does not tell what was deleted or moved: only that a window, read again, does not have it any more. After a load
the windows of its items go to `<table>_WINDOWS` with the version of the reading. A current sample is gone if a window over its
instant has a later version than the one that saw the sample last. That holds whatever comes in which order: a batch of an older
reading that comes late is measured against the windows of the newer one, and never the other way round.

A window of which rows were refused is none: what the gate keeps back is there, and must not be called gone. Nor is anything
called gone where that would be a large share of what is known (`gone_guard`): the items wait, and with them the watermark, until
a later reading has the samples again or a person lets them go.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import Any

from airflow_provider_integrations.batch_job import BatchJob
from airflow_provider_integrations.connectors.historian.catalog import TagEntry
from airflow_provider_integrations.connectors.historian.gone_guard import Reread, check_gone
from airflow_provider_integrations.connectors.historian.model import Span
from airflow_provider_integrations.connectors.historian.run_plan import Work
from airflow_provider_integrations.connectors.historian.tag_tables import load_catalog
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.formats.arrow import Table, pa
from airflow_provider_integrations.warehouse.database import Database, ensure_schema
from airflow_provider_integrations.warehouse.small_tables import load_tables
from airflow_provider_integrations.warehouse.soft_deletes import GoneKeys, apply_deletes
from airflow_provider_integrations.warehouse.tables import Tables

__all__ = ["WINDOWS", "mark_gone", "windows_policy"]

log = logging.getLogger(__name__)

WINDOWS = Contract.from_mapping(
    {
        "contract": "historian_windows",
        "version": "1.0.0",
        "description": "One row for each tag and window that was read whole; `_version` is that of the last reading.",
        "keys": ["tag", "begin_ns", "end_ns"],
        "columns": [
            {"name": "tag", "type": "string", "nullable": False},
            {"name": "begin_ns", "type": "integer", "nullable": False},
            {"name": "end_ns", "type": "integer", "nullable": False},
        ],
    }
)
"""From `begin_ns` to before `end_ns`, in nanoseconds since 1970-01-01 UTC."""


def windows_policy(load: LoadPolicy) -> LoadPolicy:
    """Where the windows of a table of samples are."""
    return load.model_copy(update={"table": f"{load.table}_WINDOWS", "scd": 1})


def mark_gone(
    job: BatchJob, connection: Any, *, entries: Sequence[TagEntry] = (), share: float = 0.2, allow: bool = False
) -> None:
    """Note the windows of the loaded items, and mark as deleted what they do not have any more; nothing is removed.

    It is done before the items are closed, so that a worker that dies is made up for by the next one. Again is harmless.

    Args:
        job: The source; its items have the facts of `Work`, and `version`.
        connection: A DB-API connection to the warehouse.
        entries: Of the source's catalog, which goes along for the views over the samples.
        share: Of the samples known before in the windows, those of a tag or of all tags that may be gone.
        allow: Let any number go.

    Raises:
        ReconciliationError: more are gone; none is marked.
        TransientError: when the warehouse could not finish; the items wait for it.
    """
    loaded = [item for item in job.ledger.items.list(job.source, [State.LOADED], limit=None) if _is_whole(item)]
    if not loaded:
        return
    tables = {version: _windows(items) for version, items in groupby(sorted(loaded, key=_version), key=_version)}
    load_tables(connection, tables, WINDOWS, windows_policy(job.load), source=job.source, run_id=job.owner)
    job.boundary("windows noted")
    works = [Work.from_json(dict(item.facts)) for item in loaded]
    begin, end = min(work.span.begin for work in works), max(work.span.end for work in works)
    # Those of another source wait for its own load, and its own guard.
    tags = {tag.name for work in works for tag in work.tags}
    if entries:
        newest = max(_version(item) for item in loaded)
        load_catalog(
            connection, entries, Span(begin, end), job.load, source=job.source, version=newest, run_id=job.owner
        )
    database = Database(connection)
    database.autocommit(True)
    # The table may be older than its columns for deletions.
    ensure_schema(database, job.contract, job.load)
    check_gone(job.source, _reread(database, job, begin, end, tags), share=share, allow=allow)
    for version, gone in _gone(database, job, begin, end, tags):
        batch_id = _sweep_id(job, version, gone)
        sweep = GoneKeys(batch_id, job.source, version, gone)
        done = apply_deletes(connection, sweep, job.contract, job.load, run_id=job.owner)
        log.info("%s: %d samples are not there any more by the reading %s", job.source, done.updated, version)
        job.boundary("gone samples marked")


def _is_whole(item: WorkItem) -> bool:
    """Whether every row that was read is in the warehouse."""
    facts = item.facts
    return not facts["rows_rejected"] and facts["rows_loaded"] == facts["rows_read"]


def _version(item: WorkItem) -> str:
    return str(item.facts["version"])


def _windows(items: Iterable[WorkItem]) -> Table:
    """One row for each tag and window, windows of one tag that touch joined."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for item in items:
        work = Work.from_json(dict(item.facts))
        for tag in work.tags:
            spans.setdefault(tag.name, []).append((work.span.begin, work.span.end))
    rows = [(tag, *span) for tag, found in sorted(spans.items()) for span in _joined(sorted(found))]
    names = [column.name for column in WINDOWS.columns]
    types = (pa.string(), pa.int64(), pa.int64())
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, types, strict=True)], names=names)


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for begin, end in spans:
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def _reread(database: Database, job: BatchJob, begin: int, end: int, tags: Collection[str]) -> list[Reread]:
    """Of each tag, how many samples were there before a later reading of their time, and how many of them it has not seen."""
    target, windows = Tables.from_policy(job.load).target, Tables.from_policy(windows_policy(job.load)).target
    statement = (
        'SELECT "TAG", COUNT(*), SUM("IS_GONE") FROM ('  # noqa: S608 names are quoted
        'SELECT "T"."TAG", '
        'MAX(CASE WHEN "T"."IS_CURRENT" AND "W"."_VERSION" > "T"."_SEEN_VERSION" THEN 1 ELSE 0 END) AS "IS_GONE" '
        f'FROM {target} AS "T" JOIN {windows} AS "W" ON "W"."TAG" = "T"."TAG" '
        'AND "W"."BEGIN_NS" <= "T"."TS_NS" AND "T"."TS_NS" < "W"."END_NS" AND "W"."_VERSION" > "T"."_VERSION" '
        # What is corrected was known too; what was gone before was not.
        'WHERE "T"."_DELETED_VERSION" IS NULL AND "T"."TS_NS" >= %(begin)s AND "T"."TS_NS" < %(end)s '
        'GROUP BY "T"."TAG", "T"."TS_NS", "T"."ORDINAL") AS "S" GROUP BY "TAG" ORDER BY 1'
    )
    rows = database.stream("counting samples that are gone", statement, {"begin": begin, "end": end})
    return [Reread(str(tag), int(known), int(gone)) for tag, known, gone in rows if tag in tags]


def _gone(database: Database, job: BatchJob, begin: int, end: int, tags: Collection[str]) -> list[tuple[str, Table]]:
    """Keys of current samples that a later reading of their time has not seen, by the version of the last such reading."""
    target, windows = Tables.from_policy(job.load).target, Tables.from_policy(windows_policy(job.load)).target
    statement = (
        'SELECT MAX("W"."_VERSION") AS "READ", "T"."TAG", "T"."TS_NS", "T"."ORDINAL" '  # noqa: S608 names are quoted
        f'FROM {target} AS "T" JOIN {windows} AS "W" ON "W"."TAG" = "T"."TAG" '
        'AND "W"."BEGIN_NS" <= "T"."TS_NS" AND "T"."TS_NS" < "W"."END_NS" AND "W"."_VERSION" > "T"."_SEEN_VERSION" '
        'WHERE "T"."IS_CURRENT" AND "T"."TS_NS" >= %(begin)s AND "T"."TS_NS" < %(end)s '
        'GROUP BY "T"."TAG", "T"."TS_NS", "T"."ORDINAL" ORDER BY 1, 2, 3, 4'
    )
    found_rows = database.stream("looking for samples that are gone", statement, {"begin": begin, "end": end})
    rows = [row for row in found_rows if row[1] in tags]
    found = []
    for version, some in groupby(rows, key=lambda row: str(row[0])):
        _, tags, instants, ordinals = zip(*some, strict=True)
        table = pa.table(
            {
                "tag": pa.array([str(tag) for tag in tags], pa.string()),
                "ts_ns": pa.array([int(ns) for ns in instants], pa.int64()),
                "ordinal": pa.array([int(ordinal) for ordinal in ordinals], pa.int64()),
            }
        )
        found.append((version, table))
    return found


def _sweep_id(job: BatchJob, version: str, gone: Table) -> str:
    """Another one for other keys: what comes late is marked too, and what is marked is not marked again."""
    return hashlib.sha256(f"{job.source}:{GoneKeys('', job.source, version, gone).digest}".encode()).hexdigest()[:24]
