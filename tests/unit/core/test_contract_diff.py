"""Each kind of change is judged compatible or breaking, and the version must say so."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.contract_diff import diff, is_breaking

ID = {"name": "id", "type": "integer", "nullable": False}


def contract(*columns: dict[str, Any], version: str = "1.0.0", **settings: Any) -> Contract:
    return Contract.from_mapping(
        {"contract": "probe", "version": version, "keys": ["id"], "columns": [ID, *columns], **settings}
    )


def column(**settings: Any) -> dict[str, Any]:
    return {"name": "v", "type": "string", **settings}


COMPATIBLE = [
    ((), (column(),), "column_added"),
    ((column(type="decimal(10,2)"),), (column(type="decimal(12,2)"),), "type"),
    ((column(type="integer"),), (column(type="decimal(19,0)"),), "type"),
    ((column(nullable=False),), (column(),), "nullable"),
    ((column(enum=["a"]),), (column(enum=["a", "b"]),), "enum_extended"),
    ((column(enum=["a"]),), (column(),), "enum_removed"),
    ((column(pattern="^a"),), (column(),), "pattern"),
    ((column(max_length=5),), (column(max_length=6),), "max_length"),
    ((column(type="integer", range={"min": 9}),), (column(type="integer", range={"min": 1}),), "range_min"),
    (
        (column(type="date", range={"max": "2024-01-01"}),),
        (column(type="date", range={"max": "2025-01-01"}),),
        "range_max",
    ),
    ((column(unique=True),), (column(),), "unique"),
    ((column(),), (column(pii="name"),), "pii"),
]
BREAKING = [
    ((column(),), (), "column_removed"),
    ((), (column(nullable=False),), "column_added"),
    ((column(type="decimal(12,3)"),), (column(type="decimal(10,2)"),), "type"),
    ((column(type="decimal(12,2)"),), (column(type="decimal(12,3)"),), "type"),
    (
        (column(type="decimal(10,2)"),),
        (column(type="decimal(12,3)"),),
        "type",
    ),  # No table takes digits behind the point.
    ((column(type="integer"),), (column(type="decimal(38,2)"),), "type"),
    ((column(type="integer"),), (column(type="float"),), "type"),
    ((column(type="integer"),), (column(),), "type"),
    ((column(),), (column(nullable=False),), "nullable"),
    ((column(enum=["a", "b"]),), (column(enum=["a"]),), "enum_reduced"),
    ((column(),), (column(enum=["a"]),), "enum_added"),
    ((column(pattern="^a"),), (column(pattern="^b"),), "pattern"),
    ((column(max_length=6),), (column(max_length=5),), "max_length"),
    ((column(),), (column(max_length=5),), "max_length"),
    ((column(type="integer", range={"max": 10}),), (column(type="integer", range={"max": 9}),), "range_max"),
    ((column(type="integer", range={"min": 9}),), (column(type="integer", range={"min": 10}),), "range_min"),
    ((column(),), (column(unique=True),), "unique"),
    ((column(type="date"),), (column(type="date", format="%d.%m.%Y"),), "format"),
    ((column(type="timestamp"),), (column(type="timestamp", zone="Europe/Berlin"),), "zone"),
]
FILE = [
    ({}, {"delimiter": ";"}, "delimiter", True),
    ({}, {"encoding": "cp1252"}, "encoding", True),
    ({}, {"quote": None}, "quote", True),
    ({}, {"header": False}, "header", True),
    ({"newline": "lf"}, {"newline": "any"}, "newline", False),
    ({}, {"newline": "lf"}, "newline", True),
    ({}, {"max_reject_share": 0.01}, "max_reject_share", True),
    ({}, {"max_reject_share": 0.5}, "max_reject_share", False),
    ({}, {"unknown_columns": "fail"}, "unknown_columns", True),
    ({}, {"keys": ["id", "v"]}, "keys", True),
    ({}, {"references": [{"columns": ["v"], "to": "o", "to_columns": ["n"]}]}, "reference_added", True),
]


@pytest.mark.parametrize(("old", "new", "kind"), COMPATIBLE)
def test_compatible(old: tuple[Any, ...], new: tuple[Any, ...], kind: str) -> None:
    changes = diff(contract(*old), contract(*new, version="1.1.0"))
    assert [(change.kind, change.breaking) for change in changes] == [(kind, False), ("version", False)]


@pytest.mark.parametrize(("old", "new", "kind"), BREAKING)
def test_breaking(old: tuple[Any, ...], new: tuple[Any, ...], kind: str) -> None:
    changes = diff(contract(*old), contract(*new, version="2.0.0"))
    assert [(change.kind, change.breaking) for change in changes] == [(kind, True), ("version", False)]


@pytest.mark.parametrize(("old", "new", "kind", "breaking"), FILE)
def test_the_file_as_a_whole(old: dict[str, Any], new: dict[str, Any], kind: str, breaking: bool) -> None:
    value = column(nullable=False)
    changes = diff(contract(value, **old), contract(value, version="2.0.0", **new))
    assert [(change.kind, change.breaking) for change in changes] == [(kind, breaking), ("version", False)]


def test_equal_contracts_differ_in_nothing() -> None:
    assert diff(contract(), contract()) == []


def test_a_column_more_breaks_a_file_without_header() -> None:
    old, new = contract(header=False), contract(column(), header=False, version="2.0.0")
    assert is_breaking(diff(old, new))


def test_reordered_columns_break_only_a_file_without_header() -> None:
    other = column(name="w")
    for header in (True, False):
        old = contract(column(), other, header=header)
        new = contract(other, column(), header=header, version="2.0.0")
        assert is_breaking(diff(old, new)) is not header


@pytest.mark.parametrize(
    ("version", "new", "breaking"),
    [
        ("1.0.0", (column(),), True),
        ("0.9.0", (column(),), True),
        ("1.0.1", (column(),), False),
        ("1.1.0", (column(nullable=False),), True),
    ],
)
def test_the_version_must_say_what_changed(version: str, new: tuple[Any, ...], breaking: bool) -> None:
    last = diff(contract(), contract(*new, version=version))[-1]
    assert (last.kind, last.breaking) == ("version", breaking)
