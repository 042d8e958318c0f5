"""A step over all documents that wait: the fault of one keeps no other, whatever it is; a real ledger."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.edi.draining import drain
from airflow_provider_integrations.core.errors import PermanentError, SystemicError, TransientError
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.ledger.holding import Holder
from tests.fakes.edi_documents import LEASE, Documents
from tests.unit.connectors.edi.test_inbound import GOOD
from tests.unit.connectors.edi.x12_streams import stream


@pytest.fixture
def documents(tmp_path: Path) -> Documents:
    made = Documents(tmp_path)
    for place in range(3):
        made.land(stream(GOOD, control=f"{place + 1:09d}"), f"{place}.edi")
    return made


def run(documents: Documents, faults: dict[str, Exception]) -> list[WorkItem]:
    def step(held: Holder, item: WorkItem) -> None:
        if fault := faults.get(item.name):
            raise fault
        held.advance(item, State.GATED)

    return drain(documents.job(), State.LANDED, None, step, claimed="claimed", done="done")


def left(documents: Documents) -> list[str]:
    return sorted(item.name for item in documents.ledger.items.list("acme_edi", [State.LANDED]))


def test_the_oldest_is_the_first_and_all_are_given_as_they_are_afterwards(documents: Documents) -> None:
    after = run(documents, {})
    assert [(item.name, item.state) for item in after] == [(f"{place}.edi", State.GATED) for place in range(3)]
    assert run(documents, {}) == []


def test_a_disk_that_fails_at_one_document_keeps_no_other(documents: Documents) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/scratch/x")
    with pytest.raises(SystemicError, match=r"No space left.*/scratch/x") as caught:
        run(documents, {"0.edi": full})
    assert caught.value.next_step
    assert caught.value.__cause__ is full
    assert left(documents) == ["0.edi"]
    assert [item.attempts for item in documents.ledger.items.list("acme_edi", [State.LANDED])] == [1]
    run(documents, {})
    assert left(documents) == []


def test_what_no_retry_mends_is_raised_before_what_one_may_mend(documents: Documents) -> None:
    with pytest.raises(PermanentError):
        run(documents, {"0.edi": TransientError("away"), "1.edi": PermanentError("broken")})
    assert left(documents) == ["0.edi", "1.edi"]


def test_one_that_another_worker_holds_is_waited_for(documents: Documents) -> None:
    [item] = [item for item in documents.ledger.items.list("acme_edi") if item.name == "1.edi"]
    assert documents.ledger.items.claim(item.id, "another", states=[State.LANDED], lease=LEASE)
    with pytest.raises(TransientError, match="another worker"):
        run(documents, {})
    assert left(documents) == ["1.edi"]
