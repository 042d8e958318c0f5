"""Checks one set or message by a guide: order, loops, counts, usage, types, lengths, codes and conditions.

A guide is compiled once for each set of delimiters. Nearly every segment then costs one look-up for its place and one
regular expression for its elements; only a segment that the expression does not accept is looked at element by element.

    findings = check(guide, segments, delimiters)

ST and SE, UNH and UNT belong to the envelope, which checks them; here they only count for the positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from airflow_provider_integrations.connectors.edi.guide_rules import Guide, SegmentRule
from airflow_provider_integrations.connectors.edi.hierarchy import HIERARCHICAL, Hierarchy
from airflow_provider_integrations.connectors.edi.model import (
    Delimiters,
    Finding,
    FindingCode,
    Segment,
    Severity,
)
from airflow_provider_integrations.connectors.edi.segment_check import check_segment, divide
from airflow_provider_integrations.connectors.edi.segment_pattern import compile_pattern
from airflow_provider_integrations.connectors.edi.set_walk import AGAIN, FORWARD, NEXT, START, Missing, Step, Walk

__all__ = ["MOST_FINDINGS", "SetCheck", "check", "check_raw"]

MOST_FINDINGS = 1_000
"""Findings kept of one set: a set of which every segment is wrong is told of by the first ones, in bounded memory."""

_SERVICE = frozenset({"ST", "SE", "UNH", "UNT"})
_Accept = Callable[[str], object]


class _Compiled:
    """What checking needs of one guide with one set of delimiters."""

    def __init__(self, guide: Guide, delimiters: Delimiters) -> None:
        self.walk = Walk(guide)
        rules: list[SegmentRule | None] = [use.rule if use else None for use in self.walk.uses]
        by_rule = {id(rule): compile_pattern(rule, delimiters).fullmatch for rule in rules if rule}
        self.rules = rules
        self.accepts: list[_Accept] = [by_rule[id(rule)] if rule else _anything for rule in rules]
        self.steps: list[dict[str, tuple[Step, _Accept]]] = [{} for _ in rules]
        # The places of HL, which are always looked at: their numbers belong to each other.
        self.levels = {at: self.accepts[at] for at, rule in enumerate(rules) if rule and rule.tag == HIERARCHICAL}
        for at in self.levels:
            self.accepts[at] = _nothing


def _anything(body: str) -> object:
    return body is not None


def _nothing(body: str) -> object:
    return body is None


@lru_cache(maxsize=64)
def _compiled(guide: Guide, delimiters: Delimiters) -> _Compiled:
    return _Compiled(guide, delimiters)


class SetCheck:
    """The check of one set while its segments arrive: of the set only the numbers of its levels (HL) are kept.

    Args:
        guide: The rules.
        delimiters: Of the interchange.
        encoding: Of the interchange, for lengths in characters.
        most: Findings kept. From then on `left_out` counts what else is wrong, elements by segments that no expression
            accepted: to look at each would let a partner's nonsense take hours.
    """

    def __init__(
        self, guide: Guide, delimiters: Delimiters, *, encoding: str = "latin-1", most: int = MOST_FINDINGS
    ) -> None:
        self._guide = guide
        self._delimiters = delimiters
        self._encoding = encoding
        self._most = most
        self._compiled = _compiled(guide, delimiters)
        self._place = START
        self._run = 0
        self._counts = [0] * self._compiled.walk.loops
        self._position = 0
        self._levels = Hierarchy() if self._compiled.levels else None
        self.findings: list[Finding] = []
        self.left_out = 0

    def feed(self, segments: Iterable[Segment]) -> None:
        """Check the next segments."""
        join = self._delimiters.element.join
        self._feed((segment.tag, join(segment.elements)) for segment in segments)

    def feed_texts(self, texts: Iterable[str]) -> None:
        """The same for raw segments without their terminators."""
        separator = self._delimiters.element
        self._feed((parts[0], parts[2]) for parts in (text.partition(separator) for text in texts))

    def finish(self) -> list[Finding]:
        """The set has ended: what is mandatory and did not come is told of at its trailer's position."""
        for one in self._compiled.walk.missing_at_end(self._place):
            self._keep(self._missing(one, max(self._position, 1)))
        for finding in self._levels.finish() if self._levels is not None else ():
            self._keep(finding)
        return self.findings

    def _feed(self, pairs: Iterator[tuple[str, str]]) -> None:
        steps, counts = self._compiled.steps, self._counts
        place, run, position = self._place, self._run, self._position
        for tag, body in pairs:
            position += 1
            known = steps[place].get(tag)
            if known is None:
                known = self._new_step(place, tag, position)
                if known is None:
                    continue
            (reached, kind, counter, most, missing), accepts = known
            if kind == FORWARD:
                run = 1
            elif kind == AGAIN:
                run += 1
                if run > most:
                    self._surplus(tag, position, FindingCode.SEGMENT_SURPLUS, most, reached)
            else:
                count = counts[counter] + 1 if kind == NEXT else 1
                counts[counter] = count
                if count > most:
                    self._surplus(tag, position, FindingCode.LOOP_SURPLUS, most, reached)
            place = reached
            if missing:
                for one in missing:
                    self._keep(self._missing(one, position))
            if not accepts(body):
                self._look(place, body, position)
        self._place, self._run, self._position = place, run, position

    def _new_step(self, place: int, tag: str, position: int) -> tuple[Step, _Accept] | None:
        """The step that was not gone before; None, with a finding, where there is none."""
        step = self._compiled.walk.step(place, tag)
        if step is not None:
            known = self._compiled.steps[place][tag] = (step, self._compiled.accepts[step.place])
            return known
        if tag not in _SERVICE:
            exists = tag in self._guide.segments
            code = FindingCode.SEGMENT_UNEXPECTED if exists else FindingCode.SEGMENT_UNKNOWN
            detail = "does not stand here" if exists else "is no segment of this set's dictionary"
            loop = self._compiled.walk.loop_at(place)
            self._keep(Finding(code, Severity.ERROR, tag, position, detail=detail, loop=loop))
        return None

    def _look(self, place: int, body: str, position: int) -> None:
        rule = self._compiled.rules[place]
        if self._levels is not None and place in self._compiled.levels:
            for finding in self._levels.feed(body.split(self._delimiters.element), position):
                self._keep(finding)
            if self._compiled.levels[place](body):
                return
        if len(self.findings) >= self._most:
            self.left_out += 1
        elif rule is not None:
            elements = divide(body, self._delimiters.element, self._delimiters.release) if body else []
            loop = self._compiled.walk.loop_at(place)
            for finding in check_segment(rule, elements, position, self._delimiters, self._encoding):
                self._keep(replace(finding, loop=loop) if loop else finding)

    def _surplus(self, tag: str, position: int, code: FindingCode, most: int, place: int) -> None:
        what = "repetitions of the loop" if code is FindingCode.LOOP_SURPLUS else "of the segment"
        detail, loop = f"{most} {what} are allowed here", self._compiled.walk.loop_at(place)
        self._keep(Finding(code, Severity.ERROR, tag, position, detail=detail, loop=loop))

    def _missing(self, one: Missing, position: int) -> Finding:
        code, detail = FindingCode.SEGMENT_MISSING, "is mandatory and did not come"
        return Finding(code, Severity.ERROR, one.tag, position, detail=detail, loop=one.loop)

    def _keep(self, finding: Finding) -> None:
        if len(self.findings) < self._most:
            self.findings.append(finding)
        else:
            self.left_out += 1


