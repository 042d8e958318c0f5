"""A contract says all of its mistakes at once, and nothing about it is guessed."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError

GOOD: dict[str, Any] = {
    "contract": "probe",
    "version": "1.0.0",
    "keys": ["id"],
    "columns": [{"name": "id", "type": "integer", "nullable": False}, {"name": "v", "type": "string"}],
}


def test_the_same_contract_has_the_same_digest_whatever_the_order_of_its_keys() -> None:
    assert Contract.from_mapping(GOOD).digest == Contract.from_mapping(dict(reversed(GOOD.items()))).digest


def test_tsv_means_tabs() -> None:
    assert Contract.from_mapping({**GOOD, "format": "tsv"}).delimiter == "\t"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"typo": 1}, "typo"),
        ({"version": "1.0"}, "version"),
        ({"encoding": "klingon"}, "encoding"),
        ({"encoding": "hex"}, "encoding"),
        ({"delimiter": "é"}, "delimiter"),
        ({"delimiter": "\n"}, "delimiter"),
        ({"delimiter": '"'}, "same character"),
        ({"keys": ["v"]}, "nullable"),
        ({"keys": ["none"]}, "name no column"),
        ({"references": [{"columns": ["v"], "to": "o", "to_columns": []}]}, "unequal"),
        ({"columns": [{"name": "id"}]}, "type"),
        ({"columns": [{"name": "id", "type": "int"}]}, "is none of"),
        ({"columns": [{"name": "id", "type": "decimal(39,0)"}]}, "precision"),
        ({"columns": [{"name": "id", "type": "decimal(3,4)"}]}, "scale"),
        ({"columns": [{"name": "id", "type": "timestamp", "zone": "Europe/Berln"}]}, "zone"),
        ({"columns": [{"name": "id", "type": "integer", "format": "%Y"}]}, "format"),
        ({"columns": [*GOOD["columns"], {"name": "ID", "type": "string"}]}, "twice"),
        ({"columns": [*GOOD["columns"], {"name": "_line", "type": "string"}]}, "reserved"),
    ],
)
def test_a_mistake_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Contract.from_mapping({**GOOD, **change})
