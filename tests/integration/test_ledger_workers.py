"""Twenty workers on one ledger: each item is taken exactly once, also when a third of them are killed."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from sqlalchemy import func, select

from airflow_provider_integrations.core.errors import ClaimLostError
from airflow_provider_integrations.core.work_item import RemoteFile, State
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.ledger.tables import work_item, work_item_event

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

WORKERS = 20
LEASE = timedelta(seconds=6)


def take_all(url: str, owner: str, limit: int) -> None:
    """Take items until nothing is left to be taken; nobody dies, so no lease has to run out."""
    with Ledger.connect(url) as ledger:
        while ledger.items.claim_next("acme", owner, states=[State.DISCOVERED], lease=timedelta(hours=1), limit=limit):
            pass


def work_slowly(url: str, owner: str, limit: int) -> None:
    """As `work`, under leases that no slow machine lets run out."""
    work(url, owner, limit, timedelta(hours=1))


def work(url: str, owner: str, limit: int, lease: timedelta = LEASE) -> None:
    """Take items and bring them on until nothing is left to be brought on by anyone."""
    with Ledger.connect(url) as ledger:
        while True:
            taken = ledger.items.claim_next("acme", owner, states=[State.DISCOVERED], lease=lease, limit=limit)
            for _, claim in taken:
                with contextlib.suppress(ClaimLostError):
                    ledger.items.advance(claim, State.LANDED, facts={"by": owner})
            if not taken:
                if not ledger.items.list("acme", [State.DISCOVERED], limit=1):
                    return
                time.sleep(0.2)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_database"))
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture
def started(url: str) -> Iterator[list[BaseProcess]]:
    """The workers that a test started; whatever it leaves running is ended."""
    processes: list[BaseProcess] = []
    yield processes
    for process in processes:
        if process.is_alive():
            process.kill()
        process.join()


def start(url: str, job: Callable[[str, str, int], None], limit: int, started: list[BaseProcess]) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    for number in range(WORKERS):
        process = context.Process(target=job, args=(url, f"worker-{number}", limit), daemon=True)
        process.start()
        started.append(process)


def fill(url: str, count: int) -> Ledger:
    ledger = Ledger.connect(url)
    ledger.migrate()
    files = [RemoteFile(f"/inbox/{number:05d}", number, 1) for number in range(count)]
    assert len(ledger.items.discover("acme", files, listed_at=datetime.now(UTC))) == count
    return ledger


def states(ledger: Ledger) -> dict[str, int]:
    with ledger._database.read() as connection:
        rows = connection.execute(select(work_item.c.state, func.count()).group_by(work_item.c.state)).all()
        return {row[0]: row[1] for row in rows}


def events(ledger: Ledger, event: str) -> Counter[str]:
    with ledger._database.read() as connection:
        return Counter(connection.scalars(select(work_item_event.c.item_id).where(work_item_event.c.event == event)))


@pytest.mark.parametrize(("job", "count", "limit"), [(take_all, 10_000, 100), (work_slowly, 1_000, 1)])
def test_twenty_workers_take_each_item_exactly_once(
    url: str, started: list[BaseProcess], job: Callable[[str, str, int], None], count: int, limit: int
) -> None:
    with fill(url, count) as ledger:
        began = time.monotonic()
        start(url, job, limit, started)
        for process in started:
            process.join(300)
        print(f"\n{url.split(':')[0]}: {count} items by {limit}: {time.monotonic() - began:.1f} s")
        assert [process.exitcode for process in started] == [0] * WORKERS
        claimed = events(ledger, "claimed")
        assert len(claimed) == count
        assert set(claimed.values()) == {1}
        assert ledger.items.pending("acme", [State.DISCOVERED]) == []
        with ledger._database.read() as connection:
            query = select(work_item_event.c.owner).distinct().where(work_item_event.c.event == "claimed")
            assert len(connection.scalars(query).all()) > 1


def test_what_killed_workers_held_is_taken_up_and_ends_once(url: str, started: list[BaseProcess]) -> None:
    count = 10_000
    with fill(url, count) as ledger:
        began = time.monotonic()
        start(url, work, 20, started)
        while states(ledger).get(State.LANDED, 0) < count // 10:
            assert time.monotonic() - began < 120
            time.sleep(0.05)
        victims = started[:: WORKERS // 6][:7]
        for process in victims:
            assert process.pid
            os.kill(process.pid, signal.SIGKILL)
        for process in started:
            process.join(300)
        print(f"\n{url.split(':')[0]}: {count} items, {len(victims)} killed: {time.monotonic() - began:.1f} s")
        assert sorted(process.exitcode or 0 for process in started) == [-signal.SIGKILL] * 7 + [0] * (WORKERS - 7)
        assert states(ledger) == {State.LANDED: count}
        assert set(events(ledger, "advanced").values()) == {1}
        assert len(events(ledger, "advanced")) == count
        claims = events(ledger, "claimed")
        assert max(claims.values()) > 1
        # Every claim beyond the first is one that ran out, and counts as an attempt.
        assert {item.id: item.attempts + 1 for item in ledger.items.list("acme", limit=None)} == dict(claims)
