"""References seen twice are found, in little memory when they count up."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.edi.edifact_references import References


@given(st.lists(st.from_regex("[A-B]?[0-9]{0,2}", fullmatch=True), max_size=40))
def test_it_is_a_set(told: list[str]) -> None:
    seen: set[str] = set()
    references = References()
    for each in told:
        assert references.add(each) is (not each or each not in seen)
        seen.add(each)


def test_a_million_that_count_up_take_no_room() -> None:
    references = References()
    assert all(references.add(f"ME{number:07d}") for number in range(200_000))
    assert sum(sys.getsizeof(part) for part in vars(references).values()) < 1000
    assert not references.add("ME0100000")


def test_overlong_ones_are_not_kept() -> None:
    references = References()
    assert references.add("X" * 15)
    assert references.add("X" * 15)
