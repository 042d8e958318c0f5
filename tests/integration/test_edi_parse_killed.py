"""SIGKILL at every boundary of the parsing, then another worker when the claim has run out: nothing lost, nothing doubled."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from airflow_provider_integrations.core.interchange import Pair, Sending, SendingGroup
from airflow_provider_integrations.core.work_item import State
from tests.fakes.chain import Killer
from tests.fakes.edi_documents import Documents
from tests.fakes.edi_parsing import Parsing
from tests.unit.connectors.edi.test_inbound import BAD, GOOD, OTHER
from tests.unit.connectors.edi.test_inbound_acknowledgements import said
from tests.unit.connectors.edi.x12_streams import stream

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

DOCUMENTS = {
    "a.edi.gpg": stream(GOOD, BAD) + stream(OTHER, control="000000008") + said("R", control=9) + b"\r\ntrailing",
    "b.edi.gpg": stream(GOOD),
    "c.edi.gpg": b"no interchange",
}
TABLES = ("order_lines", "orders", "segments", "sets")
LATER = "2026-01-02T03:14:00+00:00"


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    made = Killer("tests.fakes.edi_parsing")
    yield made
    made.close()


def prepared(folder: Path) -> Parsing:
    folder.mkdir()
    chain = Parsing(str(folder))
    documents = chain.documents()
    sending = Sending(Pair("x12", "ZZ:HUB", "ZZ:ACME"), "17", "batch", "ab" * 32, (SendingGroup("5", "PO"),))
    documents.ledger.interchanges.sent(sending)
    for name, data in DOCUMENTS.items():
        documents.land(data, name)
    return chain


def left(documents: Documents) -> dict[str, Any]:
    """All that a run leaves, without what follows from random ids."""
    items = documents.ledger.items
    found: dict[str, Any] = {"bronze": sorted(path.name for path in (documents.root / "bronze").iterdir())}
    parents = {item.name: item for item in items.list("acme_edi", limit=None)}
    for name, item in sorted(parents.items()):
        told = {key: item.facts.get(key) for key in ("verdict", "judged", "sets", "statements", "outside", "tables")}
        entered = documents.ledger.interchanges.of_family(item.id)
        found[name] = (item.state, item.reason, told, [(one.place, one.verdict, one.duplicate_of) for one in entered])
    for table in TABLES:
        children = items.list(f"acme_edi__{table}", limit=None)
        assert [child.state for child in children] == [State.LANDED] * len(children)
        found[table] = []
        for child in children:
            folder = documents.root / child.facts["folder"]
            rows = [row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(str(path)).to_pylist()]
            assert len(rows) == child.facts["rows_landed"]
            found[table] += [{name: row[name] for name in row if name not in ("_batch_id", "_version")} for row in rows]
    found["statements"] = [
        [event.event for event in documents.ledger.interchanges.history(sent)]
        for sent in documents.ledger.interchanges.sent(
            Sending(Pair("x12", "ZZ:HUB", "ZZ:ACME"), "17", "batch", "ab" * 32, (SendingGroup("5", "PO"),))
        )
    ]
    found["scratch"] = [path.name for path in (documents.folder / "scratch").iterdir()]
    return found


def test_whatever_is_killed_the_rows_and_the_account_are_the_same(killer: Killer, tmp_path: Path) -> None:
    chain = prepared(tmp_path / "whole")
    status, boundaries, error = killer.run(chain)
    assert (status, error) == (0, "")
    whole = left(chain.documents())
    assert [whole[name][:2] for name in DOCUMENTS] == [
        (State.GATED, None),
        (State.GATED, None),
        (State.QUARANTINED, "not_edi"),
    ]
    assert (len(whole["orders"]), len(whole["order_lines"]), len(whole["sets"])) == (2, 3, 4)
    assert (whole["b.edi.gpg"][2]["verdict"], whole["statements"]) == (
        "duplicate",
        [["sent"], ["sent", "acknowledged"]],
    )
    assert whole["scratch"] == []
    expected = {"claimed for parsing", "interchange entered", "statements entered", "read", "promoted", "noted"}
    assert {*boundaries} == expected | {"rows entered", "rows landed", "kept in quarantine", "parsed"}
    for name, passed in sorted({(one, nth) for one in boundaries for nth in (1, boundaries.count(one))}):
        chain = prepared(tmp_path / f"{name} {passed}")
        status, _, _ = killer.run(chain, kill_at=(name, passed))
        assert status == signal.SIGKILL
        # The dead worker's claims have run out.
        status, _, error = killer.run(replace(chain, at=LATER, owner="other"))
        assert (name, status, error) == (name, 0, "")
        assert (name, left(chain.documents())) == (name, whole)
