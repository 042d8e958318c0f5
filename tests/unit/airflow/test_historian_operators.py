"""What runs of a historian's DAGs are asked to do, and the operators over a source without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from airflow.sdk.exceptions import TaskDeferred
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_integrations.connectors.historian import operators, sensors, triggers
from airflow_provider_integrations.connectors.historian.asking import Given, asked_of
from airflow_provider_integrations.connectors.historian.job import HistorianJob
from airflow_provider_integrations.connectors.historian.operators import (
    PLAN_XCOM,
    HistorianBackfillOperator,
    HistorianGapsOperator,
    HistorianPlanOperator,
)
from airflow_provider_integrations.connectors.historian.runs import Asked
from airflow_provider_integrations.connectors.historian.sensors import HistorianGapSensor
from airflow_provider_integrations.connectors.historian.triggers import HistorianGapTrigger, HistorianReadTrigger
from airflow_provider_integrations.core.errors import ConfigError, ConnectionLostError
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.links import HistorianProgressLink
from tests.fakes.historian_source import BEGIN, HOUR, historian_job, load, minutes, run_through, span_of
from tests.fakes.ledgers import migrated

MONDAY, TUESDAY = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 6, tzinfo=UTC)
DAY = 24 * HOUR


@dataclass
class TaskInstance:
    """What the operators ask of Airflow's."""

    dag_id: str = "historian_backfill__plant1"
    run_id: str = "manual__1"
    task_id: str = "t"
    map_index: int = -1
    pushed: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = json.loads(json.dumps(value))


@dataclass
class DagRun:
    run_type: str = "manual"


