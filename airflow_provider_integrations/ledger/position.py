"""How far a file source has come: the watermark follows the items, never the other way round.

The position is the tuple (sequence, business date). It moves to the last number up to which every number came and was
settled, so that a missing file keeps it back and stays reported until it comes or someone rewinds with a reason. A
source without sequence numbers has 0 for all, and moves by date.
"""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_integrations.core.errors import StateConflictError, WatermarkLostError
from airflow_provider_integrations.core.watermark import Watermark
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["follow", "next_position"]

Position = tuple[int, str]

_LOADED = (State.LOADED, State.ARCHIVED)
_SETTLED = (*_LOADED, State.QUARANTINED, State.DUPLICATE)


def next_position(position: Position | None, settled: Iterable[Position]) -> Position | None:
    """The position after the settled (sequence, business date) pairs; None if it does not move.

    >>> next_position((3, "2025-11-01"), [(4, "2025-11-02"), (6, "2025-11-04")])
    (4, '2025-11-02')
    """
    pairs = sorted(set(settled))
    if not pairs:
        return None
    at = position if position is not None else (pairs[0][0] - 1, "")
    for sequence, day in pairs:
        if sequence > at[0] + 1:
            break
        at = max(at, (sequence, day))
    return at if at != position else None


def follow(ledger: Ledger, source: str) -> Watermark | None:
    """Bring the watermark of a source after its settled items; gives it.

    It begins at the lowest number that was loaded. A refused file proves nothing about its sender, and must not say
    where a source begins; without numbers it does not say how far it has come either.

    Raises:
        WatermarkLostError: the source has archived items and no watermark: someone removed it.
        StateConflictError: others moved the watermark at the same time, twice.
    """
    try:
        return _follow(ledger, source)
    except StateConflictError:
        return _follow(ledger, source)  # Another run was faster; what it left to do is done now.


def _follow(ledger: Ledger, source: str) -> Watermark | None:
    current = ledger.watermarks.get(source)
    if current is None and ledger.items.positions(source, [State.ARCHIVED]):
        raise WatermarkLostError(
            "the source has loaded before and has no watermark",
            source=source,
            next_step="Restore the ledger, or set the position with `integrations ledger watermark --rewind-to`.",
        )
    at = (int(str(current.cursor[0])), str(current.cursor[1])) if current else None
    loaded = ledger.items.positions(source, _LOADED, after=at[0] if at else None)
    settled = ledger.items.positions(source, _SETTLED, after=at[0] if at else None)
    if at is None:
        if not loaded:
            return None
        at = (loaded[0][0] - 1, "")
    is_numbered = any(sequence for sequence, _ in settled)
    moved = next_position(at, settled if is_numbered else loaded)
    if moved is None:
        return current
    if current is None:
        return ledger.watermarks.begin(source, Watermark(moved))
    return ledger.watermarks.advance(source, current, Watermark(moved, engine=current.engine))
