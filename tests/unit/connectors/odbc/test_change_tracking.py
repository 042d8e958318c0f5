"""The conversation of change tracking, with answers as SQL Server gives them, and the position that holds a version."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_integrations.connectors.odbc.change_tracking import (
    Deleted,
    Step,
    increment,
    position_at,
    since_of,
    version_of,
)
from airflow_provider_integrations.connectors.odbc.dialects import change_tracking, dialect_named
from airflow_provider_integrations.connectors.odbc.model import KeyColumn, Keyset, SourceColumn, TableQuery
from airflow_provider_integrations.connectors.odbc.position import BEGINNING, Position
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError

SQL_SERVER = dialect_named("sqlserver")
KEYS = (SQL_SERVER.read_column(SourceColumn("id", "int")),)
QUERY = TableQuery("dbo.t", KEYS, Keyset((KeyColumn("u", "datetime2(7)"), KeyColumn("id", "int")), cursors=1), "x > 1")

Answers = list[list[tuple[str | None, ...]]]


def _run(since: str, answers: Answers) -> list[Step]:
    """The steps that were asked for, until the end or an error."""
    steps: list[Step] = []
    left: Iterator[list[tuple[str | None, ...]]] = iter(answers)
    conversation = increment(SQL_SERVER, QUERY, since, KEYS)
    try:
        step = next(conversation)
        while True:
            steps.append(step)
            step = conversation.send(() if isinstance(step, (TableQuery, Deleted)) else next(left))
    except StopIteration:
        return steps


def test_an_increment_reads_what_was_written_and_what_was_deleted_between_two_looks_at_the_versions() -> None:
    versions = SQL_SERVER.change_versions("dbo.t")
    assert _run("41", [[("50", "10")], [("52", "41")]]) == [
        versions,
        change_tracking.changed(SQL_SERVER, QUERY, "41"),
        Deleted(change_tracking.deleted(SQL_SERVER, QUERY, "41", KEYS), KEYS),
        versions,
    ]


@pytest.mark.parametrize(
    ("since", "answers", "error", "said"),
    [
        ("9", [[("50", "10")]], StateConflictError, "in full once"),
        ("9", [[("50", "5")], [("51", "10")]], StateConflictError, "cleaned up before they were read"),
        ("51", [[("50", "10")]], StateConflictError, "restored copy"),
        ("41", [[("50", None)]], ConfigError, "no change tracking"),
        ("41", [[(None, None)]], ConfigError, "no change tracking"),
    ],
)
def test_changes_that_are_lost_or_not_of_this_source_are_refused(
    since: str, answers: Answers, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        _run(since, answers)


@pytest.mark.parametrize("name", ["postgresql", "mariadb", "sqlite", "oracle", "snowflake"])
def test_other_engines_have_no_change_tracking(name: str) -> None:
    with pytest.raises(ConfigError, match="no change tracking"):
        next(increment(dialect_named(name), QUERY, "1", KEYS))
    with pytest.raises(ConfigError, match="no change tracking"):
        change_tracking.changed(dialect_named(name), QUERY, "1")


def test_a_position_holds_a_version_as_its_horizon() -> None:
    assert since_of(position_at("57")) == "57"
    assert since_of(BEGINNING) is None
    assert Position.from_json(position_at("57").to_json()) == position_at("57")
    assert [version_of(horizon) for horizon in (None, "731", "lag:5")] == [None] * 3


@pytest.mark.parametrize("position", [Position(("5",)), Position(("5",), "version:57"), Position(None, "lag:5")])
def test_a_position_of_another_mode_is_refused(position: Position) -> None:
    with pytest.raises(StateConflictError, match="another mode"):
        since_of(position)


@pytest.mark.parametrize("version", ["", "1; DROP", "٣", "-1"])
def test_a_version_that_is_none_is_refused(version: str) -> None:
    with pytest.raises(ConfigError, match="not a version"):
        since_of(position_at(version))
