"""Suites as data: what a contract implies, and what `include/expectations/*.yaml` adds.

Nothing here imports the engine.

suite: acme_customers
expectations:
  - {type: expect_column_values_to_not_be_null, column: email, mostly: 0.80}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from airflow_provider_integrations.core.contract import RESERVED, Column, Contract
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.expectations.catalogue import CATALOGUE
from airflow_provider_integrations.include import read_yaml

__all__ = [
    "Suite",
    "check_suite",
    "columns_of",
    "contract_suite",
    "label",
    "read_suite",
    "read_suites",
    "suites_digest",
]

_NEXT = "Correct the suite; nothing was gated."


@dataclass(frozen=True, slots=True)
class Suite:
    """A named list of expectations; each is a mapping with `type` and that type's arguments."""

    name: str
    expectations: tuple[dict[str, Any], ...]

    @classmethod
    def from_mapping(cls, data: Any, *, where: str = "suite") -> Suite:
        """Check a mapping, e.g. from YAML.

        An empty list is kept: it is the gate that says of it that nothing was proved.

        Raises:
            ConfigError: for an unknown key, an unknown type or argument, or a missing one, each by its name.
        """
        if (
            not isinstance(data, dict)
            or not isinstance(data.get("suite"), str)
            or set(data) - {"suite", "expectations"}
        ):
            raise ConfigError(f"{where} is no suite: it needs the keys suite and expectations alone", next_step=_NEXT)
        entries = data.get("expectations") or []
        if not isinstance(entries, list):
            raise ConfigError(f"{where}: expectations must be a list", next_step=_NEXT)
        return cls(
            data["suite"], tuple(_checked(entry, f"{where}, expectation {n}") for n, entry in enumerate(entries, 1))
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON: the same suite gives the same digest on any machine."""
        return suites_digest((self,))


def suites_digest(suites: Iterable[Suite]) -> str:
    """SHA-256 over several suites in their order: proves which rules were in force."""
    raw = [{"suite": suite.name, "expectations": list(suite.expectations)} for suite in suites]
    text = json.dumps(raw, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read_suite(path: Path) -> Suite:
    """Read one YAML file.

    Raises:
        ConfigError: if it cannot be read or is not a suite.
    """
    return Suite.from_mapping(read_yaml(path), where=path.name)


def read_suites(include: Path, names: Sequence[str]) -> tuple[Suite, ...]:
    """The suites of these names from `expectations/NAME.yaml` in an include folder.

    Raises:
        ConfigError: if one is not there, or its file says another name.
    """
    folder = include / "expectations"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if missing := sorted(set(names) - set(known)):
        raise ConfigError("there are no such suites", missing=missing, known=known, next_step=_NEXT)
    suites = tuple(read_suite(folder / f"{name}.yaml") for name in names)
    if wrong := [(name, suite.name) for name, suite in zip(names, suites, strict=True) if name != suite.name]:
        raise ConfigError("a suite's name is not its file's name", file_and_suite=wrong, next_step=_NEXT)
    return suites


def contract_suite(contract: Contract) -> Suite:
    """What a contract says of every batch, once more, by another engine than the one that decoded it."""
    found: list[dict[str, Any]] = [
        {
            "type": "expect_table_columns_to_match_set",
            "column_set": sorted((*(column.name for column in contract.columns), *RESERVED)),
            "exact_match": False,
        }
    ]
    for column in contract.columns:
        found.extend(_of_column(column))
    if len(contract.keys) > 1:
        found.append({"type": "expect_compound_columns_to_be_unique", "column_list": list(contract.keys)})
    for column in contract.columns:
        if column.unique or contract.keys == (column.name,):
            found.append({"type": "expect_column_values_to_be_unique", "column": column.name})
    return Suite(f"contract:{contract.contract}@{contract.version}", tuple(found))


def check_suite(suite: Suite, contract: Contract) -> None:
    """Refuse a suite that names a column which the contract does not have.

    Raises:
        ConfigError: with the columns' names. Without this the engine would raise in the middle of a batch.
    """
    known = {column.name for column in contract.columns} | set(RESERVED)
    named = {name for entry in suite.expectations for name in columns_of(entry)}
    if unknown := sorted(named - known):
        raise ConfigError(
            "a suite names columns that the contract does not have",
            suite=suite.name,
            contract=contract.contract,
            columns=unknown,
            next_step=_NEXT,
        )


def columns_of(entry: dict[str, Any]) -> tuple[str, ...]:
    """The columns that an expectation names."""
    names: list[str] = []
    for argument in CATALOGUE[entry["type"]].columns:
        value = entry[argument]
        names.extend([value] if isinstance(value, str) else value)
    return tuple(names)


def label(entry: dict[str, Any]) -> str:
    """How an expectation is named in `_dq_flags`: its type, and its columns in parentheses."""
    return f"{entry['type']}({','.join(columns_of(entry))})"


def _checked(entry: Any, where: str) -> dict[str, Any]:
    if not isinstance(entry, dict) or not isinstance(entry.get("type"), str):
        raise ConfigError(f"{where} has no type", next_step=_NEXT)
    name = entry["type"]
    rule = CATALOGUE.get(name)
    if rule is None:
        raise ConfigError(f"{where}: unknown expectation type", type=name, known=sorted(CATALOGUE), next_step=_NEXT)
    given = {key: _plain(value) for key, value in entry.items() if key != "type" and value is not None}
    if unknown := sorted(set(given) - rule.arguments):
        # row_condition is among them on purpose: it changes what `mostly` is a share of, without saying so.
        raise ConfigError(f"{where}: {name} does not take these arguments", arguments=unknown, next_step=_NEXT)
    if missing := sorted({*rule.columns, *rule.required} - set(given)):
        raise ConfigError(f"{where}: {name} needs these arguments", arguments=missing, next_step=_NEXT)
    if rule.either and not set(rule.either) & set(given):
        raise ConfigError(
            f"{where}: {name} needs at least one of these arguments", arguments=rule.either, next_step=_NEXT
        )
    mostly = given.get("mostly", 1.0)
    if isinstance(mostly, bool) or not isinstance(mostly, (int, float)) or not 0 < mostly <= 1:
        raise ConfigError(f"{where}: mostly must be above 0 and at most 1", mostly=mostly, next_step=_NEXT)
    for argument in rule.columns:
        columns = given[argument]
        if not (
            isinstance(columns, str) if argument.startswith("column") and argument not in _LISTS else _texts(columns)
        ):
            raise ConfigError(f"{where}: {argument} must name columns", next_step=_NEXT)
    return {"type": name, **given}


_LISTS = ("column_list", "column_set")


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def _plain(value: Any) -> Any:
    """YAML makes dates of what looks like one; a digest needs plain JSON."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return [_plain(item) for item in value] if isinstance(value, list) else value


_ORDERED = ("integer", "float", "date", "timestamp")


def _of_column(column: Column) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if not column.nullable:
        found.append({"type": "expect_column_values_to_not_be_null", "column": column.name})
    if column.enum is not None:
        entry = {"type": "expect_column_values_to_be_in_set", "column": column.name}
        # A uuid is stored in small letters, whatever the contract's author wrote.
        found.append({**entry, "value_set": [text.lower() if column.type == "uuid" else text for text in column.enum]})
    if column.pattern is not None and column.type == "string":
        found.append({"type": "expect_column_values_to_match_regex", "column": column.name, "regex": column.pattern})
    # Great Expectations compares numbers, dates and instants; other ranges are the decoder's alone.
    if column.range is not None and (column.decimal or column.type in _ORDERED):
        bounds = {"min_value": column.range.min, "max_value": column.range.max}
        given = {key: value for key, value in bounds.items() if value is not None}
        if given:
            found.append({"type": "expect_column_values_to_be_between", "column": column.name, **given})
    if column.max_length is not None and column.type == "string":
        entry = {"type": "expect_column_value_lengths_to_be_between", "column": column.name}
        found.append({**entry, "max_value": column.max_length})
    return found
