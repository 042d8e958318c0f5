"""Bytes of an X12 stream that are no segment, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Gap", "GapKind"]


class GapKind(StrEnum):
    """Why bytes belong to no segment."""

    PADDING = "padding"
    """Line breaks after a terminator; blanks, NUL, Ctrl-Z or a byte order mark around an interchange."""
    WRAP = "wrap"
    """A line break within the segment that follows as the next token; its offset says where."""
    OUTSIDE = "outside"
    """Bytes outside of any interchange, or of a segment that never ends."""
    UNTERMINATED = "unterminated"
    """The last segment of a stream, or of an interchange that was cut off, without its terminator."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes that are no segment, as Latin-1 text, and the byte of the stream at which they begin."""

    text: str
    offset: int
    kind: GapKind
