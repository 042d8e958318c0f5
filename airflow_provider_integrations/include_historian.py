"""What follows from a source of a historian: its contract has the columns of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.historian_source import HistorianSource

if TYPE_CHECKING:  # A DAG file reads sources alone.
    from airflow_provider_integrations.core.contract import Contract

__all__ = ["SAMPLE_COLUMNS", "SAMPLE_KEYS", "check_historian_contract"]

SAMPLE_COLUMNS = {
    "tag": "string",
    "ts": "timestamp",
    "ts_ns": "integer",
    "ordinal": "integer",
    "value_number": "float",
    "value_text": "string",
    "value_state": "string",
    "status": "integer",
    "quality": "string",
    "origin": "string",
    "quality_detail": "string",
    "method": "string",
    "method_version": "string",
}
"""The types that a contract of samples must have, by column and in order."""

SAMPLE_KEYS = ("tag", "ts_ns", "ordinal")
"""`ts` alone tells no samples apart within a microsecond."""


def check_historian_contract(source: HistorianSource, contract: Contract) -> None:
    """Whether samples are rows of the contract.

    Raises:
        ConfigError: a column is missing, of another type or one too many, or the keys are others.
    """
    found = {column.name: column.type for column in contract.columns}
    if found != SAMPLE_COLUMNS or list(found) != list(SAMPLE_COLUMNS):
        differ = {name for name, _ in {*found.items()} ^ {*SAMPLE_COLUMNS.items()}}
        raise ConfigError(
            "the contract is not one of samples",
            source=source.source,
            contract=contract.contract,
            columns=sorted(differ) or "their order",
            next_step=f"Give it these columns: {', '.join(f'{name} {kind}' for name, kind in SAMPLE_COLUMNS.items())}.",
        )
    if contract.keys != SAMPLE_KEYS:
        raise ConfigError(
            "the contract's keys do not tell samples apart",
            contract=contract.contract,
            keys=contract.keys,
            next_step=f"Name {', '.join(SAMPLE_KEYS)} as its keys.",
        )
