"""What follows from a source of Graph or Dataverse: its relations as sources of their own, and what its contract must have.

>>> graph_relation_sources(source)["members"].source  # doctest: +SKIP
'entra_groups__members'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.graph_source import (
    GraphRelationSource,
    GraphSource,
    relation_contract,
    relation_source_name,
)
from airflow_provider_integrations.core.source import LoadPolicy

if TYPE_CHECKING:  # A DAG file reads sources alone.
    from airflow_provider_integrations.core.contract import Contract

__all__ = [
    "GraphTables",
    "check_graph_contract",
    "check_graph_source",
    "graph_relation_source",
    "graph_relation_sources",
]

_Source = TypeVar("_Source")
_Place = tuple[str, str, str]


def graph_relation_sources(source: GraphSource) -> dict[str, GraphRelationSource]:
    """Each relation of a source as a source of its own, by its property."""
    return {
        relation: GraphRelationSource(
            source=relation_source_name(source.source, relation),
            parent=source.source,
            relation=relation,
            contract=relation_contract(source.source, relation),
            gate=declared.gate,
            load=declared.load,
        )
        for relation, declared in source.relations.items()
    }


def graph_relation_source(source: GraphSource, name: str) -> GraphRelationSource:
    """The relation of a source that goes by a derived name.

    Raises:
        ConfigError: it has none of that name; those that it has are told.
    """
    found = {each.source: each for each in graph_relation_sources(source).values()}
    if name not in found:
        raise ConfigError(
            "the source has no such relation",
            source=source.source,
            asked=name,
            known=sorted(found),
            next_step="Name one of these, or add it to `relations` of the source.",
        )
    return found[name]


def check_graph_source(source: GraphSource) -> None:
    """What a model cannot see: names must leave room for derived ones, and no two kinds of rows go to one table.

    Raises:
        ConfigError: with the names.
    """
    if "__" in f"{source.source}_":
        raise ConfigError(
            "the name of a source of Graph holds `__` or ends with `_`, by which its relations are told apart from it",
            source=source.source,
            next_step="Rename it.",
        )
    names = [relation_source_name(source.source, relation) for relation in source.relations]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(
            "two relations differ by the case of letters alone",
            relations=sorted(source.relations),
            names=twice,
            next_step="Take one of them out of `relations`.",
        )
    places = [place for place, _ in _places(source)]
    if shared := sorted({place[-1] for place in places if places.count(place) > 1}):
        raise ConfigError(
            "the objects and the relations of a source have one table of the warehouse",
            source=source.source,
            tables=shared,
            next_step="Give each `load.table` a name of its own.",
        )


def check_graph_contract(source: GraphSource, contract: Contract) -> None:
    """Whether rows of the contract can be made of the source's objects, and be told apart.

    Raises:
        ConfigError: the key is not the object's id alone, `properties` names no column, a property comes twice or is a
            relation, or another column has the name of none.
    """
    columns = {column.name: source.property_of(column.name) for column in contract.columns}
    if unknown := sorted({*source.properties} - {*columns}):
        raise ConfigError(
            "`properties` of the source names columns that the contract has not",
            source=source.source,
            columns=unknown,
            next_step="Correct the names of the columns, or add them to the contract.",
        )
    if [columns[key] for key in contract.keys] != [source.key]:
        raise ConfigError(
            "the contract's key is not the property that identifies an object",
            contract=contract.contract,
            keys={key: columns[key] for key in contract.keys},
            key=source.key,
            next_step="Name the column of that property alone as the contract's key, or correct the source's `key`.",
        )
    if contract.column(contract.keys[0]).type not in ("string", "uuid"):
        raise ConfigError(
            "ids of objects are texts",
            contract=contract.contract,
            column=contract.keys[0],
            type=contract.column(contract.keys[0]).type,
            next_step="Give the column the type string, or uuid where ids are such.",
        )
    folded = [name.casefold() for name in [*columns.values(), *source.relations]]
    if twice := sorted({name for name in folded if folded.count(name) > 1}):
        raise ConfigError(
            "a property comes twice",
            source=source.source,
            properties=twice,
            next_step="Give it one column, or take it out of `relations`.",
        )


class GraphTables:
    """Which tables of the warehouse the sources of Graph load into.

    Two tenants may share a table, since ids are unique over tenants; then both have one contract.
    """

    def __init__(self) -> None:
        self._taken: dict[_Place, tuple[str, str]] = {}

    def take(self, source: _Source) -> _Source:
        """Enter a source, and give it back; one of another kind is left alone.

        Raises:
            ConfigError: rows of another kind go to a table that was entered before.
        """
        if isinstance(source, GraphSource):
            for place, rows in _places(source):
                other, theirs = self._taken.get(place, (source.source, rows))
                if theirs != rows:
                    raise ConfigError(
                        "two sources load different rows into one table of the warehouse",
                        table=place[-1],
                        sources=[other, source.source],
                        rows=[theirs, rows],
                        next_step="Give one of them another `load.table`.",
                    )
            self._taken |= {place: (source.source, rows) for place, rows in _places(source)}
        return source


def _places(source: GraphSource) -> list[tuple[_Place, str]]:
    """Where the rows go, and what they are: of which contract, or of which relation."""
    relations = [(each.load, f"relation {name}") for name, each in source.relations.items()]
    return [(_place(load), rows) for load, rows in [(source.load, f"contract {source.contract}"), *relations]]


def _place(load: LoadPolicy) -> _Place:
    """Names of the warehouse know no case."""
    return load.connection, load.database.upper(), load.table.upper()
