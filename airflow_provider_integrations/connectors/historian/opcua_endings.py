"""Every way in which a server may fail to end well: what is tried again, and the error that names what is unread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_integrations.connectors.historian.model import Span, WindowTooLargeError, unread
from airflow_provider_integrations.connectors.historian.opcua_model import Fault, Limits, Response
from airflow_provider_integrations.connectors.historian.opcua_status import Meaning, meaning_of, shown
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    StalledError,
    SystemicError,
    TransientError,
)

__all__ = ["Endings"]


@dataclass(slots=True)
class Endings:
    """Counts what brought nothing new since the last progress.

    Args:
        tag: Whose history it is.
        span: The window.
        limits: How much patience there is.
        page: Values to ask for in one page; it shrinks and grows within the limits.
        vain: Answers without progress.
        cap: The least number of values after which the server ended without a continuation point though there were more.
    """

    tag: str
    span: Span
    limits: Limits
    page: int = 0
    vain: int = 0
    cap: int | None = None

    def __post_init__(self) -> None:
        self.page = self.limits.page

    def progress(self) -> None:
        """Something new came."""
        self.vain = 0

    def nothing_new(self, what: str, at: int) -> None:
        """An answer brought nothing: try again, within bounds.

        Raises:
            StalledError: that was the last try.
        """
        self.vain += 1
        if self.vain > self.limits.tries:
            raise self._error(
                StalledError, what, at, "The server breaks off its history here; ask for a smaller window, or its operator.",
                tries=self.vain,
            )  # fmt: skip

    def refused(self, answer: Response | Fault, at: int) -> None:
        """An answer that is no page: begin anew at the last whole instant, with a page of another size where that may help.

        Raises:
            IntegrationError: of the class that the code asks for.
        """
        if isinstance(answer, Fault) and (error := answer.error) is not None:
            raise self._error(type(error), error.what, at, error.next_step, **error.values)
        status, meaning = answer.status, meaning_of(answer.status)
        if meaning is Meaning.DENIED:
            raise self._error(
                ConfigError, "the server does not give this history", at,
                "Check that the node exists, keeps history and may be read by this user.", status=shown(status),
            )  # fmt: skip
        if meaning is Meaning.TOO_LARGE:
            self._shrink(status, at)
            return
        if meaning is Meaning.BUSY:
            raise self._error(TransientError, "the server cannot answer", at, "Try again later.", status=shown(status))
        self.vain += 1
        if self.vain > self.limits.tries:
            lost = meaning is Meaning.SESSION_LOST
            raise self._error(
                ConnectionLostError if lost else StalledError,
                "the session is lost again and again" if lost else "the server drops its continuation points",
                at, "Try again later; fewer readers at once leave more of them.", status=shown(status), tries=self.vain,
            )  # fmt: skip
        if self.vain > 1:
            self._grow()  # An instant larger than a page never passes without a point that lives.

    def held(self, rows: int, at: int) -> None:
        """So many values of one instant wait for its end.

        Raises:
            StalledError: more than there can be.
        """
        if rows > self.limits.longest_run:
            raise self._error(
                StalledError, "an instant that does not end", at, "Ask the server's operator.", values=rows
            )

    def ended_early(self, rows: int) -> None:
        """A page of so many values ended without a continuation point, and there were more; 0 where our limit cut it."""
        if rows:
            self.cap = rows if self.cap is None else min(rows, self.cap)

    def fills_cap(self, rows: int) -> bool:
        """Whether so many values of one instant may be all that the server gives in a page, rather than all there are."""
        return self.cap is not None and rows >= self.cap > 0

    def may_be_cut(self, rows: int) -> bool:
        """Whether our own limit may have ended an instant, as where it is taken for that of the whole window; then it grows."""
        return 0 < self.page <= rows and self._grow()

    def instant_fills(self, rows: int, at: int) -> None:
        """One instant was all that a page had, without a point, and later values are there: ask for a larger page.

        Raises:
            StalledError: it is the server that caps the page.
        """
        self.vain += 1
        if rows < self.page or not self._grow() or self.vain > self.limits.tries:
            raise self._error(
                StalledError, "one instant fills a page, which the server ends without a continuation point", at,
                "Whether it has more values of this instant cannot be known; raise the server's limit of values.", values=rows,
            )  # fmt: skip

    def unordered(self, at: int) -> IntegrationError:
        """Pages that are not in the order of time: in a window of one page they can be sorted."""
        return self._error(
            WindowTooLargeError, "the server's pages are not in the order of time", at,
            "A window that fits in one page can be read.",
        )  # fmt: skip

    def unreadable(self, why: str, at: int) -> IntegrationError:
        """An answer that is not what the protocol says."""
        return self._error(SystemicError, "an answer that cannot be read", at, "Ask the server's operator.", why=why)

    def _shrink(self, status: int, at: int) -> None:
        size = self.page or self.limits.largest_page
        smaller = max(size // 4, self.limits.smallest_page)
        if smaller >= size:
            raise self._error(
                WindowTooLargeError,
                "the server does not give this window",
                at,
                "Ask for half of it.",
                status=shown(status),
            )
        self.page = smaller

    def _grow(self) -> bool:
        if not self.page or self.page >= self.limits.largest_page:
            return False
        self.page, self.cap = min(self.page * 4, self.limits.largest_page), None
        return True

    def _error(
        self, error: type[IntegrationError], what: str, at: int, next_step: str, **values: Any
    ) -> IntegrationError:
        return unread(error, what, self.tag, Span(at, self.span.end), next_step=next_step, **values)
