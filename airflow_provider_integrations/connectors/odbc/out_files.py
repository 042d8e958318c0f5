"""The folder that a run without a ledger fills: its pages stand apart until all are there, and then take their names in it.

`20251105T100000000000Z-4f1c0a2b9d3e-0001-page-000001-00000.parquet` is of the run's version and id, and of a shard.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from airflow_provider_integrations.connectors.odbc.report import ShardReport
from airflow_provider_integrations.connectors.odbc.state_file import OpenRun
from airflow_provider_integrations.landing.durable import copy_durably, sync_folder

__all__ = ["folder_of", "publish"]

_REJECTS = "rejects.jsonl"


def folder_of(out: Path, run_id: str) -> Path:
    """Where a run's pages stand until it is complete."""
    return out / f".run-{run_id}"


def publish(out: Path, run: OpenRun, reports: Sequence[ShardReport], *, rejects_alone: bool = False) -> list[str]:
    """Give the files their place; those that an attempt before this one has placed already are left or replaced.

    Args:
        out: The folder.
        run: Whose files they are.
        reports: Of its shards, in order.
        rejects_alone: Place no rows, but what tells why they were rejected.
    """
    names = []
    stamp = "".join(char for char in run.version if char.isalnum())
    for shard, report in enumerate(reports, start=1):
        folder = folder_of(out, run.id) / f"{shard:04d}"
        found = [] if rejects_alone else [file.name for file in report.files]
        if (folder / _REJECTS).exists():
            found.append(_REJECTS)
        for name in found:
            target = out / f"{stamp}-{run.id}-{shard:04d}-{name}"
            _place(folder / name, target)
            names.append(target.name)
    sync_folder(out)
    return names


def _place(source: Path, target: Path) -> None:
    """A second name of a file, or a copy where there are no such names; the target is whole or not there."""
    if target.exists() and target.samefile(source):
        return
    fresh = target.with_name(f".{target.name}.new")
    fresh.unlink(missing_ok=True)
    copy_durably(source, fresh, link=True)
    fresh.replace(target)
