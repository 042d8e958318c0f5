"""Runs statements on a DB-API connection of the Snowflake connector and brings the schema to its contract."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.identifiers import qualify
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.warehouse.ddl import UNKNOWN_TEXT, plan_columns, render_create
from airflow_provider_integrations.warehouse.driver_errors import is_unknown_form, translated
from airflow_provider_integrations.warehouse.snowflake_sql import render_session
from airflow_provider_integrations.warehouse.tables import Tables, table_specs

__all__ = ["Connection", "Database", "declared_type", "ensure_schema"]

log = logging.getLogger(__name__)


class Connection(Protocol):
    """What is used of `snowflake.connector.SnowflakeConnection`."""

    def cursor(self) -> Any:
        """A DB-API cursor."""

    def autocommit(self, mode: bool) -> None:
        """Whether each statement is its own transaction; switching it on commits."""

    def commit(self) -> None:
        """End the transaction."""

    def rollback(self) -> None:
        """Undo the transaction."""


class Database:
    """Statements in, rows as mappings with lower-case names out, driver errors as this project's.

    The connection belongs to the load while it lasts: it switches autocommit.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._files_list_works = True

    def query(self, doing: str, sql: str, values: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run one statement and fetch all of its result."""
        with translated(doing):
            return self._run(sql, values)

    def stream(self, doing: str, sql: str, values: Mapping[str, Any] | None = None) -> Iterator[tuple[Any, ...]]:
        """Run one statement and fetch its result in pieces."""
        with translated(doing):
            cursor = self._connection.cursor()
            try:
                cursor.execute(sql, dict(values) if values else None)
                while rows := cursor.fetchmany(10_000):
                    yield from rows
            finally:
                cursor.close()

    def count(self, doing: str, sql: str, values: Mapping[str, Any] | None = None) -> int:
        """Run one statement that answers with a number first, as INSERT, UPDATE, DELETE and COUNT do."""
        rows = self.query(doing, sql, values)
        return int(next(iter(rows[0].values())) or 0) if rows else 0

    def copy(self, files_form: str, one_by_one: Sequence[str]) -> list[dict[str, Any]]:
        """COPY by a FILES list; where the emulator refuses that, one file after the other."""
        with translated("COPY"):
            if self._files_list_works:
                try:
                    return self._run(files_form)
                except Exception as error:
                    if not is_unknown_form(error):
                        raise
                    self._files_list_works = False
            return [row for sql in one_by_one for row in self._run(sql)]

    def set_session(self, tag: str) -> None:
        """UTC and a query tag; the emulator has neither and always is in UTC."""
        with translated("ALTER SESSION"):
            for sql in render_session(tag):
                try:
                    self._run(sql)
                except Exception as error:
                    if not is_unknown_form(error):
                        raise
                    return

    def autocommit(self, mode: bool) -> None:
        """Switch autocommit; switching it on commits."""
        with translated("autocommit"):
            self._connection.autocommit(mode)

    def commit(self) -> None:
        """Commit. When the answer is lost, the load ledger knows what happened."""
        with translated("COMMIT"):
            self._connection.commit()

    def rollback(self) -> None:
        """Undo; a link that is gone has undone already."""
        try:
            self._connection.rollback()
        except Exception as error:
            log.warning("rollback failed (%s); the server undoes the transaction when the session ends", type(error))

    def _run(self, sql: str, values: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        cursor = self._connection.cursor()
        try:
            cursor.execute(sql, dict(values) if values else None)
            names = [str(column[0]).lower() for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        finally:
            cursor.close()


def declared_type(row: Mapping[str, Any]) -> str:
    """The type of an INFORMATION_SCHEMA.COLUMNS row as DDL writes it."""
    kind = str(row["data_type"]).upper()
    if kind == "NUMBER":
        return f"NUMBER({row['numeric_precision']},{row['numeric_scale']})"
    if kind == "TEXT":
        length = row["character_maximum_length"]
        return UNKNOWN_TEXT if length is None else f"VARCHAR({length})"
    return kind


def ensure_schema(database: Database, contract: Contract, policy: LoadPolicy) -> None:
    """Create what is missing and add new columns of the contract; DDL commits, so it comes before all else.

    Raises:
        ConfigError: when the database is not there, or a table differs from its contract in any other way.
    """
    tables = Tables.from_policy(policy)
    specs = table_specs(contract, policy)
    schemas = sorted({spec.schema for spec in specs})
    found: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    try:
        rows = database.query(
            "reading INFORMATION_SCHEMA",
            'SELECT TABLE_SCHEMA AS "TABLE_SCHEMA", TABLE_NAME AS "TABLE_NAME", COLUMN_NAME AS "COLUMN_NAME", '
            'DATA_TYPE AS "DATA_TYPE", NUMERIC_PRECISION AS "NUMERIC_PRECISION", NUMERIC_SCALE AS "NUMERIC_SCALE", '
            'CHARACTER_MAXIMUM_LENGTH AS "CHARACTER_MAXIMUM_LENGTH"\n'
            f"FROM {tables.database}.INFORMATION_SCHEMA.COLUMNS\n"
            f"WHERE TABLE_SCHEMA IN ({', '.join(f'%(schema_{n})s' for n in range(len(schemas)))})\n"
            "ORDER BY ORDINAL_POSITION",
            {f"schema_{number}": schema for number, schema in enumerate(schemas)},
        )
    except ConfigError as error:
        raise ConfigError(
            "the database is not there, or the role may not use it",
            database=tables.database,
            next_step="Run include/sql/control/database.sql as an administrator.",
        ) from error
    for row in rows:
        found[row["table_schema"], row["table_name"]].append((row["column_name"], declared_type(row)))
    for schema in sorted(set(schemas) - {schema for schema, _ in found}):
        database.query("CREATE SCHEMA", f"CREATE SCHEMA IF NOT EXISTS {qualify(tables.database, schema)}")
    by_fold = {(schema, name.upper()): name for schema, name in found}
    for spec in specs:
        name = by_fold.get((spec.schema, spec.name))
        if name is None:
            database.query("CREATE TABLE", render_create(tables.database, spec))
        elif name != spec.name:
            raise ConfigError(
                "a table was created in quotes in another case",
                table=f"{tables.database}.{spec.schema}.{name}",
                wanted=spec.name,
                next_step="Rename it; without quotes Snowflake reads names in upper case.",
            )
        else:
            for sql in plan_columns(tables.database, spec, found[spec.schema, spec.name]):
                database.query("ALTER TABLE", sql)
    database.query("CREATE STAGE", f"CREATE STAGE IF NOT EXISTS {tables.stage}")
    # Every name is qualified all the same; the emulator's MERGE wants a current schema, and a connection need not name one.
    database.query("USE SCHEMA", f"USE SCHEMA {qualify(tables.database, 'SILVER')}")
