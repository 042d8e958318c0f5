"""What every engine's dialect answers: names, values, pages, the catalogue, snapshots and horizons, as SQL text.

A dialect has no state and talks to nobody. Names are quoted, values are parameters; every parameter is text, because
arrow-odbc binds nothing else, and is cast to the column's type, so that the column itself stays bare for its index.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar

import pyarrow as pa

from airflow_provider_integrations.connectors.odbc.model import (
    ReadColumn,
    SourceColumn,
    Statement,
    TableFacts,
)
from airflow_provider_integrations.connectors.odbc.written import name_parts
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.identifiers import quote as quoted

__all__ = ["Dialect", "Rows", "refuse_key", "whole"]

Rows = Sequence[tuple[str | None, ...]]

_UNORDERED = (
    r"(float|real|double|binary_float|binary_double|money|json|xml|geo|n?clob|variant|object|array|bfile|long$)"
)


class Dialect:
    """One engine; the base says what most of them share.

    Attributes:
        name: `postgresql`, `mariadb`, `sqlite`, `sqlserver`, `oracle` or `snowflake`.
        lock_timeout: Seconds that a statement may wait for a table that others have locked. A session that reads in a
            snapshot holds a weak lock of its own: whoever wants a strong one waits for it, and all that come later wait
            for that one, another session of the same run among them, which no server sees as a deadlock.
        offers_horizon: Whether rows say which transaction wrote them, so that late commits are found.
        comparison: How a tuple is compared so that an index is used: `row_value`, `ranges` (one range for each prefix,
            joined by OR) or `nested`.
        text: The type that a number or instant is cast to when it is shown.
        counted: How rows are counted.
    """

    name: ClassVar[str] = ""
    lock_timeout: ClassVar[int] = 10
    offers_horizon: ClassVar[bool] = False
    comparison: ClassVar[str] = "nested"
    text: ClassVar[str] = "text"
    counted: ClassVar[str] = "COUNT(*)"

    # --- names and values ----------------------------------------------------------------------------------------

    def quote(self, name: str) -> str:
        """One name, quoted."""
        return quoted(name)

    def table(self, dotted: str) -> str:
        """A table's dotted name, each part quoted."""
        return ".".join(self.quote(part) for part in name_parts(dotted))

    def cast(self, sql: str, kind: str) -> str:
        """The value of a text parameter in a column's type; the inverse of `text_of`.

        Raises:
            ConfigError: for a type that no key can have, such as a float.
        """
        refuse_key(kind)
        return f"CAST({sql} AS {kind})"

    def text_of(self, sql: str, kind: str) -> str:
        """A key value as text from which `cast` makes exactly the same value again."""
        refuse_key(kind)
        return f"CAST({sql} AS {self.text})"

    def bound(self, value: str, kind: str) -> str:
        """A parameter's text as `cast` takes it: a person writes `2025-01-01` for a time stamp."""
        return value

    def minus(self, sql: str, kind: str, lag: timedelta | int) -> str:
        """A value of a type less a lag, worked out by the server."""
        raise NotImplementedError

    # --- reading -------------------------------------------------------------------------------------------------

    def first_rows(self, select: str, rows: int) -> str:
        """The first rows of an ordered SELECT."""
        return f"{select} LIMIT {int(rows)}"

    def read_column(self, column: SourceColumn, wanted: str | None = None) -> ReadColumn:
        """How a column is read so that each value arrives exactly.

        Args:
            column: As the catalogue describes it.
            wanted: The contract's type; None for the natural one.
        """
        raise NotImplementedError

    def packed(self, expressions: Sequence[str]) -> str:
        """The texts of values in one text, with commas between them, nothing for NULL, and a line feed at the end."""
        raise NotImplementedError(f"{self.name} gives each value apart")

    def total(self, sql: str, kind: pa.DataType | None) -> str:
        """The exact sum of a column that is read as that type."""
        return f"SUM({sql})"

    # --- the catalogue -------------------------------------------------------------------------------------------

    def columns_of(self, table: str) -> Statement:
        """Name, type, `YES` or `NO` for nullable, size, precision, scale, collation; in order."""
        raise NotImplementedError

    def primary_key_of(self, table: str) -> Statement:
        """Column names in order."""
        raise NotImplementedError

    def indexes_of(self, table: str) -> Statement:
        """Index name and column name, in order of index and position; partial and expression indexes are left out."""
        raise NotImplementedError

    def estimate_of(self, table: str) -> Statement:
        """One row: estimated rows or NULL, and `1` if the rows have a horizon."""
        raise NotImplementedError

    def facts_from(self, table: str, columns: Rows, key: Rows, indexes: Rows, estimate: Rows) -> TableFacts:
        """The answers of the four statements, put together."""
        grouped: dict[str, list[str]] = {}
        for name, column in indexes:
            grouped.setdefault(str(name), []).append(str(column))
        rows, horizon = estimate[0] if estimate else (None, None)
        return TableFacts(
            table=table,
            columns=tuple(_column(row) for row in columns),
            primary_key=tuple(str(row[0]) for row in key),
            indexes=tuple(tuple(names) for names in grouped.values()),
            rows=_number(rows),
            horizon=horizon == "1",
        )

    # --- the session ---------------------------------------------------------------------------------------------

    def session_setup(self, application: str, statement_timeout: float | None) -> tuple[str, ...]:
        """UTC, read only, REPEATABLE READ, time-out and application name, as far as the engine has them."""
        return ()

    def begin_snapshot(self) -> tuple[str, ...]:
        """What begins a snapshot, beyond the driver's own transaction."""
        return ()

    def end_snapshot(self) -> tuple[str, ...]:
        """What ends it, beyond a rollback."""
        return ()

    def share_snapshot(self) -> Statement | None:
        """Makes the snapshot that is open joinable by another session, and names it; None where none can be."""
        return None

    def join_snapshot(self, shared: str) -> tuple[str, ...]:
        """What begins a transaction in a snapshot of another session."""
        return self.begin_snapshot()

    def engine(self) -> Statement:
        """One text: product, major version, database and its collation. Positions of two engines do not compare."""
        raise NotImplementedError

    def backend(self) -> Statement | None:
        """The session's number at the server."""
        return None

    def cancel(self, backend: str) -> str | None:
        """What ends another session's statement."""
        return None

    # --- guarantees ----------------------------------------------------------------------------------------------

    def horizon(self) -> Statement | None:
        """One row: the oldest transaction that may still be open, and the newest that is known, as text."""
        return None

    def late_rows(self, horizon: str) -> tuple[str, tuple[str, ...]]:
        """Condition on rows written by a transaction that was open at the horizon or began after it."""
        raise ConfigError("the engine has no horizon", engine=self.name, next_step="Use the guarantee `lag`.")

    def change_versions(self, table: str) -> Statement:
        """One row: the current version, and the lowest that changes are still kept from; NULL where nothing is tracked."""
        raise _untracked(self.name)

    def changes(self, table: str, since: int) -> str:
        """The table's changes since a version, as SQL that stands behind FROM."""
        raise _untracked(self.name)

    # --- plans ---------------------------------------------------------------------------------------------------

    def explain(self, statement: Statement) -> Statement | None:
        """The plan of a statement, without running it."""
        return None

    def plan_serves_order(self, rows: Rows) -> bool | None:
        """Whether an index gives the order, so that no page is sorted; None if the plan does not say."""
        return None

    # --- keys of many rows ---------------------------------------------------------------------------------------

    def sampled(self, table: str, alias: str, share: float) -> str:
        """The table under an alias, or about that share of it where the engine samples."""
        return f"{table} {alias}"

    def hashed(self, sql: str) -> str:
        """60 bits of the MD5 of a text as a whole number: the first 15 hexadecimal digits."""
        raise NotImplementedError


def _untracked(engine: str) -> ConfigError:
    return ConfigError("the engine has no change tracking", engine=engine, next_step="Use the mode `incremental`.")


def refuse_key(kind: str) -> None:
    """Refuse a type whose text does not come back exact.

    Raises:
        ConfigError: for floats and the like.
    """
    if re.match(_UNORDERED, kind):
        raise ConfigError(
            "a column of this type cannot order rows",
            type=kind,
            next_step="Order by integers, exact decimals, text, dates, timestamps or uuids.",
        )


def whole(lag: timedelta, unit: timedelta) -> int:
    """A lag in whole units, rounded up: a window may be longer than was asked for, and never shorter."""
    return -(-lag // unit)


def _column(row: tuple[str | None, ...]) -> SourceColumn:
    name, kind, nullable, size, precision, scale, collation = row
    return SourceColumn(
        name=str(name),
        type=str(kind).lower(),
        nullable=nullable != "NO",
        size=_number(size),
        precision=_number(precision),
        scale=_number(scale),
        collation=collation,
    )


def _number(text: str | None) -> int | None:
    if text is None or float(text) < 0:
        return None
    return int(float(text))
