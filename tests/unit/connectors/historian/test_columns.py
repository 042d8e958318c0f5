"""Columns made of buffers are what `pyarrow.array` would make."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.historian.columns import numbers, repeated, texts, values_of


@given(st.lists(st.none() | st.text(max_size=4)))
def test_texts(values: list[str | None]) -> None:
    made = texts(values)
    made.validate(full=True)
    assert made.equals(pa.array(values, pa.string()))


@given(st.lists(st.tuples(st.floats(allow_nan=False), st.booleans())))
def test_numbers_and_their_nulls(pairs: list[tuple[float, bool]]) -> None:
    values, valid = np.array([each for each, _ in pairs], float), np.array([each for _, each in pairs], bool)
    made = numbers(values, pa.float64(), valid=valid)
    made.validate(full=True)
    assert made.equals(pa.array(values, mask=~valid))
    part = numbers(values, pa.float64())[len(pairs) // 2 :]
    assert values_of(part, np.float64).tolist() == values[len(pairs) // 2 :].tolist()


def test_a_column_of_one_string() -> None:
    assert repeated("a", 3).to_pylist() == ["a"] * 3
    assert repeated("a", 0).to_pylist() == []


def test_a_page_is_made_without_pandas() -> None:
    program = (
        "import sys, numpy as np\n"
        "from airflow_provider_integrations.connectors.historian import samples, opcua_decode, opcua_values, model, page_check\n"
        "from airflow_provider_integrations.connectors.historian import pi_client, pi_values\n"
        "values = opcua_decode.no_values(3)\n"
        "page = opcua_values.PageMaker()(values)\n"
        "samples.samples_table('level', page)\n"
        "page_check.check_page(model.Page('level', page, 10), model.Span(0, 10), {'level': 0})\n"
        'item = b\'{"Timestamp":"2026-01-01T00:00:00Z","Value":%s,"Good":true,"Questionable":false,'
        '"Substituted":false,"Annotated":false}\'\n'
        "for value in (b'1.5', b'\"text\"', b'null'):\n"
        "    pi_values.decode_page(b'{\"Items\":[' + item % value + b']}', numeric=None, detail='plot')\n"
        "assert 'pandas' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
