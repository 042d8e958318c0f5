"""One connection to a source: statements, snapshots and pages, all read exactly and through the same connection.

arrow-odbc reads the pages and the small answers alike, so that what is counted and what is paged come from one
snapshot. A session is used by one thread at a time; `cancel` alone may be called from any.

    with OdbcSession.open(settings) as session:
        session.prepare(columns)
        with session.snapshot():
            for batch in session.read(statement, columns):
                ...
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from airflow_provider_integrations.connectors.odbc import probing
from airflow_provider_integrations.connectors.odbc.connector import Connector
from airflow_provider_integrations.connectors.odbc.dialects import Dialect
from airflow_provider_integrations.connectors.odbc.failures import is_of_driver, redacted, translate
from airflow_provider_integrations.connectors.odbc.fetching import BufferSizes, batches
from airflow_provider_integrations.connectors.odbc.first_page import compare_first_page
from airflow_provider_integrations.connectors.odbc.model import ReadColumn, Statement, TableFacts
from airflow_provider_integrations.connectors.odbc.packing import on_the_wire, unpacked
from airflow_provider_integrations.connectors.odbc.pyodbc_line import PyodbcLine
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.connectors.odbc.wire import landed_batch
from airflow_provider_integrations.core.errors import (
    IntegrationError,
    PermanentError,
    StateConflictError,
    TransientError,
)
from airflow_provider_integrations.core.redaction import Redactor

__all__ = ["OdbcSession"]

BATCH_ROWS = 5_000
"""Larger batches are no faster and need more memory, in buffers and in what waits to be written; smaller ones cost more calls."""


class OdbcSession:
    """An open connection; made by `open`.

    Attributes:
        dialect: How this engine is spoken to.
        engine: Product, version and identity of the database; positions of two engines do not compare.
        settings: What it was opened with.
    """

    def __init__(self, settings: OdbcSettings, connector: Connector) -> None:
        self.settings = settings
        self.dialect: Dialect = connector.dialect
        self.engine = ""
        self._connection: Any = None
        self._connector = connector
        self._sizes, self._small_sizes = BufferSizes(), BufferSizes()
        self._backend: str | None = None
        self._cancelled = False
        self._in_snapshot = False
        self._shared: str | None = None
        self._broken: str | None = None
        self._redact = Redactor(settings.secrets)

    @classmethod
    @contextmanager
    def open(
        cls, settings: OdbcSettings, *, application: str = "integrations", statement_timeout: float | None = None
    ) -> Iterator[OdbcSession]:
        """Connect, set the session up (UTC, read only, time-outs, application name) and verify that it speaks UTC.

        Raises:
            ConfigError: a wrong setting or login, or a session that would not speak UTC.
            TransientError: the source cannot be reached now.
        """
        try:
            dialect, connection_string = probing.meet(settings)
        except Exception as error:
            raise redacted(Redactor(settings.secrets), translate(error, "connecting", to=settings.shown)) from None
        timeout = statement_timeout if statement_timeout is not None else settings.statement_timeout
        setup = dialect.session_setup(application, timeout)
        session = cls(settings, Connector(dialect, connection_string, settings.login_timeout, setup))
        try:
            with session._talking("connecting", to=settings.shown):
                session._connection = session._connector.main()
            session._set_up()
            yield session
        finally:
            session._end_transaction()
            session._connection = None

    def facts(self, table: str | None, template: str | None = None) -> TableFacts:
        """What the catalogue says of a table, or of what a template gives.

        Raises:
            ConfigError: there is no such table, or none that this login may see.
        """
        return probing.facts(self, table, template)

    def describe(self, sql: str) -> list[tuple[Any, ...]]:
        """The driver's description of a statement's columns (PEP 249), which is run on a connection of its own."""
        with self._talking("describing a statement"), closing(self._connector.pyodbc()) as apart:
            cursor = apart.cursor()
            cursor.execute(sql)
            return [tuple(column) for column in cursor.description or ()]

    def rows(self, statement: Statement) -> list[tuple[str | None, ...]]:
        """The whole of a small result as text; within `snapshot`, as that snapshot sees it."""
        found: list[tuple[str | None, ...]] = []
        with self._talking("asking the source"):
            for batch in batches(self._connection, statement, None, self._small_sizes, BATCH_ROWS):
                found.extend(zip(*(column.to_pylist() for column in batch.columns), strict=True))
        return found

    @property
    def shared(self) -> str | None:
        """By what name other sessions join this one's snapshot; None where the engine has no such thing."""
        return self._shared if self._in_snapshot else None

    @contextmanager
    def beside(self) -> Iterator[OdbcSession | None]:
        """Another session in this one's snapshot, for use by another thread; None where the engine has no such thing."""
        if self.shared is None:
            yield None
            return
        with OdbcSession.open(self.settings) as other, other.snapshot(self.shared):
            yield other

    @contextmanager
    def snapshot(self, shared: str | None = None) -> Iterator[None]:
        """Everything that is read within sees the source as of one instant.

        Args:
            shared: Name of another session's snapshot to join, instead of a new one.

        Raises:
            StateConflictError: a snapshot within a snapshot; or, of what is read within, that it was lost.
        """
        if self._in_snapshot:
            raise StateConflictError("a snapshot was begun within a snapshot", next_step="End the first one before.")
        self._in_snapshot, self._broken = True, None
        try:
            begin = self.dialect.begin_snapshot() if shared is None else self.dialect.join_snapshot(shared)
            self._run("beginning a snapshot", begin)
            self._shared = self._share() if shared is None else shared
            yield
            if self._broken is None:
                self._run("ending a snapshot", self.dialect.end_snapshot())
        finally:
            self._in_snapshot = False
            self._end_transaction()

    def prepare(self, columns: Sequence[ReadColumn]) -> None:
        """Take the way that these columns need; to be called before a snapshot.

        Columns that arrow-odbc cannot read (`ReadColumn.by`) make the whole session read through pyodbc, since two
        connections have no snapshot in common.
        """
        if isinstance(self._connection, PyodbcLine) or all(column.by == "arrow" for column in columns):
            return
        if self._in_snapshot:
            raise StateConflictError(
                "columns need another way to read than the snapshot was begun on",
                columns=[column.name for column in columns if column.by != "arrow"],
                next_step="Call `prepare` with the columns before the snapshot.",
            )
        with self._talking("connecting", to=self.settings.shown):
            self._connection = PyodbcLine(self._connector.pyodbc())
        self._set_up()

    def read(
        self, statement: Statement, columns: Sequence[ReadColumn], *, batch_rows: int = BATCH_ROWS
    ) -> Iterator[Any]:
        """The statement's rows in order, as record batches with the columns' names and Arrow types.

        Values come exactly or not at all. An error may come after batches were given: what was made of them is to be
        thrown away. The statement must give the same rows in the same order if it is run again (see `fetching`).

        Raises:
            PermanentError: a value cannot be read as planned.
            TransientError: the connection was lost, the statement was ended or cancelled.
        """
        self.prepare(columns)
        with self._talking("reading"):
            for batch in batches(self._connection, statement, on_the_wire(columns), self._sizes, batch_rows):
                yield landed_batch(unpacked(batch, columns), columns)
                self._stop_if_cancelled()

    def check_first_page(
        self, statement: Statement, columns: Sequence[ReadColumn], batch: Any, *, rows: int = 200
    ) -> int:
        """Compare the first rows of a page with pyodbc's reading of them; how many were compared.

        pyodbc reads on a connection of its own, where rows may have changed since the snapshot: on a difference both
        drivers read anew, and a difference that stays is the drivers'.

        Args:
            statement: Gives these rows in their order; what it gives beyond them is not read.
            columns: What it selects.
            batch: The page's first record batch, from `read`.
            rows: Most rows that are compared.

        Raises:
            PermanentError: the drivers read a column differently; nothing of it may be landed.
        """
        if isinstance(self._connection, PyodbcLine):
            return 0
        with self._talking("comparing the first page"):
            return compare_first_page(self._connector, statement, columns, batch, rows=rows)

    def cancel(self) -> None:
        """End the running statement at the server, from another thread; this session then raises, now and later.

        A signal handler of the reading thread itself would wait for the driver: read on a thread of its own.
        """
        self._cancelled = True
        command = self.dialect.cancel(self._backend) if self._backend else None
        if command is None:
            return
        try:
            with closing(self._connector.pyodbc(autocommit=True)) as apart, closing(apart.cursor()) as cursor:
                cursor.execute(command)
        except Exception as error:
            raise redacted(self._redact, translate(error, "cancelling a statement")) from None

    def _set_up(self) -> None:
        self._run("setting the session up", self._connector.setup)
        with self._talking("setting the session up"):
            self._connection.commit()
        probing.verify_utc(self)
        backend = self.dialect.backend()
        if backend is not None:
            self._backend = self.rows(backend)[0][0]
        self.engine = str(self.rows(self.dialect.engine())[0][0])

    def _share(self) -> str | None:
        """Name this snapshot for others; only the first statement of a transaction may, for the driver sets savepoints."""
        statement = self.dialect.share_snapshot()
        if statement is None or isinstance(self._connection, PyodbcLine):
            return None
        try:
            return self.rows(statement)[0][0]
        except IntegrationError:  # A server that lends none, such as an old standby: begin anew.
            self._broken = None
            self._end_transaction()
            self._broken = None
            self._run("beginning a snapshot", self.dialect.begin_snapshot())
            return None

    def _run(self, doing: str, statements: Sequence[str]) -> None:
        with self._talking(doing, keep_open=True):
            for sql in statements:
                self._connection.execute(sql)

    @contextmanager
    def _talking(self, doing: str, *, keep_open: bool = False, **values: Any) -> Iterator[None]:
        """Map errors, and know what is left of the snapshot and of the transaction after one."""
        if self._in_snapshot and self._broken:
            raise StateConflictError(
                "the snapshot is gone", because=self._broken, next_step="Begin again from the last landed page."
            )
        self._stop_if_cancelled()
        try:
            yield
            self._stop_if_cancelled()
        except Exception as error:
            found = redacted(self._redact, translate(error, doing, **values)) if is_of_driver(error) else error
            if self._in_snapshot and not isinstance(found, PermanentError):
                self._broken = type(found).__name__
            if not self._in_snapshot:
                self._end_transaction()
            self._stop_if_cancelled()
            if found is error:
                raise
            raise found from None
        if not self._in_snapshot and not keep_open:
            self._end_transaction()

    def _stop_if_cancelled(self) -> None:
        if self._cancelled:
            raise TransientError(
                "the statement was cancelled", next_step="Run again, it goes on after the last landed page."
            )

    def _end_transaction(self) -> None:
        if self._connection is None:
            return
        try:
            self._connection.rollback()
        except Exception as error:
            # A connection that is lost cannot roll back, and need not: its server does.
            self._broken = type(error).__name__
