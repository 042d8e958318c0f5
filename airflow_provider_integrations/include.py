"""Reads the files under `include/`: sources, contracts and expectation suites.

The folder is an argument: an Airflow deployment names it in `[integrations] include_folder`, the CLI names files.

    >>> read_source(Path("include"), "acme_customers").contract  # doctest: +SKIP
    'acme_customers'
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.edi_source import EdiOutbound, EdiSource, EdiTableSource
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.graph_source import GraphRelationSource, GraphSource
from airflow_provider_integrations.core.historian_source import HistorianSource
from airflow_provider_integrations.core.key_groups import check_keys
from airflow_provider_integrations.core.source import FileSource
from airflow_provider_integrations.core.table_source import TableSource
from airflow_provider_integrations.include_contract import read_contract
from airflow_provider_integrations.include_edi import (
    WarehouseTables,
    check_edi_source,
    edi_table_source,
    edi_table_sources,
    guide_book,
    read_guides,
)
from airflow_provider_integrations.include_graph import (
    GraphTables,
    check_graph_contract,
    check_graph_source,
    graph_relation_source,
    graph_relation_sources,
)
from airflow_provider_integrations.include_historian import check_historian_contract
from airflow_provider_integrations.include_template import read_template
from airflow_provider_integrations.include_yaml import kind_of, read_yaml, shown_name

__all__ = [
    "LoadedSource",
    "Source",
    "guide_book",
    "read_contract",
    "read_delivery",
    "read_edi_outbound",
    "read_edi_source",
    "read_graph_source",
    "read_guides",
    "read_historian_source",
    "read_loaded_source",
    "read_outbox_source",
    "read_source",
    "read_source_contract",
    "read_sources",
    "read_table_source",
    "read_template",
    "read_yaml",
]

LoadedSource = FileSource | TableSource | EdiTableSource | GraphSource | GraphRelationSource | HistorianSource
"""What has rows: a contract, a gate and a table in the warehouse."""

Source = LoadedSource | EdiSource | EdiOutbound

_Kind = TypeVar("_Kind")

_MODELS: dict[str, type[FileSource | TableSource | EdiSource | EdiOutbound | GraphSource | HistorianSource]] = {
    "sftp_pgp": FileSource,
    "odbc": TableSource,
    "edi": EdiSource,
    "edi_outbound": EdiOutbound,
    "graph": GraphSource,
    "historian": HistorianSource,
}
"""By kind."""


def read_source_contract(include: Path, source: Source) -> Contract:
    """The contract of a source, with its references looked up in the same folder.

    Raises:
        ConfigError: also if the contract has another name, or a reference points at an entity that no source delivers or
            at a column that it does not have: such a reference would never be checked, and nobody would be told; or if its
            deletions are to be swept and a key is a float; or if objects of Graph could not be rows of it, or samples; or for
            documents, which have a contract for each of their tables.
    """
    if isinstance(source, EdiTableSource | GraphRelationSource):
        return source.contract
    if isinstance(source, EdiSource | EdiOutbound):
        raise ConfigError(
            "documents have no contract of their own",
            source=source.source,
            kind=source.kind,
            next_step="Name one of the tables that come out of them, `<source>__<table>`.",
        )
    path = include / "contracts" / f"{source.contract}.yaml"
    contract = read_contract(path)
    if contract.contract != source.contract:
        raise ConfigError(
            "a contract file must be named like its contract",
            path=str(path),
            contract=contract.contract,
            next_step=f"Rename the file to {contract.contract}.yaml or correct `contract:`.",
        )
    if isinstance(source, TableSource) and source.deletes is not None:
        check_keys(contract)
    if isinstance(source, GraphSource):
        check_graph_contract(source, contract)
    if isinstance(source, HistorianSource):
        check_historian_contract(source, contract)
    for reference in contract.references:
        if missing := sorted(set(reference.to_columns) - _columns(include, reference.to, path)):
            raise ConfigError(
                "a reference points at columns that are not there",
                path=str(path),
                to=reference.to,
                columns=missing,
                next_step=f"Compare with the contract of {reference.to}.",
            )
    return contract


def _columns(include: Path, name: str, path: Path) -> set[str]:
    """The columns of an entity that a contract refers to."""
    files = [include / "sources" / f"{each}.yaml" for each in (name, name.partition("__")[0])]
    there = read_source(include, name) if any(file.exists() for file in files) else None
    if isinstance(there, EdiTableSource | GraphRelationSource):
        return {column.name for column in there.contract.columns}
    if there is None or isinstance(there, EdiSource | EdiOutbound):
        raise ConfigError(
            "a reference points at an entity that no source delivers",
            path=str(path),
            to=name,
            next_step="Name a source of `sources/`, or add it there.",
        )
    contract = read_contract(include / "contracts" / f"{there.contract}.yaml")
    return {column.name for column in contract.columns}


def read_source(include: Path, name: str) -> Source:
    """The source of that name: of `include/sources/<name>.yaml`, whose `kind` says which it is, or what comes of one.

    Raises:
        ConfigError: also if the file holds a source of another name, since the ledger goes by the name; if a derived name
            is also that of a file; and if an EDI source names guides or tables that are not there.
    """
    path = include / "sources" / f"{name}.yaml"
    parent, derived, table = name.partition("__")
    if derived and (above := _above(include, parent, path)) is not None:
        if path.exists():
            raise ConfigError(
                "the name of the source is taken by what comes of another",
                path=str(path),
                of=parent,
                next_step="Rename one of them; `<source>__<table>` are tables of an EDI source or relations of a Graph source.",
            )
        if isinstance(above, GraphSource):
            return graph_relation_source(above, name)
        if not isinstance(above, EdiSource):
            raise _other_kind(above)
        return edi_table_source(include, above, table)
    data = read_yaml(path)
    kind = kind_of(data) or "sftp_pgp"  # Without one: its model says what a source needs.
    if kind not in _MODELS:
        raise ConfigError(
            "there is no such kind of source",
            path=str(path),
            kind=kind,
            known=sorted(_MODELS),
            next_step="Correct `kind:`.",
        )
    source = _MODELS[kind].from_mapping(data, where=str(path))
    if source.source != name:
        raise ConfigError(
            "a source file must be named like its source",
            path=str(path),
            source=source.source,
            next_step=f"Rename the file to {source.source}.yaml or correct `source:`.",
        )
    if isinstance(source, EdiSource | EdiOutbound):
        check_edi_source(include, source)
    elif isinstance(source, GraphSource):
        check_graph_source(source)
    return source


def _above(include: Path, parent: str, path: Path) -> EdiSource | EdiOutbound | GraphSource | None:
    """The source that a derived name is of; a broken one is nobody's fault who has a file of that name."""
    try:
        there = read_source(include, parent)
    except ConfigError:
        if path.exists() or not (include / "sources" / f"{parent}.yaml").exists():
            return None
        raise
    return there if isinstance(there, EdiSource | EdiOutbound | GraphSource) else None


