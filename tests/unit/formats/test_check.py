"""`check` answers and keeps nothing."""

from __future__ import annotations

import io
from pathlib import Path

from airflow_provider_integrations.formats.check import check
from tests.unit.formats.decoding import contract

BY = contract({"name": "id", "type": "integer"}, {"name": "name", "type": "string"}, max_reject_share=0.4)


def test_it_counts_and_keeps_only_the_rejects_that_were_asked_for(tmp_path: Path) -> None:
    answer = check(io.BytesIO(b"id,name\n1,a\nx,b\n3,c\n"), BY, rejects=tmp_path / "bad.jsonl")
    assert (answer.rows, answer.accepted, answer.rejected, answer.by_rule) == (3, 2, 1, {"type": 1})
    assert answer.refused is None
    assert [path.name for path in tmp_path.iterdir()] == ["bad.jsonl"]


def test_a_file_that_would_be_refused_is_an_answer(tmp_path: Path) -> None:
    assert check(io.BytesIO(b"id,name\nx,b\n"), BY).refused == "too_many_rejects"
    assert check(io.BytesIO(b"name\nb\n"), BY).refused == "columns_missing"
    assert check(io.BytesIO(b"id,name\n"), BY).refused == "no_rows"
