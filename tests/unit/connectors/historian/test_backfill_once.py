"""A backfill into a folder: files when all is read, the same bytes again, and refusals that say what to do."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_integrations.connectors.historian.backfill import Limits, Order
from airflow_provider_integrations.connectors.historian.model import HistoryReader, Page, Span, Tag, from_iso
from airflow_provider_integrations.connectors.historian.once import Request, backfill_once, plan_once
from airflow_provider_integrations.connectors.historian.parts import Parts
from airflow_provider_integrations.connectors.historian.samples import SAMPLES, samples_table
from airflow_provider_integrations.connectors.historian.windows import Sizing
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    StateConflictError,
    TransientError,
)
from tests.fakes.model_historian import ModelHistorian, history

SPAN = Span(from_iso("2026-03-01"), from_iso("2026-03-11"))
SERIES = {tag: history(seed, 3_000, SPAN, runs=20) for seed, tag in enumerate(("a", "b"))}


class Opened:
    """Counts how often the server is asked at all."""

    def __init__(self, reader: HistoryReader) -> None:
        self.reader, self.times = reader, 0

    def __call__(self) -> AbstractAsyncContextManager[HistoryReader]:
        @asynccontextmanager
        async def opened() -> AsyncIterator[HistoryReader]:
            self.times += 1
            yield self.reader

        return opened()


def request(folder: Path, *names: str, span: Span = SPAN, newest_first: bool = False) -> Request:
    tags = tuple(Tag(name, name) for name in names or SERIES)
    limits = Limits(sizing=Sizing(width=86_400_000_000_000))
    out = folder / "out"
    return Request(
        Order(tags, span, newest_first=newest_first), "opc.tcp://plant:4840", out, out / ".backfill.json", limits
    )


def model(cap: int = 200) -> Opened:
    return Opened(ModelHistorian(SERIES, cap=cap))


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "out").glob("*.parquet")}


class Stopping(ModelHistorian):
    """Goes away after some pages."""

    def __init__(self, after: int) -> None:
        super().__init__(SERIES, cap=50)
        self._left = after

    async def read(self, tags: Sequence[Tag], span: Span) -> AsyncIterator[Page]:
        async for page in super().read(tags, span):
            if self._left == 0:
                raise ConnectionLostError("the server went away")
            self._left -= 1
            yield page


def test_each_tag_becomes_a_file_with_all_of_its_samples(tmp_path: Path) -> None:
    report = backfill_once(request(tmp_path), model())
    assert report["samples"] == report["samples_read"] == 6_000
    assert [each["tag"] for each in report["files"]] == ["a", "b"]
    for each in report["files"]:
        found = pq.read_table(tmp_path / "out" / each["file"])
        assert found.cast(SAMPLES).equals(samples_table(each["tag"], SERIES[each["tag"]]))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        [".backfill.json", ".backfill.parts.lock", *(each["file"] for each in report["files"])]
    )


def test_the_columns_of_the_file_are_those_that_the_command_promises(tmp_path: Path) -> None:
    report = backfill_once(request(tmp_path, "a"), model())
    schema = pq.read_schema(tmp_path / "out" / report["files"][0]["file"])
    assert schema.names[:9] == [
        "tag", "ts", "ordinal", "value_number", "value_text", "value_state", "status", "quality", "origin"
    ]  # fmt: skip
    assert schema.field("ts").type == pa.timestamp("ns", tz="UTC")
    assert schema.field("status").type == pa.uint32()


def test_again_changes_nothing_and_asks_no_server(tmp_path: Path) -> None:
    backfill_once(request(tmp_path), model())
    before, again = content(tmp_path), model()
    report = backfill_once(request(tmp_path), again)
    assert (report["samples"], report["samples_read"], again.times) == (6_000, 0, 0)
    assert content(tmp_path) == before


def test_the_bytes_hang_on_nothing_but_the_samples(tmp_path: Path) -> None:
    """Not on the cap, the order of windows, an interruption, nor the clock."""
    backfill_once(request(tmp_path / "1"), model(cap=10_000))
    backfill_once(request(tmp_path / "2", newest_first=True), model(cap=7))
    for after in (0, 3, 40):
        with pytest.raises(ConnectionLostError):
            backfill_once(request(tmp_path / "3"), Opened(Stopping(after)))
    assert content(tmp_path / "3") == {}
    assert backfill_once(request(tmp_path / "3"), model())["samples_read"] < 6_000
    assert content(tmp_path / "1") == content(tmp_path / "2") == content(tmp_path / "3") != {}


def test_a_window_without_samples_is_a_file_without_rows(tmp_path: Path) -> None:
    for place, span in enumerate((Span(SPAN.begin - 50, SPAN.begin - 10), Span(SPAN.begin, SPAN.begin))):
        report = backfill_once(request(tmp_path / str(place), "a", span=span), model())
        [each] = report["files"]
        found = pq.read_table(tmp_path / str(place) / "out" / each["file"])
        assert (report["samples"], found.num_rows, found.schema.names) == (0, 0, SAMPLES.names)


def test_an_error_says_what_is_unread_even_if_the_reader_does_not(tmp_path: Path) -> None:
    with pytest.raises(ConnectionLostError) as caught:
        backfill_once(request(tmp_path, "a"), Opened(Stopping(10)))
    unread = caught.value.values["unread"]
    assert {each["tag"] for each in unread} == {"a"}
    assert unread[-1]["to"] == "2026-03-11T00:00:00Z"
    left = sum(from_iso(each["to"]) - from_iso(each["from"]) for each in unread)
    assert 0 < left < SPAN.end - SPAN.begin


def test_the_state_is_for_its_owner_alone_and_has_no_credentials(tmp_path: Path) -> None:
    backfill_once(request(tmp_path), model())
    state = tmp_path / "out" / ".backfill.json"
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert json.loads(state.read_bytes())["source"] == "opc.tcp://plant:4840"


@pytest.mark.parametrize("other", ["tags", "end", "source"])
@pytest.mark.parametrize("ended", [False, True])
def test_a_state_of_another_backfill_is_refused(tmp_path: Path, other: str, ended: bool) -> None:
    if ended:
        backfill_once(request(tmp_path), model())
    else:
        with pytest.raises(ConnectionLostError):
            backfill_once(request(tmp_path), Opened(Stopping(5)))
    changed = {
        "tags": request(tmp_path, "a"),
        "end": request(tmp_path, span=Span(SPAN.begin, SPAN.end + 1)),
        "source": replace(request(tmp_path), source="opc.tcp://other:4840"),
    }[other]
    before = content(tmp_path)
    with pytest.raises(StateConflictError, match="of another backfill") as caught:
        backfill_once(changed, model())
    assert caught.value.values["other"] == [other]
    assert content(tmp_path) == before


def test_the_order_of_windows_may_change_between_runs(tmp_path: Path) -> None:
    with pytest.raises(ConnectionLostError):
        backfill_once(request(tmp_path), Opened(Stopping(5)))
    assert backfill_once(request(tmp_path, newest_first=True), model())["samples"] == 6_000


def test_files_without_a_state_are_not_replaced(tmp_path: Path) -> None:
    backfill_once(request(tmp_path), model())
    (tmp_path / "out" / ".backfill.json").unlink()
    before = content(tmp_path)
    with pytest.raises(StateConflictError, match="files and no state"):
        backfill_once(request(tmp_path), model())
    assert content(tmp_path) == before


def test_parts_without_a_state_are_of_an_order_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(ConnectionLostError):
        backfill_once(request(tmp_path), Opened(Stopping(20)))
    (tmp_path / "out" / ".backfill.json").unlink()
    assert backfill_once(request(tmp_path), model())["samples_read"] == 6_000


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b"\xff"])
def test_a_damaged_state_is_refused(tmp_path: Path, damage: bytes) -> None:
    backfill_once(request(tmp_path), model())
    (tmp_path / "out" / ".backfill.json").write_bytes(damage)
    with pytest.raises(ConfigError, match="damaged"):
        backfill_once(request(tmp_path), model())


def test_a_changed_state_is_refused(tmp_path: Path) -> None:
    backfill_once(request(tmp_path), model())
    state = tmp_path / "out" / ".backfill.json"
    state.write_text(state.read_text().replace("2026-03-11", "2026-03-12"))
    with pytest.raises(ConfigError, match="damaged"):
        backfill_once(request(tmp_path, span=Span(SPAN.begin, from_iso("2026-03-12"))), model())


def test_a_damaged_part_is_read_again_and_told(tmp_path: Path) -> None:
    backfill_once(request(tmp_path / "1"), model())
    with pytest.raises(ConnectionLostError):
        backfill_once(request(tmp_path / "2"), Opened(Stopping(30)))
    [part, *_] = sorted((tmp_path / "2" / "out" / ".backfill.parts").glob("*.arrow"))
    part.write_bytes(part.read_bytes()[:-1])
    report = backfill_once(request(tmp_path / "2"), model())
    assert report["parts_read_again"] == [part.name]
    assert content(tmp_path / "1") == content(tmp_path / "2")


@pytest.mark.parametrize("harm", ["lost", "changed"])
def test_files_that_were_made_and_are_not_what_they_were_are_told(tmp_path: Path, harm: str) -> None:
    report = backfill_once(request(tmp_path), model())
    victim = tmp_path / "out" / report["files"][1]["file"]
    victim.unlink() if harm == "lost" else victim.write_bytes(b"PAR1")
    with pytest.raises(StateConflictError, match="lost or changed") as caught:
        backfill_once(request(tmp_path), model())
    assert caught.value.values["files"] == [victim.name]


def test_a_second_run_beside_the_first_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with Parts(request(tmp_path).parts), pytest.raises(StateConflictError, match="another run is at work"):
        backfill_once(request(tmp_path), model())


def test_sigterm_keeps_what_was_read_and_says_what_was_not(tmp_path: Path) -> None:
    class Slow(ModelHistorian):
        async def read(self, tags: Sequence[Tag], span: Span) -> AsyncIterator[Page]:
            given = 0
            async for page in super().read(tags, span):
                yield page
                given += 1
                if given == 5:
                    os.kill(os.getpid(), signal.SIGTERM)
                    await asyncio.sleep(60)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(TransientError, match="told to stop") as caught:
        backfill_once(request(tmp_path), Opened(Slow(SERIES, cap=50)))
    assert caught.value.values["unread"][-1]["to"] == "2026-03-11T00:00:00Z"
    assert signal.getsignal(signal.SIGTERM) == before
    assert 0 < backfill_once(request(tmp_path), model())["samples_read"] < 6_000


def test_a_dry_run_tells_the_windows_and_leaves_no_trace(tmp_path: Path) -> None:
    plan = plan_once(request(tmp_path))
    assert (plan["windows"], plan["seconds_unread"]) == (10, 2 * 864_000)
    assert plan["first_windows"][0] == {
        "tags": ["a", "b"],
        "from": "2026-03-01T00:00:00Z",
        "to": "2026-03-02T00:00:00Z",
    }
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_knows_what_is_read_already(tmp_path: Path) -> None:
    with pytest.raises(ConnectionLostError):
        backfill_once(request(tmp_path), Opened(Stopping(30)))
    assert 0 < plan_once(request(tmp_path))["seconds_unread"] < 2 * 864_000
    backfill_once(request(tmp_path), model())
    assert (plan_once(request(tmp_path))["windows"], plan_once(request(tmp_path))["seconds_unread"]) == (0, 0)
