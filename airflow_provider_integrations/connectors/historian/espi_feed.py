"""Atom feeds of Green Button (ESPI) as a stream: entries with their links, elements as trees, readings one by one.

A document type is refused, and with it every entity that it could define (billion laughs, files of the machine); so are trees
that are too deep and texts that are too long.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from airflow_provider_integrations.core.errors import RejectedError
from airflow_provider_integrations.core.reasons import Reason

__all__ = ["ESPI", "Element", "Entry", "Reading", "check_apart", "entries_of"]

ESPI = "http://naesb.org/espi"
_ATOM = "http://www.w3.org/2005/Atom"
_CHUNK = 1 << 18
_DEPTH = 50
_TEXT = 10_000
_CHILDREN = 1_000
"""Elements under one that is no block of readings."""


@dataclass(slots=True)
class Element:
    """An element of ESPI: its name without a namespace, its text, and what is in it."""

    name: str
    line: int
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def find(self, *names: str) -> Element | None:
        """The first one under these names, one in the other."""
        found: Element | None = self
        for name in names:
            found = None if found is None else next((one for one in found.children if one.name == name), None)
        return found

    def value(self, *names: str) -> str | None:
        """Its text without spaces around it; None where there is none."""
        found = self.find(*names)
        return found.text.strip() or None if found is not None else None


@dataclass(slots=True)
class Entry:
    """An entry of the feed: links by their `rel`, and what it holds. Readings are not in it, they come by themselves."""

    links: dict[str, list[str]] = field(default_factory=dict)
    content: list[Element] = field(default_factory=list)

    def link(self, rel: str) -> str:
        """The first link of a kind, or nothing."""
        return next(iter(self.links.get(rel, ())), "")


@dataclass(frozen=True, slots=True)
class Reading:
    """An `IntervalReading`, the entry and the block that it is in, and its place there."""

    entry: Entry
    block: Element
    place: int
    element: Element


def check_apart(address: str, before: object, now: object, element: Element) -> None:
    """The same entry again says nothing new; two without an address, or that differ, would be taken for one.

    Raises:
        RejectedError: UNREADABLE, they would.
    """
    if before is not None and (not address or before != now):
        raise RejectedError(
            Reason.UNREADABLE,
            "two entries have the same address",
            entry=element.name,
            address=address[-80:],
            line=element.line,
        )


def entries_of(stream: Any, *, readings: bool) -> Iterator[Entry | Reading]:
    """Each entry when it ends; before it, with `readings`, each of its readings.

    Raises:
        RejectedError: UNREADABLE where it is no XML, has a document type, or is no feed; TRUNCATED where it ends too early.
    """
    handler = _Handler(readings)
    parser = expat.ParserCreate(namespace_separator=" ")
    handler.parser = parser
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = handler.doctype
    parser.StartElementHandler = handler.start
    parser.EndElementHandler = handler.end
    parser.CharacterDataHandler = handler.text
    try:
        while data := stream.read(_CHUNK):
            parser.Parse(data, False)
            yield from handler.take()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        if not data:
            raise RejectedError(Reason.TRUNCATED, "the feed ends before its end", line=error.lineno) from None
        raise RejectedError(
            Reason.UNREADABLE, "the file is no XML", line=error.lineno, error=expat.ErrorString(error.code)
        ) from None
    yield from handler.take()


class _Handler:
    """Builds elements of ESPI as their events come."""

    parser: Any

    def __init__(self, readings: bool) -> None:
        self._readings = readings
        self._entry: Entry | None = None
        self._stack: list[Element] = []
        self._done: list[Entry | Reading] = []
        self._places: list[int] = []
        self.depth = 0

    def take(self) -> Iterator[Entry | Reading]:
        """What has ended since it was asked last."""
        done, self._done = self._done, []
        return iter(done)

    def doctype(self, *_: Any) -> None:
        raise RejectedError(
            Reason.UNREADABLE, "the file has a document type", line=self.parser.CurrentLineNumber,
            next_step="Feeds have none; what it defines is not read.",
        )  # fmt: skip

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        line = self.parser.CurrentLineNumber
        if self.depth > _DEPTH:
            raise RejectedError(Reason.UNREADABLE, "elements are nested too deeply", line=line)
        space, _, local = name.rpartition(" ")
        if self.depth == 1 and (space, local) not in ((_ATOM, "feed"), (_ATOM, "entry")):
            raise RejectedError(Reason.UNREADABLE, "the file is no Atom feed", root=local[:40], line=line)
        if space == _ATOM:
            if local == "entry":
                self._entry = Entry()
            elif local == "link" and self._entry is not None:
                self._entry.links.setdefault(attributes.get("rel", ""), []).append(attributes.get("href", ""))
            return
        if space == ESPI and self._entry is not None:
            if self._stack:
                # Between two elements there is nothing but white space.
                self._stack[-1].text = ""
            self._stack.append(Element(local, line))
            if local == "IntervalBlock":
                self._places.append(0)

    def text(self, data: str) -> None:
        if self._stack:
            element = self._stack[-1]
            element.text += data
            if len(element.text) > _TEXT:
                raise RejectedError(Reason.UNREADABLE, "a text is too long", line=self.parser.CurrentLineNumber)

    def end(self, name: str) -> None:
        self.depth -= 1
        space, _, local = name.rpartition(" ")
        if space == _ATOM and local == "entry" and self._entry is not None:
            self._done.append(self._entry)
            self._entry = None
        elif space == ESPI and self._stack and self._entry is not None:
            self._ended(self._stack.pop(), self._entry)

    def _ended(self, element: Element, entry: Entry) -> None:
        if element.name == "IntervalBlock":
            self._places.pop()
        above = self._stack[-1] if self._stack else None
        if element.name == "IntervalReading" and above is not None and above.name == "IntervalBlock":
            if self._readings:
                self._done.append(Reading(entry, above, self._places[-1], element))
            self._places[-1] += 1
            return
        siblings = entry.content if above is None else above.children
        if len(siblings) >= _CHILDREN:
            raise RejectedError(Reason.UNREADABLE, "an element holds too many others", line=element.line)
        siblings.append(element)
