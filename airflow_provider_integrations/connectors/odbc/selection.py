"""What a position was read with: the filter, the columns, the contract.

A bookmark says how far a table was read, and nothing of which of its rows: with another filter, rows behind it would never be
read, and a column that came later is empty in all rows that were read before.

    >>> before = Selection(filter="open = 1", columns=("id",), contract="c1")
    >>> compare(before, Selection(filter="open = 1", columns=("id", "note"), contract="c2"))[0][:22]
    'new columns are note: '
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from airflow_provider_integrations.connectors.odbc.model import TableQuery
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import StateConflictError

__all__ = ["Selection", "compare", "rows_of", "selection_from", "selection_of"]

Rows = tuple[str | None, str | None]
"""The filter, and the digest of the extraction SQL: what decides which rows there are."""

_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows and columns runs have read.

    Args:
        filter: The SQL condition on rows.
        template: Digest of the extraction SQL, which may have conditions too.
        columns: Names in order.
        contract: Digest of what the rows were typed by.
        begin: Where the source begins.
    """

    filter: str | None = None
    template: str | None = None
    columns: tuple[str, ...] = ()
    contract: str = ""
    begin: str = "beginning"

    @property
    def rows(self) -> Rows:
        """What decides which rows there are."""
        return self.filter, self.template


def rows_of(filter: str | None, template: str | None) -> Rows:
    """The part of a selection that needs no session."""
    digest = hashlib.sha256(template.strip().encode()).hexdigest()[:_DIGITS] if template is not None else None
    return (filter or "").strip() or None, digest


def selection_of(query: TableQuery, contract: Contract, begin: str) -> Selection:
    """What a run that is planned now would read."""
    names = tuple(column.name for column in query.columns)
    return Selection(*rows_of(query.filter, query.template), names, contract.digest[:_DIGITS], begin)


def selection_from(raw: Any) -> Selection | None:
    """From JSON values; None from None.

    Raises:
        ValueError, TypeError, KeyError: they are no selection.
    """
    if raw is None:
        return None
    texts = [raw["contract"], raw["begin"], *raw["columns"]]
    texts += [raw[name] for name in ("filter", "template") if raw[name] is not None]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("a selection is of texts")
    return Selection(**{**raw, "columns": tuple(raw["columns"])})


def compare(before: Selection | None, now: Selection) -> tuple[str, ...]:
    """Warnings of what rows behind a position lack that are read from now on; none where it is not known.

    Raises:
        StateConflictError: other rows are asked for, and those behind the position would never be read.
    """
    if before is None:
        return ()
    if before.rows != now.rows:
        of_filter = before.filter != now.filter
        raise StateConflictError(
            "the filter was changed: rows behind the bookmark that only the new one lets through would never be read"
            if of_filter
            else "the extraction SQL was changed: rows behind the bookmark that only the new one gives would never be read",
            read_with=before.filter if of_filter else before.template,
            asked_for=now.filter if of_filter else now.template,
            next_step="Rewind the source to `beginning` with a reason (or to where it stands, if no earlier row is"
            " concerned); on the command line name another state file and an empty folder. Or take the change back.",
        )
    found = []
    if new := [name for name in now.columns if name not in before.columns]:
        found.append(f"new columns are {', '.join(new)}: rows read before lack them until the table is read in full")
    elif before.contract != now.contract:
        found.append(
            "the contract (without one: the table's types) was changed: rows read before stay as they were typed, and"
            " those rejected before stay out until the table is read in full"
        )
    if before.begin != now.begin:
        found.append(
            f"the source began at {before.begin} and begins at {now.begin} now: rows behind the bookmark need a backfill"
        )
    return tuple(found)
