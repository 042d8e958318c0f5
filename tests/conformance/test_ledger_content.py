"""Duplicates, releases and replays, on every engine."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.core.work_item import RemoteFile, State, WorkItem
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.postgres import SteppedClock

LEASE = timedelta(minutes=5)
DAY = date(2025, 11, 5)
SHA = "ab" * 32


def found(ledger: Ledger, clock: SteppedClock, name: str, **facts: object) -> WorkItem:
    [item] = ledger.items.discover("acme", [RemoteFile(name, 1, 1)], listed_at=clock(), facts={name: facts})
    return item


def put(ledger: Ledger, item: WorkItem, state: State, **facts: object) -> WorkItem:
    taken = ledger.items.claim(item.id, "w", states=list(State), lease=LEASE)
    assert taken
    return ledger.items.advance(taken[1], state, facts=facts, reason="unreadable")


class TestDigests:
    def test_the_first_owns_its_bytes_and_the_second_is_told_whose_they_are(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        a, b = found(ledger, ledger_clock, "/a"), found(ledger, ledger_clock, "/b")
        assert ledger.items.register_digest("acme", "ciphertext", SHA, a.id) == a.id
        assert ledger.items.register_digest("acme", "ciphertext", SHA, a.id) == a.id
        assert ledger.items.register_digest("acme", "ciphertext", SHA, b.id) == a.id
        assert ledger.items.register_digest("acme", "plaintext", SHA, b.id) == b.id
        assert ledger.items.register_digest("other", "ciphertext", SHA, b.id) == b.id

    def test_what_is_in_quarantine_is_no_first(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        a, b = found(ledger, ledger_clock, "/a"), found(ledger, ledger_clock, "/b")
        ledger.items.register_digest("acme", "ciphertext", SHA, a.id)
        put(ledger, a, State.QUARANTINED)
        assert ledger.items.register_digest("acme", "ciphertext", SHA, b.id) == b.id
        ledger.items.release(a.id, who="ann", why="looked at it")
        assert ledger.items.register_digest("acme", "ciphertext", SHA, a.id) == b.id

    def test_bytes_replaced_after_a_crash_do_not_make_their_return_a_duplicate(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        a, b = found(ledger, ledger_clock, "/a"), found(ledger, ledger_clock, "/b")
        ledger.items.register_digest("acme", "ciphertext", SHA, a.id)
        assert ledger.items.discover("acme", [RemoteFile("/a", 2, 2)], listed_at=ledger_clock()) == []
        assert ledger.items.register_digest("acme", "ciphertext", SHA, b.id) == b.id
        ledger.items.register_digest("acme", "ciphertext", "cd" * 32, b.id)
        assert ledger.items.register_digest("acme", "ciphertext", SHA, a.id) == a.id

    def test_a_replay_is_no_duplicate_of_its_original(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        a = found(ledger, ledger_clock, "/a")
        ledger.items.register_digest("acme", "plaintext", SHA, a.id)
        put(ledger, a, State.LANDED, folder="bronze/a")
        [again] = ledger.items.replay("acme", DAY, DAY, request="r", who="ann")
        assert ledger.items.register_digest("acme", "plaintext", SHA, again.id) == again.id
        b = found(ledger, ledger_clock, "/b")
        assert ledger.items.register_digest("acme", "plaintext", SHA, b.id) == a.id

    def test_an_unknown_item_registers_nothing(self, ledger: Ledger) -> None:
        with pytest.raises(StateConflictError):
            ledger.items.register_digest("acme", "ciphertext", SHA, "nope")


class TestRelease:
    def test_a_release_goes_through_everything_again_and_is_audited(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        item = put(ledger, found(ledger, ledger_clock, "/a"), State.QUARANTINED, kept="quarantine/a")
        assert item.reason == "unreadable"
        released = ledger.items.release(item.id, who="ann", why="policy changed")
        assert (released.state, released.reason, released.attempts) == (State.DISCOVERED, None, 0)
        wanted = {"kept": "quarantine/a", "released_by": "ann", "released_why": "policy changed", "releases": 1}
        assert released.facts == wanted
        [entry] = ledger.records.audit_trail(subject=item.id)
        assert (entry.who, entry.action, entry.why) == ("ann", "release", "policy changed")
        assert ledger.items.claim_next("acme", "w", states=[State.DISCOVERED], lease=LEASE)

    def test_only_what_is_in_quarantine_is_released(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        item = found(ledger, ledger_clock, "/a")
        with pytest.raises(StateConflictError, match="only a quarantined item"):
            ledger.items.release(item.id, who="ann", why="x")
        put(ledger, item, State.QUARANTINED)
        with pytest.raises(ConfigError, match="needs a reason"):
            ledger.items.release(item.id, who="ann", why=" ")
        assert ledger.records.audit_trail() == []


class TestReplay:
    def test_kept_originals_of_the_days_come_again_once_for_a_request(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        for day in range(1, 6):
            item = found(ledger, ledger_clock, f"/{day}", date=f"2025-11-0{day}", sequence=day)
            if day != 3:  # Nothing was kept of the third.
                put(ledger, item, State.LANDED, folder=f"bronze/{day}")
        first, last = date(2025, 11, 2), date(2025, 11, 4)
        made = ledger.items.replay("acme", first, last, request="r1", who="ann")
        assert [(item.path, item.generation, item.state) for item in made] == [
            ("/2", 2, State.DISCOVERED),
            ("/4", 2, State.DISCOVERED),
        ]
        assert [item.facts["sequence"] for item in made] == [2, 4]
        assert [ledger.items.get(item.replay_of or "").path for item in made] == ["/2", "/4"]
        assert ledger.items.replay("acme", first, last, request="r1", who="ann") == made
        assert len(ledger.records.audit_trail(action="replay")) == 1
        second = ledger.items.replay("acme", first, last, request="r2", who="ann")
        assert [item.generation for item in second] == [3, 3]

    def test_a_request_that_was_cut_short_is_completed(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        put(ledger, found(ledger, ledger_clock, "/a"), State.LANDED, folder="x")
        [one] = ledger.items.replay("acme", DAY, DAY, request="r", who="ann")
        put(ledger, found(ledger, ledger_clock, "/b"), State.QUARANTINED, kept="y")
        assert [item.path for item in ledger.items.replay("acme", DAY, DAY, request="r", who="ann")] == ["/a", "/b"]
        assert ledger.items.history(one.id)[0].event == "replayed"

    def test_replays_and_duplicates_are_not_replayed(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        put(ledger, found(ledger, ledger_clock, "/dup"), State.DUPLICATE, kept="x")
        put(ledger, found(ledger, ledger_clock, "/a"), State.LANDED, folder="x")
        [again] = ledger.items.replay("acme", DAY, DAY, request="r1", who="ann")
        put(ledger, again, State.LANDED, folder="y")
        assert [item.path for item in ledger.items.replay("acme", DAY, DAY, request="r2", who="ann")] == ["/a"]

    def test_two_generations_of_a_name_get_numbers_of_their_own(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        put(ledger, found(ledger, ledger_clock, "/a"), State.LANDED, folder="x")
        [second] = ledger.items.discover("acme", [RemoteFile("/a", 2, 2)], listed_at=ledger_clock())
        put(ledger, second, State.LANDED, folder="y")
        made = ledger.items.replay("acme", DAY, DAY, request="r", who="ann")
        assert [(item.generation, item.size) for item in made] == [(3, 1), (4, 2)]

    def test_the_day_of_discovery_is_in_utc(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        ledger_clock.step(hours=-2)  # 04:30 on the 5th in Kathmandu, still the 4th in UTC.
        put(ledger, found(ledger, ledger_clock, "/a", date="no date"), State.LANDED, folder="x")
        assert ledger.items.replay("acme", DAY, DAY, request="r", who="ann") == []
        four = date(2025, 11, 4)
        assert len(ledger.items.replay("acme", four, four, request="r", who="ann")) == 1

    def test_days_in_the_wrong_order_are_an_error(self, ledger: Ledger) -> None:
        with pytest.raises(ConfigError, match="ends before it begins"):
            ledger.items.replay("acme", DAY, date(2025, 11, 1), request="r", who="ann")

    def test_readings_are_an_original_and_its_replays_whichever_of_them_is_named(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        first, other = found(ledger, ledger_clock, "/a"), found(ledger, ledger_clock, "/b")
        for item in (first, other):
            put(ledger, item, State.LANDED, folder=item.name)
        made = [ledger.items.replay("acme", DAY, DAY, request=name, who="ann") for name in ("r1", "r2")]
        of_first = [first.id, *(item.id for items in made for item in items if item.path == "/a")]
        for asked in ([first.id], [of_first[2]], of_first):
            assert [[item.id for item in family] for family in ledger.items.readings(asked)] == [of_first]
        assert len(ledger.items.readings([of_first[1], other.id])) == 2
        assert ledger.items.readings([]) == []
