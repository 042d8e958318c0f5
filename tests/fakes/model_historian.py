"""A historian that is no server: seeded samples with runs of equal instants, in pages of about `cap` that split no run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from airflow_provider_integrations.connectors.historian.model import Page, Span, Tag, WindowTooLargeError
from airflow_provider_integrations.connectors.historian.samples import PAGE, Origin, ordinals_of

__all__ = ["ModelHistorian", "history", "instants_of"]

_BAD = 0x80340000
_STATES = pa.array(["I/O Timeout", "Shutdown"])


def history(seed: int, rows: int, span: Span, *, runs: int = 0) -> pa.RecordBatch:
    """Samples of one tag, ascending; `runs` times up to 40 neighbours have the same instant.

    Args:
        seed: The same gives the same.
        rows: How many; at least 50 for each run.
        span: In which they lie.
        runs: How many runs.
    """
    dice = np.random.default_rng(seed)
    # 100 ns ticks, as PI and OPC UA have them.
    ts = np.sort(dice.integers(span.begin // 100, span.end // 100, rows)) * 100
    # Apart from each other, so that none is longer than that.
    for place in dice.choice(rows // 50, runs, replace=False) * 50:
        end = place + int(dice.integers(2, 40))
        ts[place:end] = ts[place]
    number = np.round(dice.normal(50, 10, rows), 3)
    kind = dice.integers(0, 100, rows)
    states = _STATES.take(pa.array(dice.integers(0, 2, rows)))
    bad = pa.array(kind < 2)
    origins = pa.DictionaryArray.from_arrays(
        pa.array((kind > 97).astype(np.int8)), pa.array([Origin.ACTUAL, Origin.SUBSTITUTED], pa.string())
    )
    nothing = pa.nulls(rows, pa.string())
    columns = [
        pa.array(ts).cast(PAGE.field("ts").type),
        pa.array(ordinals_of(ts)),
        pa.array(number, mask=kind < 2),
        nothing,
        pa.compute.if_else(bad, states, pa.scalar(None, pa.string())),
        pa.array(np.where(kind < 2, _BAD, 0).astype(np.uint32)),
        origins,
        nothing,
    ]
    return pa.RecordBatch.from_arrays(columns, schema=PAGE)


class ModelHistorian:
    """Reads from memory, as a reader of a real protocol does from its server.

    Args:
        series: Samples by the tag's address.
        cap: Samples of a page; one instant is never split.
        most: Samples of a window, beyond which it is refused; 0 for any number.
    """

    def __init__(self, series: dict[str, pa.RecordBatch], *, cap: int = 1_000, most: int = 0) -> None:
        self._series, self._cap, self._most = series, cap, most
        self._instants = {address: instants_of(batch) for address, batch in series.items()}
        self.windows: list[tuple[tuple[str, ...], Span]] = []

    async def read(self, tags: Sequence[Tag], span: Span) -> AsyncIterator[Page]:
        self.windows.append((tuple(tag.name for tag in tags), span))
        for tag in tags:
            batch, ts = self._series[tag.address], self._instants[tag.address]
            at, end = (int(place) for place in np.searchsorted(ts, (span.begin, span.end)))
            if self._most and end - at > self._most:
                raise WindowTooLargeError("too many values", values=end - at)
            while end - at > self._cap:
                # To the end of the run that the cap falls into.
                cut = int(np.searchsorted(ts, ts[at + self._cap - 1], side="right"))
                if cut >= end:
                    break
                yield Page(tag.name, batch.slice(at, cut - at), int(ts[cut - 1]) + 1)
                at = cut
            yield Page(tag.name, batch.slice(at, end - at), span.end)


def instants_of(batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """When each sample is, in nanoseconds."""
    return batch.column("ts").to_numpy(zero_copy_only=False).view(np.int64)
