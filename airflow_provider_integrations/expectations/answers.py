"""What the gate keeps of a validation result: counts and names, and never a value out of the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_integrations.core.contract import Column, Contract
from airflow_provider_integrations.expectations.catalogue import CATALOGUE, Kind
from airflow_provider_integrations.expectations.suites import columns_of

__all__ = ["Answer", "Rules"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One expectation's answer on one batch.

    Args:
        success: Whether it holds.
        element_count, missing_count, unexpected_count: Rows looked at, not counted since they are null, and broken.
        observed: One number, for expectations that give one which is no value out of a column.
        raised: Name of the exception's class, if it raised instead of answering; its text may hold data and is dropped.
    """

    success: bool
    element_count: int | None = None
    missing_count: int | None = None
    unexpected_count: int | None = None
    observed: float | int | None = None
    raised: str | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """The expectations of one gate run and what is known of the columns that they name.

    Args:
        entries: All suites' expectations, in order.
        columns: The contract's columns by name.
        private: Columns with personal data: of them not even a mean is shown.
    """

    entries: tuple[dict[str, Any], ...]
    columns: Mapping[str, Column]
    private: frozenset[str]

    @classmethod
    def of(cls, entries: tuple[dict[str, Any], ...], contract: Contract) -> Rules:
        """The rules for batches of a contract."""
        columns = {column.name: column for column in contract.columns}
        return cls(entries, columns, frozenset(column.name for column in contract.columns if column.pii))

    def kind(self, index: int) -> Kind:
        """What an expectation looks at."""
        return CATALOGUE[self.entries[index]["type"]].kind

    def may_show(self, entry: Mapping[str, Any]) -> bool:
        """Whether its observed value may be shown."""
        return not CATALOGUE[entry["type"]].shows_data and not self.private & set(columns_of(dict(entry)))

    def as_record(self, index: int, answer: Answer) -> dict[str, Any]:
        """The entry of one expectation in a `GateResult`."""
        entry = self.entries[index]
        columns = columns_of(entry)
        return {
            "type": entry["type"],
            "column": ",".join(columns) if columns and self.kind(index) is not Kind.SCHEMA else entry.get("column"),
            "kwargs": {key: value for key, value in entry.items() if key != "type"},
            "success": answer.success,
            "element_count": answer.element_count,
            "missing_count": answer.missing_count,
            "unexpected_count": answer.unexpected_count,
            "observed_value": answer.observed,
            "raised": answer.raised,
        }
