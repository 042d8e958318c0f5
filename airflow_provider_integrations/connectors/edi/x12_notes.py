"""What is wrong within a set: AK3 and AK4 of a 997, IK3, IK4 and CTX of a 999.

One AK3 for each segment and code; the findings on its elements stand below the one of code 8. Positions count from ST
as 1 (element 719), elements, components and repetitions from 1 (C030). A bad value is copied only if it can stand in our
segment as it is; it is left off and never changed.

    >>> from airflow_provider_integrations.connectors.edi.model import FindingCode, Severity
    >>> wrong = Finding(FindingCode.CODE_UNKNOWN, Severity.ERROR, "BEG", 2, 1, value="ZZ")
    >>> list(render_notes((wrong,), Delimiters("*", ">", "~", None), implementation=False, is_new=False))
    [('AK3', 'BEG', '2', '', '8'), ('AK4', '1', '', '7', 'ZZ')]
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby

from airflow_provider_integrations.connectors.edi.model import Delimiters, Finding, Severity
from airflow_provider_integrations.connectors.edi.x12_codes import element_code, segment_code
from airflow_provider_integrations.connectors.edi.x12_verdict import is_of_set

__all__ = ["render_notes", "safe"]

_TAG = re.compile(r"[A-Z][A-Z0-9]{1,2}")
_MOST_ELEMENTS = 99
_LONGEST_COPY = 99
_LONGEST_NAME = 4
"""Of a loop (element 447) and of an element in the dictionary (725)."""


def render_notes(
    findings: Iterable[Finding], delimiters: Delimiters, *, implementation: bool, is_new: bool
) -> Iterator[tuple[str, ...]]:
    """The segments between AK2 and AK5, each a tag and its elements.

    Args:
        findings: Those on one set, in any order.
        delimiters: Those of the acknowledgement.
        implementation: A 999: IK3, IK4 and CTX.
        is_new: From 005010 on: C030 has the repetition.
    """
    told = [one for one in findings if one.severity is not Severity.NOTE and not is_of_set(one)]
    # A segment without a name that fits has no place in AK301; AK502 code 5 tells of it.
    named = [one for one in told if one.position is not None and one.segment and _TAG.fullmatch(one.segment)]
    named.sort(key=_place)
    note = "IK3" if implementation else "AK3"
    for (position, tag), members in groupby(named, key=_place):
        of_elements = []
        told_codes = set()
        for one in members:
            code = segment_code(one.code)
            if code is None:
                of_elements.append(one)
            elif code not in told_codes:
                told_codes.add(code)
                yield (note, tag, str(min(position, 999999)), _name(one.loop), code)
        if of_elements:
            yield (note, tag, str(min(position, 999999)), _name(of_elements[0].loop), "8")
            of_elements.sort(key=lambda one: (one.element or 0, one.component or 0, one.repetition or 0))
            for one in of_elements[:_MOST_ELEMENTS]:
                yield from _element(one, tag, position, delimiters, implementation=implementation, is_new=is_new)


def _element(
    finding: Finding, tag: str, position: int, delimiters: Delimiters, *, implementation: bool, is_new: bool
) -> Iterator[tuple[str, ...]]:
    code = element_code(finding.code, implementation=implementation)
    if code is None or finding.element is None:
        return
    component, repetition = finding.component, finding.repetition if is_new else None
    place = _place_in_segment(delimiters, finding.element, component, repetition)
    copy = safe(finding.value or "", delimiters, _LONGEST_COPY) or ""
    yield ("IK4" if implementation else "AK4", place, _name(finding.reference), code, copy)
    if implementation and finding.trigger is not None:
        # What demands or forbids, and not what is missing or too much: that is in IK4.
        at = (finding.element, finding.trigger, repetition) if component else (finding.trigger, None, None)
        trigger = _place_in_segment(delimiters, *at)
        yield ("CTX", "SITUATIONAL TRIGGER", tag, str(position), _name(finding.loop), trigger)


def _place_in_segment(delimiters: Delimiters, element: int, component: int | None, repetition: int | None) -> str:
    """C030."""
    places = (str(element), str(component or ""), str(repetition or ""))
    return delimiters.component.join(places).rstrip(delimiters.component)


def _name(of: str | None) -> str:
    """The name of a loop or element, which comes from a guide; none that is too long for its element."""
    return of if of and len(of) <= _LONGEST_NAME else ""


def safe(text: str, delimiters: Delimiters, most: int) -> str | None:
    """A text of a partner that can stand in a segment of ours, cut to `most` characters; None if it cannot."""
    if _unsafe(delimiters).search(text):
        return None
    return text[:most].rstrip() or None


@lru_cache(maxsize=64)
def _unsafe(delimiters: Delimiters) -> re.Pattern[str]:
    own = (delimiters.element, delimiters.component, delimiters.terminator, delimiters.repetition or "")
    return re.compile(f"[\\x00-\\x1f\\x7f{re.escape(''.join(own))}]")


def _place(finding: Finding) -> tuple[int, str]:
    return finding.position or 0, finding.segment or ""
