"""Pages on real engines: read from the index, in its order, touching no more rows than the page has."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

import pyarrow as pa
import pytest

from airflow_provider_integrations.connectors.odbc import statements
from airflow_provider_integrations.connectors.odbc.model import (
    Edge,
    KeyColumn,
    KeyRange,
    Keyset,
    ReadColumn,
    Statement,
    TableQuery,
)
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.core.watermark import Bound
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration

ROWS = 30_000
PAGE = 50
TOUCHED = 3 * PAGE
"""Index entries that a page may look at; a page that reads its range's beginning or sorts the rest looks at thousands."""

KINDS = {
    "postgresql": {"id": "bigint", "u": "timestamp with time zone", "c": "integer", "w": "character varying(40)"},
    "mariadb": {"id": "bigint", "u": "datetime(6)", "c": "int", "w": "varchar(40)"},
    "sqlite": {"id": "bigint", "u": "timestamp", "c": "integer", "w": "varchar(40)"},
}
# `c` is the same in all rows; `u` has ties of 40; `w` is text with ties of 1,000.
VALUES = {
    "postgresql": "g, timestamptz '2025-01-01 00:00:00+00' + (g / 40) * interval '1 minute', 1,"
    " 'wörd ' || lpad(CAST(g / 1000 AS text), 4, '0'), 'n'",
    "mariadb": "seq, '2025-01-01 00:00:00' + INTERVAL (seq DIV 40) MINUTE, 1,"
    " CONCAT('wörd ', LPAD(seq DIV 1000, 4, '0')), 'n'",
    "sqlite": "g, strftime('%Y-%m-%d %H:%M:%S', '2025-01-01 00:00:00', (g / 40) || ' minutes'), 1,"
    " 'wörd ' || printf('%04d', g / 1000), 'n'",
}
ROWS_OF = {
    "postgresql": f"generate_series(1, {ROWS}) g",
    "mariadb": f"seq_1_to_{ROWS}",
    "sqlite": f"(WITH RECURSIVE s(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < {ROWS}) SELECT g FROM s)",
}
KEYSETS = [("id",), ("u", "id"), ("c", "id"), ("c", "u", "id"), ("w", "u", "id"), ("c", "w", "u", "id")]


@dataclass(frozen=True)
class Source:
    session: OdbcSession
    database: OdbcDatabase
    key: str

    @property
    def name(self) -> str:
        return self.session.dialect.name

    def query(self, names: tuple[str, ...], **more: str | None) -> TableQuery:
        kinds = {**KINDS[self.name], "id": self.key}
        quote = self.session.dialect.quote
        keyset = Keyset(tuple(KeyColumn(name, kinds[name]) for name in names), len(names) - 1)
        return TableQuery("t", (ReadColumn("id", quote("id"), pa.int64(), pa.int64()),), keyset, **more)

    def bookmark(self, query: TableQuery, id: int) -> tuple[str, ...]:
        found = self.session.rows(statements.bookmark_of(self.session.dialect, query, (str(id),)))
        return tuple(str(value) for value in found[0])

    def touched(self, statement: Statement) -> int:
        """Rows or index entries that the engine looks at for a statement."""
        if self.name == "mariadb":
            before = self._handlers()
            self.session.rows(statement)
            return self._handlers() - before
        if self.name == "postgresql":
            plan = self.session.rows(Statement(f"EXPLAIN (ANALYZE, TIMING OFF) {statement.sql}", statement.parameters))
            lines = [str(line) for (line,) in plan]
            scans = [line for line in lines if " Scan" in line]
            removed = [int(line.rsplit(" ", 1)[1]) for line in lines if "Rows Removed" in line]
            return sum(int(line.split("actual rows=")[1].split(" ")[0]) for line in scans) + sum(removed)
        # SQLite counts the steps of its machine; a row of a page takes about ten.
        steps = 0

        def step() -> None:
            nonlocal steps
            steps += 1

        path = self.database.connection_string.split("Database=")[1].split(";")[0]
        with closing(sqlite3.connect(path)) as connection:
            connection.set_progress_handler(step, 1)
            connection.execute(statement.sql, statement.parameters).fetchall()
        return steps // 20

    def plan(self, statement: Statement) -> list[tuple[str | None, ...]]:
        explain = self.session.dialect.explain(statement)
        assert explain is not None
        return self.session.rows(explain)

    def _handlers(self) -> int:
        found = self.session.rows(Statement("SHOW SESSION STATUS LIKE 'Handler_read%'"))
        return sum(int(str(value)) for _, value in found)


@pytest.fixture
def source(odbc_database: OdbcDatabase) -> Iterator[Source]:
    with _made(odbc_database) as made:
        yield made


@contextmanager
def _made(database: OdbcDatabase, key: str = "bigint") -> Iterator[Source]:
    with OdbcSession.open(OdbcSettings.from_string(database.connection_string)) as session:
        name = session.dialect.name
        kinds = {**KINDS[name], "id": key}
        columns = ", ".join(f"{column} {kind} NOT NULL" for column, kind in kinds.items())
        database.execute(
            f"CREATE TABLE t ({columns}, note varchar(9), PRIMARY KEY (id))",
            *(f"CREATE INDEX t_{'_'.join(names)} ON t ({', '.join(names)})" for names in KEYSETS[1:]),
            f"INSERT INTO t SELECT {VALUES[name]} FROM {ROWS_OF[name]}",
            {"mariadb": "ANALYZE TABLE t"}.get(name, "ANALYZE"),
        )
        yield Source(session, database, key)


