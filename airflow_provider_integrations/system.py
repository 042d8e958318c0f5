"""The real clock, the real source of ids and the process's own signals, for the edge."""

from __future__ import annotations

import signal
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType

__all__ = ["go_on", "interrupted_by_sigterm", "new_id", "utc_now"]


def utc_now() -> datetime:
    """The present instant in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """32 hexadecimal digits, random (RFC 9562, version 4)."""
    return uuid.uuid4().hex


def go_on(_boundary: str) -> None:
    """The boundary hook of every run but the tests', which kill the process there."""


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Make SIGTERM unwind the stack, where nobody else has a say in it."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
