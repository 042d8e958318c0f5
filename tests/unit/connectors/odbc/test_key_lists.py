"""Two lists of keys: compared part by part, each key once, in memory that does not grow with them."""

from __future__ import annotations

import multiprocessing
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.odbc.key_lists import KeyLists
from tests.fakes.memory import peak_kib

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=3)
keys = st.lists(st.tuples(words, words), max_size=40)


def _table(rows: list[tuple[str, ...]]) -> pa.Table:
    return pa.table([[row[0] for row in rows], [row[1] for row in rows]], names=["a", "b"])


def test_parts_of_a_key_stay_apart_and_each_key_counts_once() -> None:
    with KeyLists(2) as lists:
        lists.add_source(pa.table([pa.array(["1", "12", "5", "5"]), pa.array(["23", "4", "5", "5"])], names=["a", "b"]))
        lists.add_loaded(iter([("12", "3"), ("1", "23"), ("é", "x"), ("é", "x")]))
        assert sorted(lists.gone().to_pylist(), key=str) == [{"k1": "12", "k2": "3"}, {"k1": "é", "k2": "x"}]
        assert (lists.count_missing(), lists.missing(1)) == (2, (("12", "4"),))


def test_nothing_on_either_side() -> None:
    with KeyLists(1) as lists:
        lists.add_loaded([])
        assert (lists.gone().num_rows, lists.count_missing(), lists.missing(9)) == (0, 0, ())


@settings(max_examples=15, deadline=None)
@given(keys, keys, st.integers(0, 2**32))
def test_they_are_the_differences_of_the_two_sets(
    source: list[tuple[str, ...]], loaded: list[tuple[str, ...]], seed: int
) -> None:
    with KeyLists(2) as lists:
        half = random.Random(seed).randint(0, len(source))
        for part in (source[:half], source[half:]):
            lists.add_source(_table(part))
        lists.add_loaded(loaded)
        found = lists.gone()
        assert found.num_rows == len(set(loaded) - set(source))
        assert {(row["k1"], row["k2"]) for row in found.to_pylist()} == set(loaded) - set(source)
        assert lists.count_missing() == len(set(source) - set(loaded))
        assert lists.missing(5) == tuple(sorted(set(source) - set(loaded))[:5])


@pytest.mark.parametrize("compared", [False, True])
def test_no_file_is_left_open_while_somebody_keeps_the_lists(compared: bool) -> None:
    before = set(Path("/proc/self/fd").iterdir())
    with KeyLists(1) as kept:
        kept.add_loaded([("a",)])
        if compared:
            kept.gone()
    assert set(Path("/proc/self/fd").iterdir()) <= before


def _compare(rows: int) -> int:
    """Two lists that differ in every fiftieth key; how many are gone."""
    with KeyLists(1) as lists:
        for start in range(0, rows, 5_000):
            some = [f"{number * 2654435761 % 2**32:036d}" for number in range(start, start + 5_000)]
            lists.add_source(pa.table([[key for place, key in enumerate(some) if place % 50]], names=["k"]))
            lists.add_loaded((key,) for key in some)
        return lists.gone().num_rows


def _measure(queue: Any) -> None:
    assert _compare(50_000) == 1_000
    first = peak_kib()
    assert _compare(800_000) == 16_000
    queue.put((peak_kib() - first) // 1024)


def test_lists_that_are_sixteen_times_as_long_need_hardly_more_memory() -> None:
    processes = multiprocessing.get_context("spawn")
    queue = processes.Queue()
    process = processes.Process(target=_measure, args=(queue,))
    process.start()
    grown = queue.get(timeout=120)
    process.join()
    assert grown < 32, f"{grown} MiB; a list as a whole is 35 MiB, and a join of two of them far more"