def _ranges(source: Source, query: TableQuery) -> Iterator[tuple[str, KeyRange]]:
    middle, later, last = (source.bookmark(query, at) for at in (ROWS // 2 + 7, ROWS - 2000, ROWS - PAGE // 2))
    yield "from the beginning", KeyRange()
    yield "above", KeyRange(Edge(middle, Bound.OPEN))
    yield "from", KeyRange(Edge(middle, Bound.CLOSED))
    yield "between", KeyRange(Edge(middle, Bound.OPEN), Edge(later, Bound.CLOSED))
    yield "up to", KeyRange(None, Edge(later, Bound.OPEN))
    yield "up to now", KeyRange(Edge(middle, Bound.OPEN), Edge(later[:1], Bound.CLOSED))
    yield "at the end", KeyRange(Edge(last, Bound.OPEN))
    if len(middle) > 1:
        yield "from a prefix", KeyRange(Edge(middle[:1], Bound.CLOSED), Edge(later[:1], Bound.CLOSED))


def _wrong(source: Source, query: TableQuery) -> list[tuple[object, ...]]:
    """The ranges of which a page is not read as it should be."""
    wrong: list[tuple[object, ...]] = []
    for what, key_range in _ranges(source, query):
        page = statements.page(source.session.dialect, query, key_range, PAGE)
        plan = source.plan(page)
        text = " | ".join(" ".join(str(value) for value in row) for row in plan)
        touched, served = source.touched(page), source.session.dialect.plan_serves_order(plan)
        scans = "Seq Scan" in text or "SCAN t" in text
        if not served or touched > TOUCHED or (scans and key_range != KeyRange()):
            wrong.append((query.keyset.names, what, touched, text))
    return wrong


def test_a_page_of_any_keyset_is_read_from_the_index_without_a_sort(source: Source) -> None:
    assert [wrong for names in KEYSETS for wrong in _wrong(source, source.query(names))] == []


def test_a_nullable_cursor_and_a_filter_leave_the_index_in_use(source: Source) -> None:
    query = source.query(("u", "id"), filter="note = 'n'")
    first = replace(query.keyset.columns[0], nullable=True)
    keyset = replace(query.keyset, columns=(first, *query.keyset.columns[1:]))
    assert _wrong(source, replace(query, keyset=keyset)) == []


@pytest.mark.parametrize("template", ["SELECT * FROM t WHERE note = 'n'", "SELECT * FROM t WHERE {keyset}"])
def test_a_template_is_merged_into_the_page(source: Source, template: str) -> None:
    assert _wrong(source, source.query(("u", "id"), template=template)) == []


def test_a_template_of_which_the_driver_says_the_types_uses_the_index(source: Source) -> None:
    template = "SELECT id, u, c, w FROM t WHERE note = 'n'"
    facts = source.session.facts(None, template)
    wrong = []
    for names in KEYSETS:
        keyset = Keyset(tuple(KeyColumn(name, facts.column(name).type) for name in names), len(names) - 1)
        wrong += _wrong(source, replace(source.query(names, template=template), keyset=keyset))
    assert wrong == []


def test_one_row_is_found_by_its_key_and_by_its_bookmark(source: Source) -> None:
    dialect = source.session.dialect
    for names in KEYSETS:
        query = source.query(names)
        bookmark = source.bookmark(query, ROWS // 2)
        for statement in (
            statements.bookmark_of(dialect, query, (str(ROWS // 2),)),
            statements.hit(dialect, query, bookmark),
            statements.moved_up(dialect, query, bookmark),
            statements.any_above(dialect, query, Edge(bookmark, Bound.OPEN)),
        ):
            assert source.touched(statement) <= 8, statement.sql


def test_ties_before_sqlites_rowid_are_skipped_by_the_index(odbc_sqlite: OdbcDatabase) -> None:
    with _made(odbc_sqlite, key="integer") as source:  # INTEGER PRIMARY KEY is the rowid's own name.
        assert [wrong for names in KEYSETS for wrong in _wrong(source, source.query(names))] == []
        query = source.query(("c", "id"))
        edge = Edge(source.bookmark(query, ROWS // 2), Bound.OPEN)
        assert source.touched(statements.any_above(source.session.dialect, query, edge)) <= 8
        pages = [
            [row[0] for row in source.session.rows(statements.page(source.session.dialect, query, KeyRange(low), PAGE))]
            for low in (edge, replace(edge, bound=Bound.CLOSED))
        ]
        assert pages == [[str(ROWS // 2 + at) for at in range(first, first + PAGE)] for first in (1, 0)]


def test_an_order_that_no_index_serves_is_seen_in_the_plan(source: Source) -> None:
    query = source.query(("u", "w", "id"))
    plan = source.plan(statements.page(source.session.dialect, query, KeyRange(), PAGE))
    assert source.session.dialect.plan_serves_order(plan) is False


@pytest.mark.parametrize("charset", ["latin1", "utf8mb3", "utf8mb4 COLLATE utf8mb4_unicode_ci", "ascii", "utf8mb4"])
def test_a_text_of_another_character_set_is_compared_as_the_column_is(odbc_mariadb: OdbcDatabase, charset: str) -> None:
    with _made(odbc_mariadb) as source:
        word = "'x'" if charset == "ascii" else "'wörd'"
        odbc_mariadb.execute(
            f"ALTER TABLE t DROP COLUMN note, ADD COLUMN note varchar(20) CHARACTER SET {charset} NOT NULL DEFAULT 'x'",
            f"UPDATE t SET note = CONCAT({word}, id DIV 100)",
            "CREATE INDEX t_note ON t (note, id)",
            "ANALYZE TABLE t",
        )
        columns = (KeyColumn("note", "varchar(20)"), KeyColumn("id", "bigint"))
        assert _wrong(source, replace(source.query(("id",)), keyset=Keyset(columns, 1))) == []
