"""Keys that change tracking told to be deleted, typed by the contract and kept beside the batch's rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.odbc.model import ReadColumn
from airflow_provider_integrations.connectors.odbc.typed import to_landed
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.landing.deletions import keep_deletions

__all__ = ["keep_tracked"]


def keep_tracked(
    folder: Path, contract: Contract, columns: Sequence[ReadColumn], batches: Iterable[Any]
) -> dict[str, Any]:
    """Write deleted keys into a shard's private folder; gives what the work item is to know of them.

    A key that breaks the contract was never landed, so it is left out.

    Args:
        folder: Of the shard's pages.
        contract: What the keys are typed by.
        columns: How the key's columns were read.
        batches: The keys.
    """
    keys = contract.model_copy(update={"columns": tuple(contract.column(name) for name in contract.keys)})
    return keep_deletions(folder, [to_landed(batch, keys, columns)[0] for batch in batches])
