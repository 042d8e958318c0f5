from __future__ import annotations

import pytest

from airflow_provider_integrations.connectors.historian.gone_guard import FLOOR, Reread, check_gone
from airflow_provider_integrations.core.errors import ReconciliationError


def test_an_archive_that_is_away_is_refused_with_counts_and_what_to_do() -> None:
    with pytest.raises(ReconciliationError) as caught:
        check_gone("plant1", [Reread("flow", 2880, 2880), Reread("level", 40, 0)])
    values = caught.value.values
    assert (values["known"], values["gone"], values["tags_over"]) == (2920, 2880, 1)
    assert values["most"] == {"flow": "2880 of 2880"}
    assert "historian_backfill__plant1" in str(caught.value)
    assert "allow_gone" in str(caught.value)


def test_one_tag_of_many_is_enough() -> None:
    others = [Reread(f"t{at}", 1000, 0) for at in range(99)]
    with pytest.raises(ReconciliationError):
        check_gone("plant1", [*others, Reread("gone", 100, 100)])


def test_few_of_each_of_many_tags_are_many() -> None:
    """Tags of one value a day have two in a window that is read again."""
    with pytest.raises(ReconciliationError):
        check_gone("plant1", [Reread(f"t{at}", 2, 2) for at in range(20)])


@pytest.mark.parametrize(
    ("known", "gone"), [(0, 0), (2, 2), (FLOOR, FLOOR), (1000, 200)], ids=["nothing", "both of two", "floor", "share"]
)
def test_what_may_go(known: int, gone: int) -> None:
    check_gone("plant1", [Reread("flow", known, gone)])


def test_just_above_is_refused_and_a_person_may_let_it_go() -> None:
    for known, gone, share in ((FLOOR + 1, FLOOR + 1, 0.2), (1000, 201, 0.2), (1000, FLOOR + 1, 0.0)):
        tags = [Reread("flow", known, gone)]
        with pytest.raises(ReconciliationError):
            check_gone("plant1", tags, share=share)
        check_gone("plant1", tags, share=share, allow=True)
