"""One connection to a source: statements, snapshots and pages, all read exactly and through the same connection.

arrow-odbc reads the pages and the small answers alike, so that what is counted and what is paged come from one snapshot. A
connection is used by one thread at a time; `cancel` alone may be called from any.

    with OdbcSession.open(settings) as session, session.snapshot():
        for batch in session.read(statement, columns):
            ...
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from airflow_provider_integrations.connectors.odbc import probing
from airflow_provider_integrations.connectors.odbc.dialects import Dialect
from airflow_provider_integrations.connectors.odbc.failures import translate
from airflow_provider_integrations.connectors.odbc.fetching import BufferSizes, batches
from airflow_provider_integrations.connectors.odbc.model import ReadColumn, Statement, TableFacts
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

BATCH_ROWS = 10_000
"""Larger batches are slower: their buffers fall out of the processor's cache."""


class OdbcSession:
    """An open connection; made by `open`."""

    def __init__(
        self, settings: OdbcSettings, dialect: Dialect, connection: Any, connection_string: str, setup: tuple[str, ...]
    ) -> None:
        self.settings = settings
        self.dialect = dialect
        self.engine = ""
        self._connection = connection
        self._connection_string = connection_string
        self._setup = setup
        self._sizes = BufferSizes()
        self._backend: str | None = None
        self._cancelled = False
        self._in_snapshot = False
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
            connection = probing.connect(connection_string, settings.login_timeout)
        except Exception as error:
            raise _redacted(settings, translate(error, "connecting", source=settings.shown)) from None
        timeout = statement_timeout if statement_timeout is not None else settings.statement_timeout
        session = cls(settings, dialect, connection, connection_string, dialect.session_setup(application, timeout))
        try:
            session._set_up()
            yield session
        finally:
            session._close()

    def facts(self, table: str | None, template: str | None = None) -> TableFacts:
        """What the catalogue says of a table, or of what a template gives.

        Raises:
            ConfigError: there is no such table, or none that this login may see.
        """
        return probing.facts(self, table, template)

    def rows(self, statement: Statement) -> list[tuple[str | None, ...]]:
        """The whole of a small result as text; within `snapshot`, as that snapshot sees it."""
        found: list[tuple[str | None, ...]] = []
        with self._talking("asking the source"):
            for batch in batches(self._connection, statement, None, self._sizes, BATCH_ROWS):
                found.extend(zip(*(column.to_pylist() for column in batch.columns), strict=True))
        return found

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything that is read within sees the source as of one instant.

        Raises:
            StateConflictError: a snapshot within a snapshot.
        """
        if self._in_snapshot:
            raise StateConflictError("a snapshot was begun within a snapshot", next_step="End the first one before.")
        self._in_snapshot = True
        self._broken = None
        try:
            with self._talking("beginning a snapshot"):
                for sql in self.dialect.begin_snapshot():
                    self._connection.execute(sql)
            yield
            if self._broken is None:
                with self._talking("ending a snapshot"):
                    for sql in self.dialect.end_snapshot():
                        self._connection.execute(sql)
        finally:
            self._in_snapshot = False
            self._end_transaction()

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
        with self._talking("reading"):
            for batch in batches(self._connection, statement, columns, self._sizes, batch_rows):
                yield landed_batch(batch, columns)
                if self._cancelled:
                    raise _cancelled()

    def cancel(self) -> None:
        """End the running statement at the server, from another thread; the reading one then raises.

        A signal handler of the reading thread itself would wait for the driver: read on a thread of its own.
        """
        self._cancelled = True
        command = self.dialect.cancel(self._backend) if self._backend else None
        if command is None:
            return
        try:
            probing.execute_apart(self._connection_string, command, self.settings.login_timeout)
        except Exception as error:
            raise _redacted(self.settings, translate(error, "cancelling a statement")) from None

    def _set_up(self) -> None:
        with self._talking("setting the session up"):
            for sql in self._setup:
                self._connection.execute(sql)
            self._connection.commit()
        probing.verify_utc(self)
        backend = self.dialect.backend()
        if backend is not None:
            self._backend = self.rows(backend)[0][0]
        self.engine = str(self.rows(self.dialect.engine())[0][0])

    @contextmanager
    def _talking(self, doing: str) -> Iterator[None]:
        if self._in_snapshot and self._broken:
            raise StateConflictError(
                "the snapshot is gone", because=self._broken, next_step="Begin again from the last landed page."
            )
        try:
            yield
        except Exception as error:
            found = _redacted(self.settings, translate(error, doing))
            if self._in_snapshot and not isinstance(found, PermanentError):
                self._broken = type(found).__name__
            if self._cancelled and isinstance(found, TransientError):
                found = _cancelled()
            if not self._in_snapshot:
                self._end_transaction()
            raise found from None
        else:
            if not self._in_snapshot:
                self._end_transaction()

    def _end_transaction(self) -> None:
        try:
            self._connection.rollback()
        except Exception as error:
            # A connection that is lost cannot roll back, and need not: its server does.
            self._broken = type(error).__name__

    def _close(self) -> None:
        self._end_transaction()
        self._connection = None


def _cancelled() -> TransientError:
    return TransientError(
        "the statement was cancelled", next_step="It goes on after the last landed page when run again."
    )


def _redacted(settings: OdbcSettings, error: IntegrationError) -> IntegrationError:
    redact = Redactor(settings.secrets)
    values = {name: redact(value) if isinstance(value, str) else value for name, value in error.values.items()}
    if values == error.values:
        return error
    return type(error)(error.what, next_step=error.next_step, **values)
