"""Physical lines of a block of bytes: where they begin and end. A line ends with LF, CRLF, CR or the end of the stream."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Flags", "Ints", "count_lines", "extent", "physical_lines", "wrong_newline"]

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
_CR, _LF = 13, 10


def physical_lines(array: NDArray[np.uint8], data: bytes, *, final: bool) -> tuple[Ints, Ints, Ints]:
    """Starts, ends (line end excluded) and nexts (line end included) of the whole lines."""
    if b"\r" not in data:
        at = np.flatnonzero(array == _LF)
        ends, nexts = at, at + 1
    else:
        feed = array == _LF
        carriage = array == _CR
        pair = np.zeros(len(array), np.bool_)
        pair[:-1] = carriage[:-1] & feed[1:]
        if not final:
            # It may be the first half of a CRLF.
            carriage[-1] = False
        at = np.flatnonzero(feed | (carriage & ~pair))
        nexts = at + 1
        second = np.zeros(len(at), np.bool_)
        later = at > 0
        second[later] = (array[at[later]] == _LF) & pair[at[later] - 1]
        ends = at - second
    if final and (len(nexts) == 0 or int(nexts[-1]) < len(array)):
        ends = np.append(ends, len(array))
        nexts = np.append(nexts, len(array))
    starts = np.empty_like(nexts)
    if len(starts):
        starts[0] = 0
        starts[1:] = nexts[:-1]
    return starts, ends, nexts


def wrong_newline(newline: str, ends: Ints, nexts: Ints, data: bytes) -> Flags:
    """Where a record ends with another line end than the contract's; the end of the file fits any."""
    width = nexts - ends
    wrong: Flags
    if newline == "crlf":
        wrong = width == 1
        return wrong
    array = np.frombuffer(data, np.uint8)
    carriage = array[np.minimum(ends, len(array) - 1)] == _CR
    wrong = (width == 2) | ((width == 1) & carriage)
    return wrong


def extent(data: bytes) -> int:
    """How long the data is at least without line ends: a last CR may be one."""
    return len(data) - data.endswith(b"\r")


def count_lines(data: bytes) -> int:
    """How many line ends there are; CRLF is one."""
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
