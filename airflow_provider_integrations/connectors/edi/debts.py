"""What we owe a partner in the account follows what is agreed upon: a debt that is none is taken out, a missing one entered."""

from __future__ import annotations

from airflow_provider_integrations.connectors.edi.job import EdiJob
from airflow_provider_integrations.core.interchange import Received

__all__ = ["correct_debt"]


def correct_debt(job: EdiJob, received: Received, *, owed: bool) -> None:
    """Have an interchange in the account as owing an answer, or none; nothing where it was answered.

    A duplicate may be owed another answer than what it doubles, or none. So may what is judged anew, and what was received
    under another agreement: else there would be an alert to a debt that nobody pays, or none to one that is late.

    Args:
        job: Of its source.
        received: As the ledger has it.
        owed: Whether an answer is owed, or waits to be delivered.
    """
    if received.answered_at is None and owed != (received.answer_due_at is not None):
        within = job.source.agreement.answer_within
        job.ledger.interchanges.owe(received.number, received.received_at + within if owed else None)
