"""The levels of an 856: X12.22, comments 1 to 5 of HL."""

from __future__ import annotations

import pytest

from airflow_provider_integrations.connectors.edi.check_set import check, check_raw
from airflow_provider_integrations.connectors.edi.hierarchy import Hierarchy
from airflow_provider_integrations.connectors.edi.model import FindingCode, Severity
from tests.unit.connectors.edi.guided import X12, briefly, guide, split, text


def notice(*levels: str) -> str:
    """An 856 of these levels, each an HL without its tag."""
    body = "".join(f"HL*{level}~" for level in levels)
    return f"ST*856*0001~BSN*00*SHIP-1*20260114*1530~{body}SE*{len(levels) + 3}*0001~"


@pytest.mark.parametrize(
    ("levels", "expected", "clause"),
    [
        (["1**S*1", "2*1*O*1", "3*2*I*0", "4*2*I*0", "5*1*O*0"], [], "a shipment of two orders"),
        (["1**S", "2*1*O", "3*1*I"], [], "HL04 is optional"),
        (["1**S*0", "2**S*0"], [], "comment 3: HL02 is optional, several levels may stand at the top"),
        (["A**S*1", "B7*A*O*0"], [], "comment 2: HL01 is alphanumeric, and counting is an example"),
        (["1**S*1", "2*9*O*0", "3*1*I*0"], ["hierarchy_parent_unknown HL 4.2"], "comment 3: no such level"),
        (["1*2*S*0", "2**O*1"], ["hierarchy_parent_unknown HL 3.2", "hierarchy_children_wrong HL 4.4"], "comment 1"),
        (["1*1*S*0"], ["hierarchy_parent_unknown HL 3.2"], "comment 3: a level below itself"),
        (["1**S*1", "01*1*O*0", "3*01*I*0"], ["hierarchy_children_wrong HL 4.4"], "texts: 01 is not 1"),
        (["1**S*1", "2*1*O*0", "2*1*O*0"], ["hierarchy_number_duplicate HL 5.1"], "comment 2: unique"),
        (["1**S*0", "2*1*O*0"], ["hierarchy_children_wrong HL 3.4"], "comment 5: a level stands below"),
        (["1**S*1", "2**S*1"], ["hierarchy_children_wrong HL 3.4", "hierarchy_children_wrong HL 4.4"], "comment 5"),
    ],
)
def test_levels(levels: list[str], expected: list[str], clause: str) -> None:
    body = notice(*levels)
    found = check(guide("856"), split(body, X12), X12)
    assert briefly(found) == expected, clause
    assert check_raw(guide("856"), body.encode(), X12) == found
    for one in found:
        # What cannot be placed refuses the set; what HL04 says too much or too little does not.
        lax = one.code is FindingCode.HIERARCHY_CHILDREN_WRONG
        assert one.severity is (Severity.NOTE if lax else Severity.ERROR)


def test_a_level_without_a_number_is_a_missing_element_and_nothing_stands_below_it() -> None:
    found = check(guide("856"), split(notice("**S", "**O", "3**I"), X12), X12)
    assert briefly(found) == ["element_missing HL 3.1", "element_missing HL 4.1"]


def test_the_golden_notice_is_a_hierarchy_of_four_levels() -> None:
    levels = Hierarchy()
    found = [levels.feed(one.elements, at) for at, one in enumerate(split(text("856"), X12), 1) if one.tag == "HL"]
    assert found == [[], [], [], []]
    assert levels.finish() == []


def test_what_is_wrong_with_levels_is_bounded_as_all_findings_are() -> None:
    body = notice(*(f"{number}*X*I" for number in range(1, 3_000)))
    assert len(check(guide("856"), split(body, X12), X12)) == 1_000


def test_a_set_whose_guide_has_no_levels_is_not_looked_at_for_them() -> None:
    found = check(guide("850"), split(text("850").replace("CUR*BY*USD~", "HL*1*9*S~"), X12), X12)
    assert briefly(found) == ["segment_unexpected HL 3"]
