"""The conversation with an OPC UA server about history: what is asked, and what is answered; none of a driver's types.

Sources: OPC 10000-4, 5.11.3 (HistoryRead) and 7.9 (continuation points); OPC 10000-11, 6.5.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

from airflow_provider_integrations.connectors.historian.model import Page, Span
from airflow_provider_integrations.connectors.historian.opcua_decode import Values
from airflow_provider_integrations.core.errors import IntegrationError

__all__ = [
    "Answer",
    "Asked",
    "Conversation",
    "Fault",
    "Limits",
    "Reading",
    "Receive",
    "Release",
    "Request",
    "Response",
    "Step",
]


@dataclass(frozen=True, slots=True)
class Reading:
    """Which history is read: raw values, those that were replaced or deleted (`modified`), or an aggregate over intervals.

    Args:
        modified: The values that a later edit replaced, each with what was done to it and when.
        bounds: Ask for the values that lie around the window too; they are marked `bound`, and may lie outside of it.
        aggregate: NodeId of an aggregate function, e.g. `i=2342` (Average); none reads values as they are.
        interval: Length of an aggregate's intervals in milliseconds; 0 is the whole window.
    """

    modified: bool = False
    bounds: bool = False
    aggregate: str = ""
    interval: float = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is asked for at once, and how much patience there is.

    Args:
        page: Values for one page; 0 leaves it to the server.
        largest_page: How far a page that one instant fills may grow.
        smallest_page: Where a page that is too large for the server is given up, and the window has to be halved.
        tries: How often in a row a page may bring nothing new before the read fails.
        longest_run: How many values of one instant are held at most.
    """

    page: int = 20_000
    largest_page: int = 1_000_000
    smallest_page: int = 100
    tries: int = 5
    longest_run: int = 2_000_000


@dataclass(frozen=True, slots=True)
class Request:
    """One page of one node's history.

    Args:
        address: The node, as text.
        span: The window, in nanoseconds; where a point is given it is the one that the point was given for.
        reading: Which history.
        page: Values for the page; 0 leaves it to the server.
        point: The server's continuation point.
    """

    address: str
    span: Span
    reading: Reading
    page: int
    point: bytes | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """Give a continuation point back: a server has few. Nothing is answered."""

    address: str
    request: Request


@dataclass(frozen=True, slots=True)
class Asked:
    """Begin to ask; nothing is answered yet."""

    request: Request


@dataclass(frozen=True, slots=True)
class Receive:
    """Answer what was asked."""


class Response(Protocol):
    """One node's answer; its values are not looked at before they are asked for."""

    @property
    def status(self) -> int:
        """The code of this node's answer, or of the whole call."""
        ...

    @property
    def point(self) -> bytes | None:
        """Where the next page begins; none where the server has no more."""
        ...

    def values(self) -> Values:
        """What it holds.

        Raises:
            SystemicError: it cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with values that are read already."""

    status: int
    point: bytes | None
    held: Values

    def values(self) -> Values:
        """What it holds."""
        return self.held


@dataclass(frozen=True, slots=True)
class Fault:
    """No answer to a call.

    Args:
        status: What the server said of the whole call, or a code for what happened: the session is lost, nothing came in time.
        error: Why there is no use in another try.
    """

    status: int
    error: IntegrationError | None = None


Step = Asked | Receive | Release | Page
Conversation = Generator[Step, Response | Fault | None, None]
