"""The memory of the parsing does not grow with the document: one set, one verdict, a few row groups."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.edi_documents import ROOT
from tests.fakes.edi_parsing import Parsing
from tests.unit.connectors.edi.x12_streams import BEG, order, stream

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

LINES = [text for n in range(1, 41) for text in (f"PO1*{n}*10*EA*9.25**VP*A{n:07d}~", "PID*F****A widget, blue~")]
ORDER = order("0000", BEG, *LINES, "CTT*40~")


def peak(folder: Path, orders: int) -> int:
    """MiB at the most, of a process that parses a document of so many orders."""
    folder.mkdir()
    chain = Parsing(str(folder))
    documents = chain.documents()
    item_id = documents.land(stream(*(ORDER.replace("*0000~", f"*{number:05d}~") for number in range(orders))))
    run = [sys.executable, "-m", "tests.fakes.edi_parsing", str(folder), "worker"]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True, timeout=800)
    facts = documents.ledger.items.get(item_id).facts
    assert facts["tables"] == {"orders": orders, "order_lines": 40 * orders, "sets": orders}
    return int(done.stdout) // 1024


def test_a_document_ten_times_as_large_takes_no_more_memory(tmp_path: Path) -> None:
    small, large = peak(tmp_path / "small", 1_000), peak(tmp_path / "large", 10_000)
    assert large < small + 40, (small, large)
    assert large < 400