def context(run_type: str = "manual", interval: tuple[datetime, datetime] | None = None, **ti: Any) -> Any:
    begin, end = interval or (None, None)
    return {
        "ti": TaskInstance(**ti), "dag_run": DagRun(run_type), "data_interval_start": begin, "data_interval_end": end
    }  # fmt: skip


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HistorianJob]:
    with Ledger.connect(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        migrated(ledger)
        job = historian_job(ledger, tmp_path, {"a": minutes(60), "b": minutes(60, without=range(10, 20))})
        for module in (operators, sensors, triggers):
            monkeypatch.setattr(module, "historian_job", lambda source, owner: replace(job, owner=owner))
        yield job


def ask(job: HistorianJob, given: Given, *, backfill: bool = False, whole: bool = True) -> Asked:
    return asked_of(job, given, request="r", interval=(MONDAY, TUESDAY) if whole else None, backfill=backfill)


def test_a_run_on_the_schedule_reads_to_the_end_of_its_data_interval(job: HistorianJob) -> None:
    assert ask(job, Given(tags='["*"]')) == Asked("r", until=BEGIN + DAY)
    by_hand = ask(job, Given(), whole=False)
    assert by_hand.until == BEGIN + 27 * DAY + 12 * HOUR, "one without an interval reads up to now"


def test_a_run_of_airflows_backfill_reads_its_data_interval_and_moves_nothing(job: HistorianJob) -> None:
    assert ask(job, Given(tags=["*"]), backfill=True) == Asked("r", span=span_of(0, 24))


def test_params_ask_for_a_span(job: HistorianJob) -> None:
    given = Given(begin="2026-01-05T01:00:00Z", end="2026-01-05T04:00+01:00", tags='["a", "b?"]', order="newest")
    assert ask(job, given) == Asked("r", span=span_of(1, 3), tags=("a", "b?"), newest_first=True)
    assert ask(job, Given(begin="2026-01-05T01:00:00Z"), backfill=True).span == span_of(1, 24), "over a backfill's"
    assert ask(job, Given(tags=["a"])) == Asked("r", span=span_of(0, 24), tags=("a",))
    assert ask(job, Given(begin="2026-01-05", tags=["a", "*"])).tags == ()


@pytest.mark.parametrize(
    "given",
    [{"order": "random"}, {"tags": '["a", 1]'}, {"tags": "[broken"}, {"tags": '{"a": 1}'}, {"tags": [""]}],
)
def test_params_that_mean_nothing_are_refused(given: dict[str, Any]) -> None:
    if given.get("tags") == '{"a": 1}':  # One name, as the text says.
        assert Given(**given).tags == ('{"a": 1}',)
        return
    with pytest.raises(ConfigError):
        Given(**given)


@pytest.mark.parametrize(("begin", "end"), [("yesterday", ""), ("2026-01-06", "2026-01-05")])
def test_a_span_that_is_none_is_refused(job: HistorianJob, begin: str, end: str) -> None:
    with pytest.raises(ConfigError):
        ask(job, Given(begin=begin, end=end))


def test_the_timetable_of_the_dag_has_data_intervals() -> None:
    """A plain cron text makes a timetable of moments in Airflow 3, and a backfill would have nothing to read."""
    timetable = CronDataIntervalTimetable("15 1 * * *", timezone="America/Chicago")
    interval = timetable.infer_manual_data_interval(run_after=timetable._align_to_next(TUESDAY))  # type: ignore[arg-type]
    assert interval.end - interval.start == (TUESDAY - MONDAY)


def test_a_plan_is_told_and_entered(job: HistorianJob) -> None:
    plan = HistorianPlanOperator(task_id="plan", source="plant1", begin="2026-01-05", end="2026-01-05T01:00:00Z")
    told = context()
    [[item_id]] = plan.execute(told)
    assert job.ledger.items.get(item_id).state is State.DISCOVERED
    assert told["ti"].pushed[PLAN_XCOM]["samples_estimated"] == 120
    assert plan.execute(context()) == [[item_id]], "another try has the same plan"
    assert plan.execute(context(dag_id="another")) != [[item_id]], "runs of two DAGs may have one name"


def test_a_dry_run_enters_nothing(job: HistorianJob) -> None:
    plan = HistorianPlanOperator(task_id="plan", source="plant1", begin="2026-01-05", plan_only="True")
    told = context()
    assert plan.execute(told) == []
    assert told["ti"].pushed[PLAN_XCOM]["items"] > 0
    assert job.ledger.items.list("plant1") == []


def planned(job: HistorianJob) -> list[str]:
    plan = HistorianPlanOperator(task_id="plan", source="plant1", begin="2026-01-05", end="2026-01-05T01:00:00Z")
    return [item_id for group in plan.execute(context()) for item_id in group]


def event_of(trigger: HistorianReadTrigger | HistorianGapTrigger) -> dict[str, Any]:
    async def first() -> Any:
        return await anext(aiter(trigger.run()))

    path, arguments = trigger.serialize()
    assert path == f"{type(trigger).__module__}.{type(trigger).__qualname__}"
    again = type(trigger)(**json.loads(json.dumps(arguments)))
    return json.loads(json.dumps(asyncio.run(first()).payload)) if again else {}


def test_what_is_read_in_the_triggerer_is_what_a_worker_reads(job: HistorianJob) -> None:
    items = planned(job)
    deferring = HistorianBackfillOperator(task_id="read", source="plant1", items=items, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        deferring.execute(context())
    trigger = deferred.value.trigger
    assert isinstance(trigger, HistorianReadTrigger)
    given = deferring.resume(context(), event_of(trigger))
    assert given == {"states": {"landed": 1}, "rows_landed": 110}
    plain = HistorianBackfillOperator(task_id="read", source="plant1", items=items, deferrable=False)
    assert plain.execute(context()) == given, "what is landed is left alone"


def test_an_error_of_the_triggerer_is_raised_by_the_operator(
    job: HistorianJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        async def read(self, tags: Any, span: Any) -> Any:
            raise ConnectionLostError("the server went away", tag=tags[0].name, next_step="Again.")
            yield

    items = planned(job)
    broken = replace(job, connect=historian_job(job.ledger, Path(), {}, reader=Broken()).connect)
    monkeypatch.setattr(triggers, "historian_job", lambda source, owner: broken)
    event = event_of(HistorianReadTrigger("plant1", items, "owner"))
    operator = HistorianBackfillOperator(task_id="read", source="plant1", items=items)
    with pytest.raises(ConnectionLostError, match="went away") as raised:
        operator.resume(context(), event)
    assert raised.value.values["tag"] == "a"


def test_gaps_are_entered_read_and_closed(job: HistorianJob, monkeypatch: pytest.MonkeyPatch) -> None:
    sensor = HistorianGapSensor(task_id="gaps", source="plant1", deferrable=True)
    run_through(job, Asked("first", span=span_of(0, 1)))
    assert sensor.poke(context())
    look = HistorianGapsOperator(task_id="look", source="plant1")
    [[item_id]] = look.execute(context())
    assert [name for name, _ in job.ledger.items.get(item_id).facts["tags"]] == ["b"]
    assert not sensor.poke(context()), "it was asked for just now"
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(context())
    assert isinstance(deferred.value.trigger, HistorianGapTrigger)
    # The values come late; the same items are read by a server that has them.
    later = datetime(2026, 2, 1, 13, tzinfo=UTC)
    tags = {"a": minutes(60), "b": minutes(60)}
    whole = historian_job(job.ledger, Path(str(job.root)).parent, tags, clock=lambda: later)
    for module in (operators, triggers):
        monkeypatch.setattr(module, "historian_job", lambda source, owner: whole)
    HistorianBackfillOperator(task_id="read", source="plant1", items=[item_id], deferrable=False).execute(context())
    load(job)
    assert HistorianGapsOperator(task_id="close", source="plant1", fill=False).execute(context(run_id="r2")) == []
    assert job.ledger.historian.count_open("plant1") == {}
    [closed] = job.ledger.historian.gaps("plant1", closed=True)
    assert closed.closed_by == "historian_backfill__plant1/r2"


def test_a_look_for_gaps_that_fails_wakes_the_sensor(job: HistorianJob, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(source: str, owner: str) -> HistorianJob:
        raise ConfigError("no such source", next_step="Name one.")

    monkeypatch.setattr(triggers, "historian_job", broken)
    assert event_of(HistorianGapTrigger("plant1", 0.01)) == {"source": "plant1"}


def test_a_task_links_to_the_progress_of_its_source() -> None:
    operator = HistorianGapsOperator(task_id="look", source="plant 1/ä")
    link = HistorianProgressLink()
    assert link.get_link(operator, ti_key=cast(Any, None)) == "/integrations/historian/plant%201%2F%C3%A4"
