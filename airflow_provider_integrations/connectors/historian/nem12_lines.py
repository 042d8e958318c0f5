"""Lines of a file of records, and columns that grow while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from airflow_provider_integrations.connectors.historian.intervals import Readings
from airflow_provider_integrations.core.errors import RejectedError
from airflow_provider_integrations.core.reasons import Reason

__all__ = ["Growing", "lines_of"]

_CHUNK = 1 << 20
_LINE = 1 << 16
"""Bytes of the longest record; 288 values of 18 characters and five fields are 6,000."""


@dataclass(slots=True)
class Growing:
    """Columns that grow."""

    columns: list[list[Any]] = field(default_factory=lambda: [[] for _ in range(7)])
    count: int = 0

    def take(self) -> Readings:
        """What has come since it was asked last."""
        kinds = (np.int32, np.int64, np.int8, np.float64, np.int32, np.int64, np.int64)
        arrays = [np.concatenate(column).astype(kind) for column, kind in zip(self.columns, kinds, strict=True)]
        self.columns, self.count = [[] for _ in range(7)], 0
        return Readings(*arrays)


def lines_of(stream: Any) -> Iterator[tuple[int, str]]:
    """Lines with their numbers from 1."""
    rest, number = b"", 0
    while chunk := stream.read(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            number += 1
            yield number, _text(line, number)
        if len(rest) > _LINE:
            raise RejectedError(Reason.UNREADABLE, "a line is longer than any record", line=number + 1)
    if rest:
        yield number + 1, _text(rest, number + 1)


def _text(line: bytes, number: int) -> str:
    if len(line) > _LINE:
        raise RejectedError(Reason.UNREADABLE, "a line is longer than any record", line=number)
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        # Free text of other encodings; what counts is ASCII.
        return line.decode("latin-1")
