"""One segment against its rule, element by element, exactly: every finding with its element, component, repetition.

X12.6 (application control structure) and ISO 9735-1 say what a type may hold; the code of each finding is mapped to
AK403, IK403 or 0085 by the acknowledgements.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache

from airflow_provider_integrations.connectors.edi.guide_notation import Condition, ElementType
from airflow_provider_integrations.connectors.edi.guide_rules import ElementRule, SegmentRule
from airflow_provider_integrations.connectors.edi.model import Delimiters, Finding, FindingCode, Severity

__all__ = ["check_segment", "divide", "wrong_value"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_X12_NUMBER = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)(E-?[0-9]+)?")
_EDIFACT_NUMBER = re.compile(r"-?[0-9]+([.,][0-9]+)?")
_INTEGER = re.compile(r"-?[0-9]+")
_Wrong = tuple[FindingCode, str]


def divide(text: str, separator: str, release: str | None) -> list[str]:
    """Parts between separators; a released separator parts nothing, and release characters are kept.

    >>> divide("A?+B+C??+D", "+", "?")
    ['A?+B', 'C??', 'D']
    """
    if release is None or release not in text:
        return text.split(separator)
    if (len(text) - len(text.rstrip(release))) % 2:  # A release character at the very end releases nothing.
        *parts, last = divide(text[:-1], separator, release)
        return [*parts, last + release]
    return _parts(separator, release).findall(text + separator)


@lru_cache(maxsize=64)
def _parts(separator: str, release: str) -> re.Pattern[str]:
    mark, skip = re.escape(separator), re.escape(release)
    return re.compile(f"((?:[^{mark}{skip}]++|{skip}.)*+){mark}", re.DOTALL)


def check_segment(
    rule: SegmentRule, elements: Sequence[str], position: int, delimiters: Delimiters, encoding: str = "latin-1"
) -> Iterator[Finding]:
    """What is wrong with one segment.

    Args:
        rule: Its rule.
        elements: Raw texts of the elements; none for a segment that is its tag alone.
        position: In the set or message, from 1.
        delimiters: Of the interchange.
        encoding: Of the interchange: lengths count characters, not bytes.
    """

    def found(wrong: _Wrong, element: int, severity: Severity = Severity.ERROR, **where: int | str | None) -> Finding:
        code, detail = wrong
        return Finding(code, severity, rule.tag, position, element, detail=detail, **where)  # type: ignore[arg-type]

    if elements and not elements[-1]:
        trailing = (FindingCode.SEPARATOR_TRAILING, "separators at the end of a segment are to be left out")
        yield found(trailing, len(elements), Severity.NOTE)
    for number, element in enumerate(rule.elements, 1):
        value = elements[number - 1] if number <= len(elements) else ""
        if not value:
            if element.usage == "M":
                missing = (FindingCode.ELEMENT_MISSING, f"{element.name} is mandatory")
                yield found(missing, number, reference=_reference(element))
            continue
        if element.usage == "N":
            unused = (FindingCode.ELEMENT_NOT_USED, f"{element.name} is not used")
            yield found(unused, number, value=value, reference=_reference(element))
            continue
        parts = divide(value, delimiters.repetition, delimiters.release) if delimiters.repetition else [value]
        if len(parts) > element.repeats:
            detail = f"{len(parts)} repetitions where {element.repeats} are allowed"
            over = (FindingCode.REPETITION_SURPLUS, detail)
            first, of = element.repeats + 1, _reference(element)
            yield found(over, number, repetition=first, value=parts[element.repeats], reference=of)
        for repetition, part in enumerate(parts[: element.repeats], 1):
            at = repetition if len(parts) > 1 else None
            for wrong, component, text, trigger in _element(element, part, delimiters, encoding):
                of = _reference(element, component)
                yield found(
                    wrong, number, component=component, repetition=at, value=text, reference=of, trigger=trigger
                )
    if any(elements[len(rule.elements) :]):
        number = next(at for at in range(len(rule.elements), len(elements)) if elements[at]) + 1
        beyond = (FindingCode.ELEMENT_SURPLUS, f"the segment has {len(rule.elements)} elements")
        yield found(beyond, number, value=elements[number - 1])
    for failed, wrong, trigger in _conditions(rule.conditions, elements):
        text = (elements[failed - 1] or None) if failed <= len(elements) else None
        yield found(wrong, failed, value=text, reference=_reference(rule.elements[failed - 1]), trigger=trigger)


def _reference(rule: ElementRule, component: int | None = None) -> str | None:
    """The number in the dictionary of an element or component; none of a composite, whose name is no number."""
    if component is not None:
        if component > len(rule.components):
            return None
        rule = rule.components[component - 1]
    return rule.name if rule.name.isascii() and rule.name.isdigit() else None


def _element(
    rule: ElementRule, text: str, delimiters: Delimiters, encoding: str
) -> Iterator[tuple[_Wrong, int | None, str | None, int | None]]:
    """What is wrong with one repetition of an element: what, which component, its value, the component that triggers it."""
    parts = divide(text, delimiters.component, delimiters.release)
    if rule.type is not None:
        if len(parts) > 1:
            yield (FindingCode.COMPONENT_SURPLUS, f"{rule.name} is no composite"), 2, text, None
        elif wrong := wrong_value(rule.type, text, delimiters, encoding):
            yield wrong, None, text, None
        return
    for number, component in enumerate(rule.components, 1):
        value = parts[number - 1] if number <= len(parts) else ""
        if not value:
            if component.usage == "M":
                yield (FindingCode.ELEMENT_MISSING, f"component {component.name} is mandatory"), number, None, None
        elif component.usage == "N":
            yield (FindingCode.ELEMENT_NOT_USED, f"component {component.name} is not used"), number, value, None
        elif component.type is not None and (wrong := wrong_value(component.type, value, delimiters, encoding)):
            yield wrong, number, value, None
    if any(parts[len(rule.components) :]):
        number = next(at for at in range(len(rule.components), len(parts)) if parts[at]) + 1
        detail = f"{rule.name} has {len(rule.components)} components"
        yield (FindingCode.COMPONENT_SURPLUS, detail), number, parts[number - 1], None
    for failed, wrong, trigger in _conditions(rule.conditions, parts):
        yield wrong, failed, None, trigger


def _conditions(conditions: Sequence[Condition], values: Sequence[str]) -> Iterator[tuple[int, _Wrong, int | None]]:
    """The relational conditions that fail (X12.6, 3.7.3.3).

    Each with the position that ought to be there, or ought not, and the one that demands or forbids it, if one does.
    """

    def there(position: int) -> bool:
        return position <= len(values) and values[position - 1] != ""

    for kind, positions in conditions:
        absent = [position for position in positions if not there(position)]
        present = [position for position in positions if there(position)]
        name = kind + "".join(f"{position:02}" for position in positions)
        first, rest = positions[0], positions[1:]
        if kind == "E" and len(present) > 1:
            yield present[1], (FindingCode.EXCLUSION_FAILED, f"{name}: only one of them may stand"), present[0]
        elif kind == "P" and present and absent:
            yield absent[0], (FindingCode.CONDITION_FAILED, f"{name}: all of them or none"), present[0]
        elif kind == "R" and not present:
            yield first, (FindingCode.CONDITION_FAILED, f"{name}: at least one of them"), None
        elif kind == "C" and there(first) and absent:
            yield absent[0], (FindingCode.CONDITION_FAILED, f"{name}: the first demands the others"), first
        elif kind == "L" and there(first) and not any(map(there, rest)):
            yield rest[0], (FindingCode.CONDITION_FAILED, f"{name}: the first demands one of the others"), first


def wrong_value(kind: ElementType, raw: str, delimiters: Delimiters, encoding: str = "latin-1") -> _Wrong | None:
    """What is wrong with the value of a simple element, if anything.

    Args:
        kind: The element's type.
        raw: The value, not empty, with its release characters.
        delimiters: Of the interchange.
        encoding: Of the interchange.
    """
    text = raw
    if delimiters.release and delimiters.release in raw:
        text = re.sub(re.escape(delimiters.release) + "(.)", r"\1", raw, flags=re.DOTALL)
    if kind.kind in ("AN", "ID", "A", "B"):
        size = len(text.encode("latin-1", "replace").decode(encoding, "replace"))
    elif kind.kind in ("N", "R"):
        # ISO 9735-1 lets comma and point stand, with a digit on either side, and no exponent; X12 knows the point alone.
        real = _X12_NUMBER if delimiters.release is None else _EDIFACT_NUMBER
        if not (_INTEGER if kind.kind == "N" else real).fullmatch(text):
            return FindingCode.ELEMENT_TYPE, f"is not of type {kind.kind}"
        size = sum(sign.isdigit() for sign in text.partition("E")[0])
    else:
        if not (text.isascii() and text.isdigit()):
            return _moment_code(kind.kind), f"is not of type {kind.kind}"
        size = len(text)
    if size < kind.least:
        return FindingCode.ELEMENT_TOO_SHORT, f"{size} characters where {kind.least} are the least"
    if size > kind.most:
        return FindingCode.ELEMENT_TOO_LONG, f"{size} characters where {kind.most} are the most"
    if kind.codes and text not in kind.codes:
        return FindingCode.CODE_UNKNOWN, "is not in the list of codes"
    if kind.kind in ("AN", "ID", "A") and _CONTROL.search(text):
        return FindingCode.CHARACTER_INVALID, "holds a control character"
    if kind.kind == "A" and not text.isalpha():
        return FindingCode.CHARACTER_INVALID, "holds what is no letter"
    if kind.kind in ("AN", "ID") and not text.strip(" "):
        return FindingCode.CHARACTER_INVALID, "holds blanks alone"
    if kind.kind == "DT" and not _is_date(text):
        return FindingCode.DATE_INVALID, "is no day of the calendar"
    if kind.kind == "TM" and not _is_time(text):
        return FindingCode.TIME_INVALID, "is no time of day"
    return None


def _moment_code(kind: str) -> FindingCode:
    return FindingCode.DATE_INVALID if kind == "DT" else FindingCode.TIME_INVALID


def _is_date(text: str) -> bool:
    """YYMMDD or CCYYMMDD; of two digits for the year the 29th of February counts in any that may be a leap year."""
    if len(text) not in (6, 8):
        return False
    year = int(text[:-4]) if len(text) == 8 else 2000 + int(text[:2])
    try:
        date(year, int(text[-4:-2]), int(text[-2:]))
    except ValueError:
        return False
    return True


def _is_time(text: str) -> bool:
    """HHMM, HHMMSS, HHMMSSD or HHMMSSDD (X12.5 element 337)."""
    if len(text) not in (4, 6, 7, 8):
        return False
    return int(text[:2]) < 24 and int(text[2:4]) < 60 and int(text[4:6] or 0) < 60
