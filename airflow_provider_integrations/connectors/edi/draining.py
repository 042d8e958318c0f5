"""A step over all documents that wait for it: each is brought on or given back, and no one's fault keeps another.

drain(job, State.GATED, None, answer_one, claimed="claimed for the answer", done="noted as answered")
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from airflow_provider_integrations.connectors.edi.job import EdiJob
from airflow_provider_integrations.core.errors import IntegrationError, SystemicError, TransientError
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.ledger.holding import Holder, holding

__all__ = ["drain"]

log = logging.getLogger(__name__)

Step = Callable[[Holder, WorkItem], object]


def drain(
    job: EdiJob,
    state: State,
    item_ids: Sequence[str] | None,
    step: Step,
    *,
    claimed: str,
    done: str,
    at_last: Callable[[Holder], object] = lambda _: None,
) -> list[WorkItem]:
    """Take the items that are in a state through a step, the oldest first; gives them as they are afterwards.

    Args:
        job: The partner's documents.
        state: What the step takes on; items in another one are left alone.
        item_ids: Work items; all that wait without it.
        step: Brings an item to its next state.
        claimed: Name of the boundary at which the items are held.
        done: Name of the boundary after each of them.
        at_last: What is done after all of them, whatever became of them.

    Raises:
        TransientError: if an item is claimed by a worker that may have died; all others are done by then.
        IntegrationError: the first fault of an item; it stays in its state, and all others are done by then. A fault of this
            machine, as of its disk, is a `SystemicError`.
    """
    items = job.ledger.items
    if item_ids is None:
        item_ids = [item.id for item in reversed(items.list(job.source.source, [state], limit=None))]
    faults: list[IntegrationError] = []
    with holding(job.ledger, job.owner, lease=job.lease) as held:
        taken = held.take_all(item_ids, state)
        job.boundary(claimed)
        for item in taken:
            try:
                step(held, item)
            except (IntegrationError, OSError) as error:
                fault = _fault(error)
                log.error("%s: %s was not brought on from %s: %s", job.source.source, item.name, state.value, fault)
                held.give_back(item, str(fault))
                faults.append(fault)
            job.boundary(done)
        at_last(held)
    if faults:
        # A fault that no retry mends must not hide behind one that a retry may mend.
        raise next((fault for fault in faults if not isinstance(fault, TransientError)), faults[0])
    after = [items.get(item_id) for item_id in item_ids]
    if busy := [item.id for item in after if item.state is state]:
        raise TransientError(
            "items are claimed by another worker",
            items=busy,
            next_step=f"Try again: the claim of a worker that died runs out after {job.lease}.",
        )
    return after


def _fault(error: IntegrationError | OSError) -> IntegrationError:
    if isinstance(error, IntegrationError):
        return error
    fault = SystemicError(
        "this machine failed at a document",
        problem=error.strerror or type(error).__name__,
        file=None if error.filename is None else str(error.filename),
        next_step="Look at its disk and its rights.",
    )
    fault.__cause__ = error
    return fault
