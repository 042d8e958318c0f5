"""Whether two rows that follow each other are of one tuple, where no primary key proves that there are no such.

Rows of one tuple stand together in the keyset's order, so that each is compared with the one before it alone.

    >>> batch = pa.record_batch({"u": [1, 1, 2], "id": [7, 7, 7]})
    >>> repeated(None, batch, ("u", "id")), repeated(batch.slice(1, 1), batch.slice(2), ("u", "id"))
    (1, 0)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

from airflow_provider_integrations.connectors.odbc.model import TableQuery
from airflow_provider_integrations.core.errors import StateConflictError
from airflow_provider_integrations.formats.arrow import pa, pc

__all__ = ["check_tuples", "column_named", "repeated"]


def check_tuples(query: TableQuery, before: Any, batch: Any) -> None:
    """Refuse rows of one tuple.

    Args:
        query: What is read, of which no primary key is declared.
        before: The batch before of the same page; None for its first.
        batch: Rows in order.

    Raises:
        StateConflictError: there are such; after the merge one of them would be lost.
    """
    rows = repeated(before, batch, query.keyset.names)
    if rows:
        raise StateConflictError(
            "the key does not name exactly one row",
            rows=rows,
            key=[column.name for column in query.keyset.key],
            next_step="Declare a primary key at the source, or name columns as the key that tell its rows apart.",
        )


def repeated(before: Any, batch: Any, names: Sequence[str]) -> int:
    """How many rows of a batch have the tuple of the row before them; no value equals NULL."""
    same = []
    for name in names:
        column = column_named(batch, name)
        if before is not None:
            column = pa.concat_arrays([column_named(before, name).slice(before.num_rows - 1), column])
        same.append(pc.equal(column.slice(1), column.slice(0, len(column) - 1)))
    return int(pc.sum(reduce(pc.and_kleene, same)).as_py() or 0)


def column_named(batch: Any, name: str) -> Any:
    """The column of a keyset's name, which the contract may spell with other letters."""
    at = batch.schema.get_field_index(name)
    if at < 0:
        (at,) = (i for i, each in enumerate(batch.schema.names) if each.casefold() == name.casefold())
    return batch.column(at)
