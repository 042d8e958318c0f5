"""What is kept between rounds, and when the token moves."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_provider_integrations.connectors.msgraph.model import LinkKind, Page, Restart, RoundEnd
from airflow_provider_integrations.connectors.msgraph.state import DeltaState
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from tests.unit.connectors.msgraph.delta_answers import DELTA, NOW, SKIP, USERS

MORE = replace(USERS, select=("id", "displayName", "mail"))


def landed(state: DeltaState, number: int, link: str = "") -> DeltaState:
    assert state.progress is not None
    start = state.progress.start
    page = Page(
        start.round, start.attempt, number, start.full, start.items + 1, ({"id": "1"},), link, "" if link else "x"
    )
    return state.landed(page)


def sealed(state: DeltaState, link: str = f"{DELTA}one", **values: int) -> DeltaState:
    assert state.progress is not None
    start = state.progress.start
    end = RoundEnd(start.round, start.attempt, start.full, 1, 1, (), link)
    return state.sealed(replace(end, **values) if values else end, at=NOW)  # type: ignore[arg-type]


def after_one_round() -> DeltaState:
    return sealed(DeltaState().begin(USERS)).committed()


def test_the_first_round_enumerates_everything_and_the_next_goes_on_from_its_link() -> None:
    state = DeltaState().begin(USERS)
    assert state.progress is not None
    assert (state.progress.start.round, state.progress.start.full) == (1, True)
    state = after_one_round()
    assert (state.link, state.rounds, state.obtained_at, state.progress) == (f"{DELTA}one", 1, NOW, None)
    begun = state.begin(USERS).progress
    assert begun is not None
    start = begun.start
    assert (start.round, start.full, start.link, start.kind) == (2, False, f"{DELTA}one", LinkKind.DELTA)
    assert start.origin == f"{DELTA}one"


def test_the_token_moves_only_after_the_load() -> None:
    state = after_one_round().begin(USERS)
    assert state.link == f"{DELTA}one"
    state = sealed(landed(state, 1), f"{DELTA}two")
    assert state.link == f"{DELTA}one"
    assert state.committed().link == f"{DELTA}two"
    with pytest.raises(StateConflictError, match="not ended"):
        landed(after_one_round().begin(USERS), 1, f"{SKIP}a").committed()


def test_a_sealed_round_is_loaded_and_not_read_again() -> None:
    """Read again it would have other rows under the batch ids that may be loaded already, and a newer link."""
    state = sealed(after_one_round().begin(USERS), f"{DELTA}two")
    assert state.begin(USERS) == state
    assert state.begin(USERS, resync=True) == state
    assert state.begin(USERS, anew=True) == state


def test_a_round_goes_on_where_its_last_landed_page_says() -> None:
    state = landed(landed(after_one_round().begin(USERS), 1, f"{SKIP}a"), 2, f"{SKIP}b")
    progress = state.begin(USERS).progress
    assert progress is not None
    start = progress.start
    assert (start.link, start.kind, start.pages, start.items) == (f"{SKIP}b", LinkKind.NEXT, 2, 2)
    assert start.origin == f"{DELTA}one"


def test_the_last_page_alone_does_not_end_a_round() -> None:
    state = landed(after_one_round().begin(USERS), 1, f"{SKIP}a")
    assert landed(state, 2) == state


def test_a_restart_forgets_the_pages_and_counts_the_attempt() -> None:
    state = landed(after_one_round().begin(USERS), 1, f"{SKIP}a")
    state = state.restarted(Restart(1, True, "resyncRequired", f"{DELTA}fresh", LinkKind.FRESH))
    progress = state.progress
    assert progress is not None
    start = progress.start
    assert (start.full, start.attempt, start.pages, start.items, start.link) == (True, 1, 0, 0, f"{DELTA}fresh")
    assert (progress.resync, progress.restarts, start.origin) == (("resyncRequired",), ("resyncRequired",), "")
    again = state.restarted(Restart(2, True, "410", USERS.initial_url(), LinkKind.INITIAL)).progress
    assert again is not None
    assert (again.resync, again.restarts) == (("resyncRequired",), ("resyncRequired", "410"))


def test_a_changed_select_is_refused_or_becomes_a_planned_resync() -> None:
    state = after_one_round()
    with pytest.raises(StateConflictError) as caught:
        state.begin(MORE)
    assert caught.value.values["changed"] == ("select",)
    progress = state.begin(MORE, resync=True).progress
    assert progress is not None
    assert (progress.start.full, progress.resync, progress.start.link) == (True, ("select",), MORE.initial_url())
    loaded = sealed(state.begin(MORE, resync=True), f"{DELTA}two").committed()
    begun = loaded.begin(MORE).progress
    assert begun is not None
    assert not begun.start.full


def test_a_changed_select_in_mid_round_throws_the_round_away() -> None:
    state = landed(after_one_round().begin(USERS), 1, f"{SKIP}a")
    with pytest.raises(StateConflictError):
        state.begin(MORE)
    planned = state.begin(MORE, resync=True)
    assert planned.progress is not None
    start = planned.progress.start
    assert (start.full, start.attempt, start.pages) == (True, 1, 0)
    back = planned.begin(USERS).progress
    assert back is not None
    assert (back.start.full, back.start.link, back.start.attempt) == (False, f"{DELTA}one", 2)


def test_a_changed_select_in_the_first_round_begins_it_anew() -> None:
    state = landed(DeltaState().begin(USERS), 1, f"{SKIP}a").begin(MORE)
    assert state.progress is not None
    start = state.progress.start
    assert (start.link, start.attempt, start.pages) == (MORE.initial_url(), 1, 0)


def test_a_sealed_round_with_other_options_is_loaded_first() -> None:
    with pytest.raises(StateConflictError, match="waits to be loaded"):
        sealed(after_one_round().begin(USERS)).begin(MORE, resync=True)


def test_another_source_never_takes_a_round_over() -> None:
    with pytest.raises(StateConflictError, match="another source"):
        after_one_round().begin(USERS).begin(replace(USERS, resource="groups"), resync=True)
    with pytest.raises(StateConflictError, match="waits to be loaded"):
        sealed(DeltaState().begin(USERS)).begin(replace(USERS, resource="groups"), resync=True)


def test_a_wrong_resource_can_be_corrected_before_anything_was_loaded() -> None:
    wrong = landed(DeltaState().begin(replace(USERS, resource="user")), 1, f"{SKIP}a")
    begun = wrong.begin(USERS).progress
    assert begun is not None
    assert (begun.start.link, begun.start.attempt, begun.start.pages) == (USERS.initial_url(), 1, 0)
    lost = replace(wrong, progress=replace(wrong.progress, resync=("lost",)) if wrong.progress else None)
    with pytest.raises(StateConflictError, match="another source"):  # What is known is of what was landed before.
        lost.begin(USERS)


def test_a_resync_that_is_asked_for_is_not_begun_again_by_a_retry() -> None:
    state = after_one_round().begin(USERS, resync=True)
    assert state.progress is not None
    assert (state.progress.start.full, state.progress.resync) == (True, ("asked for",))
    on = landed(state, 1, f"{SKIP}a")
    assert on.begin(USERS, resync=True) == on


def test_a_resync_that_is_asked_for_ends_an_incremental_round() -> None:
    """As when its link was damaged: it would be refused for ever."""
    begun = landed(after_one_round().begin(USERS), 1, f"{SKIP}a").begin(USERS, resync=True).progress
    assert begun is not None
    assert (begun.start.full, begun.start.attempt) == (True, 1)


def test_a_round_with_a_damaged_link_may_be_begun_anew() -> None:
    state = landed(DeltaState().begin(USERS), 1, f"{SKIP}damaged").begin(USERS, anew=True)
    assert state.progress is not None
    assert (state.progress.start.link, state.progress.start.attempt) == (USERS.initial_url(), 1)


def test_the_latest_link_is_only_for_a_source_that_has_none() -> None:
    first = DeltaState().begin(USERS, latest=True).progress
    assert first is not None
    assert (first.start.latest, first.start.full) == (True, False)
    later = after_one_round().begin(USERS, latest=True).progress
    assert later is not None
    assert later.start.link == f"{DELTA}one"
    resync = after_one_round().begin(USERS, latest=True, resync=True).progress
    assert resync is not None
    assert (resync.start.full, resync.start.latest) == (True, False)


def test_the_end_of_another_attempt_is_not_taken() -> None:
    state = after_one_round().begin(USERS)
    for wrong in ({"round": 3}, {"attempt": 1}):
        with pytest.raises(StateConflictError, match="another attempt"):
            sealed(state, **wrong)


def test_the_age_of_a_token_alarms_at_five_days_of_seven() -> None:
    state = after_one_round()
    for hours, alarm, expired in [(0, False, False), (119, False, False), (120, True, False), (168, True, True)]:
        age = state.age(NOW + timedelta(hours=hours))
        assert age is not None
        assert (age.age, age.alarm, age.expired) == (timedelta(hours=hours), alarm, expired)
    assert DeltaState().age(NOW) is None
    assert DeltaState().begin(USERS).age(NOW) is None


def test_a_link_that_waits_for_its_round_to_be_loaded_ages_too() -> None:
    """As when a resync waits for its approval."""
    day = timedelta(days=1)
    begun = after_one_round().begin(USERS)
    waiting = begun.sealed(RoundEnd(2, 0, False, 1, 0, (), f"{DELTA}two"), at=NOW + 4 * day)
    for state, age in ((begun, 6 * day), (waiting, 2 * day)):
        found = state.age(NOW + 6 * day)
        assert found is not None
        assert found.age == age
    first = sealed(DeltaState().begin(USERS)).age(NOW + 5 * day)
    assert first is not None
    assert first.alarm


def test_the_same_link_sent_again_is_no_younger() -> None:
    later = NOW + timedelta(days=3)
    begun = after_one_round().begin(USERS)
    again = begun.sealed(RoundEnd(2, 0, False, 1, 0, (), f"{DELTA}one"), at=later).committed()
    assert (again.obtained_at, again.rounds) == (NOW, 2)
    newer = begun.sealed(RoundEnd(2, 0, False, 1, 0, (), f"{DELTA}two"), at=later).committed()
    assert newer.obtained_at == later


def states() -> list[DeltaState]:
    begun = after_one_round().begin(USERS)
    restarted = begun.restarted(Restart(1, True, "410", f"{DELTA}fresh", LinkKind.FRESH))
    return [
        DeltaState(),
        DeltaState().begin(USERS),
        after_one_round(),
        begun,
        restarted,
        sealed(begun),
        sealed(restarted, attempt=1),
    ]


@pytest.mark.parametrize("state", states(), ids=range(7))
def test_a_state_survives_its_json(state: DeltaState) -> None:
    assert DeltaState.from_json(state.to_json()) == state


def test_no_repr_of_a_state_shows_a_link() -> None:
    for state in states():
        assert "token=" not in repr(state)


@pytest.mark.parametrize("damage", ["", "{}", "[]", "7", "null", '"x"', "{", '{"format": 2}', '{"format": 1}'])
def test_a_damaged_state_is_never_a_beginning(damage: str) -> None:
    with pytest.raises(ConfigError, match="not the state"):
        DeltaState.from_json(damage)


def test_a_state_without_one_of_its_parts_is_damaged() -> None:
    whole = json.loads(states()[5].to_json())
    for name in whole:
        with pytest.raises(ConfigError):
            DeltaState.from_json(json.dumps({key: value for key, value in whole.items() if key != name}))
    with pytest.raises(ConfigError):
        DeltaState.from_json(json.dumps({**whole, "surplus": 1}))
    for name in whole["progress"]:
        progress = {key: value for key, value in whole["progress"].items() if key != name}
        with pytest.raises(ConfigError):
            DeltaState.from_json(json.dumps({**whole, "progress": progress}))
    for name in whole["progress"]["start"]:
        start = {key: value for key, value in whole["progress"]["start"].items() if key != name}
        with pytest.raises(ConfigError):
            DeltaState.from_json(json.dumps({**whole, "progress": {**whole["progress"], "start": start}}))


def test_a_state_that_had_rounds_and_has_no_link_is_damaged() -> None:
    whole = json.loads(states()[2].to_json())
    with pytest.raises(ConfigError):
        DeltaState.from_json(json.dumps({**whole, "link": ""}))


def test_a_lost_link_may_be_missing_while_everything_is_read_again() -> None:
    begun = DeltaState(rounds=3).begin(USERS, resync=True)
    assert DeltaState.from_json(begun.to_json()) == begun
    assert begun.progress is not None
    part = replace(begun, progress=replace(begun.progress, start=replace(begun.progress.start, full=False)))
    for lost in (part, DeltaState(rounds=3)):
        with pytest.raises(ConfigError):
            DeltaState.from_json(lost.to_json())
