"""Columns are those that `pyarrow.array` makes, and come without pandas."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.formats.columns import integers, texts

TEXTS = st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=40)


@given(TEXTS)
def test_texts_are_the_arrays_that_arrow_makes(values: list[str | None]) -> None:
    made = texts(values)
    made.validate(full=True)
    assert made.equals(pa.array(values, pa.string()))
    assert made.null_count == values.count(None)


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_whole_numbers_are_the_arrays_that_arrow_makes(values: list[int]) -> None:
    assert integers(values).equals(pa.array(values, pa.int64()))


def test_half_of_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        texts(["a\ud800"])


def test_columns_come_without_pandas() -> None:
    said = "from airflow_provider_integrations.formats.columns import *; import sys; texts(['a', None]); integers([1])"
    subprocess.run([sys.executable, "-c", f"{said}; assert 'pandas' not in sys.modules"], check=True, timeout=60)
