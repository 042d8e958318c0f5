"""The real clock and the real source of ids, for the edge."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

__all__ = ["new_id", "utc_now"]


def utc_now() -> datetime:
    """The present instant in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """32 hexadecimal digits, random (RFC 9562, version 4)."""
    return uuid.uuid4().hex
