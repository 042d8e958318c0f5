"""The conversation of change tracking, with answers as SQL Server gives them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_integrations.connectors.odbc.change_tracking import Changes, converse, increment
from airflow_provider_integrations.connectors.odbc.dialects import change_tracking, dialect_named
from airflow_provider_integrations.connectors.odbc.model import KeyColumn, Keyset, Statement, TableQuery
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError

SQL_SERVER = dialect_named("sqlserver")
QUERY = TableQuery("dbo.t", (), Keyset((KeyColumn("u", "datetime2(7)"), KeyColumn("id", "int")), cursors=1), "x > 1")

Answers = list[list[tuple[str | None, ...]]]


def _run(since: str | None, answers: Answers) -> tuple[Changes, list[Statement], list[TableQuery]]:
    asked: list[Statement] = []
    read: list[TableQuery] = []
    left: Iterator[list[tuple[str | None, ...]]] = iter(answers)

    def ask(statement: Statement) -> list[tuple[str | None, ...]]:
        asked.append(statement)
        return next(left)

    return converse(increment(SQL_SERVER, QUERY, since, read.append), ask), asked, read


def test_an_increment_reads_what_was_written_and_what_was_deleted() -> None:
    changes, asked, read = _run("41", [[("50", "10")], [("7",), ("8",)], [("52", "12")]])
    # It ends at the version of its beginning: what came meanwhile is not in its snapshot.
    assert changes == Changes(change_tracking.changed(SQL_SERVER, QUERY, "41"), (("7",), ("8",)), "50")
    versions = change_tracking.versions(SQL_SERVER, "dbo.t")
    assert asked == [versions, change_tracking.deleted(SQL_SERVER, QUERY, "41"), versions]
    assert read == [changes.query]


def test_the_first_run_reads_the_whole_table_and_starts_at_its_version() -> None:
    changes, asked, read = _run(None, [[("50", "10")]])
    assert changes == Changes(QUERY, (), "50", whole=True)
    assert (len(asked), read) == (1, [QUERY])


@pytest.mark.parametrize(
    ("since", "answers", "error", "said"),
    [
        ("9", [[("50", "10")]], StateConflictError, "in full once"),
        ("9", [[("50", "5")], [], [("51", "10")]], StateConflictError, "cleaned up before they were read"),
        ("51", [[("50", "10")]], StateConflictError, "restored copy"),
        ("41", [[("50", None)]], ConfigError, "no change tracking"),
        (None, [[(None, None)]], ConfigError, "no change tracking"),
        ("1; DROP", [], ConfigError, "not a version"),
        ("٣", [], ConfigError, "not a version"),
    ],
)
def test_changes_that_are_lost_or_not_of_this_source_are_refused(
    since: str | None, answers: Answers, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        _run(since, answers)


def test_other_engines_have_no_change_tracking() -> None:
    with pytest.raises(ConfigError, match="no change tracking"):
        next(increment(dialect_named("postgresql"), QUERY, "1"))