def read_table_source(include: Path, name: str) -> TableSource:
    """The source of that name, which must be a table.

    Raises:
        ConfigError: for one of another kind, as in all that follow.
    """
    return _read_as(include, name, TableSource)


def read_edi_source(include: Path, name: str) -> EdiSource:
    """The source of that name, which must be one of documents that come."""
    return _read_as(include, name, EdiSource)


def read_edi_outbound(include: Path, name: str) -> EdiOutbound:
    """The source of that name, which must be one of documents that go out."""
    return _read_as(include, name, EdiOutbound)


def read_graph_source(include: Path, name: str) -> GraphSource:
    """The source of that name, which must be one of objects of Graph or Dataverse."""
    return _read_as(include, name, GraphSource)


def read_historian_source(include: Path, name: str) -> HistorianSource:
    """The source of that name, which must be tags of a historian."""
    return _read_as(include, name, HistorianSource)


def read_delivery(include: Path, name: str) -> FileSource | EdiSource:
    """The source of that name, which must come as files of a partner, whatever is in them."""
    source = read_source(include, name)
    if not isinstance(source, FileSource | EdiSource):
        raise _other_kind(source)
    return source


def read_outbox_source(include: Path, name: str) -> EdiSource | EdiOutbound:
    """The source of that name, which must send to a partner: acknowledgements, or documents."""
    source = read_source(include, name)
    if not isinstance(source, EdiSource | EdiOutbound):
        raise _other_kind(source)
    return source


def read_loaded_source(include: Path, name: str) -> LoadedSource:
    """The source of that name, which must have rows: a contract, a gate and a table in the warehouse."""
    source = read_source(include, name)
    if isinstance(source, EdiSource | EdiOutbound):
        raise _other_kind(source)
    return source


def read_sources(include: Path, *kinds: str) -> Iterator[tuple[str, Source | ConfigError]]:
    """All sources of some kinds by name, and in the place of one that cannot be read, why: one must not stop the others.

    A file whose kind cannot be read is shown among the files of partners, so that it is shown once. Tables of EDI and
    relations of Graph are given behind their source where `edi_table` or `graph_relation` is asked for: that takes time.
    """
    warehouse, graph = WarehouseTables(include), GraphTables()
    for path in sorted((include / "sources").glob("*.yaml")):
        try:
            kind = kind_of(read_yaml(path))
        except ConfigError:
            kind = None
        shown = kind if kind in _MODELS else "sftp_pgp"
        if not kinds or shown in kinds:
            try:
                yield path.stem, graph.take(warehouse.take(read_source(include, path.stem)))
            except ConfigError as error:
                yield shown_name(path), error
        derived = {"edi": "edi_table", "graph": "graph_relation"}.get(shown)
        if derived in kinds:
            try:
                yield from _derived(include, graph.take(warehouse.take(read_source(include, path.stem))))
            except ConfigError as error:
                yield shown_name(path), error


def _derived(include: Path, source: Source) -> list[tuple[str, Source]]:
    """What comes of a source, by name."""
    if isinstance(source, EdiSource):
        return [(each.source, each) for each in edi_table_sources(include, source).values()]
    assert isinstance(source, GraphSource), "no others are asked for theirs"
    return [(each.source, each) for each in graph_relation_sources(source).values()]


def _read_as(include: Path, name: str, kind: type[_Kind]) -> _Kind:
    source = read_source(include, name)
    if not isinstance(source, kind):
        raise _other_kind(source)
    return source


def _other_kind(source: Source) -> ConfigError:
    step = "Use the operators of its kind."
    return ConfigError("the source is of another kind", source=source.source, kind=source.kind, next_step=step)
