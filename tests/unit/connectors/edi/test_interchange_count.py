"""A document of very many interchanges is refused before any of them is entered."""

from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.edi.inbound import parse_items
from airflow_provider_integrations.connectors.edi.interchange_count import has_more_than
from airflow_provider_integrations.core.work_item import State
from tests.fakes.edi_documents import Documents
from tests.unit.connectors.edi.x12_streams import BEG, cut, isa, order, stream, wrapped

UNB = b"UNB+UNOA:3+ACME:14+HUB:14+260102:0304+7'UNZ+0+7'"
THREE = {
    "x12": b"".join(stream(order("0001", BEG), control=f"{at:09d}") for at in (1, 2, 3)),
    "bare": isa().encode() * 3,
    "edifact": UNB * 3,
    "both": UNB + stream(order("0001", BEG)) + UNB,
    "wrapped": wrapped(b"".join(stream(order("0001", BEG), control=f"{at:09d}") for at in (1, 2, 3)), 13),
}


@pytest.mark.parametrize("data", THREE.values(), ids=THREE)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_interchanges_are_counted_however_they_come(data: bytes, size: int) -> None:
    assert [has_more_than(most, lambda: iter(cut(data, size))) for most in (1, 2, 3)] == [True, True, False]


def test_what_only_looks_like_a_beginning_is_none() -> None:
    data = stream(order("0001", BEG, "MSG*VISA UNBOUND ISA~" * 50)) + b"UNB ISA"
    assert [has_more_than(most, lambda: iter([data])) for most in (0, 1)] == [True, False]


def test_a_document_of_too_many_interchanges_is_refused_whole_and_taken_when_more_are_allowed(tmp_path: Path) -> None:
    documents = Documents(tmp_path)
    data = THREE["x12"]
    item_id, job = documents.land(data), documents.job()
    [item] = parse_items(replace(job, source=job.source.model_copy(update={"max_interchanges": 2})), [item_id])
    assert (item.state, item.reason) == (State.QUARANTINED, "too_many_interchanges")
    assert "max_interchanges" in (item.detail or "")
    assert documents.ledger.interchanges.of_family(item_id) == []
    documents.ledger.items.release(item_id, who="ann", why="agreed")
    documents.land_item(documents.ledger.items.get(item_id), data)
    [item] = parse_items(replace(job, source=job.source.model_copy(update={"max_interchanges": 3})), [item_id])
    assert (item.state, item.facts["judged_interchanges"]) == (State.GATED, 3)


def test_thirty_thousand_bare_headers_end_without_one_entry(tmp_path: Path) -> None:
    documents = Documents(tmp_path)
    [item] = documents.parse(documents.land(isa().encode() * 30_000))
    assert (item.state, item.reason) == (State.QUARANTINED, "too_many_interchanges")
    assert documents.ledger.interchanges.of_family(item.id) == []
