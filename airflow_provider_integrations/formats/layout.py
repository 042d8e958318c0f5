"""Matches a file's header to its contract: which field is which column, and what differs."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import RejectedError
from airflow_provider_integrations.core.reasons import Reason

__all__ = ["Layout", "match_header", "without_header"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each column of the contract is in the file: `positions[i]` for column i, None where the file lacks it.

    `drift` has the keys `new`, `missing`, `reordered` and `respelled`, each only where there is something to report.
    """

    positions: tuple[int | None, ...]
    fields: int
    drift: dict[str, list[str]]


def without_header(contract: Contract) -> Layout:
    """A file without a header has the contract's columns in the contract's order."""
    count = len(contract.columns)
    return Layout(tuple(range(count)), count, {})


def match_header(contract: Contract, header: list[str]) -> Layout:
    """Find the contract's columns by name; case and blanks around a name do not matter (Snowflake folds case as well).

    Raises:
        RejectedError: COLUMNS_MISSING if a column is missing that is not nullable, COLUMNS_UNKNOWN if the contract says
            `unknown_columns: fail` and there is one, UNREADABLE if a column of the contract is there twice.
    """
    folded = [name.strip().casefold() for name in header]
    wanted = [column.name.casefold() for column in contract.columns]
    twice = [c.name for c, name in zip(contract.columns, wanted, strict=True) if folded.count(name) > 1]
    if twice:
        raise RejectedError(Reason.UNREADABLE, "columns stand in the header twice", columns=twice)
    positions = tuple(folded.index(name) if name in folded else None for name in wanted)
    found = [(column, at) for column, at in zip(contract.columns, positions, strict=True) if at is not None]
    absent = [column for column, at in zip(contract.columns, positions, strict=True) if at is None]
    if required := [column.name for column in absent if not column.nullable]:
        raise RejectedError(Reason.COLUMNS_MISSING, columns=required, found=len(header))
    new = [name.strip()[:128] for name, fold in zip(header, folded, strict=True) if fold not in wanted]
    if new and contract.unknown_columns == "fail":
        raise RejectedError(Reason.COLUMNS_UNKNOWN, columns=new)
    order = [at for _, at in found]
    drift = {
        "new": new,
        "missing": [column.name for column in absent],
        "reordered": [column.name for (column, at), due in zip(found, sorted(order), strict=True) if at != due],
        "respelled": [column.name for column, at in found if header[at] != column.name],
    }
    return Layout(positions, len(header), {kind: names for kind, names in drift.items() if names})
