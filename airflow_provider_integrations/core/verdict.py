"""What the gate says of a batch.

Four verdicts that are not `passed` exist because "nothing failed" is not a proof: no batch, no rows, no
expectations, and an expectation that raised.

    >>> Verdict.NO_ROWS.passes
    False
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from airflow_provider_integrations.core.reasons import Reason

__all__ = ["GateMode", "GateResult", "Verdict"]


class GateMode(StrEnum):
    """What happens to a batch in which expectations fail."""

    BLOCK = "block"
    QUARANTINE_ROWS = "quarantine_rows"
    WARN = "warn"


class Verdict(StrEnum):
    """The outcome of one checkpoint over one batch."""

    PASSED = "passed"
    PASSED_WITH_QUARANTINE = "passed_with_quarantine"
    PASSED_WITH_WARNINGS = "passed_with_warnings"
    FAILED = "failed"
    NO_BATCH = "no_batch"
    NO_ROWS = "no_rows"
    EMPTY_SUITE = "empty_suite"
    ERROR = "error"

    @property
    def passes(self) -> bool:
        """Whether the batch may be published."""
        return self in {Verdict.PASSED, Verdict.PASSED_WITH_QUARANTINE, Verdict.PASSED_WITH_WARNINGS}

    @property
    def reason(self) -> Reason | None:
        """The refusal that goes with a verdict that does not pass."""
        return _REASONS.get(self)


_REASONS = {
    Verdict.FAILED: Reason.GATE_FAILED,
    Verdict.NO_BATCH: Reason.GATE_NO_BATCH,
    Verdict.NO_ROWS: Reason.GATE_NO_ROWS,
    Verdict.EMPTY_SUITE: Reason.GATE_EMPTY_SUITE,
    Verdict.ERROR: Reason.GATE_ERROR,
}


@dataclass(frozen=True, slots=True)
class GateResult:
    """One checkpoint's result on one batch, as the ledger keeps it.

    Args:
        batch_id: The batch that was looked at.
        verdict: The outcome.
        mode: What the source asked for.
        suite: Name of the suite.
        suite_digest: SHA-256 of the suite's canonical JSON: proves which rules were in force.
        rows: Rows looked at.
        rows_failed: Rows that broke a row-level expectation.
        expectations: One entry for each: type, column, kwargs, success, unexpected count; no values.
        docs: Where the data docs page of this result is.
    """

    batch_id: str
    verdict: Verdict
    mode: GateMode
    suite: str
    suite_digest: str
    rows: int
    rows_failed: int = 0
    expectations: tuple[dict[str, Any], ...] = field(default_factory=tuple)
    docs: str | None = None
