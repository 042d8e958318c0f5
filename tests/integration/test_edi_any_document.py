"""Damaged documents of all kinds through parse, answer and account: each ends somewhere, and what is owed is answered once."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.edi.documents import Outcome, outcome, read_documents
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange
from airflow_provider_integrations.core.work_item import State
from tests.fakes.edi_documents import Documents
from tests.unit.connectors.edi.answered import ORDERS
from tests.unit.connectors.edi.x12_streams import SOUND, worn

pytestmark = pytest.mark.integration

SOUND_ONES = [*SOUND.values(), *(ORDERS.format(control=control).encode() for control in "123")]
ENDS = {
    (State.LOADED, None),
    (State.QUARANTINED, "duplicate_interchange"),
    (State.QUARANTINED, "edi_rejected"),
    (State.QUARANTINED, "not_edi"),
}


def delivery(rng: random.Random) -> bytes:
    """One or two interchanges, most of them damaged, some of them sent before."""
    data = b"".join(rng.choice(SOUND_ONES) for _ in range(rng.choice((1, 1, 2))))
    data = data.replace(b"000000007", b"%09d" % rng.randrange(1, 20))
    return worn(data, rng) if rng.random() < 0.8 else data


@pytest.mark.parametrize(("seed", "guides"), [(1, ("x12_850", "edifact_orders_d96a")), (2, ())])
def test_whatever_comes_ends_somewhere_and_each_answer_is_sound_and_settled(
    tmp_path: Path, seed: int, guides: tuple[str, ...]
) -> None:
    rng = random.Random(seed)
    documents = Documents(tmp_path, guides=guides)
    ids = [documents.land(delivery(rng) or b"\x00", f"{number}.edi.gpg") for number in range(60)]
    documents.parse(*ids)
    documents.answer()
    found = [documents.ledger.items.get(item_id) for item_id in ids]
    assert {(item.state, item.reason) for item in found} == ENDS
    files = documents.outbox()
    assert len(files) == sum(item.facts.get("answers", 0) for item in found) > 40
    for data in files.values():
        for told in read_documents([data]):
            assert not isinstance(told, Interchange) or outcome(told) is Outcome.ACCEPTED
    # ISA without date, time and version, and UNB with its reference: a number in one direction is of one answer.
    heads = Counter(
        data[:69] + data[89:105] if data[:3] == b"ISA" else data.split(b"UNH")[0] for data in files.values()
    )
    assert max(heads.values()) == 1
    documents.deliver()
    documents.settle()
    assert documents.owed() == []
    assert len(documents.outbox()) == len(files)
