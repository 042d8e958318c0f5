"""Where a table's extraction stands between two runs, and how the ledger keeps it.

A position is the last row's bookmark and, where the engine has one, the horizon: the transactions that were open when the
last run began. No uncommitted row lies behind a position: it is above the bookmark, or its transaction is at or above
the horizon. Bookmarks are compared by the server alone, so the ledger orders positions by a number that counts their moves.

    >>> Position(("2025-11-05 10:00:00+00", "17"), "731").to_json()
    '{"bookmark": ["2025-11-05 10:00:00+00", "17"], "horizon": "731"}'
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

from airflow_provider_integrations.connectors.odbc.model import Bookmark
from airflow_provider_integrations.connectors.odbc.selection import Selection, selection_from
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.core.watermark import Watermark

__all__ = ["BEGINNING", "Position", "by_hand", "position_of", "watermark_of"]


@dataclass(frozen=True, slots=True)
class Position:
    """The bookmark, None before the first row; and the horizon, None where there is none.

    `selection` is what was read up to there, None where it is not known: set by hand, or by a version that kept none. It is no
    part of the place.
    """

    bookmark: Bookmark | None = None
    horizon: str | None = None
    selection: Selection | None = field(default=None, compare=False)

    def to_json(self) -> str:
        """Canonical JSON."""
        bookmark = None if self.bookmark is None else list(self.bookmark)
        known = {} if self.selection is None else {"selection": asdict(self.selection)}
        return json.dumps({"bookmark": bookmark, "horizon": self.horizon, **known}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Position:
        """Read what `to_json` wrote.

        Raises:
            ConfigError: when the text is no position.
        """
        try:
            data = json.loads(text)
            bookmark, horizon = data["bookmark"], data["horizon"]
            texts = [*(bookmark if bookmark is not None else ()), *([horizon] if horizon is not None else [])]
            if not all(isinstance(value, str) for value in texts) or set(data) - {"bookmark", "horizon", "selection"}:
                raise ValueError(text)
            selection = selection_from(data.get("selection"))
            return cls(None if bookmark is None else tuple(bookmark), horizon, selection)
        except (ValueError, KeyError, TypeError):
            raise ConfigError(
                "not a position of a table",
                next_step="Restore it, or rewind the source with a reason.",
            ) from None


BEGINNING = Position()


def watermark_of(position: Position, moves: int, engine: str) -> Watermark:
    """The ledger's form: `moves` counts how often it moved, which is its order."""
    return Watermark((moves, position.to_json()), engine=engine)


def by_hand(text: str, before: Sequence[Watermark], engine: str | None = None) -> Watermark:
    """A watermark that a person sets: `beginning`, or a position as its JSON.

    Its number is behind all that there were, so that no run of an earlier position can be taken for one of this.

    Args:
        text: What was written.
        before: Every watermark that the source ever had, the first first; at least one.
        engine: Another engine than the last one's, as the error about it names it, e.g. after an upgrade.

    Raises:
        ConfigError: when the text is no position.
    """
    # Also of a position that is copied as it was shown: who sets it, with a reason, may have changed the filter.
    position = BEGINNING if text.strip() == "beginning" else replace(Position.from_json(text), selection=None)
    moves = max(int(str(each.cursor[0])) for each in before)
    return watermark_of(position, moves + 1, engine or before[-1].engine)


def position_of(watermark: Watermark, engine: str) -> tuple[Position, int]:
    """The position and how often it moved.

    Raises:
        StateConflictError: when it is of another engine, database or order.
    """
    if watermark.engine != engine:
        raise StateConflictError(
            "the source is not the one that the watermark is of",
            watermark_of=watermark.engine,
            source=engine,
            next_step="Connect to the right database, or rewind the source to a position of this one, with a reason.",
        )
    moves, text = watermark.cursor[0], watermark.cursor[1]
    return Position.from_json(str(text)), int(str(moves))
