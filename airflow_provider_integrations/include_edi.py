"""Reads the EDI guides under `include/edi/`, and what follows from them for a source: its tables and their contracts.

>>> guide_book(Path("include"), source.agreement).guides[0].name  # doctest: +SKIP
'x12_850'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_integrations.core.edi_source import (
    SETS,
    EdiAgreement,
    EdiOutbound,
    EdiSource,
    EdiTable,
    EdiTableSource,
    table_source_name,
)
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.include_yaml import read_yaml

if TYPE_CHECKING:  # A DAG file reads sources alone.
    from airflow_provider_integrations.connectors.edi.documents import GuideBook
    from airflow_provider_integrations.connectors.edi.guide import Guides
    from airflow_provider_integrations.core.contract import Contract

__all__ = [
    "WarehouseTables",
    "check_edi_source",
    "edi_table_source",
    "edi_table_sources",
    "edi_tables",
    "guide_book",
    "guide_names",
    "guides_named",
    "read_guides",
]

_TABLE = re.compile(r"[a-z][a-z0-9_]*")
_Source = TypeVar("_Source")
_Origin = tuple[str, frozenset[str]]
"""A table by its name in the guides, and the guides that have it."""


def read_guides(include: Path, name: str) -> Guides:
    """The EDI guide `include/edi/<name>.yaml` in each of its versions, with the dictionary that it names beside it.

    Raises:
        ConfigError: with what is wrong in either file.
    """
    from airflow_provider_integrations.connectors.edi.guide import Guides

    path = include / "edi" / f"{name}.yaml"
    data = read_yaml(path)
    words = include / "edi" / f"{data.get('dictionary') if isinstance(data, dict) else None}.yaml"
    return Guides.from_mappings(
        data, read_yaml(words) if words.exists() else None, where=str(path), where_dictionary=str(words)
    )


def guide_names(include: Path) -> tuple[str, ...]:
    """The names of all guides under `include/edi/`, in order; dictionaries are none."""
    paths = sorted((include / "edi").glob("*.yaml"))
    return tuple(path.stem for path in paths if "guide" in (read_yaml(path) or {}))


def guides_named(include: Path, names: Sequence[str] = ()) -> GuideBook:
    """The guides of these names, in their order; all of them without a name.

    Raises:
        ConfigError: for one that is not there, with those that are, or with what is wrong in one.
    """
    from airflow_provider_integrations.connectors.edi.documents import GuideBook

    _check_known(include, names)
    return GuideBook(tuple(read_guides(include, name) for name in names or guide_names(include)))


def guide_book(include: Path, agreement: EdiAgreement) -> GuideBook:
    """The guides that an agreement names.

    Raises:
        ConfigError: as `guides_named`; also for two guides of one set in one version, of which the first would count.
    """
    book = guides_named(include, agreement.guides)
    for one, other in combinations(book.guides, 2):
        both = sorted({*one.versions} & {*other.versions})
        if (one.syntax, one.set) == (other.syntax, other.set) and both:
            raise ConfigError(
                "two guides are of the same set or message",
                set=one.set,
                versions=both,
                guides=[one.name, other.name],
                next_step="Say in `guides` of the agreement which of them counts.",
            )
    return book


def edi_tables(include: Path, source: EdiSource) -> tuple[str, ...]:
    """The names of the tables of a source, in order; cheap enough for a DAG file, since no guide is resolved.

    Raises:
        ConfigError: for a guide that is not there or is no YAML, or for a table that no task could be named by.
    """
    _check_known(include, source.agreement.guides)
    return tuple(sorted(_guides_of_tables(include, source.agreement)))


def edi_table_sources(include: Path, source: EdiSource) -> dict[str, EdiTableSource]:
    """Each table of a source as a source of its own, by the table's name.

    Raises:
        ConfigError: as `guide_book` and `row_contract.table_contracts`.
    """
    from airflow_provider_integrations.connectors.edi.row_contract import table_contracts

    contracts = table_contracts(guide_book(include, source.agreement).guides)
    return {table: _table_source(source, table, contract) for table, contract in contracts.items()}


def edi_table_source(include: Path, source: EdiSource, table: str) -> EdiTableSource:
    """One table of a source as a source of its own.

    Raises:
        ConfigError: for a table that none of its guides has, with those that they have.
    """
    found = edi_table_sources(include, source)
    if table not in found:
        raise _unknown_tables(source.source, [table], sorted(found))
    return found[table]


def check_edi_source(include: Path, source: EdiSource | EdiOutbound) -> None:
    """What a model cannot see: the name must leave room for derived ones, and guides and tables must be there.

    Raises:
        ConfigError: with the name, or with what is there.
    """
    if "__" in f"{source.source}_":
        raise ConfigError(
            "the name of an EDI source holds `__` or ends with `_`, by which its tables are told apart from it",
            source=source.source,
            next_step="Rename it.",
        )
    if isinstance(source, EdiOutbound):
        from airflow_provider_integrations.include_outbound import check_outbound  # It reads guides by this file.

        _check_known(include, (source.guide,))
        check_outbound(include, source)
        return
    _check_known(include, source.agreement.guides)
    if source.tables:
        known = edi_tables(include, source)
        if unknown := sorted({*source.tables} - {*known}):
            raise _unknown_tables(source.source, unknown, known)


def _table_source(source: EdiSource, table: str, contract: Contract) -> EdiTableSource:
    load = source.load
    return EdiTableSource(
        source=table_source_name(source.source, table),
        parent=source.source,
        table=table,
        contract=contract,
        gate=source.tables.get(table, EdiTable()).gate,
        load=LoadPolicy(
            connection=load.connection, database=load.database, table=f"{load.prefix}{table.upper()}", scd=1
        ),
    )


class WarehouseTables:
    """Which tables of the warehouse the EDI sources of a deployment load into.

    Partners may share a table, since a row's key holds the document that it came in; then its columns must be the same for
    all of them. For one source nothing is read, and no guide is resolved unless two sources have a table of different guides.
    """

    def __init__(self, include: Path) -> None:
        self._include = include
        self._read = cache(read_yaml)
        self._taken: dict[object, EdiSource] = {}
        self._known: dict[str, Mapping[tuple[str, str, str], _Origin]] = {}

    def take(self, source: _Source) -> _Source:
        """Enter a source, and give it back; one of another kind is left alone.

        Raises:
            ConfigError: if it gives a table of the warehouse other columns than one that was entered before.
        """
        if isinstance(source, EdiSource):
            settings = source.load, source.agreement.guides
            if settings not in self._taken:
                for other in self._taken.values():
                    self._compare(other, source)
                self._taken[settings] = source
        return source

    def _compare(self, other: EdiSource, source: EdiSource) -> None:
        theirs, mine = self._origins(other), self._origins(source)
        for place in sorted({*theirs} & {*mine}):
            if theirs[place] == mine[place]:
                continue
            one, another = self._columns(theirs[place]), self._columns(mine[place])
            if one and another and one != another:
                raise ConfigError(
                    "two sources give one table of the warehouse different columns",
                    table=place[-1],
                    sources=[other.source, source.source],
                    columns=sorted(name for name in {**one, **another} if one.get(name) != another.get(name)),
                    next_step="Give one of them another `load.prefix`, or name the same `guides` in both agreements.",
                )

    def _origins(self, source: EdiSource) -> Mapping[tuple[str, str, str], _Origin]:
        """By place in the warehouse, what the rows there come of; nothing of guides that cannot be read, as other steps tell."""
        if source.source not in self._known:
            load, tables = source.load, dict[str, frozenset[str]]()
            with suppress(ConfigError):
                tables = _guides_of_tables(self._include, source.agreement, self._read)
            self._known[source.source] = {
                (load.connection, load.database.upper(), f"{load.prefix}{table}".upper()): (table, guides)
                for table, guides in tables.items()
            }
        return self._known[source.source]

    def _columns(self, origin: _Origin) -> Mapping[str, str]:
        """Types of a table's columns by name; nothing of guides that cannot be resolved, as other steps tell."""
        from airflow_provider_integrations.connectors.edi.row_contract import table_contracts

        table, guides = origin
        with suppress(ConfigError):
            contract = table_contracts(read_guides(self._include, name) for name in sorted(guides))[table]
            return {column.name: column.type for column in contract.columns}
        return {}


