"""Columns of Python values as Arrow arrays, without `pyarrow.array`: that imports pandas, 50 MB and a third of a second.

>>> texts(["a", None, "é"]).to_pylist()
['a', None, 'é']
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import pyarrow

if TYPE_CHECKING:
    from airflow_provider_integrations.formats.arrow import Array, DataType

__all__ = ["column_of", "integers", "texts"]

pa: Any = pyarrow  # The stubs know too little of it; `formats.arrow` imports `pyarrow.compute` too, 10 MB.


def column_of(kind: DataType, values: Sequence[Any]) -> Array:
    """A column of texts or of whole numbers, as its type says."""
    return texts(values) if kind == pa.string() else integers(values)


def texts(values: Sequence[str | None]) -> Array:
    """A column of texts.

    Raises:
        UnicodeEncodeError: half of a surrogate pair, which UTF-8 has no place for.
        OverflowError: more than 2 GB of text.
    """
    nulls = values.count(None)
    there = ["" if value is None else value for value in values] if nulls else list(map(str, values))
    data = "".join(there).encode()
    ends = list(accumulate(map(len, there), initial=0))
    if ends[-1] != len(data):  # Characters are not bytes.
        ends = list(accumulate(map(len, map(str.encode, there)), initial=0))
    bits = pa.py_buffer(_bits([value is not None for value in values])) if nulls else None
    return pa.StringArray.from_buffers(len(there), pa.py_buffer(array("i", ends)), pa.py_buffer(data), bits, nulls)


def integers(values: Sequence[int]) -> Array:
    """A column of whole numbers of 64 bits."""
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(array("q", values))])


def _bits(there: Sequence[bool]) -> bytes:
    """A validity bitmap: the first value is the lowest bit of the first byte (Arrow columnar format, "Validity bitmaps")."""
    text = "".join("1" if each else "0" for each in reversed(there))
    return int(text, 2).to_bytes((len(there) + 7) // 8, "little")
