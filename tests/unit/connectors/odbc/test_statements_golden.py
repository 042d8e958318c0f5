"""Every statement of an extraction as text, on every engine: `UPDATE_GOLDEN=1 pytest <this file>` writes the files anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlglot

from airflow_provider_integrations.connectors.odbc import statements
from airflow_provider_integrations.connectors.odbc.dialects import DIALECTS, Dialect, change_tracking
from airflow_provider_integrations.connectors.odbc.model import (
    Edge,
    KeyColumn,
    KeyRange,
    Keyset,
    Late,
    SourceColumn,
    Statement,
    TableQuery,
)
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.watermark import Bound

GOLDEN = Path(__file__).parents[3] / "golden" / "odbc"
READ = {"postgresql": "postgres", "mariadb": "mysql", "sqlserver": "tsql"}

# Of each engine the types of a time stamp, a text and a whole number, which are the cursor and the key.
STAMP = {
    "postgresql": "timestamp with time zone",
    "mariadb": "datetime(6)",
    "sqlite": "timestamp",
    "sqlserver": "datetime2(7)",
    "oracle": "timestamp(6) with time zone",
    "snowflake": "timestamp_tz",
}
TEXT = {
    "postgresql": "character varying(20)",
    "sqlserver": "varchar(20)",
    "oracle": "varchar2(20)",
}
WHOLE = {"oracle": "number(18,0)", "snowflake": "number(18,0)"}
HORIZONS = {"postgresql": "4294968000", "oracle": "8421337"}

TYPES = {
    "postgresql": (
        *("smallint", "integer", "bigint", "numeric", "numeric(38,10)", "numeric(5,-2)", "numeric(50,5)", "real"),
        *("double precision", "boolean", "text", "character varying(20)", "character(5)", "uuid", "date", "bytea"),
        *("timestamp without time zone", "timestamp(3) with time zone", "time without time zone", "interval", "jsonb"),
        *("mood", "inet", "money"),
    ),
    "mariadb": (
        *("tinyint(1)", "int(11)", "bigint(20)", "bigint(20) unsigned", "decimal(38,10)", "decimal(65,30)", "float"),
        *("double", "bit(1)", "year(4)", "varchar(20)", "char(5)", "longtext", "uuid", "date", "datetime", "datetime(6)"),
        *("timestamp(6)", "time(6)", "binary(16)", "longblob", "enum('b','a')", "set('a','b')", "json"),
    ),
    "sqlite": ("integer", "bigint", "numeric(18,4)", "real", "text", "varchar(20)", "timestamp", "date", "any", "blob"),
    "sqlserver": (
        *("tinyint", "int", "bigint", "decimal(38,10)", "money", "float", "real", "bit", "varchar(20)", "nvarchar(20)"),
        *("char(5)", "nvarchar(max)", "uniqueidentifier", "date", "datetime", "smalldatetime", "datetime2(7)"),
        *("datetimeoffset(7)", "time(7)", "varbinary(16)", "timestamp", "xml"),
    ),
    "oracle": (
        *("number", "number(18,0)", "number(38,10)", "number(5,-2)", "binary_double", "varchar2(20)", "char(5)", "date"),
        *("timestamp(6)", "timestamp(9) with time zone", "timestamp(6) with local time zone", "raw", "clob"),
    ),
    "snowflake": (
        *("number(38,0)", "number(38,10)", "float", "boolean", "text", "date", "time", "timestamp_ntz", "timestamp_ltz"),
        *("timestamp_tz", "binary", "variant"),
    ),
}  # fmt: skip

LOW = ("2025-11-05 10:00:00.000001", "b", "17")
HIGH = ("2025-11-06 00:00:00", "ä", "99")


@dataclass(frozen=True)
class Case:
    name: str
    make: Callable[[Dialect], dict[str, Statement | str | None]]


def _query(dialect: Dialect, *, cursors: int = 2, nullable: bool = False, **more: str) -> TableQuery:
    name = dialect.name
    kinds = (STAMP[name], TEXT.get(name, "varchar(20)"), WHOLE.get(name, "bigint"))
    names = ("updated_at", "code", "id")
    at = (*range(cursors), 2)
    keyset = Keyset(tuple(KeyColumn(names[i], kinds[i], nullable=nullable and i < 2) for i in at), cursors)
    columns = tuple(dialect.read_column(SourceColumn(names[i], kinds[i])) for i in (2, 0, 1))
    return TableQuery("erp.orders", columns, keyset, **more)


def _wide(dialect: Dialect) -> TableQuery:
    """With enough numbers and instants to be read in one text, where that is done."""
    kinds = {"net": "numeric(18,4)", "paid": "boolean", "due": "date", "at": STAMP["postgresql"]}
    more = [dialect.read_column(SourceColumn(name, kind)) for name, kind in kinds.items()]
    query = _query(dialect)
    return replace(query, columns=(*query.columns, *more))


def _between(width: int = 3, low: Bound = Bound.OPEN, high: Bound = Bound.CLOSED) -> KeyRange:
    return KeyRange(Edge(LOW[:width], low), Edge(HIGH[:width], high))


def _by_key(width: int) -> KeyRange:
    return KeyRange(Edge(LOW[-width:], Bound.OPEN), Edge(HIGH[-width:], Bound.CLOSED))


def _pages(d: Dialect) -> dict[str, Statement | str | None]:
    one = Edge((LOW[0], LOW[2]), Bound.OPEN)
    filtered = _query(d, filter="status <> 'draft' OR status IS NULL")
    return {
        "the first page": statements.page(d, _query(d), KeyRange(), 1000),
        "by key alone": statements.page(d, _query(d, cursors=0), _by_key(1), 1000),
        "above one cursor and the key": statements.page(d, _query(d, cursors=1), KeyRange(one), 1000),
        "between two bookmarks": statements.page(d, _query(d), _between(), 1000),
        "between prefixes, the first included": statements.page(
            d, _query(d), _between(1, Bound.CLOSED, Bound.OPEN), 1000
        ),
        "of nullable cursors, filtered": statements.page(
            d, _query(d, nullable=True, filter="status <> 'draft'"), KeyRange(None, Edge(HIGH, Bound.OPEN)), 1000
        ),
        "a filter stays in its parentheses": statements.page(d, filtered, _between(2), 1000),
        "of a template": statements.page(d, _query(d, template="SELECT * FROM erp.v_orders;\n"), _between(2), 1000),
        "of a template that places the predicate": statements.page(
            d, _query(d, template="SELECT o.* FROM erp.orders o WHERE {keyset}"), _between(2), 1000
        ),
        "all rows": statements.page(d, _query(d), KeyRange()),
        "of many columns": statements.page(d, _wide(d), KeyRange(), 1000),
    }


def _late(d: Dialect) -> dict[str, Statement | str | None]:
    found: dict[str, Statement | str | None] = {
        "within the lag": statements.late(d, _query(d), Late(LOW, since="2025-11-05 09:50:00")),
        "of any time": statements.late(d, _query(d), Late(LOW)),
        "the window begins": statements.earlier(d, _query(d), LOW[0], timedelta(minutes=10)),
        "the window of a number begins": statements.earlier(d, _query(d, cursors=0), LOW[2], 100),
    }
    if d.name in HORIZONS:
        late = Late(LOW, horizon=HORIZONS[d.name], floor="2025-01-01")
        found["since the horizon"] = statements.late(d, _query(d), late)
    found["the horizon"] = d.horizon()
    return found


def _counts(d: Dialect) -> dict[str, Statement | str | None]:
    query = _query(d, nullable=True)
    return {
        "of a range, with sums": statements.count(d, query, _between(), ("amount", "tax")),
        "of late rows": statements.count(d, query, statements.late_conditions(d, query, Late(LOW))),
        "of rows without a cursor": statements.count(d, query, statements.null_conditions(d, query)),
        "rows without a cursor": statements.nulls(d, query),
        "is there any above": statements.any_above(d, query, Edge(LOW, Bound.OPEN)),
        "is there any at all": statements.any_above(d, query, None),
    }


def _bookmarks(d: Dialect) -> dict[str, Statement | str | None]:
    return {
        "of a row": statements.bookmark_of(d, _query(d), ("17",)),
        "hit": statements.hit(d, _query(d), LOW),
        "moved up": statements.moved_up(d, _query(d), LOW),
        "echo": statements.echo(d, _query(d), LOW),
        "of a template that places the predicate": statements.moved_up(
            d, _query(d, template="SELECT o.* FROM erp.orders o WHERE {keyset}"), LOW
        ),
    }


def _samples(d: Dialect) -> dict[str, Statement | str | None]:
    return {
        "of all rows": statements.sample(d, _query(d, cursors=1), KeyRange(), 3, 1),
        "of some rows": statements.sample(d, _query(d, cursors=1), KeyRange(Edge(LOW[:1], Bound.CLOSED)), 2, 0.0125),
    }


def _catalogue(d: Dialect) -> dict[str, Statement | str | None]:
    return {
        "columns": d.columns_of("erp.orders"),
        "primary key": d.primary_key_of("erp.orders"),
        "indexes": d.indexes_of("erp.orders"),
        "estimate": d.estimate_of("erp.orders"),
        "columns of a table of the login's own schema": d.columns_of("orders"),
    }


def _session(d: Dialect) -> dict[str, Statement | str | None]:
    backend = "4711"
    found: dict[str, Statement | str | None] = {
        f"setup {at}": sql for at, sql in enumerate(d.session_setup("dag.task run's", 12.5), 1)
    }
    found |= {f"begin {at}": sql for at, sql in enumerate(d.begin_snapshot(), 1)}
    found |= {f"end {at}": sql for at, sql in enumerate(d.end_snapshot(), 1)}
    shared = d.share_snapshot()
    if shared is not None:
        found["share the snapshot"] = shared
        found |= {f"join {at}": sql for at, sql in enumerate(d.join_snapshot("00000003-00000002-1"), 1)}
    return {**found, "engine": d.engine(), "backend": d.backend(), "cancel": d.cancel(backend)}


def _types(d: Dialect) -> dict[str, Statement | str | None]:
    found: dict[str, Statement | str | None] = {}
    for kind in TYPES[d.name]:
        read = d.read_column(SourceColumn("v", kind))
        guards = f", {read.suspect} AS suspect, {read.guarded} AS guarded" if read.guarded else ""
        found[f"{kind}, read as {read.arrow}"] = f"SELECT {read.expression} AS v{guards}"
        try:
            key = f"{d.text_of(d.quote('v'), kind)} AS as_text, {d.cast('?', kind)} AS from_text"
            found[f"{kind}, as a key"] = f"SELECT {key}"
        except ConfigError:
            found[f"{kind}, as a key"] = None
    return found


def _tracking(d: Dialect) -> dict[str, Statement | str | None]:
    if d.name != "sqlserver":
        return {}
    query = _query(d, filter="status <> 'draft'")
    changed = change_tracking.changed(d, query, "41")
    keys = [d.read_column(SourceColumn(column.name, column.type)) for column in query.keyset.key]
    return {
        "versions": d.change_versions(query.table),
        "a page of what was written": statements.page(d, changed, _by_key(1), 1000),
        "how many were written": statements.count(d, changed, KeyRange()),
        "deleted": change_tracking.deleted(d, replace(query, filter=None), "41", keys),
        "deleted, or out of the filter": change_tracking.deleted(d, query, "41", keys),
        "anything": change_tracking.any_change(d, query, "41"),
    }


CASES = {
    "pages": _pages,
    "late": _late,
    "counts": _counts,
    "bookmarks": _bookmarks,
    "samples": _samples,
    "catalogue": _catalogue,
    "session": _session,
    "types": _types,
    "change_tracking": _tracking,
}
# What sqlglot's grammar of the engine does not know, by the reason; each must still fail, or the entry goes.
_TRACKING = "CHANGETABLE(CHANGES table, version)"
UNKNOWN = {
    ("postgresql", "session", "join 1"): "SET TRANSACTION SNAPSHOT",
    ("postgresql", "types", "numeric(5,-2), as a key"): "a negative scale",
    ("mariadb", "session", "begin 1"): "START TRANSACTION WITH CONSISTENT SNAPSHOT",
    ("sqlserver", "session", "setup 1"): "SET TRANSACTION ISOLATION LEVEL SNAPSHOT",
    ("sqlserver", "change_tracking", "a page of what was written"): _TRACKING,
    ("sqlserver", "change_tracking", "how many were written"): _TRACKING,
    ("sqlserver", "change_tracking", "deleted"): _TRACKING,
    ("sqlserver", "change_tracking", "deleted, or out of the filter"): _TRACKING,
    ("sqlserver", "change_tracking", "anything"): _TRACKING,
}
# Statements that set a session up and are no queries: sqlglot keeps them as bare commands.
COMMANDS = ("setup", "begin", "end", "join", "cancel")


def _named() -> list[tuple[str, str]]:
    return [(name, case) for name in DIALECTS for case in CASES if CASES[case](DIALECTS[name])]


def _shown(title: str, statement: Statement | str | None) -> str:
    if statement is None:
        return f"-- {title}: none\n"
    if isinstance(statement, str):
        return f"-- {title}\n{statement};\n"
    given = f"-- ? = {', '.join(map(repr, statement.parameters))}\n" if statement.parameters else ""
    return f"-- {title}\n{given}{statement.sql};\n"


@pytest.mark.parametrize(("name", "case"), _named())
def test_the_statements_are_as_they_were(name: str, case: str) -> None:
    text = "\n".join(_shown(title, statement) for title, statement in CASES[case](DIALECTS[name]).items())
    path = GOLDEN / name / f"{case}.sql"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text, f"{path.name} differs: look at it, then run with UPDATE_GOLDEN=1"


def test_there_is_no_file_without_its_case() -> None:
    assert {(path.parent.name, path.stem) for path in GOLDEN.rglob("*.sql")} == set(_named())


@pytest.mark.parametrize(("name", "case"), _named())
def test_the_statements_are_sql_of_their_engine(name: str, case: str) -> None:
    for title, statement in CASES[case](DIALECTS[name]).items():
        if statement is None:
            continue
        sql = statement if isinstance(statement, str) else statement.sql
        reason = UNKNOWN.get((name, case, title))
        try:
            [parsed] = sqlglot.parse(sql, read=READ.get(name, name))
        except sqlglot.errors.ParseError:
            assert reason, (title, sql)
            continue
        command = isinstance(parsed, sqlglot.exp.Command)
        assert not reason or command, f"sqlglot knows it now: {title}"
        assert not command or reason or title.split(" ")[0] in COMMANDS, (title, sql)


@pytest.mark.parametrize("name", DIALECTS)
def test_as_many_parameters_are_given_as_asked_for(name: str) -> None:
    for case in CASES.values():
        for title, statement in case(DIALECTS[name]).items():
            if isinstance(statement, Statement):
                assert statement.sql.count("?") == len(statement.parameters), title


def test_a_column_that_is_compared_stays_bare_for_its_index() -> None:
    for dialect in DIALECTS.values():
        for kind in TYPES[dialect.name]:
            keyset = Keyset((KeyColumn("v", kind),), 0)
            try:
                sql, parameters = statements.above(dialect, keyset, Edge(("x",), Bound.OPEN))
            except ConfigError:
                continue
            assert sql.startswith(f"{dialect.quote('v')} > ")
            assert parameters == ("x",)
