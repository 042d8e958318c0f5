"""What is remembered of the sets of a group until its acknowledgement is written: a few bytes for each.

>>> log = SetLog("*")
>>> log.append(b"850*0001", ())
>>> [(one.set_id, one.control, one.findings) for one in log]
[('850', '0001', ())]
"""

from __future__ import annotations

import re
import zlib
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_integrations.connectors.edi.model import Finding, FindingCode, Severity
from airflow_provider_integrations.connectors.edi.packed import Packed, pack_findings, unpack_findings

__all__ = ["Flawed", "SetLog", "SetResult"]

_FOLDED = 1 << 16
"""Bytes of lines that are packed together, at the least."""
_LEVEL = 1


@dataclass(frozen=True, slots=True)
class SetResult:
    """A set and what was found in it; `index` counts the sets of its group from 0."""

    index: int
    set_id: str
    control: str
    convention: str
    findings: tuple[Finding, ...]


class Flawed(Mapping[int, SetResult]):
    """The sets of a group that have findings, by their place in it, in its order.

    Attributes:
        kinds: How many sets have the same codes of findings that are more than notes: all that a verdict on the group needs.
    """

    __slots__ = ("_places", "_results", "kinds")

    def __init__(self) -> None:
        self._places = array("L")
        self._results: Packed[SetResult] = Packed(_packed, _unpacked)
        self.kinds: Counter[frozenset[FindingCode]] = Counter()

    def add(self, result: SetResult) -> None:
        """One more, which stands after all others."""
        self._places.append(result.index)
        self._results.append(result, len(result.findings))
        telling = frozenset(one.code for one in result.findings if one.severity is not Severity.NOTE)
        if telling:
            self.kinds[telling] += 1

    def are_between(self, first: int, end: int) -> bool:
        """Whether any of the sets from `first` to before `end` is here."""
        at = bisect_left(self._places, first)
        return at < len(self._places) and self._places[at] < end

    def __getitem__(self, index: int) -> SetResult:
        at = bisect_left(self._places, index)
        if at == len(self._places) or self._places[at] != index:
            raise KeyError(index)
        return self._results[at]

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[int]:
        return iter(self._places)


class SetLog:
    """The sets of a group in their order: a line for each, and a result for those with findings.

    Control numbers that count up, as those of nearly all partners do, are packed to a byte or two a set.

    Args:
        element: The element separator of the interchange, which is that of the lines too.
    """

    __slots__ = ("_element", "_flawed", "_folded", "count", "lines")

    def __init__(self, element: str) -> None:
        self.lines = bytearray()
        """ST01, ST02 and ST03 of the last sets as they stood, each ended by a line feed; those before them are packed."""
        self.count = 0
        self._element = element
        self._folded: list[bytes] = []
        self._flawed = _NONE

    @property
    def flawed(self) -> Flawed:
        """The sets with findings."""
        return self._flawed

    def append(self, line: bytes, findings: Iterable[Finding]) -> None:
        """One more set. `line` is its ST without the tag; a line feed in it is dropped."""
        line = line.translate(None, b"\n")
        self.lines += line
        self.lines += b"\n"
        found = tuple(findings)
        if found:
            if self._flawed is _NONE:
                self._flawed = Flawed()
            self._flawed.add(self._result(self.count, line, found))
        self.count += 1

    def fold(self) -> None:
        """Pack the lines if there are enough of them; to be called now and then."""
        if len(self.lines) >= _FOLDED:
            self._folded.append(zlib.compress(self.lines, _LEVEL))
            self.lines.clear()

    def blocks(self) -> Iterator[bytes]:
        """All lines, some at a time."""
        yield from map(zlib.decompress, self._folded)
        yield bytes(self.lines)

    def results(self, lines: bytes, first: int) -> Iterator[SetResult]:
        """The sets of a block of lines, of which the first has the place `first`."""
        has_flawed = self.flawed.are_between(first, self.count)
        for index, line in enumerate(lines.split(b"\n")[:-1], first):
            found = self.flawed.get(index) if has_flawed else None
            yield found or self._result(index, line, ())

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[SetResult]:
        first = 0
        for lines in self.blocks():
            yield from self.results(lines, first)
            first += lines.count(b"\n")

    def are_all(self, names: Collection[str]) -> bool:
        """Whether each set, if there is any, is one of these by its ST01."""
        found = b"|".join(re.escape(name.encode("latin-1")) for name in sorted(names))
        # Possessive: the engine would keep a place to step back to for every set.
        line = re.compile(rb"(?:(?:%b)(?:%b[^\n]*)?\n)*+" % (found, re.escape(self._element.encode("latin-1"))))
        return all(line.fullmatch(lines) for lines in self.blocks())

    def _result(self, index: int, line: bytes, findings: tuple[Finding, ...]) -> SetResult:
        parts = line.decode("latin-1").split(self._element)
        return SetResult(
            index, parts[0], parts[1] if len(parts) > 1 else "", parts[2] if len(parts) > 2 else "", findings
        )


def _packed(one: SetResult) -> list[Any]:
    return [one.index, one.set_id, one.control, one.convention, pack_findings(one.findings)]


def _unpacked(packed: list[Any]) -> SetResult:
    index, set_id, control, convention, findings = packed
    return SetResult(index, set_id, control, convention, unpack_findings(findings))


_NONE = Flawed()
"""Of the many groups in which no set has any."""
