"""Windows of a historian that are read again: what is corrected, what is gone, and what was known before."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_integrations.connectors.historian.model import Span
from airflow_provider_integrations.connectors.historian.revisions import Reading, history
from airflow_provider_integrations.connectors.historian.samples import SAMPLES
from airflow_provider_integrations.core.errors import ReconciliationError
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.closing import close_settled
from tests.fakes.fakesnow_server import FakesnowServer, Warehouse
from tests.fakes.historian_views import INCLUDE, Plant, sample

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

DAY = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
NEXT = ("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z")
A, B, C = "2026-01-01T06:00:00Z", "2026-01-01T07:00:00.1234567Z", "2026-01-02T06:00:00Z"


@pytest.fixture(scope="module")
def shared(
    fakesnow_server: FakesnowServer, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Plant]:
    """With the first reading of every test, which has tags of its own."""
    with ExitStack() as stack:
        plant = Plant(Warehouse(fakesnow_server, "T_HISTORIAN_REREADS", stack), tmp_path_factory.mktemp("plant"))
        flows = [f"{name}/flow" for name in vars(request.module) if name.startswith("test_")]
        plant.read(1, flows, *DAY, *(row for flow in flows for row in (sample(flow, A, 1.5), sample(flow, B, 2.5))))
        yield plant


@pytest.fixture
def plant(shared: Plant, request: pytest.FixtureRequest) -> Plant:
    shared.prefix = f"{request.node.name}/"
    return shared


def current(plant: Plant) -> list[tuple[Any, ...]]:
    return plant.rows(
        f"SELECT SUBSTR(tag, {len(plant.prefix) + 1}), ts_ns, ordinal, value_number FROM {{db}}.SILVER.HISTORIAN_SAMPLES "
        f"WHERE is_current AND STARTSWITH(tag, '{plant.prefix}') ORDER BY 1, 2, 3"
    )


def as_of(plant: Plant, minute: int) -> list[float | str]:
    """What `HISTORIAN_AS_OF` gives, by its own text: fakesnow has no functions that give tables."""
    text = (INCLUDE / "sql" / "gold" / "historian_current.sql").read_text()
    body = text.split("$$")[1].replace("INTEGRATIONS", "{db}")
    instant = f"'2026-01-01 {minute // 60:02d}:{minute % 60:02d}:30'::TIMESTAMP_NTZ"
    more = f" AND STARTSWITH(TAG, '{plant.prefix}') ORDER BY TS_NS, ORDINAL"
    found = plant.rows(re.sub(r"\bAS_OF\b", instant, body) + more)
    return [row[4] if row[6] is None else row[6] for row in found]


def test_a_replay_changes_nothing(plant: Plant) -> None:
    before = plant.history()
    plant.read(2, ["flow"], *DAY, sample("flow", A, 1.5), sample("flow", B, 2.5))
    plant.settle()
    assert plant.history() == before
    assert len(before) == 2


def test_ticks_of_100_ns_are_kept_whole(plant: Plant) -> None:
    assert [row[1] % 1_000_000_000 for row in current(plant)] == [0, 123_456_700]


def test_a_corrected_value_is_one_revision_and_the_report_of_before_can_be_made_again(plant: Plant) -> None:
    plant.read(5, ["flow"], *DAY, sample("flow", A, 1.5), sample("flow", B, 2.75))
    assert [row[3] for row in plant.history()] == [1.5, 2.5, 2.75]
    assert as_of(plant, 0) == []
    assert as_of(plant, 1) == as_of(plant, 4) == [1.5, 2.5]
    assert as_of(plant, 5) == [1.5, 2.75]
    found = plant.rows(
        f"SELECT revision, value_number FROM {{db}}.GOLD.HISTORIAN_REVISIONS WHERE tag = '{plant.prefix}flow' ORDER BY 1"
    )
    assert found == [(0, 2.5), (1, 2.75)]


def test_what_a_window_does_not_have_any_more_is_gone_and_comes_back_when_it_does(plant: Plant) -> None:
    plant.read(5, ["flow"], *DAY, sample("flow", A, 1.5))
    assert [row[3] for row in current(plant)] == [1.5]
    plant.read(9, ["flow"], *DAY, sample("flow", A, 1.5), sample("flow", B, 2.5))
    assert [row[3] for row in current(plant)] == [1.5, 2.5]
    assert [as_of(plant, minute) for minute in (4, 5, 8, 9)] == [[1.5, 2.5], [1.5], [1.5], [1.5, 2.5]]


def test_a_window_that_became_empty_is_gone_as_a_whole(plant: Plant) -> None:
    plant.read(5, ["flow"], *DAY)
    assert current(plant) == []
    assert as_of(plant, 4) == [1.5, 2.5]


def test_other_tags_and_other_times_are_never_touched(plant: Plant) -> None:
    plant.read(2, ["flow", "level"], *NEXT, sample("flow", C, 3.5), sample("level", C, 4.5))
    plant.read(3, ["level"], *DAY, sample("level", A, 5.5))
    plant.read(4, ["level"], DAY[0], NEXT[1])
    # The end is not part of a window, and its begin is.
    plant.read(5, ["flow"], A, B, sample("flow", A, 1.5))
    assert [(row[0], row[3]) for row in current(plant)] == [("flow", 1.5), ("flow", 2.5), ("flow", 3.5)]
    plant.read(6, ["flow"], B, C)
    assert [row[3] for row in current(plant)] == [1.5, 3.5]


def test_an_older_reading_that_comes_late_neither_deletes_what_is_newer_nor_brings_back_what_is_gone(
    plant: Plant,
) -> None:
    plant.read(9, ["flow"], *DAY, sample("flow", B, 2.75), sample("flow", "2026-01-01T08:00:00Z", 8.0))
    late = [sample("flow", A, 1.5), sample("flow", B, 2.5), sample("flow", "2026-01-01T05:00:00Z", 5.0)]
    plant.read(5, ["flow"], *DAY, *late)
    assert [row[3] for row in current(plant)] == [2.75, 8.0]
    assert as_of(plant, 6) == [5.0, 1.5, 2.5]


def test_a_window_of_which_the_gate_kept_rows_back_deletes_nothing(plant: Plant) -> None:
    plant.read(5, ["flow"], *DAY, sample("flow", A, 1.75), kept_back=1)
    assert [row[3] for row in current(plant)] == [1.75, 2.5]


def test_a_window_that_a_server_answers_with_nothing_closes_nothing_until_a_person_says_so(plant: Plant) -> None:
    many = [sample("many", at * 10**9, float(at)) for at in range(20)]
    plant.read(2, ["many"], 0, 20 * 10**9, *many)
    before = [row for row in plant.history() if row[0] == "many"]
    # The archive is away; what is new is there, and counts for nothing.
    new = [sample("many", at * 10**9, float(at)) for at in range(20, 200)]
    plant.load(3, ["many"], 0, 200 * 10**9, *new)
    for _ in range(2):
        with pytest.raises(ReconciliationError) as caught:
            plant.settle()
        assert (caught.value.values["known"], caught.value.values["gone"]) == (20, 20)
    assert [row for row in plant.history() if row[0] == "many" and row[1] < 20 * 10**9] == before
    # The archive is back: what was read meanwhile is no evidence any more.
    plant.read(4, ["many"], 0, 20 * 10**9, *many)
    assert [row for row in plant.history() if row[0] == "many" and row[1] < 20 * 10**9] == before
    plant.load(5, ["many"], 0, 20 * 10**9)
    with pytest.raises(ReconciliationError):
        plant.settle()
    plant.settle(allow=True)
    assert len(current(plant)) == 2 + 180
    assert len(as_of(plant, 4)) == 2 + 200


def test_what_another_source_would_call_gone_is_left_to_it(plant: Plant) -> None:
    many = [sample("theirs", at * 10**9, float(at)) for at in range(20)]
    plant.read(2, ["theirs"], 0, 20 * 10**9, *many)
    plant.load(3, ["theirs"], 0, 20 * 10**9)
    with pytest.raises(ReconciliationError):
        plant.settle()
    waiting = [item.id for item in plant.ledger.items.list("plant1", [State.LOADED])]
    close_settled(plant.ledger, "plant1", waiting)
    plant.read(4, ["ours"], 0, 20 * 10**9, sample("ours", 10**9, 1.0))
    assert [row[0] for row in current(plant)].count("theirs") == 20
    plant.load(5, ["theirs"], 0, 20 * 10**9)
    plant.settle(allow=True)


def test_a_worker_that_dies_between_load_and_mark_is_made_up_for(plant: Plant) -> None:
    plant.load(5, ["flow"], *DAY, sample("flow", A, 1.5))
    assert len(current(plant)) == 2
    plant.load(6, ["level"], *DAY, sample("level", A, 4.0))
    plant.settle()
    after = plant.history()
    assert [row[0] for row in current(plant)] == ["flow", "level"]
    plant.settle()
    assert plant.history() == after


def test_a_sample_put_between_those_of_one_instant_moves_the_later_ones(plant: Plant) -> None:
    plant.read(2, ["n"], *DAY, *(sample("n", A, value, place) for place, value in enumerate((1.0, 3.0))))
    plant.read(3, ["n"], *DAY, *(sample("n", A, value, place) for place, value in enumerate((1.0, 2.0, 3.0))))
    plant.read(4, ["n"], *DAY, sample("n", A, 1.0))
    assert [row[3] for row in current(plant) if row[0] == "n"] == [1.0]
    assert [[value for value in as_of(plant, minute) if value not in (1.5, 2.5)] for minute in (2, 3)] == [
        [1.0, 3.0],
        [1.0, 2.0, 3.0],
    ]


def readings(chance: random.Random, count: int) -> list[tuple[int, list[str], int, int, list[dict[str, Any]]]]:
    """Windows over seven instants of two tags, as a historian would give them whose samples change all the time."""
    found = []
    for minute in range(1, count + 1):
        begin, end = sorted(chance.sample(range(8), 2))
        tags = chance.choice([["flow"], ["level"], ["flow", "level"]])
        rows = [
            sample(tag, at * 10**9, chance.choice([1.0, 2.0, float("nan"), "ON"]), ordinal)
            for tag in tags
            for at in range(begin, end)
            for ordinal in range(chance.choice([0, 1, 1, 2]))
        ]
        found.append((minute, tags, begin * 10**9, end * 10**9, rows))
    return found


def told(reading: tuple[int, list[str], int, int, list[dict[str, Any]]]) -> Reading:
    """A reading for `revisions`, which is the reference."""
    minute, tags, begin, end, rows = reading
    names = [name for name in SAMPLES.names if name not in ("ts", "ordinal")]
    columns: dict[str, Any] = {
        name: pa.array([row.get(name) for row in rows], SAMPLES.field(name).type) for name in names
    }
    columns["ts"] = pa.array([row["ts_ns"] for row in rows], pa.int64()).cast(SAMPLES.field("ts").type)
    columns["ordinal"] = pa.array([row["ordinal"] for row in rows], pa.int32())
    samples = pa.table([columns[name] for name in SAMPLES.names], schema=SAMPLES)
    return Reading(frozenset(tags), Span(begin, end), samples, at=minute)


def reference(all_of_them: Iterable[tuple[int, list[str], int, int, list[dict[str, Any]]]]) -> list[tuple[Any, ...]]:
    """Key, value, and the minutes from and to which it was known, as `facts` gives them of the warehouse."""
    table = history(told(one) for one in all_of_them)
    whole = [table.column(name).cast(pa.int64()).to_pylist() for name in ("ts", "known_from", "known_to")]
    plain = [table.column(name).to_pylist() for name in ("tag", "ordinal", "value_number", "value_state")]
    rows = zip(plain[0], whole[0], plain[1], plain[2], plain[3], whole[1], whole[2], strict=True)
    return sorted(
        (tag, at, place, _value(number, state), since, to or 0) for tag, at, place, number, state, since, to in rows
    )


def facts(plant: Plant) -> list[tuple[Any, ...]]:
    found = plant.history()
    return sorted(
        (row[0], row[1], row[2], _value(row[3], row[4]), _minute(row[5]), _minute(row[6]) if row[6] else 0)
        for row in found
    )


def _value(number: float | None, state: str | None) -> str:
    return state or str(number)


def _minute(instant: datetime | str) -> int:
    at = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return at.hour * 60 + at.minute


def test_readings_in_order_give_the_history_of_the_reference(plant: Plant) -> None:
    made = readings(random.Random(6), 7)
    plant.prefix += "ref/"
    for one in made:
        plant.read(*one[:4], *one[4])
    assert facts(plant) == reference(made)
    assert len(facts(plant)) > 20


def test_readings_in_any_order_give_what_is_known_now_by_the_reference(plant: Plant) -> None:
    made = readings(random.Random(66), 6)
    plant.prefix += "ref/"
    for one in random.Random(1).sample(made, len(made)):
        plant.read(*one[:4], *one[4])
    assert [row[:4] for row in facts(plant) if not row[5]] == [row[:4] for row in reference(made) if not row[5]]


def test_a_state_stays_a_state_and_nan_is_no_change(plant: Plant) -> None:
    odd = [sample("s", A, "I/O Timeout", status=0x80000000, quality="bad"), sample("s", B, float("nan"))]
    plant.read(2, ["s"], *DAY, *odd)
    plant.read(3, ["s"], *DAY, *odd)
    found = plant.rows(
        "SELECT value_state, value_number IS NULL, status FROM {db}.SILVER.HISTORIAN_SAMPLES "
        f"WHERE tag = '{plant.prefix}s' ORDER BY ts_ns"
    )
    assert found == [("I/O Timeout", True, 0x80000000), (None, False, 0)]
