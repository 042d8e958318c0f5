"""Rows of one tuple, found beside each other."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.odbc.neighbours import column_named, repeated


@settings(deadline=None)  # The first call loads Arrow's functions.
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["a", "b"])), min_size=1), st.data())
def test_it_counts_what_a_loop_counts_however_the_rows_are_cut(
    rows: list[tuple[int, str]], data: st.DataObject
) -> None:
    whole = pa.record_batch({"u": [u for u, _ in rows], "id": [id for _, id in rows]})
    cut = data.draw(st.integers(0, len(rows) - 1))
    parts = [part for part in (whole.slice(0, cut), whole.slice(cut)) if part.num_rows]
    found, before = 0, None
    for part in parts:
        found += repeated(before, part, ("u", "id"))
        before = part
    assert found == sum(rows[at] == rows[at - 1] for at in range(1, len(rows)))


def test_a_value_equals_no_null() -> None:
    batch = pa.record_batch({"u": pa.array([1, 1, None, None]), "id": pa.array([1, 1, 1, 1])})
    assert repeated(None, batch, ("u", "id")) == 1


def test_a_name_that_the_contract_spells_otherwise_is_found() -> None:
    batch = pa.record_batch({"id": [1], "note": ["x"]})
    assert column_named(batch, "ID").to_pylist() == [1]
    with pytest.raises(ValueError, match="unpack"):
        column_named(batch, "none")
