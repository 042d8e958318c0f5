"""Values of PI as samples: numbers, texts and states in their own places, its flags as a status: `pi_status` says how."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from airflow_provider_integrations.connectors.historian.columns import numbers as column_of
from airflow_provider_integrations.connectors.historian.columns import repeated, values_of
from airflow_provider_integrations.connectors.historian.columns import texts as strings
from airflow_provider_integrations.connectors.historian.pi_status import BAD, NO_DATA, status_of, system_status
from airflow_provider_integrations.connectors.historian.samples import PAGE, Origin, ordinals_of

__all__ = ["Decoded", "Item", "PageError", "decode_items", "decode_page", "page_of"]

_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_EXACT = 2**53
_MESSAGE = 200
_FLAGS = re.compile(
    rb'"Good"\s*:\s*true\s*,\s*"Questionable"\s*:\s*false\s*,\s*"Substituted"\s*:\s*false\s*,\s*"Annotated"\s*:\s*false'
)
_INSTANT = pa.timestamp("ns", tz="UTC")
_ORIGINS = strings([Origin.ACTUAL, Origin.SUBSTITUTED])


class Item(msgspec.Struct, gc=False):
    """A timed value as the service gives it; one with `Errors` may lack all else."""

    Timestamp: str = ""
    Good: bool | None = None
    Value: Any = None
    Questionable: bool = False
    Substituted: bool = False
    Annotated: bool = False
    Errors: Any = None


_flags = attrgetter("Good", "Questionable", "Substituted", "Annotated", "Errors")
_GOOD = (True, False, False, False, None)


class _Exception(msgspec.Struct):
    StatusCode: int = 500


class _Page(msgspec.Struct):
    Items: list[Item] | None = None
    Errors: Any = None
    WebException: _Exception | None = None


class _Number(msgspec.Struct, gc=False):
    Timestamp: str
    Value: float


class _Numbers(msgspec.Struct):
    Items: list[_Number]


_PAGE = msgspec.json.Decoder(_Page)
_NUMBERS = msgspec.json.Decoder(_Numbers)


class PageError(Exception):
    """An answer that says itself that it is not whole; with the status that it should have had, or 0."""

    def __init__(self, status: int) -> None:
        super().__init__(f"an answer broken off with status {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Decoded:
    """A page of a stream.

    Args:
        ts: Nanoseconds since 1970 UTC, as they came.
        rows: In the schema `samples.PAGE`.
        rejected: How many rows are errors in place of values.
        broken: Whether an error without a time cut the page: what came after it is left out.
        ends_rejected: Whether the last row is one of the rejected.
    """

    ts: npt.NDArray[np.int64]
    rows: pa.RecordBatch
    rejected: int = 0
    broken: bool = False
    ends_rejected: bool = False


def decode_page(content: bytes | msgspec.Raw, *, numeric: bool | None, detail: str = "") -> Decoded:
    """Rows of an answer with `Items`.

    Args:
        content: JSON of one stream's answer.
        numeric: Whether the stream's type is one of numbers: then `"NaN"` is one, in a text stream it is a text.
        detail: Words for `quality_detail` that hold for all of them, e.g. `interpolated`.

    Raises:
        ValueError: it is no such answer, a timestamp is none, or a value says nothing of its quality.
        PageError: it says that an error broke it off.
    """
    plain = _plain_page(bytes(content), detail)
    if plain is not None:
        return plain
    page = _PAGE.decode(content)
    if page.WebException is not None:
        raise PageError(page.WebException.StatusCode)
    if page.Errors is not None or page.Items is None:
        raise PageError(0) if page.Errors is not None else ValueError("an answer without items")
    return decode_items(page.Items, numeric=numeric, detail=detail)


def decode_items(items: Sequence[Item], *, numeric: bool | None, detail: str = "") -> Decoded:
    """Rows of timed values in their order; as `decode_page`."""
    odd = [at for at, item in enumerate(items) if _flags(item) != _GOOD or not _is_plain(item.Value)]
    broken = next((at for at in odd if _is_error(items[at]) and not _is_time(items[at].Timestamp)), None)
    if broken is not None:
        items, odd = items[:broken], [at for at in odd if at < broken]
    count = len(items)
    ts = _instants([item.Timestamp for item in items])
    numbers: list[Any] = [item.Value for item in items]
    texts: list[str | None] = [None] * count
    states: list[str | None] = [None] * count
    details: list[str | None] = [detail or None] * count
    status = np.zeros(count, np.uint32)
    for at in odd:
        numbers[at], texts[at], states[at], status[at], details[at] = _read(items[at], numeric, detail)
    substituted = np.zeros(count, bool)
    substituted[[at for at in odd if items[at].Substituted]] = True
    rejected = [at for at in odd if _is_error(items[at])]
    rows = page_of(
        ts,
        column_of(
            np.array(numbers, np.float64), pa.float64(), valid=np.array([each is not None for each in numbers], bool)
        ),
        status,
        texts=strings(texts),
        states=strings(states),
        substituted=substituted,
        details=strings(details),
    )
    return Decoded(ts, rows, len(rejected), broken is not None, bool(rejected) and rejected[-1] == count - 1)


def page_of(
    ts: npt.NDArray[np.int64],
    numbers: pa.Array[Any],
    status: npt.NDArray[np.uint32],
    *,
    texts: pa.Array[Any] | None = None,
    states: pa.Array[Any] | None = None,
    substituted: npt.NDArray[np.bool_] | None = None,
    details: pa.Array[Any] | None = None,
) -> pa.RecordBatch:
    """Columns put together in the schema `samples.PAGE`; what is not given is null, and not substituted."""
    count = len(ts)
    nothing = pa.nulls(count, pa.string())
    origin = np.zeros(count, np.int8) if substituted is None else substituted.astype(np.int8)
    columns: list[pa.Array[Any]] = [
        column_of(ts, _INSTANT),
        column_of(ordinals_of(ts), pa.int32()),
        numbers,
        nothing if texts is None else texts,
        nothing if states is None else states,
        column_of(status, pa.uint32()),
        pa.DictionaryArray.from_arrays(column_of(origin, pa.int8()), _ORIGINS),
        nothing if details is None else details,
    ]
    return pa.RecordBatch.from_arrays(columns, schema=PAGE)


def _plain_page(content: bytes, detail: str) -> Decoded | None:
    """What most pages are: good numbers and nothing else; None for any other page.

    Services write all items alike, and no text can hold a quote that is not escaped: so the flags of all items are good where
    those of the first one are there as many times as there are items.
    """
    flags = _FLAGS.search(content)
    if flags is None or _has(content, b'"Errors"') or _has(content, b'"WebException"'):
        return None
    try:
        items = _NUMBERS.decode(content).Items
    except msgspec.ValidationError:
        return None
    if content.count(flags.group()) != len(items):
        return None
    numbers = np.array([item.Value for item in items], np.float64)
    if np.abs(numbers).max() >= _EXACT:
        return None  # It may have more digits than a double.
    ts = _instants([item.Timestamp for item in items])
    details = repeated(detail, len(items)) if detail else None
    return Decoded(ts, page_of(ts, column_of(numbers, pa.float64()), np.zeros(len(items), np.uint32), details=details))


def _has(content: bytes, name: bytes) -> bool:
    """Whether a name is there; its capital alone is looked for first, which most pages do not have, and many times as fast."""
    return name[1:2] in content and name in content


def _instants(texts: list[str]) -> npt.NDArray[np.int64]:
    return values_of(strings(texts).cast(_INSTANT), np.int64)


Row = tuple[float | None, str | None, str | None, int, str | None]


def _read(item: Item, numeric: bool | None, detail: str) -> Row:
    """Number, text, state, status and detail of one timed value."""
    if _is_error(item):
        return None, None, None, BAD, ",".join(filter(None, (detail, _rejected(item))))
    if item.Good is None:
        raise ValueError("a value that says nothing of its quality")
    status = status_of(good=item.Good, questionable=item.Questionable, substituted=item.Substituted)
    words = [detail, *(word for word, there in (
        ("annotated", item.Annotated), ("questionable", item.Questionable), ("substituted", item.Substituted)) if there
    )]  # fmt: skip
    number, text, state = None, None, None
    value = item.Value
    if isinstance(value, dict) and {"Name", "Value"} <= value.keys():
        state = str(value["Name"] or value["Value"])
        if value.get("IsSystem"):
            status = system_status(value)
            words.append("system")
    elif value is None:
        status = NO_DATA if item.Good else status
    else:
        number, text, state = _plain(value, numeric)
    return number, text, state, status, ",".join(filter(None, words)) or None


def _is_plain(value: Any) -> bool:
    """Whether it is a number that a double holds exactly."""
    kind = type(value)
    return kind is float or (kind is int and -_EXACT <= value <= _EXACT)


def _plain(value: Any, numeric: bool | None) -> tuple[float | None, str | None, str | None]:
    if isinstance(value, bool):
        return float(value), None, "true" if value else "false"
    if isinstance(value, float):
        return value, None, None
    if isinstance(value, int):
        try:
            return float(value), None if -_EXACT <= value <= _EXACT else str(value), None
        except OverflowError:
            return None, str(value), None
    if isinstance(value, str):
        return (_NOT_FINITE[value], None, None) if numeric and value in _NOT_FINITE else (None, value, None)
    return None, json.dumps(value, ensure_ascii=False, separators=(",", ":")), None


def _is_error(item: Item) -> bool:
    """Whether an error stands in place of a value, beside it or within it."""
    return item.Errors is not None or (isinstance(item.Value, dict) and "Errors" in item.Value)


def _rejected(item: Item) -> str:
    errors = item.Errors if item.Errors is not None else item.Value["Errors"]
    message = str(errors[0]) if isinstance(errors, list) and errors else str(errors or "")
    return f"rejected: {message.replace(',', ';')[:_MESSAGE]}" if message else "rejected"


def _is_time(text: str) -> bool:
    """Whether a timestamp is one; errors come with none, or with .NET's first or 1970's."""
    return bool(text) and not text.startswith(("0001-", "1970-01-01T00:00:00Z"))
