"""Arrow columns of numpy arrays and of texts, made of their buffers.

`pyarrow.array` and `pyarrow.scalar` import pandas where it is installed, which costs a backfill half a second and 45 MB.

>>> numbers(np.array([1, 2]), pa.int64(), valid=np.array([True, False])).to_pylist(), texts(["a", None]).to_pylist()
([1, None], ['a', None])
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["numbers", "repeated", "texts", "values_of"]


def numbers(
    values: npt.NDArray[Any], kind: pa.DataType, *, valid: npt.NDArray[np.bool_] | None = None
) -> pa.Array[Any]:
    """A column of the array's own memory.

    Args:
        values: As many bytes each as a value of `kind` has.
        kind: The type.
        valid: Which are not null; all, without it.
    """
    whole = np.ascontiguousarray(values)
    held = None if valid is None or valid.all() else _buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(kind, len(whole), [held, _buffer(whole)])


def texts(values: Iterable[str | None]) -> pa.Array[Any]:
    """A column of strings; None is null."""
    found = list(values)
    present, held = [each for each in found if each is not None], None
    if len(present) < len(found):
        valid = np.array([each is not None for each in found], bool)
        held = _buffer(np.packbits(valid, bitorder="little"))
        present = [each or "" for each in found]
    data = "".join(present)
    size = len if data.isascii() else _bytes_of
    ends = np.zeros(len(found) + 1, np.int32)
    ends[1:] = np.cumsum(np.fromiter(map(size, present), np.int64, len(found)))
    return pa.Array.from_buffers(
        pa.string(), len(found), [held, _buffer(ends), pa.py_buffer(data.encode("utf-8", "replace"))]
    )


def repeated(text: str, rows: int) -> pa.Array[Any]:
    """A column of one string."""
    found: pa.Array[Any] = pa.repeat(texts([text])[0], rows)
    return found


def values_of(column: pa.Array[Any], kind: npt.DTypeLike) -> npt.NDArray[Any]:
    """The values of a column of fixed width, without a copy; what stands at a null is not said.

    >>> values_of(numbers(np.array([1, 2, 3]), pa.int64())[1:], np.int64).tolist()
    [2, 3]
    """
    data, of = column.buffers()[1], np.dtype(kind)
    if data is None or not len(column):
        return np.zeros(0, of)
    return np.frombuffer(memoryview(data), of, len(column), column.offset * of.itemsize)


def _bytes_of(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _buffer(values: npt.NDArray[Any]) -> pa.Buffer:
    return pa.py_buffer(values.data)
