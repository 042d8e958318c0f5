"""Ends the statements of a task or command that is told to end: at the server, and from a thread that can be reached.

Python runs signal handlers on its main thread, and only between two steps of it: within a driver's call that waits for a server
they would wait with it. So the work is done `apart`, and the main thread only waits for it.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Protocol, TypeVar

from airflow_provider_integrations.core.errors import IntegrationError
from airflow_provider_integrations.system import interrupted_by_sigterm

__all__ = ["OpenSessions", "apart", "interruptible"]

T = TypeVar("T")

LEAVE_WITHIN = 10.0
"""Seconds that a command waits for its statements to end, once they were told to."""


class _Cancellable(Protocol):
    def cancel(self) -> None: ...


class OpenSessions:
    """The sessions that a task has opened; once cancelled, those that come later are cancelled too."""

    def __init__(self) -> None:
        self._sessions: list[_Cancellable] = []
        self._cancelled = False

    def add(self, session: _Cancellable) -> None:
        """Know a session."""
        self._sessions.append(session)
        if self._cancelled:
            session.cancel()

    def cancel(self) -> None:
        """End the statements that are running, and let none begin."""
        self._cancelled = True
        for session in list(self._sessions):
            session.cancel()


def apart(work: Callable[[], T], *, name: str) -> T:
    """What `work` gives, or the error that it raises, on a thread of that name.

    The thread is a daemon: a process that is told to end need not wait for a server that does not answer.
    """
    return _begun(work, name).result()


def interruptible(work: Callable[[OpenSessions], T], *, name: str) -> T:
    """What `work` gives, for a command: Ctrl-C and SIGTERM end its statements at the server, and then the command."""
    sessions = OpenSessions()
    with interrupted_by_sigterm():
        done = _begun(lambda: work(sessions), name)
        try:
            return done.result()
        except (KeyboardInterrupt, SystemExit):
            with suppress(IntegrationError):  # A server that cannot be reached now ends them by itself.
                sessions.cancel()
            wait([done], LEAVE_WITHIN)
            raise


def _begun(work: Callable[[], T], name: str) -> Future[T]:
    done: Future[T] = Future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            done.set_result(context.run(work))
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return done
