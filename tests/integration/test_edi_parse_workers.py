"""Several workers on one partner's documents at once: each document is one's, each row is there once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from airflow_provider_integrations.core.work_item import State
from tests.fakes.edi_documents import ROOT
from tests.fakes.edi_parsing import Parsing
from tests.unit.connectors.edi.test_inbound import BAD, GOOD
from tests.unit.connectors.edi.x12_streams import stream

pytestmark = pytest.mark.integration

DOCUMENTS = 24


def test_three_workers_parse_each_document_once(tmp_path: Path) -> None:
    chain = Parsing(str(tmp_path))
    documents = chain.documents()
    # Every control number comes twice, to two workers: one of the two is a duplicate, whoever reads which first.
    ids = [
        documents.land(stream(GOOD, BAD, control=f"{number // 2 + 1:09d}"), f"{number}.edi.gpg")
        for number in range(DOCUMENTS)
    ]
    run = [sys.executable, "-m", "tests.fakes.edi_parsing", str(tmp_path)]
    workers = [
        subprocess.Popen([*run, f"worker-{of}", *ids[of::3]], cwd=ROOT, stdout=subprocess.DEVNULL) for of in range(3)
    ]
    assert [worker.wait(timeout=300) for worker in workers] == [0, 0, 0]
    items = documents.ledger.items.list("acme_edi", limit=None)
    assert {item.state for item in items} == {State.GATED}
    verdicts = sorted(item.facts["verdict"] for item in items)
    assert verdicts == ["duplicate"] * (DOCUMENTS // 2) + ["partial"] * (DOCUMENTS // 2)
    for table, each in (("orders", 1), ("order_lines", 1), ("sets", 2)):
        children = documents.ledger.items.list(f"acme_edi__{table}", limit=None)
        assert {child.state for child in children} == {State.LANDED}
        folders = [documents.root / child.facts["folder"] for child in children]
        rows = [
            row
            for folder in folders
            for path in folder.glob("*.parquet")
            for row in pq.read_table(str(path)).to_pylist()
        ]
        keys = {(row["document"], row["set_number"], row["interchange_control"]) for row in rows}
        assert len(rows) == len(keys) == each * DOCUMENTS // 2
