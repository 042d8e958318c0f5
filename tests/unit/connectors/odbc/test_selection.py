"""What a position was read with, compared with what is asked for now."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from airflow_provider_integrations.connectors.odbc.model import Guarantee, KeyRange
from airflow_provider_integrations.connectors.odbc.plan import RunPlan, next_position
from airflow_provider_integrations.connectors.odbc.position import Position, by_hand, position_of, watermark_of
from airflow_provider_integrations.connectors.odbc.selection import Selection, compare, rows_of
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError

BEFORE = Selection(filter="region = 'A'", columns=("id", "note"), contract="c1")
PLAN = RunPlan(
    Guarantee.BEST_EFFORT, "", "none", Position(("5",)), None, (KeyRange(),), None, True, "e", selection=BEFORE
)  # fmt: skip


def test_nothing_changed_and_nothing_known_say_nothing() -> None:
    assert compare(BEFORE, replace(BEFORE)) == ()
    assert compare(None, BEFORE) == ()


@pytest.mark.parametrize("filter", [None, "region = 'B'"])
def test_another_filter_is_refused_by_both_names(filter: str | None) -> None:
    with pytest.raises(StateConflictError, match="the filter was changed") as caught:
        compare(BEFORE, replace(BEFORE, filter=filter))
    assert (caught.value.values["read_with"], caught.value.values["asked_for"]) == ("region = 'A'", filter)


def test_another_template_is_refused() -> None:
    was, now = (replace(BEFORE, template=rows_of(None, sql)[1]) for sql in ("SELECT 1", "SELECT 1 WHERE 0"))
    with pytest.raises(StateConflictError, match="the extraction SQL was changed"):
        compare(was, now)


def test_spaces_around_a_filter_are_no_change_and_an_empty_one_is_none() -> None:
    assert rows_of(" a = 1\n", None) == rows_of("a = 1", None)
    assert rows_of("", None) == rows_of(" ", None) == (None, None)


def test_new_columns_are_named_and_a_column_that_went_is_no_loss_of_earlier_rows() -> None:
    (told,) = compare(BEFORE, replace(BEFORE, columns=("a", "id", "b", "note"), contract="c2"))
    assert told == "new columns are a, b: rows read before lack them until the table is read in full"
    assert compare(BEFORE, replace(BEFORE, columns=("id",))) == ()


def test_another_contract_of_the_same_columns_and_another_beginning_are_told() -> None:
    (contract,) = compare(BEFORE, replace(BEFORE, contract="c2"))
    assert contract.startswith("the contract")
    (begin,) = compare(BEFORE, replace(BEFORE, begin="2024-01-01"))
    assert begin.startswith("the source began at beginning and begins at 2024-01-01 now")


def test_a_position_of_a_version_that_kept_no_selection_is_one_still() -> None:
    text = '{"bookmark": ["5"], "horizon": null}'
    position = Position.from_json(text)
    assert (position.selection, position.to_json()) == (None, text)
    old = json.loads(PLAN.to_json())
    del old["selection"], old["position"]["selection"]
    assert RunPlan.from_json(json.dumps(old)).selection is None


def test_a_position_and_a_plan_keep_it_and_it_is_no_part_of_the_place() -> None:
    kept = Position(("5",), "7", BEFORE)
    assert Position.from_json(kept.to_json()).selection == BEFORE
    assert kept == Position(("5",), "7")
    assert RunPlan.from_json(replace(PLAN, position=kept).to_json()).position.selection == BEFORE
    assert RunPlan.from_json(PLAN.to_json()).selection == BEFORE


def test_a_position_that_is_set_by_hand_as_it_was_shown_is_free_of_the_filter() -> None:
    shown = Position(("5",), "7", BEFORE)
    new = by_hand(shown.to_json(), [watermark_of(shown, 3, "e")])
    assert position_of(new, "e") == (shown, 4)
    assert position_of(new, "e")[0].selection is None


def test_it_goes_with_the_bookmark_and_not_before_there_is_one() -> None:
    assert next_position(PLAN, [None]).selection == BEFORE
    assert next_position(replace(PLAN, position=Position()), [None]).selection is None
    assert next_position(replace(PLAN, position=Position(), horizon="version:3"), [None]).selection == BEFORE


@pytest.mark.parametrize("damaged", [5, {}, {**asdict(BEFORE), "columns": [1]}, {**asdict(BEFORE), "filter": 1}])
def test_a_damaged_selection_is_no_position(damaged: object) -> None:
    with pytest.raises(ConfigError, match="not a position"):
        Position.from_json(json.dumps({"bookmark": None, "horizon": None, "selection": damaged}))
