r"""One regular expression for each segment of a guide: it accepts only what is right beyond doubt.

Checking element by element costs microseconds for each in Python; a compiled expression checks the whole segment at the
speed of C. What it does not accept goes to `segment_check.py`, which alone decides what is wrong, and which may find
that nothing is (a leap day, a leading blank). So an expression may refuse too much and never accept too much.

Relational conditions are part of the expression: each is decided at its first position, by looking ahead over the
separators whether the others are there.

    >>> from airflow_provider_integrations.connectors.edi.guide_notation import ElementType, parse_condition
    >>> two = ElementRule("66", "X", 1, ElementType("ID", 1, 2)), ElementRule("67", "X", 1, ElementType("AN", 2, 80))
    >>> rule = SegmentRule("N1", two, (parse_condition("P0102"),))
    >>> accepts = compile_pattern(rule, Delimiters("*", ":", "~", None)).fullmatch
    >>> [bool(accepts(body)) for body in ("92*0042", "92", "", "92*0")]
    [True, False, True, False]
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from airflow_provider_integrations.connectors.edi.guide_notation import Condition, ElementType
from airflow_provider_integrations.connectors.edi.guide_rules import ElementRule, SegmentRule
from airflow_provider_integrations.connectors.edi.model import Delimiters

__all__ = ["compile_pattern"]

_NOTHING = re.compile(r"(?!)")
# The 29th of February is left to the calendar.
_DAY = r"(?:(?:0[13578]|1[02])(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)(?:0[1-9]|[12]\d|30)|02(?:0[1-9]|1\d|2[0-8]))"
_TIME = r"(?:[01]\d|2[0-3])[0-5]\d"


def compile_pattern(rule: SegmentRule, delimiters: Delimiters) -> re.Pattern[str]:
    """The expression for the text behind the tag and its separator; empty where the segment has no elements."""
    signs = [
        delimiters.element,
        delimiters.component,
        delimiters.terminator,
        delimiters.repetition or "",
        delimiters.release or "",
    ]
    if any(sign.isalnum() or sign in "-.," for sign in signs if sign):
        return _NOTHING  # Such delimiters could stand inside of a number or a code: nothing is beyond doubt.
    maker = _Maker(delimiters, "".join(re.escape(sign) for sign in signs))
    return re.compile(maker.sequence(rule.elements, rule.conditions, delimiters.element))


class _Maker:
    def __init__(self, delimiters: Delimiters, signs: str) -> None:
        self._delimiters = delimiters
        self._signs = signs

    def sequence(self, rules: Sequence[ElementRule], conditions: Sequence[Condition], separator: str) -> str:
        """Elements by separators, those at the end left out where that is allowed."""
        mark = re.escape(separator)
        mandatory = [at for at, rule in enumerate(rules, 1) if rule.usage == "M"]
        demanded = [min(condition.positions) for condition in conditions if condition.kind == "R"]
        reached = max([*mandatory, *demanded, 1])
        text = ""
        for at in range(len(rules), 0, -1):
            if at < len(rules):
                text = f"{mark}{text}" if at < reached else f"(?:{mark}{text})?"
            text = self._position(rules[at - 1], at, conditions, mark) + text
        # What ends with a separator is right only element by element: it is worth a note.
        return f"{text}(?<!{mark})"

    def _position(self, rule: ElementRule, at: int, conditions: Sequence[Condition], mark: str) -> str:
        there, empty = "", ""
        for condition in conditions:
            if min(condition.positions) == at:
                if_there, if_empty = _ahead(condition, at, mark)
                there, empty = there + if_there, empty + if_empty
        value = self._element(rule)
        if rule.usage == "M":
            return f"{value}{there}"
        if rule.usage == "N":
            return empty
        return f"(?:{value}{there}|{empty})"

    def _element(self, rule: ElementRule) -> str:
        if rule.type is None:
            inner = self.sequence(rule.components, rule.conditions, self._delimiters.component)
            one = f"(?=[^{re.escape(self._delimiters.element)}]){inner}"
        else:
            one = self._value(rule.type)
        if rule.repeats > 1 and self._delimiters.repetition:
            return f"{one}(?:{re.escape(self._delimiters.repetition)}{one}){{0,{rule.repeats - 1}}}"
        return one

    def _value(self, kind: ElementType) -> str:
        least, most = kind.least, kind.most
        if kind.codes:
            return f"(?:{'|'.join(re.escape(code) for code in sorted(kind.codes))})"
        if kind.kind == "N":
            return rf"-?[0-9]{{{least},{most}}}"
        if kind.kind == "R":
            # The mark counts as a digit here: a number of full length with one is left to the exact check.
            length = rf"(?=[0-9.,]{{{least + (least > 1)},{most}}}(?![0-9.,]))"
            if self._delimiters.release is not None:
                return rf"-?{length}[0-9]+(?:[.,][0-9]+)?"
            return rf"-?{length}(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
        if kind.kind == "DT":
            year = {6: r"\d\d", 8: r"(?!0000)\d{4}"}
            return f"(?:{'|'.join(f'{year[n]}{_DAY}' for n in (8, 6) if least <= n <= most) or '(?!)'})"
        if kind.kind == "TM":
            forms = {4: _TIME, 6: rf"{_TIME}[0-5]\d", 7: rf"{_TIME}[0-5]\d\d", 8: rf"{_TIME}[0-5]\d\d\d"}
            return f"(?:{'|'.join(forms[n] for n in (8, 7, 6, 4) if least <= n <= most) or '(?!)'})"
        if kind.kind == "A":
            return rf"[A-Za-z]{{{least},{most}}}"
        rest = rf"[^\x00-\x1f\x7f{self._signs}]{{{max(least - 1, 0)},{most - 1}}}"
        return rf"[^\x00-\x20\x7f{self._signs}]{rest}"


def _ahead(condition: Condition, at: int, mark: str) -> tuple[str, str]:
    """What must follow for a condition to hold, if position `at`, its first, is there and if it is empty."""

    def present(position: int) -> str:
        return f"(?:{mark}[^{mark}]*){{{position - at - 1}}}{mark}[^{mark}]"

    def here(position: int) -> str:
        return f"(?={present(position)})"

    def absent(position: int) -> str:
        return f"(?!{present(position)})"

    def either(parts: Sequence[str]) -> str:
        return f"(?:{'|'.join(parts)})"

    kind, positions = condition
    others = [position for position in positions if position != at]
    if kind == "P":
        return "".join(map(here, others)), "".join(map(absent, others))
    if kind == "R":
        return "", either([here(position) for position in others])
    if kind == "E":
        pairs = [(one, other) for one in others for other in others if one < other]
        return "".join(map(absent, others)), "".join(either([absent(one), absent(two)]) for one, two in pairs)
    first, rest = positions[0], [position for position in positions[1:] if position != at]
    if kind == "C":
        if first == at:
            return "".join(map(here, rest)), ""
        return "".join(either([absent(first), here(position)]) for position in rest), absent(first)
    if first == at:
        return either([here(position) for position in rest]), ""
    return "", either([absent(first), *(here(position) for position in rest)])
