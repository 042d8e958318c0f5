"""Many values of one kind in a fraction of their memory: all but the last few are kept as compressed JSON.

A file in which every set is refused has as many findings as it has sets, and somebody has to remember them until the
acknowledgement is written. As objects they take some thirty times the room of the file.

    >>> log = Packed(list, tuple)
    >>> for number in range(5000):
    ...     log.append((number, "4711"))
    >>> len(log), log[3000], next(iter(log))
    (5000, (3000, '4711'), (0, '4711'))
"""

from __future__ import annotations

import json
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any, TypeVar, overload

from airflow_provider_integrations.connectors.edi.model import Finding, FindingCode, Severity

__all__ = ["Packed", "pack_findings", "unpack_findings"]

T = TypeVar("T")

_AT_ONCE = 1024
"""Findings that a block holds, or values where they have none."""
_LEVEL = 1
"""Of compression: a higher one takes several times as long for little."""
_FIELDS = attrgetter(*Finding.__dataclass_fields__)


class Packed(Sequence[T]):
    """Values in the order in which they were appended.

    Args:
        pack: Makes lists, texts and numbers of a value.
        unpack: Makes the same value of these.
    """

    __slots__ = ("_blocks", "_count", "_last", "_pack", "_seen", "_starts", "_unpack", "_weight")

    def __init__(self, pack: Callable[[T], Any], unpack: Callable[[Any], T]) -> None:
        self._pack, self._unpack = pack, unpack
        self._blocks: list[bytes] = []
        self._starts = [0]
        self._last: list[T] = []
        self._weight = self._count = 0
        self._seen: tuple[int, list[T]] = (-1, [])

    def append(self, value: T, weight: int = 1) -> None:
        """One more.

        Args:
            value: What is kept.
            weight: How large it is: a block ends when it has enough.
        """
        self._last.append(value)
        self._count += 1
        self._weight += weight
        if self._weight >= _AT_ONCE:
            text = json.dumps([self._pack(one) for one in self._last], separators=(",", ":"))
            self._blocks.append(zlib.compress(text.encode(), _LEVEL))
            self._starts.append(self._count)
            self._last, self._weight = [], 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[T]:
        for number in range(len(self._blocks) + 1):
            yield from self._block(number)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(self._count))]
        at = index + self._count if index < 0 else index
        if not 0 <= at < self._count:
            raise IndexError(index)
        number = bisect_right(self._starts, at) - 1
        return self._block(number)[at - self._starts[number]]

    def settled(self) -> Sequence[T]:
        """What is to be kept of it: a plain tuple of few, itself of many."""
        return self if self._blocks else tuple(self._last)

    def _block(self, number: int) -> list[T]:
        """The values of one block; the one that was asked for last is kept at hand."""
        if number == len(self._blocks):
            return self._last
        if self._seen[0] != number:
            found = [self._unpack(one) for one in json.loads(zlib.decompress(self._blocks[number]))]
            self._seen = (number, found)
        return self._seen[1]


def pack_findings(findings: Sequence[Finding]) -> list[Any]:
    """Findings as lists of texts and numbers."""
    return [_FIELDS(one) for one in findings]


def unpack_findings(packed: Sequence[Sequence[Any]]) -> tuple[Finding, ...]:
    """The findings that `pack_findings` was given."""
    return tuple(Finding(FindingCode(code), Severity(severity), *rest) for code, severity, *rest in packed)
