"""Publishes loaded samples to a topic of Kafka, batch by batch: the key is the tag, so that one tag's samples keep their order.

    publish_batches(job, producer, "plant1.samples")

Each loaded batch has an item of its own in the ledger, `<source>__kafka`, which is closed when the brokers have acknowledged
all of it. So a batch is published at least once: a process that dies in between publishes it again, with the same headers, by
which a consumer can tell (`batch_id`, and `line` within it). An idempotent producer adds no duplicates of its own.

What is gone from the historian is told by the warehouse and not here: a message without a value would mean the whole tag.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Protocol

import msgspec
import pyarrow.parquet

from airflow_provider_integrations.batch_job import BatchJob
from airflow_provider_integrations.connectors.historian.model import to_iso
from airflow_provider_integrations.core.errors import TransientError
from airflow_provider_integrations.core.manifest import DataFile
from airflow_provider_integrations.core.work_item import RemoteFile, State, WorkItem
from airflow_provider_integrations.landing.bronze import local_folder
from airflow_provider_integrations.ledger.closing import close_settled
from airflow_provider_integrations.ledger.holding import holding

__all__ = ["PRODUCER", "Producer", "message", "publish_batches"]

log = logging.getLogger(__name__)

pq: Any = pyarrow.parquet

PRODUCER: Mapping[str, Any] = {"enable.idempotence": True, "acks": "all"}
"""What every producer here is made with, whatever else its connection says."""

_SPECIAL = {math.inf: "Infinity", -math.inf: "-Infinity"}
_ROWS = 8_192
_PATIENCE = 120.0
"""Seconds that the brokers may take for what is under way at the end of a batch."""


class Producer(Protocol):
    """As much of `confluent_kafka.Producer` as is needed."""

    def produce(self, topic: str, /, **message: Any) -> None:
        """Take a message into the queue; `BufferError` when that is full."""

    def poll(self, timeout: float, /) -> int:
        """Call the callbacks of what was delivered."""

    def flush(self, timeout: float, /) -> int:
        """Wait until all is delivered; gives how many are not."""


def publish_batches(job: BatchJob, producer: Producer, topic: str, *, patience: float = _PATIENCE) -> int:
    """Publish every loaded batch that was not published before; gives the number of samples.

    Args:
        job: The source.
        producer: An idempotent one, see `PRODUCER`.
        topic: Where they go.
        patience: Seconds to wait for the brokers.

    Raises:
        TransientError: the brokers did not take all of a batch, or another worker publishes one; again publishes the rest.
    """
    outbox = f"{job.source}__kafka"
    loaded = [
        item for item in job.ledger.items.list(job.source, [State.LOADED, State.ARCHIVED], limit=None) if _rows_of(item)
    ]
    loaded.sort(key=lambda item: str(item.facts["version"]))
    known = {item.path: item for item in job.ledger.items.list(outbox, limit=None)}
    waiting = []
    for item in loaded:
        path = f"kafka/{topic}/{item.facts['batch_id']}"
        entry = known.get(path) or job.ledger.items.enter(outbox, RemoteFile(path, 0, 0), facts={"item": item.id})
        if entry.state is State.DISCOVERED:
            waiting.append((entry, item))
    published = 0
    with holding(job.ledger, job.owner, lease=job.lease) as held:
        taken = {entry.id: entry for entry in held.take_all([entry.id for entry, _ in waiting], State.DISCOVERED)}
        for entry, item in waiting:
            if entry.id in taken:
                rows = _publish(job, producer, topic, item, patience)
                job.boundary("published")
                held.advance(taken[entry.id], State.LOADED, facts={"rows_published": rows})
                job.boundary("noted as published")
                published += rows
    _close(job, outbox)
    if len(taken) < len(waiting):
        raise TransientError(
            "batches are published by another worker",
            batches=len(waiting) - len(taken),
            next_step=f"Try again: the claim of a worker that died runs out after {job.lease}.",
        )
    return published


def message(row: Mapping[str, Any]) -> bytes:
    """A sample as JSON: all of its columns that have a value, the instant as text and exactly as `ts_ns`.

    A number that JSON does not know is the text `NaN`, `Infinity` or `-Infinity`, as the JSON of Protocol Buffers has it.

    >>> message({"tag": "flow", "ts_ns": 100, "ordinal": 0, "value_number": math.nan, "value_text": None})
    b'{"tag":"flow","ts":"1970-01-01T00:00:00.0000001Z","ts_ns":100,"ordinal":0,"value_number":"NaN"}'
    """
    told = {
        "tag": row["tag"],
        "ts": to_iso(row["ts_ns"]),
        **{name: row[name] for name in row if name not in ("tag", "ts")},
    }
    number = told.get("value_number")
    if number is not None and not math.isfinite(number):
        told["value_number"] = _SPECIAL.get(number, "NaN")
    return msgspec.json.encode({name: value for name, value in told.items() if value is not None})


def _publish(job: BatchJob, producer: Producer, topic: str, item: WorkItem, patience: float) -> int:
    failed: list[str] = []

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            failed.append(str(error))

    rows = 0
    headers = [("batch_id", str(item.facts["batch_id"]).encode()), ("version", str(item.facts["version"]).encode())]
    for row in _rows(job, item):
        line = row.pop("_line")
        _produce(
            producer, topic, key=str(row["tag"]).encode(), value=message(row),
            headers=[*headers, ("line", str(line).encode())], on_delivery=delivered,
        )  # fmt: skip
        rows += 1
        if failed:
            break
    left = producer.flush(patience)
    if failed or left:
        raise TransientError(
            "the brokers did not take all of a batch",
            topic=topic,
            batch_id=item.facts["batch_id"],
            refused=len(failed),
            unanswered=left,
            why=failed[0] if failed else None,
            next_step="Look at the brokers; the next try publishes the batch again.",
        )
    return rows


def _produce(producer: Producer, topic: str, **more: Any) -> None:
    """Wait for room in the queue, which is bounded: so is our memory."""
    while True:
        try:
            producer.produce(topic, **more)
        except BufferError:
            producer.poll(0.5)
            continue
        producer.poll(0)
        return


def _rows(job: BatchJob, item: WorkItem) -> Iterator[dict[str, Any]]:
    """Those that the gate let through, in the order of the batch."""
    names = [DataFile(**entry).name for entry in item.facts["publish"]]
    columns = [*(column.name for column in job.contract.columns if column.name != "ts"), "_line"]
    with ExitStack() as stack:
        folder = stack.enter_context(local_folder(job.root / item.facts["folder"], files=names))
        for name in names:
            batches: Iterable[Any] = pq.ParquetFile(folder / name).iter_batches(batch_size=_ROWS, columns=columns)
            for batch in batches:
                yield from batch.to_pylist()


def _rows_of(item: WorkItem) -> bool:
    return bool(item.facts.get("rows_loaded")) and "publish" in item.facts


def _close(job: BatchJob, outbox: str) -> None:
    close_settled(job.ledger, outbox, [item.id for item in job.ledger.items.list(outbox, [State.LOADED], limit=None)])
