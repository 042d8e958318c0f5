"""What PUT and COPY may answer, and what the loader makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_integrations.core.errors import ReconciliationError
from airflow_provider_integrations.warehouse.outcomes import check_copy, check_counts, check_put


def _put(name: str, status: str = "UPLOADED", size: int = 10) -> dict[str, Any]:
    return {"source": name, "target": name, "source_size": size, "target_size": size, "status": status}


def _copied(name: str, status: str = "LOADED", loaded: int = 5, parsed: int = 5) -> dict[str, Any]:
    file = f"landing/customers/b1/{name}"
    return {"file": file, "status": status, "rows_loaded": loaded, "rows_parsed": parsed, "errors_seen": 0}


def test_whole_success_gives_the_rows() -> None:
    check_put([_put("a")], {"a": 10})
    assert check_copy([_copied("a"), _copied("b", loaded=2, parsed=2)], {"a": 5, "b": 2}) == 7


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([_put("a", "SKIPPED")], "a: SKIPPED"),
        ([], "a: not in the answer"),
        ([_put("a", size=9)], "a: UPLOADED"),
        ([_put("a"), _put("b")], "more files"),
    ],
)
def test_a_put_that_skipped_or_did_something_else_is_an_error(rows: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(ReconciliationError, match=said):
        check_put(rows, {"a": 10})


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"status": "Copy executed with 0 files processed."}], "COPY processed no files"),
        ([], "COPY processed no files"),
        ([_copied("a", "LOAD_SKIPPED", 0, 0)], "a: LOAD_SKIPPED"),
        ([_copied("a", "LOAD_FAILED", 0)], "a: LOAD_FAILED"),
        ([_copied("a", "PARTIALLY_LOADED", 4)], "a: PARTIALLY_LOADED"),
        ([_copied("a", loaded=4)], "a: 4 of 5 rows"),
        ([_copied("b")], "a: not in the answer; b: nobody asked for it"),
        ([_copied("a"), _copied("a2")], "a2: nobody asked for it"),
    ],
)
def test_each_way_in_which_copy_does_not_load_all_is_an_error(rows: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(ReconciliationError, match=said):
        check_copy(rows, {"a": 5})


def test_counts_that_differ_are_named() -> None:
    check_counts("rows", {"a": 1}, {"a": 1, "b": 0})
    with pytest.raises(ReconciliationError, match="a: 1 instead of 2; b: 3 instead of 0"):
        check_counts("rows", {"a": 1, "b": 3}, {"a": 2})
