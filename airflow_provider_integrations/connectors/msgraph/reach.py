"""How a server is reached: whose certificates are trusted, through which proxy, for how long, and how much it may answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Reach"]

_MEGABYTE = 1_048_576


@dataclass(frozen=True, slots=True)
class Reach:
    """How the server is reached.

    Args:
        ca: Certificates of the authorities to trust, as PEM; the system's without one.
        timeout: Seconds for a connection, and for each part of an answer.
        plain: Plain HTTP to this machine: no proxy of the environment ever sees the token.
        proxy: URL of the proxy, which may hold a password; empty for none of our own.
        environment: Whether proxies that the environment names are used where there is none of our own.
        largest: Bytes that an answer may have, decompressed. Microsoft's pages are some megabytes.
    """

    ca: Path | None = None
    timeout: float = 100.0
    plain: bool = False
    proxy: str = field(default="", repr=False)
    environment: bool = True
    largest: int = 64 * _MEGABYTE

    @property
    def trusts_environment(self) -> bool:
        """Whether the environment's proxies are asked for."""
        return self.environment and not self.plain and not self.proxy
