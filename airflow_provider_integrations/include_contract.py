"""One contract file under `include/contracts/`."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.include_yaml import read_yaml

__all__ = ["read_contract"]


def read_contract(path: Path) -> Contract:
    """The contract in one YAML file.

    Raises:
        ConfigError: also for a pattern, a bound or an allowed value that no file could be decoded by.
    """
    # Here and not above: a DAG file reads sources alone, and this imports Arrow's kernels.
    from airflow_provider_integrations.formats.rules import compile_rules

    contract = Contract.from_mapping(read_yaml(path), where=str(path))
    compile_rules(contract)
    return contract
