"""Parts: durable, private, the same rows whatever the pages were; what is damaged or not finished counts as unread."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.historian.model import Page, Span
from airflow_provider_integrations.connectors.historian.parts import Parts
from airflow_provider_integrations.connectors.historian.samples import SAMPLES, empty_page, samples_table
from airflow_provider_integrations.core.errors import StateConflictError
from tests.fakes.model_historian import history, instants_of

SPAN = Span(0, 1_000_000)
SAMPLES_OF = {tag: history(seed, 400, SPAN, runs=6) for seed, tag in enumerate(("a", "b"))}


def pages(tag: str, cuts: Sequence[int]) -> list[tuple[int, Page]]:
    """The tag's samples in pages that end at the given instants, and at the end of the span."""
    batch, begin, found = SAMPLES_OF[tag], SPAN.begin, list[tuple[int, Page]]()
    ts = instants_of(batch)
    for end in (*sorted(set(cuts)), SPAN.end):
        first, last = (int(place) for place in ts.searchsorted((begin, end)))
        found.append((begin, Page(tag, batch.slice(first, last - first), end)))
        begin = end
    return found


def whole(parts: Parts, tag: str, rows: int = 131_072) -> pa.Table:
    return pa.concat_tables([SAMPLES.empty_table(), *parts.tables(tag, rows=rows)])


def filled(folder: Path, *tags: str, keeps: int = 3) -> Parts:
    with Parts(folder) as parts:
        for tag in tags:
            for place, (begin, page) in enumerate(pages(tag, range(100_000, 1_000_000, 100_000))):
                parts.add(begin, page)
                if place % keeps == 0:
                    parts.keep()
        parts.keep()
    return Parts(folder)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(1, SPAN.end - 1), max_size=12), st.lists(st.integers(1, SPAN.end - 1), max_size=12),
    st.sets(st.integers(0, 25)), st.integers(1, 150),
)  # fmt: skip
def test_rows_are_the_same_whatever_the_pages_and_the_parts_were(
    tmp_path_factory: pytest.TempPathFactory, one: list[int], other: list[int], keeps: set[int], rows: int
) -> None:
    folder = tmp_path_factory.mktemp("parts") / "p"
    with Parts(folder) as parts:
        for place, (begin, page) in enumerate([*pages("a", one), *pages("b", other)]):
            parts.add(begin, page)
            if place in keeps:
                parts.keep()
        parts.keep()
    again = Parts(folder)
    for tag in ("a", "b"):
        assert again.read_spans(tag) == (SPAN,)
        assert whole(again, tag).equals(samples_table(tag, SAMPLES_OF[tag]))
        tables = list(again.tables(tag, rows=rows))
        assert [table.num_rows for table in tables[:-1]] == [rows] * (len(tables) - 1)
        assert all(column.num_chunks == 1 for table in tables for column in table.columns)


def test_what_was_not_kept_is_not_there(tmp_path: Path) -> None:
    with Parts(tmp_path / "p") as parts:
        (begin, first), (then, second), *_ = pages("a", [300_000, 600_000])
        parts.add(begin, first)
        parts.keep()
        parts.add(then, second)
        assert parts.read_spans("a") == (Span(0, 300_000),)
    assert Parts(tmp_path / "p").read_spans("a") == (Span(0, 300_000),)


def test_a_span_without_samples_is_read_too(tmp_path: Path) -> None:
    with Parts(tmp_path / "p") as parts:
        parts.add(0, Page("a", empty_page(), 500))
        parts.keep()
    again = Parts(tmp_path / "p")
    assert (again.read_spans("a"), again.rows("a"), list(again.tables("a", rows=10))) == ((Span(0, 500),), 0, [])


def test_only_the_owner_may_read_them(tmp_path: Path) -> None:
    filled(tmp_path / "p", "a")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "p").iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "p").stat().st_mode) == 0o700


@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_a_damaged_part_counts_as_unread_and_is_gone_after_the_next_one(tmp_path: Path, damage: str) -> None:
    filled(tmp_path / "p", "a")
    victim = sorted((tmp_path / "p").glob("*.arrow"))[1]
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes({"cut": data[:-9], "changed": data, "empty": b""}[damage])
    with Parts(tmp_path / "p") as parts:
        assert parts.damaged == (victim.name,)
        [hole] = [
            (one.end, other.begin) for one, other in zip(parts.read_spans("a"), parts.read_spans("a")[1:], strict=False)
        ]
        [page] = [page for begin, page in pages("a", hole) if begin == hole[0]]
        parts.add(hole[0], page)
        parts.keep()
    mended = Parts(tmp_path / "p")
    assert mended.damaged == ()
    assert not victim.exists()
    assert whole(mended, "a").equals(samples_table("a", SAMPLES_OF["a"]))


def test_a_part_that_was_not_finished_is_no_part_and_is_removed(tmp_path: Path) -> None:
    filled(tmp_path / "p", "a")
    orphan = tmp_path / "p" / "part-00000099-00000000.arrow.new"
    orphan.write_bytes(b"half")
    with Parts(tmp_path / "p") as parts:
        assert parts.read_spans("a") == (SPAN,)
        parts.add(0, Page("b", empty_page(), 5))
        parts.keep()
    assert not orphan.exists()


def test_a_second_writer_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    with (
        Parts(tmp_path / "p"),
        pytest.raises(StateConflictError, match="another run is at work"),
        Parts(tmp_path / "p"),
    ):
        pass
    with Parts(tmp_path / "p"):
        pass


def test_parts_that_hold_the_same_time_are_refused(tmp_path: Path) -> None:
    filled(tmp_path / "p", "a")
    filled(tmp_path / "q", "a", keeps=2)
    for path in sorted((tmp_path / "q").iterdir()):
        path.rename(tmp_path / "p" / path.name)
    with pytest.raises(StateConflictError, match="the same time"):
        Parts(tmp_path / "p").read_spans("a")


def test_an_interrupted_keep_leaves_what_can_be_kept_again(tmp_path: Path) -> None:
    def stop(name: str) -> None:
        if name == "part synced":
            raise KeyboardInterrupt

    with Parts(tmp_path / "p") as parts:
        for begin, page in pages("a", []):
            parts.add(begin, page)
        with pytest.raises(KeyboardInterrupt):
            parts.keep(stop)
        parts.keep()
    assert whole(Parts(tmp_path / "p"), "a").equals(samples_table("a", SAMPLES_OF["a"]))


def test_many_small_pages_become_one_part(tmp_path: Path) -> None:
    with Parts(tmp_path / "p") as parts:
        for begin, page in pages("a", range(1_000, 1_000_000, 1_000)):
            parts.add(begin, page)
        parts.keep()
    assert len(list((tmp_path / "p").iterdir())) == 1
