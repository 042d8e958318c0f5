"""Values of a node as the columns of a page: each in its one place, with its quality whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from airflow_provider_integrations.connectors.historian.columns import numbers, texts
from airflow_provider_integrations.connectors.historian.opcua_decode import BOOLEAN, NUMBER, TEXT, WHOLE, Values
from airflow_provider_integrations.connectors.historian.opcua_status import is_bound, words_of
from airflow_provider_integrations.connectors.historian.samples import PAGE, Origin, ordinals_of

__all__ = ["PageMaker"]

_ORIGINS = texts([Origin.ACTUAL, Origin.ESTIMATED, Origin.SUBSTITUTED])
_ESTIMATED = {"interpolated", "calculated"}
_SUBSTITUTED = {"substituted", "override"}


@dataclass(frozen=True, slots=True)
class PageMaker:
    """Makes pages of one node.

    Args:
        states: Names by number where its whole numbers are those of states: an enumeration, or a discrete item.
        true: What its `true` is called.
        false: What its `false` is called.
    """

    states: Mapping[int, str] = field(default_factory=dict)
    true: str = "true"
    false: str = "false"

    def __call__(self, values: Values, *, begin: int | None = None, end: int | None = None) -> pa.RecordBatch:
        """In the schema `samples.PAGE`; what lies outside of `begin` and `end` is marked as a bound.

        An interpolated or calculated value was not read off anything: its origin is estimated. One that an operator
        forced, or that the device put in its place, is substituted.
        """
        kind, number = values.kind, values.number
        named = bool(self.states)
        numeric = (kind == NUMBER) | (kind == BOOLEAN) | (kind == WHOLE)
        if named:
            numeric &= kind != WHOLE
        details, origins = self._qualities(values, begin, end)
        columns = [
            numbers(values.ts, PAGE.field("ts").type),
            numbers(ordinals_of(values.ts), pa.int32()),
            numbers(number, pa.float64(), valid=numeric),
            _sparse(self._texts(values), len(values)),
            self._states(values, named=named),
            numbers(values.status, pa.uint32()),
            pa.DictionaryArray.from_arrays(numbers(origins, pa.int8()), _ORIGINS),
            details,
        ]
        return pa.RecordBatch.from_arrays(columns, schema=PAGE)

    def _texts(self, values: Values) -> dict[int, str]:
        if not self.states:
            return values.texts
        return {at: text for at, text in values.texts.items() if values.kind[at] == TEXT}

    def _states(self, values: Values, *, named: bool) -> pa.Array[pa.StringScalar]:
        """Names of booleans and states; a number that has no name is told by itself."""
        kind, number = values.kind, values.number
        names = {-1: None, 0: self.false, 1: self.true}
        code = np.where(kind == BOOLEAN, number != 0, -1).astype(np.int64)
        if named:
            whole = np.flatnonzero(kind == WHOLE)
            found, place = np.unique(number[whole], return_inverse=True)
            code[whole] = place + 2
            names |= {at + 2: self.states.get(int(each), str(int(each))) for at, each in enumerate(found.tolist())}
        elif not (kind == BOOLEAN).any():
            return pa.nulls(len(values), pa.string())
        # The first name is null: places count from there.
        return texts(names.values()).take(numbers(code + 1, pa.int64()))

    def _qualities(
        self, values: Values, begin: int | None, end: int | None
    ) -> tuple[pa.Array[pa.StringScalar], npt.NDArray[np.int8]]:
        """What is said of each value's quality, and where it comes from: few codes, so each is looked at once."""
        found, place = np.unique(values.status, return_inverse=True)
        words = [words_of(int(code)) for code in found.tolist()]
        kinds = [set(word.split(",")) for word in words]
        by_code = np.array([1 if kind & _ESTIMATED else 2 if kind & _SUBSTITUTED else 0 for kind in kinds], np.int8)
        origins = by_code[place] if len(found) else np.zeros(0, np.int8)
        bound = np.array([is_bound(int(code)) for code in found.tolist()], bool)[place] if len(found) else origins != 0
        outside = (values.ts < begin) if begin is not None else np.zeros(len(values), bool)
        if end is not None:
            outside |= values.ts >= end
        bound = bound | outside
        special = np.flatnonzero(bound | values.by_server)
        if not any(words) and not len(special) and not values.notes:
            return pa.nulls(len(values), pa.string()), origins
        if not len(special) and not values.notes:
            return texts(word or None for word in words).take(numbers(place, pa.int64())), origins
        told: list[str | None] = []
        for at, code in enumerate(place.tolist()):
            parts = [words[code]] if words[code] else []
            parts += ["bound"] * bool(bound[at]) + ["server_timestamp"] * bool(values.by_server[at])
            parts += [values.notes[at]] if at in values.notes else []
            told.append(",".join(parts) or None)
        return texts(told), origins


def _sparse(found: Mapping[int, str], rows: int) -> pa.Array[pa.StringScalar]:
    if not found:
        return pa.nulls(rows, pa.string())
    return texts(found.get(at) for at in range(rows))
