"""Groups of keys, by which two sides compare what they hold without a common order: a count and a sum of hashes for each.

>>> differing({0: KeyGroup(2, 11)}, {0: KeyGroup(2, 11), 1: KeyGroup(1, 5)})
[1]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["ByHash", "ByWidth", "Grouping", "KeyGroup", "check_keys", "differing"]


@dataclass(frozen=True, slots=True)
class ByHash:
    """Keys by the rest of their hash: for keys of any type, since it needs no order."""

    groups: int


@dataclass(frozen=True, slots=True)
class ByWidth:
    """Keys by equal spans of the first key column, a whole number: group n is `low + n * width` up to the next.

    New rows mostly lie in the last span, so that the others agree. Keys below `low` have negative groups.
    """

    low: int
    width: int


Grouping = ByHash | ByWidth


@dataclass(frozen=True, slots=True)
class KeyGroup:
    """How many keys a group has, and the sum of their hashes."""

    rows: int
    hash: int


def check_keys(contract: Contract) -> None:
    """See that each part of a contract's key has one exact text on both sides.

    Raises:
        ConfigError: for a float: engines spell it with other digits, drivers round it, and -0.0 equals 0.0.
    """
    if floats := [name for name in contract.keys if contract.column(name).type == "float"]:
        raise ConfigError(
            "a float is no exact key, so its deletions cannot be swept",
            contract=contract.contract,
            columns=floats,
            next_step="Make it a decimal or a text in the contract, or take `deletes` out of the source.",
        )


def differing(here: Mapping[int, KeyGroup], there: Mapping[int, KeyGroup]) -> list[int]:
    """The groups whose count or hash is not the same on both sides."""
    return sorted(group for group in {*here, *there} if here.get(group) != there.get(group))
