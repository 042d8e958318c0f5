"""The expressions never accept what the exact check refuses, and accept nearly all that it does not."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.edi.guide_notation import Condition, ElementType, parse_condition
from airflow_provider_integrations.connectors.edi.guide_rules import ElementRule, SegmentRule
from airflow_provider_integrations.connectors.edi.model import Delimiters, Severity
from airflow_provider_integrations.connectors.edi.segment_check import check_segment, divide, wrong_value
from airflow_provider_integrations.connectors.edi.segment_pattern import compile_pattern
from tests.unit.connectors.edi.guided import EDIFACT, NAMES, X12, guide, signs

TEXT = ElementType("AN", 1, 5)
RULES = [
    (rule, signs(of))
    for of in (guide(name) for name in NAMES if name != "855")
    for rule in {use.tag: use.rule for use in of.uses() if use.rule}.values()
]


def holds(condition: Condition, there: list[bool]) -> bool:
    """X12.6, 3.7.3.3, word for word."""
    values = [there[position - 1] for position in condition.positions]
    match condition.kind:
        case "P":
            return all(values) or not any(values)
        case "R":
            return any(values)
        case "E":
            return sum(values) <= 1
        case "C":
            return not values[0] or all(values[1:])
    return not values[0] or any(values[1:])


@pytest.mark.parametrize("kind", "PRECL")
@pytest.mark.parametrize("positions", [(1, 2), (2, 1), (2, 4), (4, 2), (1, 3, 4), (3, 1, 5), (5, 2, 3), (4, 3, 2, 1)])
def test_each_condition_over_every_presence(kind: str, positions: tuple[int, ...]) -> None:
    condition = parse_condition(kind + "".join(f"{position:02}" for position in positions))
    rule = SegmentRule("XX", tuple(ElementRule(str(at), "X", 1, TEXT) for at in range(1, 6)), (condition,))
    accepts = compile_pattern(rule, X12).fullmatch
    for there in itertools.product([False, True], repeat=5):
        body = "*".join("a" if one else "" for one in there).rstrip("*")
        findings = list(check_segment(rule, body.split("*") if body else [], 2, X12))
        expected = holds(condition, list(there))
        assert (accepts(body) is not None) is expected, body
        assert (findings == []) is expected, body


@pytest.mark.parametrize("conditions", ["P0102 C0305", "R0103 P0204 E0205", "L0502 L0104", "C0201 C0403 L0501"])
def test_conditions_together_over_every_presence(conditions: str) -> None:
    found = tuple(map(parse_condition, conditions.split()))
    usages = "XXMXX"
    rule = SegmentRule("XX", tuple(ElementRule(str(at), usages[at - 1], 1, TEXT) for at in range(1, 6)), found)
    accepts = compile_pattern(rule, X12).fullmatch
    for there in itertools.product([False, True], repeat=5):
        body = "*".join("a" if one else "" for one in there).rstrip("*")
        expected = there[2] and all(holds(condition, list(there)) for condition in found)
        assert (accepts(body) is not None) is expected, body


def _good(kind: ElementType) -> st.SearchStrategy[str]:
    """Values of a type, right and wrong by a little."""
    n = kind.most
    if kind.codes:
        return st.sampled_from([*sorted(kind.codes)[:3], "??", "Z9"])
    digits = st.integers(max(kind.least - 1, 1), n + 1).flatmap(lambda size: st.sampled_from(["1" * size, "0" * size]))
    match kind.kind:
        case "N":
            return digits | st.sampled_from(["-1", "-", "1.5", "+1", "٣"])
        case "R":
            return digits | st.sampled_from(
                ["-1", ".5", "5.", "1,5", "1.5", ".", "1E3", "-1.25", "1.2.3", "1" * n + ".5"]
            )
        case "DT":
            return st.sampled_from(
                ["20260228", "20260229", "20280229", "260228", "00000101", "20261301", "2026010", "a"]
            )
        case "TM":
            return st.sampled_from(["0000", "2359", "2400", "235959", "2359599", "23595999", "235960", "12", "1 30"])
    texts = st.sampled_from(
        ["a" * n, "a" * (n + 1), "A", " A", "A ", " ", "é", "\t", "A\x7f", "a" * max(kind.least, 1)]
    )
    return texts | st.text(st.characters(min_codepoint=32, max_codepoint=255), min_size=1, max_size=n + 1)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[SegmentRule, Delimiters, str]:
    rule, by = draw(st.sampled_from(RULES))

    def value(element: ElementRule) -> str:
        if element.usage != "M" and draw(st.booleans()):
            return ""
        if element.type is not None:
            return draw(_good(element.type))
        parts = [value(part) for part in element.components]
        return by.component.join(parts).rstrip(by.component) if draw(st.booleans()) else by.component.join(parts)

    count = draw(st.integers(0, len(rule.elements) + 1))
    elements = [value(element) for element in rule.elements[:count]]
    body = by.element.join(elements)
    # A terminator that is not released ends the segment: the tokenizer gives no body that holds one.
    assume(by.release is not None or by.terminator not in body)
    return rule, by, body


@given(case=bodies())
def test_what_an_expression_accepts_has_no_findings(case: tuple[SegmentRule, Delimiters, str]) -> None:
    rule, by, body = case
    if compile_pattern(rule, by).fullmatch(body):
        elements = divide(body, by.element, by.release) if body else []
        assert list(check_segment(rule, elements, 2, by)) == []


@given(case=bodies())
def test_what_is_sound_and_plain_is_accepted(case: tuple[SegmentRule, Delimiters, str]) -> None:
    """The other direction, but for what is left to the exact check on purpose."""
    rule, by, body = case
    elements = divide(body, by.element, by.release) if body else []
    findings = [finding for finding in check_segment(rule, elements, 2, by) if finding.severity is not Severity.NOTE]
    parts = [part for element in elements for part in divide(element, by.component, by.release)]
    plain = not body.endswith((by.element, by.component)) and not any(
        part.startswith(" ") or part.endswith((".", ",")) or "0229" in part or "E" in part for part in parts
    )
    marked = any(
        part.strip("-").replace(".", "").replace(",", "").isdigit() and not part.strip("-").isdigit() for part in parts
    )
    if (
        not findings
        and plain
        and not marked
        and (by.release or "\0") not in body
        and f"{by.component}{by.element}" not in body
    ):
        assert compile_pattern(rule, by).fullmatch(body), body


@pytest.mark.parametrize(
    ("kind", "raw", "wrong"),
    [
        (ElementType("R", 1, 3), "12.5", None),
        (ElementType("R", 1, 3), "-12.5", None),
        (ElementType("R", 1, 3), "1234", "element_too_long"),
        (ElementType("R", 4, 10), "1.23", "element_too_short"),
        (ElementType("N", 2, 4, 2), "-100", None),
        (ElementType("DT", 6, 6), "280229", None),
        (ElementType("DT", 6, 6), "260229", "date_invalid"),
        (ElementType("TM", 4, 8), "12345", "time_invalid"),
        (ElementType("B", 1, 4), "\0\1", None),
        (ElementType("ID", 2, 2, 0, frozenset({"ZZ"})), "ZZ", None),
        (ElementType("A", 3, 3), "AB1", "character_invalid"),
    ],
)
def test_values_by_type(kind: ElementType, raw: str, wrong: str | None) -> None:
    found = wrong_value(kind, raw, X12)
    assert (found and found[0].value) == wrong


def test_a_release_character_releases_itself() -> None:
    """Trap: the release of the release character."""
    assert divide("a??:b?:c", ":", "?") == ["a??", "b?:c"]
    assert divide("a?", ":", "?") == ["a?"]
    assert divide("a:b???", ":", "?") == ["a", "b???"]
    assert wrong_value(ElementType("AN", 1, 2), "????", EDIFACT) is None


def one_by_one(text: str) -> list[str]:
    """The rule of ISO 9735-1, 5.1, sign by sign."""
    parts, at = [""], 0
    while at < len(text):
        if text[at] == ":":
            parts.append("")
            at += 1
            continue
        step = 2 if text[at] == "?" else 1
        parts[-1] += text[at : at + step]
        at += step
    return parts


@given(text=st.text("a:?\n", max_size=30))
def test_parts_between_separators_are_those_of_the_rule(text: str) -> None:
    assert divide(text, ":", "?") == one_by_one(text)
