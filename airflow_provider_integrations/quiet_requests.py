"""Keeps the loggers of `httpx` silent while a request of ours is under way; what others send is none of our business.

`httpx` logs the whole address of every request at INFO, `hpack` every header at DEBUG, and both may hold secrets.

with quiet_requests():
    client.get(address)
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["quiet_requests"]

_SPEAKERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "hpack.hpack",
             "hpack.table")  # fmt: skip
_under_way: ContextVar[bool] = ContextVar("integrations_request_under_way", default=False)


@contextmanager
def quiet_requests() -> Iterator[None]:
    """Let nothing be logged of what this thread or task asks for until the block ends."""
    for name in _SPEAKERS:
        logging.getLogger(name).addFilter(_is_not_ours)  # The same filter is added once.
    before = _under_way.set(True)
    try:
        yield
    finally:
        _under_way.reset(before)


def _is_not_ours(_record: logging.LogRecord) -> bool:
    return not _under_way.get()
