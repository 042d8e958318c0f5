"""How far a backfill is, how fast it is and when it will end; the clock is the caller's.

Done is told in time, not in samples: how many samples are to come nobody knows before they are read.

>>> Progress(total=100.0, done=60.0, before=20.0, samples=8_000, elapsed=4.0).eta
4.0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Progress"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands.

    Args:
        total: Seconds of all tags' windows together.
        done: Of these, how many are read.
        before: Of these, how many were read when this run began.
        samples: Read by this run.
        elapsed: Seconds since it began.
    """

    total: float
    done: float
    before: float
    samples: int
    elapsed: float

    @property
    def share(self) -> float:
        """Of all, from 0 to 1; 1 only where nothing is left."""
        return self.done / self.total if self.total else 1.0

    @property
    def rate(self) -> float:
        """Samples a second; 0 before the first."""
        return self.samples / self.elapsed if self.elapsed > 0 else 0.0

    @property
    def eta(self) -> float | None:
        """Seconds until the end at the pace so far; none while there is no pace to go by."""
        left, gained = self.total - self.done, self.done - self.before
        if left <= 0:
            return 0.0
        return left * self.elapsed / gained if gained > 0 and self.elapsed > 0 else None

    def as_json(self) -> dict[str, Any]:
        """As values for a ledger, a log or a page."""
        eta = self.eta
        return {
            "seconds_total": self.total,
            "seconds_done": self.done,
            "share": round(self.share, 6),
            "samples": self.samples,
            "samples_per_second": round(self.rate, 1),
            "eta_seconds": None if eta is None else round(eta, 1),
        }
