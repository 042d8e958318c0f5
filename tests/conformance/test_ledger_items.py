"""What every ledger does with work items: one suite, run on memory, an SQLite file and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from airflow_provider_integrations.core.errors import ClaimLostError, ConfigError, StateConflictError
from airflow_provider_integrations.core.work_item import RemoteFile, State, WorkItem
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.postgres import SteppedClock

LEASE = timedelta(minutes=5)
FILE = RemoteFile("/inbox/a.gpg", 10, 1_762_300_000)


def found(ledger: Ledger, clock: SteppedClock, *files: RemoteFile, **facts: object) -> list[WorkItem]:
    told = {file.path: dict(facts) for file in files}
    return ledger.items.discover("acme", files or [FILE], listed_at=clock(), facts=told)


def brought_to(ledger: Ledger, item: WorkItem, *states: State, **facts: object) -> WorkItem:
    for state in states:
        taken = ledger.items.claim(item.id, "w", states=list(State), lease=LEASE)
        assert taken
        item = ledger.items.advance(taken[1], state, facts=facts, reason="unreadable", detail="why")
    return item


class TestDiscovery:
    def test_what_is_new_is_given_back_as_it_is_stored(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        [item] = found(ledger, ledger_clock, FILE, date="2025-11-04", announced={"sha256": "ab"})
        assert item == ledger.items.get(item.id)
        assert (item.state, item.generation, item.facts["announced"]) == (State.DISCOVERED, 1, {"sha256": "ab"})

    def test_instants_come_back_in_utc_to_the_microsecond(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        [item] = found(ledger, ledger_clock)
        stored = ledger.items.get(item.id).discovered_at
        assert stored == ledger_clock()
        assert stored.tzinfo is UTC
        assert stored.isoformat() == "2025-11-05T00:45:00.123456+00:00"

    def test_a_naive_listing_time_is_refused(self, ledger: Ledger) -> None:
        with pytest.raises(ConfigError, match="no time zone"):
            ledger.items.discover("acme", [FILE], listed_at=datetime(2025, 11, 5))

    def test_the_same_file_listed_again_is_the_same_item(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        [item] = found(ledger, ledger_clock)
        brought_to(ledger, item, State.LANDED)
        assert found(ledger, ledger_clock) == []

    def test_a_listing_that_shows_a_file_twice_makes_one_item(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        [item] = found(ledger, ledger_clock, FILE, RemoteFile(FILE.path, 11, 5))
        assert item.size == 11

    def test_a_file_that_grew_before_anyone_took_it_stays_one_item(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        [item] = found(ledger, ledger_clock)
        assert found(ledger, ledger_clock, RemoteFile(FILE.path, 20, 30)) == []
        again = ledger.items.get(item.id)
        assert (again.size, again.mtime, again.generation) == (20, 30, 1)
        assert [event.event for event in ledger.items.history(item.id)] == ["discovered", "changed"]

    def test_a_file_that_changed_under_a_claim_is_a_new_item(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        [item] = found(ledger, ledger_clock)
        assert ledger.items.claim(item.id, "w", states=[State.DISCOVERED], lease=LEASE)
        [second] = found(ledger, ledger_clock, RemoteFile(FILE.path, 20, 30))
        assert (second.generation, ledger.items.get(item.id).size) == (2, 10)

    def test_a_worker_whose_lease_ran_out_cannot_record_bytes_that_were_replaced(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        [item] = found(ledger, ledger_clock)
        taken = ledger.items.claim(item.id, "w", states=[State.DISCOVERED], lease=LEASE)
        assert taken
        ledger_clock.step(minutes=6)
        assert found(ledger, ledger_clock, RemoteFile(FILE.path, 20, 30)) == []
        with pytest.raises(ClaimLostError):
            ledger.items.advance(taken[1], State.LANDED)

    def test_a_file_that_changed_after_it_was_taken_in_is_a_new_item(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        [item] = found(ledger, ledger_clock)
        brought_to(ledger, item, State.LANDED)
        [second] = found(ledger, ledger_clock, RemoteFile(FILE.path, 10, FILE.mtime + 1))
        assert second.generation == 2

    def test_a_listing_older_than_the_archiving_is_stale(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        [item] = found(ledger, ledger_clock)
        listed_at = ledger_clock()
        ledger_clock.step(seconds=1)
        ledger.items.disposed(item.id, "/archive/a.gpg")
        assert ledger.items.discover("acme", [FILE], listed_at=listed_at) == []
        # Even at the same instant: which came first is not known, and the next listing tells.
        assert found(ledger, ledger_clock) == []
        ledger_clock.step(seconds=1)
        [second] = found(ledger, ledger_clock)
        assert (second.generation, second.path) == (2, FILE.path)

    def test_a_replay_does_not_hide_a_new_file_of_its_name(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        [item] = found(ledger, ledger_clock)
        brought_to(ledger, item, State.LANDED, folder="bronze/x")
        ledger.items.disposed(item.id, "/archive/a.gpg")
        [replayed] = ledger.items.replay("acme", date(2025, 11, 5), date(2025, 11, 5), request="r", who="me")
        ledger_clock.step(seconds=1)
        [third] = found(ledger, ledger_clock)  # Same size and mtime as the replay has.
        assert (replayed.generation, third.generation, third.replay_of) == (2, 3, None)
        ledger.items.disposed(third.id, "x")
        ledger_clock.step(seconds=1)
        [fourth] = found(ledger, ledger_clock, RemoteFile(FILE.path, 99, 1))
        assert ledger.items.get(replayed.id).size == FILE.size
        assert fourth.generation == 4

    @pytest.mark.parametrize(
        "name", ["nul\x00byte", "surrogate\udcff", "esc\x1b0;", "line\nbreak", "back\\x00slash", "é́"]
    )
    def test_hostile_names_come_back_exactly(self, ledger: Ledger, ledger_clock: SteppedClock, name: str) -> None:
        file = RemoteFile(f"/inbox/{name}", 1, 1)
        [item] = found(ledger, ledger_clock, file, said=name)
        stored = ledger.items.get(item.id)
        assert (stored.path, stored.facts["said"]) == (file.path, name)
        assert found(ledger, ledger_clock, file) == []

    def test_numbers_of_more_than_32_bits_are_kept(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        [item] = found(ledger, ledger_clock, RemoteFile("/big", 2**45, 2**40), sequence=10**30)
        assert (ledger.items.get(item.id).size, ledger.items.get(item.id).facts["sequence"]) == (2**45, 10**30)

    def test_facts_that_json_cannot_hold_are_refused_by_name(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        for value in (float("nan"), {1, 2}, b"x"):
            with pytest.raises(ConfigError, match="fact='oops'"):
                found(ledger, ledger_clock, FILE, oops=value)
        assert ledger.items.list() == []


class TestClaims:
    def test_only_one_owner_holds_an_item(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        [item] = found(ledger, ledger_clock)
        assert ledger.items.claim(item.id, "one", states=[State.DISCOVERED], lease=LEASE)
        assert ledger.items.claim(item.id, "two", states=[State.DISCOVERED], lease=LEASE) is None
        assert ledger.items.is_claimed(item.id)
        assert ledger.items.pending("acme", [State.DISCOVERED]) == []

    def test_an_item_in_another_state_is_not_claimed(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        [item] = found(ledger, ledger_clock)
        assert ledger.items.claim(item.id, "w", states=[State.LANDED], lease=LEASE) is None
        assert ledger.items.claim_next("acme", "w", states=[State.LANDED], lease=LEASE) == []

    def test_several_are_claimed_at_once_but_for_those_that_another_holds(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        files = [RemoteFile(f"/inbox/{number}", 10, 20) for number in range(4)]
        items = found(ledger, ledger_clock, *files)
        assert ledger.items.claim(items[1].id, "other", states=[State.DISCOVERED], lease=LEASE)
        ids = [item.id for item in reversed(items)]
        taken = ledger.items.claim_all(ids, "w", states=[State.DISCOVERED], lease=LEASE)
        assert [item.id for item, _ in taken] == [items[0].id, items[2].id, items[3].id]
        assert all(ledger.items.advance(claim, State.LANDED).state is State.LANDED for _, claim in taken)
        assert ledger.items.claim_all([], "w", states=[State.DISCOVERED], lease=LEASE) == []

    def test_a_retry_of_the_same_owner_need_not_wait_and_fences_off_its_last_try(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        [item] = found(ledger, ledger_clock)
        first = ledger.items.claim(item.id, "task", states=[State.DISCOVERED], lease=LEASE)
        second = ledger.items.claim(item.id, "task", states=[State.DISCOVERED], lease=LEASE)
        assert first
        assert second
        assert second[1].token == first[1].token + 1
        with pytest.raises(ClaimLostError):
            ledger.items.note(first[1], {"late": True})

    def test_an_expired_claim_is_taken_up_and_its_old_holder_refused(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        [item] = found(ledger, ledger_clock)
        [(_, old)] = ledger.items.claim_next("acme", "one", states=[State.DISCOVERED], lease=LEASE)
        ledger_clock.step(minutes=5)
        [(taken, new)] = ledger.items.claim_next("acme", "two", states=[State.DISCOVERED], lease=LEASE)
        assert (taken.id, taken.attempts, new.token) == (item.id, 1, old.token + 1)
        for write in (
            lambda: ledger.items.advance(old, State.LANDED),
            lambda: ledger.items.note(old, {}),
            lambda: ledger.items.renew(old, LEASE),
            lambda: ledger.items.give_back(old, error="x"),
        ):
            with pytest.raises(ClaimLostError, match="no longer held"):
                write()
        assert ledger.items.advance(new, State.LANDED).state is State.LANDED

    def test_a_renewed_claim_does_not_expire(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        [item] = found(ledger, ledger_clock)
        [(_, claim)] = ledger.items.claim_next("acme", "one", states=[State.DISCOVERED], lease=LEASE)
        ledger_clock.step(minutes=4)
        renewed = ledger.items.renew(claim, LEASE)
        ledger_clock.step(minutes=4)
        assert renewed.token == claim.token
        assert ledger.items.is_claimed(item.id)
        assert ledger.items.claim(item.id, "two", states=[State.DISCOVERED], lease=LEASE) is None

    def test_an_item_that_failed_waits_behind_those_that_did_not(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        first, second = found(ledger, ledger_clock, RemoteFile("/1", 1, 1), RemoteFile("/2", 1, 1))
        [(_, claim)] = ledger.items.claim_next("acme", "w", states=[State.DISCOVERED], lease=LEASE)
        ledger.items.give_back(claim, error="link broke")
        order = [item.id for item in ledger.items.pending("acme", [State.DISCOVERED])]
        assert order == [second.id, first.id]
        assert ledger.items.get(first.id).attempts == 1
        assert ledger.items.history(first.id)[-1].detail == "link broke"
        taken = ledger.items.claim_next("acme", "w", states=[State.DISCOVERED], lease=LEASE, limit=5)
        assert [item.id for item, _ in taken] == order

    def test_a_claim_that_was_used_up_writes_no_more(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        [item] = found(ledger, ledger_clock)
        [(_, claim)] = ledger.items.claim_next("acme", "w", states=[State.DISCOVERED], lease=LEASE)
        kept = ledger.items.advance(claim, State.LANDED, keep_claim=True, facts={"rows": 3})
        assert kept.facts == {"rows": 3}
        assert ledger.items.note(claim, {"more": [1, None]}).facts == {"rows": 3, "more": [1, None]}
        ledger.items.advance(claim, State.GATED)
        with pytest.raises(ClaimLostError):
            ledger.items.advance(claim, State.LOADED)
        assert ledger.items.get(item.id).state is State.GATED

    def test_a_step_that_is_not_allowed_changes_nothing(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        [item] = found(ledger, ledger_clock)
        [(_, claim)] = ledger.items.claim_next("acme", "w", states=[State.DISCOVERED], lease=LEASE)
        with pytest.raises(StateConflictError, match="cannot go this way"):
            ledger.items.advance(claim, State.GATED, facts={"x": 1})
        assert ledger.items.get(item.id).facts == {}
        assert [event.event for event in ledger.items.history(item.id)] == ["discovered", "claimed"]

    def test_the_history_tells_every_change(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        [item] = found(ledger, ledger_clock)
        brought_to(ledger, item, State.QUARANTINED, kept="q")
        ledger.items.release(item.id, who="ann", why="policy changed")
        ledger.items.disposed(item.id, "/q")
        told = [(event.event, event.old_state, event.new_state) for event in ledger.items.history(item.id)]
        assert told == [
            ("discovered", None, State.DISCOVERED),
            ("claimed", State.DISCOVERED, State.DISCOVERED),
            ("advanced", State.DISCOVERED, State.QUARANTINED),
            ("released", State.QUARANTINED, State.DISCOVERED),
            ("disposed", State.DISCOVERED, State.DISCOVERED),
        ]


def test_disposed_counts_the_first_time(ledger: Ledger, ledger_clock: SteppedClock) -> None:
    [item] = found(ledger, ledger_clock)
    first = ledger.items.disposed(item.id, "/archive/1")
    ledger_clock.step(hours=1)
    assert ledger.items.disposed(item.id, "/archive/2") == first
    assert first.facts == {"moved_to": "/archive/1"}


def test_undisposed_are_files_still_in_the_inbox_and_items_that_were_not_closed(
    ledger: Ledger, ledger_clock: SteppedClock
) -> None:
    a, b, c = found(ledger, ledger_clock, *(RemoteFile(f"/{n}", 1, 1) for n in "abc"))
    for item in (a, b):
        brought_to(ledger, item, State.LANDED, State.GATED, State.LOADED)
    brought_to(ledger, c, State.QUARANTINED)
    for item in (b, c):
        ledger.items.disposed(item.id, "/away")
    states = [State.LOADED, State.QUARANTINED]
    assert [item.id for item in ledger.items.undisposed("acme", states)] == [a.id, b.id]


def test_positions_are_pairs_of_sequence_and_business_date(ledger: Ledger, ledger_clock: SteppedClock) -> None:
    for number, day in ((2, "2025-11-02"), (1, "2025-11-01"), (2, "2025-11-02"), (10**30, "2025-11-09")):
        found(ledger, ledger_clock, RemoteFile(f"/{number}-{day}", 1, 1), sequence=number, date=day)
    found(ledger, ledger_clock, RemoteFile("/out-of-contract", 1, 1))
    assert ledger.items.positions("acme", list(State)) == [(1, "2025-11-01"), (2, "2025-11-02")]
    assert ledger.items.positions("acme", list(State), after=2) == [(2, "2025-11-02")]
    assert ledger.items.positions("acme", [State.LOADED]) == []


def test_lists_are_filtered_and_paged(ledger: Ledger, ledger_clock: SteppedClock) -> None:
    items = found(ledger, ledger_clock, *(RemoteFile(f"/{n}", 1, 1) for n in range(5)))
    brought_to(ledger, items[0], State.LANDED)
    assert [item.path for item in ledger.items.list(limit=2, offset=1)] == ["/3", "/2"]
    assert [item.path for item in ledger.items.list("acme", [State.LANDED])] == ["/0"]
    assert ledger.items.list("other") == []


def test_an_unknown_item_is_named(ledger: Ledger) -> None:
    with pytest.raises(ConfigError, match="nope"):
        ledger.items.get("nope")
    assert not ledger.items.is_claimed("nope")
