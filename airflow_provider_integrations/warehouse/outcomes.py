"""Reads what PUT and COPY answer, file by file; anything but complete success is an error.

COPY says `LOADED`, `PARTIALLY_LOADED`, `LOAD_FAILED` or `LOAD_SKIPPED` for each file, or one row that says that it
processed 0 files; PUT says `UPLOADED` or `SKIPPED`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_integrations.core.errors import ReconciliationError

__all__ = ["check_copy", "check_counts", "check_put"]


def check_put(rows: Sequence[Mapping[str, Any]], expected: Mapping[str, int]) -> None:
    """Each expected file was uploaded, with its size.

    `SKIPPED` means that a file of that name was there. Names hold the id of the attempt, and PUT overwrites, so it
    cannot be ours.

    Args:
        rows: The result of PUT, columns in lower case.
        expected: Bytes by file name.

    Raises:
        ReconciliationError: that names the files.
    """
    found = {str(row["target"]): row for row in rows}
    wrong = [
        f"{name}: {found[name]['status'] if name in found else 'not in the answer'}"
        for name, size in expected.items()
        if name not in found
        or str(found[name]["status"]).upper() != "UPLOADED"
        or int(found[name]["source_size"]) != size
    ]
    if wrong or len(found) != len(expected):
        raise ReconciliationError(
            f"PUT did not upload what it should: {'; '.join(wrong) or 'it uploaded more files'}",
            files=len(found),
            expected=len(expected),
            next_step="Run the load again; if it stays, look at the stage and its encryption.",
        )


def check_copy(rows: Sequence[Mapping[str, Any]], expected: Mapping[str, int]) -> int:
    """Each expected file was loaded, whole, and no other.

    Args:
        rows: The result of COPY, columns in lower case.
        expected: Rows by file name.

    Returns:
        The rows loaded.

    Raises:
        ReconciliationError: that names the files, their status and their counts.
    """
    if any("file" not in row for row in rows) or not rows:
        said = str(rows[0].get("status", "nothing")) if rows else "nothing"
        raise ReconciliationError(
            "COPY processed no files",
            said=said,
            expected=len(expected),
            next_step="Check that PUT and COPY name the same stage path.",
        )
    found = {str(row["file"]).rsplit("/", 1)[-1]: row for row in rows}
    wrong = []
    for name, count in expected.items():
        row = found.get(name)
        if row is None:
            wrong.append(f"{name}: not in the answer")
        elif str(row["status"]).upper() != "LOADED":
            wrong.append(f"{name}: {row['status']}, {row.get('errors_seen')} errors")
        elif int(row["rows_loaded"]) != count or int(row["rows_parsed"]) != count:
            wrong.append(f"{name}: {row['rows_loaded']} of {count} rows")
    wrong += [f"{name}: nobody asked for it" for name in found if name not in expected]
    if wrong:
        raise ReconciliationError(
            f"COPY did not load what it should: {'; '.join(wrong[:10])}",
            files=len(found),
            expected=len(expected),
            next_step="Nothing was merged; look at VALIDATE for the COPY's query id.",
        )
    return sum(int(row["rows_loaded"]) for row in rows)


def check_counts(what: str, found: Mapping[str, int], expected: Mapping[str, int]) -> None:
    """Two counts agree for each name; a name that is missing counts 0.

    Raises:
        ReconciliationError: that names the differences.
    """
    differences = [
        f"{name}: {found.get(name, 0)} instead of {expected.get(name, 0)}"
        for name in sorted({*found, *expected})
        if found.get(name, 0) != expected.get(name, 0)
    ]
    if differences:
        raise ReconciliationError(
            f"{what}: {'; '.join(differences[:10])}",
            differences=len(differences),
            next_step="Nothing was merged; the load can run again.",
        )