def _guides_of_tables(
    include: Path, agreement: EdiAgreement, read: Callable[[Path], Any] = read_yaml
) -> dict[str, frozenset[str]]:
    """By table of an agreement, the guides that have it; none of them is resolved."""
    found: dict[str, set[str]] = {SETS: set(), "segments": set()}
    for name in agreement.guides or guide_names(include):
        path = include / "edi" / f"{name}.yaml"
        data = read(path)
        rows = data.get("rows") if isinstance(data, dict) else None
        tables = {str(table) for table in rows} if isinstance(rows, dict) else set()
        if wrong := sorted(table for table in tables if not _TABLE.fullmatch(table)):
            raise ConfigError(
                "a table's name is of lower-case letters, digits and underscores",
                path=str(path),
                tables=wrong,
                next_step="Rename it in `rows` of the guide.",
            )
        for table in tables:
            found.setdefault(table, set()).add(name)
    return {table: frozenset(guides) for table, guides in found.items()}


def _check_known(include: Path, names: Sequence[str]) -> None:
    if missing := sorted(name for name in names if not (include / "edi" / f"{name}.yaml").exists()):
        raise ConfigError(
            "there are no such guides",
            guides=missing,
            known=_readable_names(include),
            next_step="Correct the names, or write them to `include/edi/`.",
        )


def _readable_names(include: Path) -> list[str]:
    """The names of the guides that can be read: one that cannot must not hide that another is not there."""
    found = []
    for path in sorted((include / "edi").glob("*.yaml")):
        with suppress(ConfigError):
            if "guide" in (read_yaml(path) or {}):
                found.append(path.stem)
    return found


def _unknown_tables(source: str, tables: Sequence[str], known: Sequence[str]) -> ConfigError:
    return ConfigError(
        "the guides of the source have no such tables",
        source=source,
        tables=list(tables),
        known=list(known),
        next_step="Name one of these, or the guide that has it in `guides` of the agreement.",
    )
