"""What became of each file, and what the warehouse holds: read from the ledger and the warehouse, shown as tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich import box
from rich.table import Table

from airflow_provider_integrations.core.work_item import State, WorkItem
from demo.partner import Sent
from demo.warehouse import Totals

__all__ = ["Line", "files_table", "lines", "totals_table"]

_COLOURS = {"archived": "green", "duplicate": "yellow", "quarantined": "red", "": "dim"}


@dataclass(frozen=True, slots=True)
class Line:
    """One file: what became of it, and whether that is what had to."""

    name: str
    story: str
    state: str
    reason: str
    landed: int
    rejected: int
    loaded: int
    as_expected: bool


def lines(sent: Sequence[Sent], items: Sequence[WorkItem]) -> list[Line]:
    """One line for each file, by what became of it when it came for the first time."""
    first: dict[str, WorkItem] = {}
    for item in sorted(items, key=lambda item: item.generation):
        first.setdefault(item.name, item)
    return [_line(entry, first.get(entry.name)) for entry in sent]


def _line(entry: Sent, item: WorkItem | None) -> Line:
    facts: Mapping[str, Any] = item.facts if item else {}
    state = item.state.value if item else ""
    loads = state in (State.LOADED, State.ARCHIVED)
    landed = int(facts.get("rows_landed", 0)) if loads else 0
    rejected = int(facts.get("rows_rejected", 0))
    loaded = int(facts.get("rows_loaded", 0)) if loads else 0
    reason = (item.reason or "") if item else ""
    expected = (entry.state, entry.reason, entry.landed, entry.loaded)
    fits = (state, reason, landed, loaded) == expected and (not entry.rejected or rejected == entry.rejected)
    return Line(entry.name, entry.story, state, reason, landed, rejected, loaded, fits)


def files_table(found: Sequence[Line], *, width: int) -> Table:
    """The files with their verdicts; on a narrow terminal what is special of a file and the reason get their own line."""
    wide = width >= 120
    table = Table(title="What became of each file", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("file", no_wrap=wide)
    if wide:
        table.add_column("what it is")
    table.add_column("verdict", no_wrap=True)
    for name in ("landed", "rejected", "loaded"):
        table.add_column(name, justify="right", no_wrap=True)
    if wide:
        table.add_column("reason", no_wrap=True)
    for line in found:
        verdict = f"[{_COLOURS.get(line.state, 'bold red')}]{line.state or 'not taken'}[/]"
        if not line.as_expected:
            verdict += " [bold red]and should not be[/]"
        reason = line.reason or ("" if line.state else "upload under way")
        counts = [f"{count:,}" if count else "" for count in (line.landed, line.rejected, line.loaded)]
        if wide:
            table.add_row(_short(line.name), line.story, verdict, *counts, reason)
        else:
            table.add_row(f"{_short(line.name)}\n[dim]{line.story}[/]", f"{verdict}\n{reason}", *counts)
    return table


def totals_table(totals: Totals, *, table_name: str) -> Table:
    """The warehouse in four numbers."""
    table = Table(
        title=f"The warehouse: {table_name}", title_justify="left", box=box.SIMPLE, show_header=False, pad_edge=False
    )
    table.add_column()
    table.add_column(justify="right")
    names = {
        "versions": "versions of customers (SCD 2)",
        "customers": "customers, current",
        "balance": "sum of their balances",
        "batches": "batches applied",
    }
    for name, value in asdict(totals).items():
        table.add_row(names[name], f"{value:,}" if isinstance(value, int) else str(value))
    return table


def _short(name: str) -> str:
    """Without what all names share and without the checksum, so that a line fits."""
    return re.sub(r"_crc32-[0-9A-F]{8}\.csv\.gpg", "", name.removeprefix("acme_customers_"))
