"""Runs a generator on a thread of its own, a bounded number of items ahead of whoever consumes it.

Fetching waits for the network and the driver, converting and writing for the processor and the disk: beside each other they
take the time of the slower one.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

__all__ = ["ahead"]

T = TypeVar("T")

_END = object()


class _Ahead(Generic[T]):
    def __init__(self, make: Callable[[], Iterator[T]], depth: int) -> None:
        self._items: queue.Queue[object] = queue.Queue(depth)
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(make,), name="fetching", daemon=True)
        self._thread.start()

    def _run(self, make: Callable[[], Iterator[T]]) -> None:
        try:
            for item in make():
                if not self._put(item):
                    return
        except BaseException as error:
            self._error = error
        finally:
            self._put(_END)

    def _put(self, item: object) -> bool:
        while not self._stopped.is_set():
            try:
                self._items.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def __iter__(self) -> Iterator[T]:
        while (item := self._items.get()) is not _END:
            yield item  # type: ignore[misc]
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()


@contextmanager
def ahead(make: Callable[[], Iterator[T]], *, depth: int = 5, cancel: Callable[[], None]) -> Iterator[Iterator[T]]:
    """The generator's items; an error in it is raised where its items are taken.

    Args:
        make: Makes the generator; called on the other thread.
        depth: Items that may wait.
        cancel: Called if the consumer fails while the generator may be blocked, so that it ends.
    """
    worker = _Ahead(make, depth)
    try:
        yield iter(worker)
    except BaseException:
        worker._stopped.set()
        if worker._error is None and worker._thread.is_alive():
            cancel()
        raise
    finally:
        worker.stop()
