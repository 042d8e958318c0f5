"""Reading, typing and writing at the same time, in order and with a bound on what is in flight.

What is only one piece is worked on in the caller's thread: for a small file, starting threads and handing over between
them takes as long as the work.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

__all__ = ["ahead", "in_order"]

T = TypeVar("T")
R = TypeVar("R")
_POLL_S = 0.2


@contextlib.contextmanager
def ahead(source: Iterator[T], depth: int = 2) -> Iterator[Iterator[T]]:
    """The items of `source`, drawn by a thread of its own: a pipe keeps flowing while earlier items are worked on."""
    # The second piece is read before the first is worked on; of a long stream that is a small part.
    head = list(islice(source, 2))
    if len(head) < 2:
        yield iter(head)
        return
    source = chain(head, source)
    items: queue.Queue[tuple[T | None, BaseException | None, bool]] = queue.Queue(depth)
    stop = threading.Event()

    def put(entry: tuple[T | None, BaseException | None, bool]) -> None:
        while not stop.is_set():
            try:
                items.put(entry, timeout=_POLL_S)
                return
            except queue.Full:
                continue

    def draw() -> None:
        try:
            for item in source:
                put((item, None, False))
                if stop.is_set():
                    return
            put((None, None, True))
        except BaseException as error:
            put((None, error, True))

    def drawn() -> Iterator[T]:
        while True:
            item, error, ended = items.get()
            if error is not None:
                raise error
            if ended:
                return
            yield item  # type: ignore[misc]

    thread = threading.Thread(target=draw, name="read-ahead", daemon=True)
    thread.start()
    try:
        yield drawn()
    finally:
        stop.set()
        # A stream that hangs must not hang the error that made us stop; the thread is a daemon and holds no lock.
        thread.join(timeout=5)


def in_order(work: Callable[[T], R], items: Iterator[T], workers: int) -> Iterator[R]:
    """`map` over a few threads, in order, with at most `workers + 1` results waiting."""
    head = list(islice(items, 2))
    if len(head) < 2:
        yield from map(work, head)
        return
    items = chain(head, items)
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
