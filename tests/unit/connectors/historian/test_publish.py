"""Samples on a topic of Kafka: librdkafka's own mock cluster stands for the brokers, and a consumer reads what is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
from upath import UPath

from airflow_provider_integrations.batch_job import BatchJob
from airflow_provider_integrations.connectors.historian.publish import PRODUCER, message, publish_batches
from airflow_provider_integrations.core.errors import TransientError
from airflow_provider_integrations.core.source import GatePolicy
from airflow_provider_integrations.core.work_item import RemoteFile, State
from airflow_provider_integrations.ledger.closing import close_settled
from airflow_provider_integrations.ledger.holding import holding
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.historian_views import LOAD, SAMPLES, sample, version
from tests.fakes.ledgers import migrated
from tests.fakes.warehouse_batches import batch

TOPIC = "plant1.samples"
A, B = "2026-01-01T06:00:00Z", "2026-01-01T07:00:00.1234567Z"


class DiedError(BaseException):
    """The process was killed here."""


@pytest.fixture
def producer() -> Iterator[Any]:
    """It has the cluster within it, which ends with it."""
    made = confluent_kafka.Producer(
        {"bootstrap.servers": "unused", "test.mock.num.brokers": 1, "log_level": 0, **PRODUCER}
    )
    yield made
    made.flush(5)


@pytest.fixture
def job(tmp_path: Path) -> BatchJob:
    ledger = migrated(Ledger.connect(f"sqlite:///{tmp_path / 'ledger.sqlite'}"))
    return BatchJob("plant1", SAMPLES, GatePolicy(), LOAD, ledger, UPath(tmp_path), "tests")


def loaded(job: BatchJob, number: int, *rows: dict[str, Any], settled: bool = True) -> None:
    """A batch as the load leaves it."""
    written = batch(Path(job.root.path), f"batch-{number}", version(number), rows, of=SAMPLES)
    files = [{"name": path.name, "rows": len(rows), "size": path.stat().st_size, "sha256": digest}
             for path, digest in zip(written.files, written.digests, strict=True)]  # fmt: skip
    facts = {"batch_id": f"batch-{number}", "version": version(number), "folder": f"batch-{number}", "publish": files,
             "rows_loaded": len(rows)}  # fmt: skip
    item = job.ledger.items.enter("plant1", RemoteFile(f"historian/run/item-{number}", 0, 0), facts=facts)
    with holding(job.ledger, "tests") as held:
        [taken] = held.take_all([item.id], State.DISCOVERED)
        held.advance(taken, State.LOADED)
    if settled:
        close_settled(job.ledger, "plant1", [item.id])


def on_topic(producer: Any, wanted: int) -> list[tuple[str, dict[str, Any], dict[str, str]]]:
    """Key, value and headers of what lies there; a moment is given to what must not come."""
    told = producer.list_topics(TOPIC, timeout=10)
    [broker, *_] = told.brokers.values()
    consumer = confluent_kafka.Consumer({"bootstrap.servers": f"{broker.host}:{broker.port}", "group.id": "tests"})
    # Without the group, whose members wait for each other for seconds.
    consumer.assign(
        [
            confluent_kafka.TopicPartition(TOPIC, number, confluent_kafka.OFFSET_BEGINNING)
            for number in told.topics[TOPIC].partitions
        ]
    )
    found: list[tuple[str, dict[str, Any], dict[str, str]]] = []
    try:
        while (given := consumer.poll(15 if len(found) < wanted else 0.3)) is not None:
            assert given.error() is None, given.error()
            headers = {name: value.decode() for name, value in given.headers()}
            found.append((given.key().decode(), json.loads(given.value()), headers))
    finally:
        consumer.close()
    return found


def test_each_batch_is_published_once_keyed_by_tag_and_in_the_order_of_time(job: BatchJob, producer: Any) -> None:
    loaded(job, 1, sample("flow", A, 1.5), sample("flow", B, 2.5), sample("burner", A, "ON"))
    loaded(job, 2, sample("flow", B, 2.75), settled=False)
    assert publish_batches(job, producer, TOPIC) == 4
    assert publish_batches(job, producer, TOPIC) == 0
    found = on_topic(producer, 4)
    assert [(key, value.get("value_number")) for key, value, _ in found if key == "flow"] == [
        ("flow", 1.5),
        ("flow", 2.5),
        ("flow", 2.75),
    ]
    [burner] = [value for key, value, _ in found if key == "burner"]
    assert burner == {
        "tag": "burner", "ts": "2026-01-01T06:00:00Z", "ts_ns": 1767247200000000000, "ordinal": 0, "value_state": "ON",
        "status": 0, "quality": "good", "origin": "actual",
    }  # fmt: skip
    assert [headers["batch_id"] for key, _, headers in found if key == "flow"] == ["batch-1", "batch-1", "batch-2"]


def test_ticks_are_whole_and_numbers_that_json_does_not_know_are_named() -> None:
    assert json.loads(message({"tag": "a", "ts_ns": 1767251000123456700, "value_number": float("-inf")})) == {
        "tag": "a", "ts": "2026-01-01T07:03:20.1234567Z", "ts_ns": 1767251000123456700, "value_number": "-Infinity",
    }  # fmt: skip


def test_a_killed_publish_repeats_the_batch_and_its_headers_say_so(job: BatchJob, producer: Any) -> None:
    loaded(job, 1, sample("flow", A, 1.5))

    def die(at: str) -> None:
        if at == "published":
            raise DiedError

    with pytest.raises(DiedError):
        publish_batches(replace(job, boundary=die), producer, TOPIC)
    assert publish_batches(job, producer, TOPIC) == 1
    found = on_topic(producer, 2)
    assert [(headers["batch_id"], headers["line"]) for _, _, headers in found] == [("batch-1", "2")] * 2
    assert publish_batches(job, producer, TOPIC) == 0


def test_what_another_worker_publishes_is_left_to_it(job: BatchJob, producer: Any) -> None:
    loaded(job, 1, sample("flow", A, 1.5))
    other = replace(job, owner="another")

    def meanwhile(at: str) -> None:
        if at == "published":
            with pytest.raises(TransientError, match="another worker"):
                publish_batches(other, producer, TOPIC)

    assert publish_batches(replace(job, boundary=meanwhile), producer, TOPIC) == 1
    assert len(on_topic(producer, 1)) == 1


def test_brokers_that_do_not_answer_leave_the_batch_to_be_published(job: BatchJob, producer: Any) -> None:
    loaded(job, 1, sample("flow", A, 1.5))
    lost = confluent_kafka.Producer(
        {"bootstrap.servers": "127.0.0.1:1", "message.timeout.ms": 300, "log_level": 0, **PRODUCER}
    )
    with pytest.raises(TransientError, match="did not take all") as caught:
        publish_batches(job, lost, TOPIC, patience=5)
    assert caught.value.values["refused"] == 1
    assert publish_batches(job, producer, TOPIC) == 1


def test_what_was_not_loaded_is_not_published(job: BatchJob, producer: Any) -> None:
    facts = {"batch_id": "b", "version": version(1), "rows_loaded": 0}
    job.ledger.items.enter("plant1", RemoteFile("historian/run/item-1", 0, 0), facts=facts)
    assert publish_batches(job, producer, TOPIC) == 0
