"""What every ledger says of the runs of a table: their rows, added up by the database, and no more than was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event

from airflow_provider_integrations.core.work_item import RemoteFile, State
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.ledger.runs import RunRows
from tests.fakes.postgres import SteppedClock


def _enter(ledger: Ledger, clock: SteppedClock, run: str, *rows: int | None, source: str = "orders") -> list[str]:
    """One run: a shard for each number, loaded; those of None are on their way."""
    files = [RemoteFile(f"odbc/{run}/shard-{shard:04d}", 0, 0) for shard in range(1, len(rows) + 1)]
    told = {file.path: {"run": run, "shards": len(rows), "batch_id": f"b-{run}"} for file in files}
    items = ledger.items.discover(source, files, listed_at=clock(), facts=told)
    for item, count in zip(items, rows, strict=True):
        if count is not None:
            taken = ledger.items.claim(item.id, "me", states=[State.DISCOVERED], lease=timedelta(minutes=1))
            assert taken is not None
            facts = {"rows_landed": count} if count else {"rows_loaded": 0}
            ledger.items.advance(taken[1], State.LOADED, facts=facts)
    return [item.id for item in items]


@contextmanager
def _statements(ledger: Ledger) -> Iterator[list[str]]:
    """The questions that were asked."""
    seen: list[str] = []

    def count(_: object, __: object, statement: str, *___: object) -> None:
        if statement.startswith("SELECT"):
            seen.append(statement)

    engine = ledger._database.engine
    event.listen(engine, "before_cursor_execute", count)
    yield seen
    event.remove(engine, "before_cursor_execute", count)


def test_a_run_and_the_latest_of_its_kind_before_it(ledger: Ledger, ledger_clock: SteppedClock) -> None:
    firsts = [_enter(ledger, ledger_clock, f"{number:08d}.0", 10 * number, 3_000_000_000)[0] for number in range(5)]
    [span] = _enter(ledger, ledger_clock, "span-abc", 7)
    _enter(ledger, ledger_clock, "00000003.0", 1, source="others")
    ledger.items.discover("orders", [RemoteFile("/in/shard-0001", 1, 1)], listed_at=ledger_clock())
    found = ledger.items.rows_of_runs("orders", "00000003.0", limit=3)
    assert found == [
        RunRows(f"{number:08d}.0", firsts[number], f"b-{number:08d}.0", 3_000_000_000 + 10 * number, 0, 2)
        for number in (3, 2, 1)
    ]
    assert ledger.items.rows_of_runs("orders", "span-abc", limit=9) == [
        RunRows("span-abc", span, "b-span-abc", 7, 0, 1)
    ]
    assert ledger.items.rows_of_runs("orders", "never", limit=9) == []


def test_shards_on_their_way_are_no_rows_yet(ledger: Ledger, ledger_clock: SteppedClock) -> None:
    _enter(ledger, ledger_clock, "00000000.0", 5, None, 0)
    [run] = ledger.items.rows_of_runs("orders", "00000000.0", limit=1)
    assert (run.rows, run.open, run.loaded) == (5, 1, 2)
    assert ledger.items.runs_in("orders", [State.LOADED]) == ["00000000.0"]
    assert ledger.items.runs_in("orders", [State.DISCOVERED]) == ["00000000.0"]
    assert ledger.items.runs_in("orders", [State.ARCHIVED]) == []


@pytest.mark.parametrize("shards", [1, 40])
def test_what_is_asked_of_the_database_does_not_grow_with_the_shards(
    ledger: Ledger, ledger_clock: SteppedClock, shards: int
) -> None:
    for number in range(4):
        _enter(ledger, ledger_clock, f"{number:08d}.0", *range(shards))
    with _statements(ledger) as statements:
        found = ledger.items.rows_of_runs("orders", "00000003.0", limit=15)
    assert len(statements) == 2
    assert [run.rows for run in found] == [sum(range(shards))] * 4
