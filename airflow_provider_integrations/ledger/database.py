"""One database behind the ledger: how to reach it, its transactions, and its errors in terms of ours.

A `Database` may be used by many threads and after a fork. SQLite runs in WAL mode, so readers never wait; writers
take the write lock when they begin (`BEGIN IMMEDIATE`), since a reader that turns writer half way can only fail.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, Table, TextClause, bindparam, create_engine, event, exc, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import QueuePool

from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    StalledError,
    StateConflictError,
    TransientError,
)
from airflow_provider_integrations.ledger.tables import SCHEMA_VERSION, VERSION_TABLE

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

__all__ = ["Database", "insert_if_absent", "insert_unless_there", "ledger_error", "not_a_database"]

_WAIT_SECONDS = 60
_WRITES = "integrations_ledger_writes"


class Database:
    """Transactions over one SQLAlchemy engine.

    Args:
        url: `sqlite:///file.db`, `sqlite://` (memory) or `postgresql+psycopg://...`; nothing is opened yet.

    Raises:
        ConfigError: for a URL that cannot be read or another engine.
    """

    def __init__(self, url: str) -> None:
        self.url = _checked(url)
        self.engine = _engine(self.url)
        self._pid = os.getpid()
        self._version_seen = False

    @property
    def shown(self) -> str:
        """The URL as a message may show it: without the password."""
        return self.url.set(query={}).render_as_string(hide_password=True)

    @property
    def file(self) -> Path | None:
        """The file of an SQLite ledger; None where there is none, or it is not named as a path."""
        name = self.url.database
        is_path = (
            self.url.get_backend_name() == "sqlite" and name and name != ":memory:" and not name.startswith("file:")
        )
        return Path(name) if is_path and name else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        self._must_be_there()
        with self._transaction(writes=False) as connection:
            self._must_be_current(connection)
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is committed at the end of the block, or rolled back by an error in it."""
        self._must_be_there()
        with self._transaction(writes=True) as connection:
            self._must_be_current(connection)
            yield connection

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """A writing transaction on whatever schema is there."""
        self._version_seen = False
        with self._transaction(writes=True) as connection:
            yield connection

    def lock(self, connection: Connection, name: str) -> None:
        """Let one transaction at a time past this point, by name; SQLite's writers are one at a time anyway."""
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"integrations:{name}"})

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Connection]:
        if os.getpid() != self._pid:
            # The parent's sockets and file handles came along with the fork; two processes on one corrupt both.
            self.engine.dispose(close=False)
            self._pid = os.getpid()
        try:
            with self.engine.connect().execution_options(**{_WRITES: writes}) as connection, connection.begin():
                yield connection
        except exc.SQLAlchemyError as error:
            raise ledger_error(error, self.shown) from error

    def _must_be_there(self) -> None:
        # SQLite would make the file, so that a slip in a path gave another ledger, and an empty one.
        if not self._version_seen and self.file is not None and not self.file.exists():
            raise ConfigError(
                "there is no ledger here",
                ledger=self.shown,
                next_step="Correct its path, or make one by `integrations ledger migrate`.",
            )

    def _must_be_current(self, connection: Connection) -> None:
        if self._version_seen:
            return
        there = None
        if inspect(connection).has_table(VERSION_TABLE):
            # A constant of ours, and names cannot be bound.
            there = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608
        if there != SCHEMA_VERSION:
            newer = there is not None and there > SCHEMA_VERSION
            raise StateConflictError(
                "the ledger is of a newer schema than this program"
                if newer
                else "the ledger's schema is not up to date",
                ledger=self.shown,
                found=there,
                needed=SCHEMA_VERSION,
                next_step="Upgrade airflow-provider-integrations." if newer else "Run `integrations ledger migrate`.",
            )
        self._version_seen = True


@functools.cache
def insert_if_absent(table: Table, *unique: str) -> TextClause:
    """An INSERT of one row that does nothing when a row with these columns is there already; any key, if none is given.

    In words that both engines know: SQLAlchemy compiles its own form anew at each call, which takes ten times as long
    as SQLite takes to run it.
    """
    columns = [column for column in table.columns if column is not table.autoincrement_column]
    names, values = (", ".join(f"{mark}{column.name}" for column in columns) for mark in ("", ":"))
    target = f"({', '.join(unique)}) " if unique else ""
    # Constants of ours, and names cannot be bound.
    statement = text(f"INSERT INTO {table.name} ({names}) VALUES ({values}) ON CONFLICT {target}DO NOTHING")  # noqa: S608
    return statement.bindparams(*(bindparam(column.name, type_=column.type) for column in columns))


