"""Rows of queries to documents: which rows make up which document, in which order, each value of its column's kind.

Nothing is guessed: a query that does not fit the guide is refused before anything is sent, and a row that does not fit makes
its own document be refused, by name of document and column and never with the value.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_integrations.connectors.edi.guide_rules import Guide, Table
from airflow_provider_integrations.connectors.edi.outbound_values import document_key, to_kind, to_number
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["Documents", "QueryRows", "Refusal", "check_queries", "check_tables", "documents_of"]

_NUMBERS = ("row", "parent")
_NO_STEP = "Correct the query under include/sql/outbound/; nothing was sent."


@dataclass(frozen=True, slots=True)
class QueryRows:
    """What a query gave: the names of its columns, in any case, and its rows."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a document is not sent; holds no value of it.

    Args:
        why: As a clause.
        columns: `table.column`, or a table.
    """

    why: str
    columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line of a log."""
        return f"{self.why} ({', '.join(self.columns)})" if self.columns else self.why


@dataclass(frozen=True, slots=True)
class Documents:
    """What the rows make up.

    Args:
        rows: Of each document of the head table by its key, in the order of that table.
        refused: Those of them with a value that does not fit, by key.
        astray: By key, rows of other tables that belong to no document of the head table; by an empty key, those that
            name none.
    """

    rows: Mapping[str, Mapping[str, list[dict[str, Any]]]]
    refused: Mapping[str, Refusal]
    astray: Mapping[str, Refusal]


def documents_of(guide: Guide, document: str, queries: Mapping[str, QueryRows]) -> Documents:
    """The documents that the rows of all queries make up.

    Args:
        guide: Names tables and columns.
        document: The column of each query that tells documents apart.
        queries: What the query of each table gave.

    Raises:
        ConfigError: when queries and guide do not fit, see `check_queries`.
    """
    check_queries(guide, document, {name: found.columns for name, found in queries.items()})
    tables = {table.name: table for table in guide.tables}
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    refused: dict[str, Refusal] = {}
    astray: dict[str, Refusal] = {}
    head = next(name for name in queries if tables[name].loop is None)
    for name in (head, *(name for name in queries if name != head)):
        for key, row, why in _rows(tables[name], document, queries[name]):
            if not key:
                astray.setdefault("", Refusal("rows have no value that names their document", (f"{name}.{document}",)))
            elif name != head and key not in found:
                astray.setdefault(key, Refusal("rows belong to no document of the head table", (name,)))
            else:
                found.setdefault(key, {}).setdefault(name, []).append(row)
                if why is not None:
                    refused.setdefault(key, why)
    for made in found.values():
        for rows in made.values():
            if rows and rows[0].get("row") is not None:
                rows.sort(key=lambda row: row.get("row") or 0)
    return Documents(found, refused, astray)


def check_queries(guide: Guide, document: str, queries: Mapping[str, Sequence[str]]) -> None:
    """Refuse queries that do not fit the guide; their columns are enough for that.

    Raises:
        ConfigError: for a table or column that the guide does not have or that stands twice, and where the column of the
            document, the head table, or the numbers that tie rows to rows are missing.
    """
    check_tables(guide, queries)
    tables = {table.name: table for table in guide.tables}
    tied = {tables[name].parent for name in queries} - {None}
    for name, columns in queries.items():
        table, given = tables[name], [column.lower() for column in columns]
        allowed = {column.name for column in table.columns} | {*_NUMBERS, document.lower()}
        wanted = {document.lower()}
        if table.parent is not None:
            wanted.add("parent")
        if name in tied:
            wanted.add("row")
        wrong = {
            "unknown": sorted(set(given) - allowed),
            "missing": sorted(wanted - set(given)),
            "twice": sorted({column for column in given if given.count(column) > 1}),
        }
        if any(wrong.values()):
            told = {what: columns for what, columns in wrong.items() if columns}
            raise ConfigError("the query of a table has other columns", table=name, **told, next_step=_NO_STEP)


def check_tables(guide: Guide, names: Collection[str]) -> None:
    """Refuse queries of tables that make no document of the guide; their names are enough for that.

    Raises:
        ConfigError: for a table that the guide does not have, and where the head table or one above another is missing.
    """
    tables = {table.name: table for table in guide.tables}
    if unknown := sorted(set(names) - set(tables)):
        raise ConfigError(
            "the guide has no such tables", guide=guide.name, tables=unknown, known=sorted(tables), next_step=_NO_STEP
        )
    if not any(tables[name].loop is None for name in names):
        heads = [table.name for table in guide.tables if table.loop is None]
        raise ConfigError("there is no query of the head table", guide=guide.name, tables=heads, next_step=_NO_STEP)
    if astray := sorted({str(parent) for name in names if (parent := tables[name].parent) not in {None, *names}}):
        raise ConfigError("there is no query of the table above another one", tables=astray, next_step=_NO_STEP)


def _rows(table: Table, document: str, found: QueryRows) -> list[tuple[str, dict[str, Any], Refusal | None]]:
    names = [column.lower() for column in found.columns]
    kinds = {column.name: column.kind for column in table.columns}
    at = names.index(document.lower())
    made: list[tuple[str, dict[str, Any], Refusal | None]] = []
    for values in found.rows:
        row: dict[str, Any] = {}
        why: Refusal | None = None
        for name, value in zip(names, values, strict=True):
            try:
                if name in kinds:
                    row[name] = to_kind(value, kinds[name])
                elif name in _NUMBERS:
                    row[name] = to_number(value)
            except ValueError as error:
                why = why or Refusal(f"a value {error}", (f"{table.name}.{name}",))
        made.append((document_key(values[at]), row, why))
    return made
