"""Control numbers, on every engine."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.interchange import LIMITS, Level, Pair
from airflow_provider_integrations.ledger.ledger import Ledger

PAIR = Pair("x12", "ZZ:HUB", "ZZ:ACME")
EDIFACT = Pair("edifact", "14:HUB", "14:ACME")
INTERCHANGE, GROUP = Level.INTERCHANGE, Level.GROUP


def test_each_line_counts_for_itself_from_one(ledger: Ledger) -> None:
    draw = ledger.control_numbers.draw
    assert [draw(PAIR, INTERCHANGE, purpose) for purpose in "abc"] == [1, 2, 3]
    assert draw(PAIR, GROUP, "a") == 1
    assert draw(Pair("x12", "ZZ:HUB", "ZZ:ACME", "T"), INTERCHANGE, "a") == 1
    assert draw(Pair("x12", "ZZ:ACME", "ZZ:HUB"), INTERCHANGE, "a") == 1
    assert ledger.control_numbers.last(PAIR, INTERCHANGE) == 3


def test_the_same_purpose_gets_the_same_number_again(ledger: Ledger) -> None:
    assert ledger.control_numbers.draw_many(PAIR, INTERCHANGE, ["a", "b", "a"]) == [1, 2, 1]
    assert ledger.control_numbers.draw(PAIR, INTERCHANGE, "a") == 1
    assert ledger.control_numbers.draw(PAIR, INTERCHANGE, "c") == 3


def test_what_was_drawn_is_told_with_its_instant_and_nothing_is_drawn(ledger: Ledger) -> None:
    ask = ledger.control_numbers.drawn
    assert ask(PAIR, INTERCHANGE, ["a"]) == ask(PAIR, INTERCHANGE, []) == {}
    ledger.control_numbers.draw_many(PAIR, INTERCHANGE, ["a", "b"])
    first = ask(PAIR, INTERCHANGE, ["a", "b", "c"])
    assert {purpose: drawn.value for purpose, drawn in first.items()} == {"a": 1, "b": 2}
    assert all(drawn.at.utcoffset() == timedelta(0) for drawn in first.values())
    ledger.control_numbers.draw_many(PAIR, INTERCHANGE, ["b", "c", "a"])
    assert ask(PAIR, INTERCHANGE, ["a", "b"]) == first
    assert ask(PAIR, GROUP, ["a"]) == ask(EDIFACT, INTERCHANGE, ["a"]) == {}
    many = [f"purpose {number}" for number in range(5_001)]
    ledger.control_numbers.draw_many(PAIR, GROUP, [many[0], many[-1]])
    assert list(ask(PAIR, GROUP, many)) == [many[0], many[-1]]


@pytest.mark.parametrize("pair", [PAIR, EDIFACT])
def test_control_wrap_after_the_highest_comes_one(ledger: Ledger, pair: Pair) -> None:
    highest = LIMITS[pair.syntax]
    assert ledger.control_numbers.draw(pair, INTERCHANGE, "first") == 1
    ledger.control_numbers.continue_after(pair, INTERCHANGE, highest - 1, who="ann", why="a test of the end")
    assert [ledger.control_numbers.draw(pair, INTERCHANGE, purpose) for purpose in "abc"] == [highest, 1, 2]
    assert ledger.control_numbers.draw(pair, INTERCHANGE, "first") == 1
    [entry] = ledger.records.audit_trail(action="continue_after")
    assert (entry.detail["old"], entry.detail["new"]) == (1, highest - 1)


def test_what_is_no_purpose_or_number_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ConfigError, match="for a purpose"):
        ledger.control_numbers.draw(PAIR, INTERCHANGE, " ")
    for value, why in ((LIMITS["x12"] + 1, "x"), (-1, "x"), (1, " ")):
        with pytest.raises(ConfigError, match="in range, for a reason"):
            ledger.control_numbers.continue_after(PAIR, INTERCHANGE, value, who="ann", why=why)
    with pytest.raises(ConfigError, match="not a pair"):
        Pair("x12", "ZZ:HUB", "ZZ:ACME", "X")


def test_twenty_threads_draw_a_thousand_without_doubles_or_gaps(ledger: Ledger) -> None:
    def draw(worker: int) -> list[int]:
        return [ledger.control_numbers.draw(PAIR, INTERCHANGE, f"{worker}/{number}") for number in range(50)]

    with ThreadPoolExecutor(20) as pool:
        drawn = list(pool.map(draw, range(20)))
    assert sorted(number for each in drawn for number in each) == list(range(1, 1001))
    assert all(each == sorted(each) for each in drawn)


def _draw(url: str, worker: int) -> None:
    with Ledger.connect(url) as ledger:
        for number in range(50):
            ledger.control_numbers.draw(PAIR, INTERCHANGE, f"{worker}/{number}")
            # Every worker wants this one; it is drawn once.
            ledger.control_numbers.draw(PAIR, GROUP, f"{number}")


@pytest.mark.integration
def test_processes_draw_without_doubles_or_gaps(ledger: Ledger, ledger_url: str) -> None:
    if ledger_url == "sqlite://":
        pytest.skip("a database in memory belongs to one process")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    processes = [context.Process(target=_draw, args=(ledger_url, worker)) for worker in range(6)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 6
    purposes = [f"{worker}/{number}" for worker in range(6) for number in range(50)]
    assert sorted(ledger.control_numbers.draw_many(PAIR, INTERCHANGE, purposes)) == list(range(1, 301))
    groups = [f"{number}" for number in range(50)]
    assert sorted(ledger.control_numbers.draw_many(PAIR, GROUP, groups)) == list(range(1, 51))