def insert_unless_there(connection: Connection, table: Table) -> PostgresqlInsert | SqliteInsert:
    """An INSERT that can say what happens when the row is there already; each engine's has its own class."""
    # Imported here: both dialects at once cost a tenth of a second, and one is never needed.
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert

        return postgresql_insert(table)
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert(table)


def ledger_error(error: exc.SQLAlchemyError, where: str) -> IntegrationError:
    """Say what a failure of SQLAlchemy or its drivers means; statements and parameters are left out."""
    origin = getattr(error, "orig", None)
    state = getattr(origin, "sqlstate", None) or ""
    said = str(origin).splitlines()[0][:200] if origin else str(error).splitlines()[0][:200]
    if "database is locked" in said or state == "55P03":
        step = "It is tried again; where it lasts, look for a process that holds a transaction open."
        waited = f"{_WAIT_SECONDS} s"
        return StalledError("the ledger stayed locked by another process", ledger=where, waited=waited, next_step=step)
    if state in ("40001", "40P01"):
        return TransientError("the ledger asks to run the transaction again", ledger=where, sqlstate=state)
    if isinstance(error, exc.IntegrityError):
        return StateConflictError(
            "the ledger refused a row that does not fit the others",
            ledger=where,
            said=said,
            next_step="Check that the work item exists in this ledger.",
        )
    if "unable to open database file" in said:
        return ConfigError("the ledger's file cannot be opened", ledger=where, next_step="Check its folder and rights.")
    if "file is not a database" in said:
        return not_a_database(where)
    if "append-only" in said:
        return StateConflictError("the ledger's history cannot be changed", ledger=where, said=said)
    if isinstance(error, exc.TimeoutError):
        return StalledError("no connection to the ledger became free", ledger=where)
    if state.startswith("54"):
        # PostgreSQL, appendix A: class 54, program limit exceeded, as by a text that is too long for an index.
        return StateConflictError("the ledger cannot hold a value of this size", ledger=where, said=said)
    if isinstance(error, exc.OperationalError | exc.InterfaceError) or getattr(error, "connection_invalidated", False):
        step = "Check its address and login, and whether its server runs."
        return ConnectionLostError("the ledger cannot be reached", ledger=where, said=said, next_step=step)
    return StateConflictError("the ledger refused a statement", ledger=where, said=said)


def not_a_database(where: str) -> ConfigError:
    """What to say of a file that is something else."""
    return ConfigError(
        "the ledger's file is no SQLite database", ledger=where, next_step="Correct the path; nothing was changed."
    )


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        # Its text may hold a password, so it is not shown.
        raise ConfigError("the ledger's URL cannot be read", next_step="Use e.g. sqlite:////var/lib/x.db.") from None
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise ConfigError(
            "no engine for the ledger",
            engine=parsed.drivername,
            next_step="Use sqlite:///file.db or postgresql+psycopg://user@host/database.",
        )
    return parsed


def _engine(url: URL) -> Engine:
    options: dict[str, Any] = {
        # Rows may hold what no log may show.
        "hide_parameters": True,
        # Not NaN: one engine takes it and the other does not.
        "json_serializer": functools.partial(json.dumps, allow_nan=False),
    }
    if url.get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": _WAIT_SECONDS, "check_same_thread": False}
        if url.database in (None, "", ":memory:"):
            # A memory database lives in its one connection: all threads take turns on it.
            options |= {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0}
    else:
        options |= {"pool_pre_ping": True, "pool_size": 2, "isolation_level": "READ COMMITTED"}
    try:
        engine = create_engine(url, **options)
    except ModuleNotFoundError:
        raise ConfigError(
            "the driver for PostgreSQL is not installed",
            next_step="pip install 'airflow-provider-integrations[postgres]'",
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:
    # The driver must not begin transactions by itself: it would begin them too late and as readers.
    connection.isolation_level = None
    # Survives the loss of power too, not only of the process.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")


def _prepare_postgresql(connection: Any, record: Any) -> None:
    before, connection.autocommit = connection.autocommit, True
    # Nobody waits for ever on a worker that hangs, and a worker that hangs does not hold its locks for ever.
    connection.execute(f"SET lock_timeout = '{_WAIT_SECONDS}s'")
    connection.execute(f"SET idle_in_transaction_session_timeout = '{2 * _WAIT_SECONDS}s'")
    connection.autocommit = before
