"""The columns that an extraction template gives, as types that can be read exactly whatever the driver knows of them.

No catalogue lists them. PostgreSQL and SQL Server are asked; of the others the driver's description is taken, and a type
that it leaves in doubt is taken for one that holds every value: a whole number of MariaDB for `decimal(20,0)`, since the
description does not say whether it is unsigned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from airflow_provider_integrations.connectors.odbc.dialects import Dialect
from airflow_provider_integrations.connectors.odbc.model import SourceColumn, Statement, TableFacts
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["describe_sql", "facts_of_template"]

Rows = Callable[[Statement], Sequence[tuple[str | None, ...]]]
Description = Sequence[tuple[Any, ...]]

_TYPES: dict[str, dict[type, str]] = {
    "mariadb": {
        int: "decimal(20,0)", float: "double", str: "longtext", bytearray: "longblob", bytes: "longblob",
        date: "date", datetime: "datetime(6)", time: "time(6)", bool: "tinyint(1)",
    },
    "oracle": {
        int: "number", float: "binary_double", str: "varchar2(4000)", bytearray: "blob", bytes: "blob",
        date: "date", datetime: "timestamp(9)", bool: "number",
    },
    "snowflake": {
        int: "number(38,0)", float: "float", str: "text", bytearray: "binary", bytes: "binary",
        date: "date", datetime: "timestamp_ntz(9)", time: "time(9)", bool: "boolean",
    },
}  # fmt: skip


def describe_sql(template: str) -> str:
    """A statement with the template's columns and none of its rows."""
    return f"SELECT * FROM ({template}) q WHERE 1 = 0"  # noqa: S608 - the template is the source owner's own SQL


def facts_of_template(dialect: Dialect, template: str, description: Description, rows: Rows) -> TableFacts:
    """Facts of what a template gives: columns alone, since a derived table has no key, no index and no horizon.

    Args:
        dialect: Of the engine.
        template: Its SELECT.
        description: The driver's of `describe_sql` (PEP 249).
        rows: Asks the source.

    Raises:
        ConfigError: two columns of one name, or one without a name.
    """
    names = [str(column[0]) for column in description]
    if "" in names or len({name.casefold() for name in names}) < len(names):
        raise ConfigError(
            "the columns of a template need names of their own", columns=names, next_step="Write `AS name` behind each."
        )
    if dialect.name == "postgresql":
        asked = ", ".join(f"CAST(pg_typeof(q.{dialect.quote(name)}) AS text)" for name in names)
        sql = f"SELECT {asked} FROM (VALUES (1)) one LEFT JOIN ({template}) q ON false"  # noqa: S608
        types = [str(kind) for kind in rows(Statement(sql))[0]]
    elif dialect.name == "sqlserver":
        sql = "SELECT system_type_name FROM sys.dm_exec_describe_first_result_set(?, NULL, 0) ORDER BY column_ordinal"
        types = [str(row[0]) for row in rows(Statement(sql, (template,)))]
    else:
        types = [_type_of(dialect, column) for column in description]
    columns = tuple(SourceColumn(name, kind.lower()) for name, kind in zip(names, types, strict=True))
    return TableFacts("", columns)


def _type_of(dialect: Dialect, column: tuple[Any, ...]) -> str:
    _, kind, _, _, precision, scale, _ = column
    known = _TYPES.get(dialect.name, {})
    if kind is Decimal:
        name = "decimal" if dialect.name == "mariadb" else "number"
        return f"{name}({precision},{scale})" if known else "any"
    return known.get(kind, "any")
