"""The way through a structure: whatever a guide allows is found in its place, and counts and gaps are told exactly."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.edi.check_set import check
from airflow_provider_integrations.connectors.edi.guide import Guides
from airflow_provider_integrations.connectors.edi.guide_rules import Guide, Member, SegmentUse
from airflow_provider_integrations.connectors.edi.model import FindingCode, Segment
from airflow_provider_integrations.connectors.edi.set_walk import START, Walk
from tests.unit.connectors.edi.guided import NAMES, X12, guides, signs

STRUCTURAL = {
    FindingCode.SEGMENT_UNEXPECTED,
    FindingCode.SEGMENT_UNKNOWN,
    FindingCode.SEGMENT_MISSING,
    FindingCode.SEGMENT_SURPLUS,
    FindingCode.LOOP_SURPLUS,
}
GUIDES = [found for name in NAMES.values() for found in guides(name).versions.values()]


def structural(of: Guide, tags: list[str]) -> list[tuple[str, str | None, int | None]]:
    """Only the tags count here: what is wrong inside of the segments is left out."""
    segments = [Segment(tag, (), number, 0) for number, tag in enumerate(tags, 1)]
    found = check(of, segments, signs(of))
    return [(one.code.value, one.segment, one.position) for one in found if one.code in STRUCTURAL]


@st.composite
def allowed(draw: st.DrawFn, of: Guide) -> list[tuple[str, int]]:
    """Tags of a set that follows the structure, each with the number of the place that it was made for."""
    made: list[tuple[str, int]] = []

    def walk(members: tuple[Member, ...], depth: int) -> None:
        for member in members:
            # Most of what may be left out is, or no set would end.
            often = draw(st.integers(0, 9)) if depth else draw(st.integers(0, 4))
            count = min(member.most, {0: 1, 1: 2}.get(often, 0)) or int(member.mandatory)
            for _ in range(count):
                if isinstance(member, SegmentUse):
                    made.append((member.tag, member.number))
                else:
                    walk(member.members, depth + 1)

    walk(of.members, 0)
    return made


@pytest.mark.parametrize("of", GUIDES, ids=lambda of: f"{of.name} {of.version}")
@settings(max_examples=30)
@given(data=st.data())
def test_what_a_guide_allows_has_no_structural_finding_and_each_segment_its_place(of: Guide, data: Any) -> None:
    made = data.draw(allowed(of))
    assert structural(of, ["ST", *(tag for tag, _ in made), "SE"]) == []
    walk, place, found = Walk(of), START, []
    for tag, _ in made:
        step = walk.step(place, tag)
        assert step is not None
        place = step.place
        found.append(place)
    assert found == [number for _, number in made]


SMALL: dict[str, Any] = {
    "guide": "small",
    "syntax": "x12",
    "set": "999",
    "versions": ["004010"],
    "dictionary": "small",
    "structure": [
        "AA M 2",
        "BB O 1",
        {"loop": "LL M 2", "of": ["LL M 1", "CC M 1", {"loop": "MM O 2", "of": ["MM M 1", "DD O 2"]}, "BB O 1"]},
        "EE M 1",
        "BB O 1",
    ],
}
WORDS: dict[str, Any] = {
    "dictionary": "small",
    "elements": {"1": "AN 1 5"},
    "segments": {},
    "open": "AA BB CC DD EE LL MM ZZ",
}


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("AA LL CC EE", []),
        ("AA AA BB LL CC MM DD DD MM BB LL CC EE BB", []),
        ("", ["missing AA 1", "missing LL 1", "missing EE 1"]),
        ("AA EE", ["missing LL 2"]),
        ("LL CC EE", ["missing AA 1"]),
        ("AA LL EE", ["missing CC 3"]),
        ("AA LL LL CC EE", ["missing CC 3"]),
        ("AA LL MM EE", ["missing CC 3"]),
        ("AA LL CC", ["missing EE 3"]),
        ("AA AA AA LL CC EE", ["surplus AA 3"]),
        ("AA AA AA AA LL CC EE", ["surplus AA 3", "surplus AA 4"]),
        ("AA LL CC MM MM MM EE", ["loop MM 6"]),
        ("AA LL CC MM MM LL CC MM MM EE", []),
        ("AA LL CC LL CC LL CC EE", ["loop LL 6"]),
        ("AA LL CC MM DD DD DD EE", ["surplus DD 7"]),
        ("AA LL CC MM DD DD MM DD DD EE", []),
        ("AA LL CC CC EE", ["surplus CC 4"]),
        ("AA LL CC EE EE", ["surplus EE 5"]),
        ("AA LL CC EE AA", ["unexpected AA 5"]),
        ("AA DD LL CC EE", ["unexpected DD 2"]),
        ("AA XX LL CC EE", ["unknown XX 2"]),
        ("AA ZZ LL CC EE", ["unexpected ZZ 2"]),
        ("AA LL CC BB MM EE", ["unexpected MM 5"]),
        # A tag that stands in three places goes to the nearest one that is still open.
        ("AA BB BB LL CC EE", ["surplus BB 3"]),
        ("AA LL CC BB BB EE", ["surplus BB 5"]),
    ],
)
def test_what_is_told_of_a_small_structure(tags: str, expected: list[str]) -> None:
    of = Guides.from_mappings(SMALL, WORDS).of("004010")
    short = {"loop_surplus": "loop"}
    found = [
        f"{short.get(code, code.removeprefix('segment_'))} {tag} {position}"
        for code, tag, position in structural(of, tags.split())
    ]
    assert found == expected


def test_what_fits_nowhere_is_not_kept() -> None:
    """Tags of hostile input are without number."""
    of = Guides.from_mappings(SMALL, WORDS).of("004010")
    walk = Walk(of)
    for number in range(1_000):
        assert walk.step(START, f"X{number}") is None
    assert sum(map(len, walk._known)) == 0
    assert signs(of) is X12


def test_a_segment_repeats_where_it_is_before_it_stands_further_on() -> None:
    structure = {**SMALL, "structure": ["AA O 2", "BB O 1", "AA O 1"]}
    of = Guides.from_mappings(structure, WORDS).of("004010")
    assert structural(of, ["AA", "AA", "BB", "AA"]) == []
    assert structural(of, ["AA", "AA", "AA", "BB"]) == [("segment_surplus", "AA", 3)]
