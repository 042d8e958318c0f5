"""Positions of sources, on every engine."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import delete

from airflow_provider_integrations.core.errors import ConfigError, StateConflictError, WatermarkLostError
from airflow_provider_integrations.core.watermark import Bound, Watermark
from airflow_provider_integrations.ledger.database import Database
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.ledger.tables import watermark

START = Watermark((date(2025, 11, 1), 0), engine="postgresql 15")
NEXT = Watermark((date(2025, 11, 2), 5), engine="postgresql 15")


def lose(ledger: Ledger, source: str) -> None:
    database: Database = ledger._database
    with database.write() as connection:
        connection.execute(delete(watermark).where(watermark.c.source == source))


def test_a_source_that_never_began_has_none_and_must_say_where(ledger: Ledger) -> None:
    assert ledger.watermarks.get("crm") is None
    with pytest.raises(ConfigError, match="no watermark yet"):
        ledger.watermarks.require("crm")
    with pytest.raises(ConfigError, match="no watermark yet"):
        ledger.watermarks.advance("crm", START, NEXT)
    with pytest.raises(ConfigError, match="no watermark yet"):
        ledger.watermarks.rewind("crm", START, why="x", who="ann")


def test_a_position_that_was_lost_is_never_read_as_the_beginning(ledger: Ledger) -> None:
    ledger.watermarks.begin("crm", START)
    lose(ledger, "crm")
    for act in (
        lambda: ledger.watermarks.get("crm"),
        lambda: ledger.watermarks.require("crm"),
        lambda: ledger.watermarks.begin("crm", START),
        lambda: ledger.watermarks.advance("crm", START, NEXT),
    ):
        with pytest.raises(WatermarkLostError, match="had a position and has none"):
            act()
    ledger.watermarks.rewind("crm", NEXT, why="restored by hand", who="ann")
    assert ledger.watermarks.require("crm") == NEXT


@pytest.mark.parametrize(
    "position",
    [
        Watermark((2**70, "é\x00\udc80", date(1, 1, 1)), Bound.CLOSED),
        Watermark((datetime(2025, 11, 5, 1, 2, 3, 4, tzinfo=UTC),), lag=timedelta(microseconds=1)),
        Watermark((datetime(2025, 11, 5),), floor=datetime(2025, 1, 1), lag=timedelta(days=400)),
    ],
)
def test_positions_come_back_exactly(ledger: Ledger, position: Watermark) -> None:
    ledger.watermarks.begin("crm", position)
    assert ledger.watermarks.require("crm") == position


def test_beginning_twice_elsewhere_is_refused(ledger: Ledger) -> None:
    ledger.watermarks.begin("crm", START)
    ledger.watermarks.begin("crm", START)
    with pytest.raises(StateConflictError, match="not where it was believed"):
        ledger.watermarks.begin("crm", NEXT)
    assert [event.event for event in ledger.watermarks.history("crm")] == ["begun"]


def test_it_moves_only_from_where_it_was_believed_to_be(ledger: Ledger) -> None:
    ledger.watermarks.begin("crm", START)
    assert ledger.watermarks.advance("crm", START, NEXT) == NEXT
    ledger.watermarks.advance("crm", START, NEXT)  # The same again, as after a lost answer.
    later = Watermark((date(2025, 11, 3), 0), engine="postgresql 15")
    with pytest.raises(StateConflictError, match="not where it was believed"):
        ledger.watermarks.advance("crm", START, later)
    with pytest.raises(StateConflictError, match="never moves backwards"):
        ledger.watermarks.advance("crm", NEXT, START)
    with pytest.raises(StateConflictError, match="two engines"):
        ledger.watermarks.advance("crm", NEXT, Watermark((date(2026, 1, 1), 0), engine="postgresql 16"))
    assert ledger.watermarks.require("crm") == NEXT


def test_a_rewind_needs_a_reason_and_is_audited(ledger: Ledger) -> None:
    ledger.watermarks.begin("crm", START)
    ledger.watermarks.advance("crm", START, NEXT)
    with pytest.raises(ConfigError, match="needs a reason"):
        ledger.watermarks.rewind("crm", START, why="", who="ann")
    ledger.watermarks.rewind("crm", START, why="rows were lost", who="ann")
    assert ledger.watermarks.require("crm") == START
    told = [(event.event, event.old, event.new, event.why) for event in ledger.watermarks.history("crm")]
    assert told == [
        ("begun", None, START, None),
        ("advanced", START, NEXT, None),
        ("rewound", NEXT, START, "rows were lost"),
    ]
    [entry] = ledger.records.audit_trail(subject="crm")
    assert (entry.action, entry.who, entry.detail["new"]) == ("rewind", "ann", START.to_json())
