"""Requests and answers as values, so that the same server stands behind a socket, a batch or no socket at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

__all__ = ["Refused", "Request", "Response", "graph_error"]


@dataclass(frozen=True)
class Request:
    """One request; the names of headers are lower case.

    Args:
        url: As it was sent: absolute, or path and query.
        batched: Whether it came within a `$batch`.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    batched: bool = False

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    def options(self) -> dict[str, str]:
        """Query options by their name in lower case without `$`, which Graph treats alike."""
        pairs = parse_qsl(urlsplit(self.url).query, keep_blank_values=True)
        return {name.lower().removeprefix("$"): value for name, value in pairs}

    def preferences(self) -> dict[str, str]:
        """The `Prefer` header, https://www.rfc-editor.org/rfc/rfc7240."""
        parts = [part.strip().partition("=") for part in self.headers.get("prefer", "").split(",") if part.strip()]
        return {name.strip().lower(): value.strip().strip('"') for name, _, value in parts}

    def json(self) -> Any:
        return json.loads(self.body or b"null")


@dataclass
class Response:
    """One answer, and what is done to it on its way.

    Args:
        body: A value to be sent as JSON, bytes to be sent as they are, or None for nothing.
        delay: Seconds before it is sent.
        cut: Bytes of the answer after which the connection is cut; 0 cuts it before any answer.
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    cut: int | None = None

    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body, separators=(",", ":")).encode()


def graph_error(status: int, code: str, message: str, *inner: str, **headers: str) -> Response:
    """An error as https://learn.microsoft.com/graph/errors draws it; `inner` are more detailed codes, outermost first."""
    error: dict[str, Any] = {"request-id": "00000000-0000-4000-8000-000000000000", "date": "2026-01-01T00:00:00"}
    for detail in reversed(inner):
        error = {"code": detail, "innerError": error}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, {"error": {"code": code, "message": message, "innerError": error}}, named)


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response
