"""The operator that publishes samples, over a producer with librdkafka's mock cluster in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_integrations.batch_job import BatchJob
from airflow_provider_integrations.connectors.historian import operators
from airflow_provider_integrations.connectors.historian.job import HistorianJob
from airflow_provider_integrations.connectors.historian.operators import HistorianPublishOperator
from airflow_provider_integrations.connectors.historian.runs import Asked, plan_items
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.manifest import Manifest
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.holding import holding
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.historian_source import historian_job, load, minutes, read, span_of
from tests.fakes.ledgers import migrated

TASK: Any = {"ti": SimpleNamespace(dag_id="d", run_id="r", task_id="publish", map_index=-1)}
PUBLISH = {"connection": "bus", "topic": "plant1.samples"}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.connect(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        yield migrated(ledger)


def given(ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch, **policy: Any) -> HistorianJob:
    """A source that has read an hour of one tag, loaded."""
    job = historian_job(ledger, folder, {"a": minutes(60)}, **policy)
    batches = BatchJob("plant1", job.contract, job.source.gate, job.source.load, ledger, job.root, "tests")
    monkeypatch.setattr(operators, "historian_job", lambda source, owner: replace(job, owner=owner))
    monkeypatch.setattr(operators, "batch_job", lambda source, owner: replace(batches, owner=owner))
    for item in read(job, plan_items(job, Asked("r", span=span_of(0, 1)))):
        with holding(ledger, "gate") as held:
            [taken] = held.take_all([item.id], State.LANDED)
            held.note(taken, {"publish": [asdict(file) for file in Manifest.from_json(item.facts["manifest"]).files]})
    load(job)
    return job


def test_what_is_loaded_is_published_once(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given(ledger, tmp_path, monkeypatch, publish=PUBLISH)
    brokers = {"bootstrap.servers": "unused", "test.mock.num.brokers": 1, "log_level": 0}
    monkeypatch.setenv("AIRFLOW_CONN_BUS", json.dumps({"conn_type": "kafka", "extra": brokers}))
    operator = HistorianPublishOperator(task_id="publish", source="plant1")
    assert operator.execute(TASK) == 60
    assert operator.execute(TASK) == 0
    assert {item.state for item in ledger.items.list("plant1__kafka")} == {State.ARCHIVED}


def test_a_source_that_is_published_nowhere_says_so(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(ledger, tmp_path, monkeypatch)
    with pytest.raises(ConfigError, match="published nowhere"):
        HistorianPublishOperator(task_id="publish", source="plant1").execute(TASK)
