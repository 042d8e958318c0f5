"""Cuts found by halving a span of numbers or instants, and again the half with the most rows by the optimiser's estimate.

An estimate is a dive into the index, whatever the table's size; only its proportions count. Values that many rows share are cut
by the next column.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa

from airflow_provider_integrations.connectors.odbc import statements
from airflow_provider_integrations.connectors.odbc.dialects import Dialect
from airflow_provider_integrations.connectors.odbc.dialects.sampling import (
    ends_of,
    estimated_rows,
    number_of,
    text_of_number,
)
from airflow_provider_integrations.connectors.odbc.model import Bookmark, Edge, KeyRange, ReadColumn, TableQuery
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.core.watermark import Bound

__all__ = ["halve", "keys_alone", "keys_as_text"]

PIECES = 6
"""Of a shard, whose rows are estimated; the cuts lie between them."""

LEAST_PIECE = 20_000
"""Rows of a piece: InnoDB counts few rows exactly and about doubles the others, so that only like may stand beside like."""

_DEPTH = 40  # Halvings that lead into the thick of rows, beyond those that part them.


class NoEstimateError(Exception):
    """The optimiser reads no range of an index for this, or a value has no number."""


def keys_alone(query: TableQuery) -> TableQuery:
    """The same rows without their columns, so that an index alone answers."""
    return replace(query, columns=())


def keys_as_text(dialect: Dialect, query: TableQuery) -> TableQuery:
    """The same rows, of which the keyset's lossless texts are read."""
    columns = [
        ReadColumn(f"k{at}", dialect.text_of(dialect.quote(column.name), column.type), None, pa.string())
        for at, column in enumerate(query.keyset.columns, 1)
    ]
    return replace(query, columns=tuple(columns))


def halve(
    session: OdbcSession, query: TableQuery, key_range: KeyRange, shards: int, rows: int
) -> list[Bookmark] | None:
    """Bookmarks of rows that stand at about equal distances; None where there are no numbers or no estimates.

    Args:
        session: Of an engine whose plans tell the rows of a range.
        query: The table; its filter is left out of the estimates.
        key_range: What is to be cut.
        shards: How many parts are wanted.
        rows: Estimated in the range.
    """
    if query.template is not None or rows < PIECES * shards * LEAST_PIECE:
        return None
    try:
        pieces = _Search(session, replace(query, columns=(), filter=None), key_range).pieces(shards)
    except NoEstimateError:
        return None
    texts, found = keys_as_text(session.dialect, query), []
    for edge in _quantiles(pieces, shards, query):
        part = KeyRange(Edge(edge, Bound.CLOSED), key_range.high)
        first = session.rows(statements.page(session.dialect, texts, part, 1))
        found += [tuple(str(value) for value in row) for row in first]
    return found


@dataclass(frozen=True, slots=True)
class _Piece:
    """Rows with a prefix whose next value is from `low` to `high`, about `rows` of them."""

    prefix: Bookmark
    low: int
    high: int
    rows: int


class _Search:
    def __init__(self, session: OdbcSession, query: TableQuery, key_range: KeyRange) -> None:
        self._session, self._query, self._range = session, query, key_range

    def pieces(self, shards: int) -> list[_Piece]:
        """Of the whole range, in order, none with more rows than a small part of a shard, if that can be."""
        found = [self._whole(())]
        for _ in range(PIECES * shards + _DEPTH):
            largest = max(found, key=lambda piece: piece.rows)
            if largest.rows <= sum(piece.rows for piece in found) / (PIECES * shards):
                break
            at = found.index(largest)
            parts = self._parts(largest)
            if parts is None:
                break
            found[at : at + 1] = parts
        return found

    def _parts(self, piece: _Piece) -> list[_Piece] | None:
        if piece.low < piece.high:
            middle = (piece.low + piece.high) // 2
            return [self._piece(piece.prefix, *ends) for ends in ((piece.low, middle), (middle + 1, piece.high))]
        if len(piece.prefix) + 1 == len(self._query.keyset.columns):
            return None
        return [self._whole((*piece.prefix, _text(self._query, piece.prefix, piece.low)))]  # Rows that share a value.

    def _whole(self, prefix: Bookmark) -> _Piece:
        kind = self._query.keyset.columns[len(prefix)].type
        ends = self._session.rows(ends_of(self._session.dialect, self._query, prefix))[0]
        numbers = [number_of(kind, end) if end is not None else None for end in ends]
        low, high = numbers
        if low is None or high is None:
            raise NoEstimateError
        return self._piece(prefix, low, high)

    def _piece(self, prefix: Bookmark, low: int, high: int) -> _Piece:
        dialect, keyset = self._session.dialect, self._query.keyset
        conditions = [
            statements.above(dialect, keyset, Edge((*prefix, _text(self._query, prefix, low)), Bound.CLOSED)),
            statements.below(dialect, keyset, Edge((*prefix, _text(self._query, prefix, high)), Bound.CLOSED)),
            *([statements.above(dialect, keyset, self._range.low)] if self._range.low is not None else []),
            *([statements.below(dialect, keyset, self._range.high)] if self._range.high is not None else []),
        ]
        explain = dialect.explain(statements.count(dialect, self._query, conditions))
        rows = estimated_rows(dialect, self._session.rows(explain)) if explain is not None else None
        if rows is None:
            raise NoEstimateError
        return _Piece(prefix, low, high, rows)


def _quantiles(pieces: list[_Piece], shards: int, query: TableQuery) -> list[Bookmark]:
    """The upper ends of the pieces that lie nearest to equal parts."""
    total = sum(piece.rows for piece in pieces)
    below, found = 0, list[Bookmark]()
    for piece in pieces[:-1]:
        target = total * (len(found) + 1) / shards
        if len(found) < shards - 1 and below + piece.rows + piece.rows / 2 >= target:
            found.append((*piece.prefix, _text(query, piece.prefix, piece.high)))
        below += piece.rows
    return found


def _text(query: TableQuery, prefix: Bookmark, number: int) -> str:
    return text_of_number(query.keyset.columns[len(prefix)].type, number)
