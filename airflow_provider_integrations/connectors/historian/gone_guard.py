"""How many samples a reading may call gone: a server whose archive is away answers old windows with nothing and no error.

>>> check_gone("plant1", [Reread("flow", 1000, 4)])
>>> check_gone("plant1", [Reread("flow", 1000, 1000)])  # doctest: +IGNORE_EXCEPTION_DETAIL
Traceback (most recent call last):
ReconciliationError: more samples would be gone than may be ...
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_provider_integrations.core.errors import ReconciliationError

__all__ = ["FLOOR", "Reread", "check_gone"]

FLOOR = 10
"""So many samples, of a tag or of a source, may go whatever the share: one of two that are known is half of them."""

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Reread:
    """One tag in windows that were read again.

    Args:
        tag: Its name.
        known: Its samples that were known before in those windows.
        gone: Of these, those that the last reading has not.
    """

    tag: str
    known: int
    gone: int


def check_gone(source: str, tags: Sequence[Reread], *, share: float = 0.2, allow: bool = False) -> None:
    """Refuse to call more samples gone than may be, of any one tag or of all together.

    Args:
        source: Its name.
        tags: Each once.
        share: Of the known samples, what may go.
        allow: A person has looked, and lets any number go.

    Raises:
        ReconciliationError: more would go; nothing may be marked as deleted.
    """
    if allow:
        return
    known, gone = sum(each.known for each in tags), sum(each.gone for each in tags)
    over = [each for each in tags if _is_over(each.known, each.gone, share)]
    if not over and not _is_over(known, gone, share):
        return
    worst = sorted(over or tags, key=lambda each: (-each.gone, each.tag))
    raise ReconciliationError(
        "more samples would be gone than may be",
        source=source,
        known=known,
        gone=gone,
        allowed=share,
        tags_over=len(over),
        most={each.tag: f"{each.gone} of {each.known}" for each in worst[:_SHOWN]},
        next_step="Look whether the historian's archive is there as a whole. When it is, read the span again (`from`, `to`)."
        " If the samples are really gone, run historian_backfill__"
        f'{source} once with {{"allow_gone": true}}. Until then none is marked, and the watermark stays.',
    )


def _is_over(known: int, gone: int, share: float) -> bool:
    return gone > FLOOR and gone > share * known