def check(
    guide: Guide, segments: Sequence[Segment], delimiters: Delimiters, *, encoding: str = "latin-1"
) -> list[Finding]:
    """What is wrong with one set or message, in the order of its segments; nothing if it follows the guide.

    Args:
        guide: The rules.
        segments: From ST to SE or from UNH to UNT, both inclusive.
        delimiters: Of the interchange.
        encoding: Of the interchange, for lengths in characters.
    """
    checking = SetCheck(guide, delimiters, encoding=encoding)
    checking.feed(segments)
    return checking.finish()


def check_raw(guide: Guide, raw: bytes, delimiters: Delimiters, *, encoding: str = "latin-1") -> list[Finding]:
    """The same for the bytes of the set or message, without making an object of each segment: twice as fast.

    Args:
        guide: The rules.
        raw: From ST to the terminator of SE, or from UNH to that of UNT; line breaks may follow a terminator.
        delimiters: Of the interchange.
        encoding: Of the interchange, for lengths in characters.
    """
    text = raw.decode("latin-1")
    parts = divide(text, delimiters.terminator, delimiters.release)
    if delimiters.terminator not in "\r\n" and ("\n" in text or "\r" in text):
        parts = [part.lstrip("\r\n") for part in parts]
    if parts and not parts[-1]:
        parts.pop()
    checking = SetCheck(guide, delimiters, encoding=encoding)
    checking.feed_texts(parts)
    return checking.finish()
