"""Reads the shards of one run at the same time, each on a connection and a thread of its own.

All see the source as of one instant where the engine lends a snapshot to other sessions. Where it does not, the snapshots are
begun one after another in the order of the ranges: a row whose cursor moves up meanwhile is then read twice, and never by
neither shard.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import Generic, TypeVar

from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.core.errors import IntegrationError, TransientError

__all__ = ["Snapshot", "read_side_by_side"]

T = TypeVar("T")
Snapshot = Callable[[], AbstractContextManager[None]]
Work = Callable[[int, OdbcSession, Snapshot], T]


def read_side_by_side(settings: OdbcSettings, session: OdbcSession, shards: int, work: Work[T]) -> list[T]:
    """Do the work of each shard, on a thread of its own where there are more than one; the results in their order.

    The first error is raised, after the others were ended at the server.

    Args:
        settings: How the other shards connect.
        session: The first shard's.
        shards: How many there are.
        work: Called with a shard's number from 0, its session, and what begins its snapshot.
    """
    if shards == 1:
        return [work(0, session, session.snapshot)]
    side = _SideBySide(settings, session, shards, work)
    return side.read()


class _SideBySide(Generic[T]):
    def __init__(self, settings: OdbcSettings, session: OdbcSession, shards: int, work: Work[T]) -> None:
        self._settings, self._session, self._shards, self._work = settings, session, shards, work
        self._changed = threading.Condition()
        self._sessions: list[OdbcSession] = []
        self._shared: str | None = None
        self._begun = self._ended = 0
        self._error: BaseException | None = None

    def read(self) -> list[T]:
        with ThreadPoolExecutor(self._shards, thread_name_prefix="shard") as pool:
            futures = [pool.submit(self._shard, shard) for shard in range(self._shards)]
            try:
                wait(futures)
            except BaseException as error:  # Ctrl-C, while this thread waits.
                self._fail(error)
                raise
        if self._error is not None:
            raise self._error
        return [future.result() for future in futures]

    def _shard(self, shard: int) -> T:
        try:
            if shard == 0:
                return self._begin(shard, self._session)
            with OdbcSession.open(self._settings) as session:
                return self._begin(shard, session)
        except BaseException as error:
            self._fail(error)
            raise

    def _begin(self, shard: int, session: OdbcSession) -> T:
        with self._changed:
            self._sessions.append(session)
        return self._work(shard, session, partial(self._snapshot, shard, session))

    @contextmanager
    def _snapshot(self, shard: int, session: OdbcSession) -> Iterator[None]:
        self._wait(lambda: self._begun == shard)
        with session.snapshot(self._shared):
            with self._changed:
                self._shared = self._shared or session.shared
                self._begun += 1
                self._changed.notify_all()
            yield
            with self._changed:
                self._ended += 1
                self._changed.notify_all()
            if shard == 0 and self._shared is not None:
                # It is lent for as long as its own transaction lasts.
                self._wait(lambda: self._ended == self._shards)

    def _wait(self, ready: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or ready())
            if self._error is not None:
                raise TransientError("another shard of the run failed", next_step="Run again; it goes on from here.")

    def _fail(self, error: BaseException) -> None:
        """Keep the first error, and end what the other shards are at."""
        with self._changed:
            if self._error is not None:
                return
            self._error = error
            others = list(self._sessions)
            self._changed.notify_all()
        for session in others:
            with suppress(IntegrationError):
                session.cancel()
