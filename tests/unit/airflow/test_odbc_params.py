"""What a run of the table DAG may be asked for, as templates render it."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_integrations.connectors.odbc.cancelling import OpenSessions, apart
from airflow_provider_integrations.connectors.odbc.operators import _given, _mode, _span
from airflow_provider_integrations.core.errors import ConfigError, TransientError


@pytest.mark.parametrize("text", [None, "", " ", "None", "null"])
def test_a_parameter_that_was_not_given_renders_to_an_empty_text_or_a_word(text: str | None) -> None:
    assert (_given(text), _mode(text), _span(text)) == (None, None, None)


@pytest.mark.parametrize(
    ("given", "span"),
    [
        ('{"from": "2025-01-01", "to": "2025-02-01"}', ("2025-01-01", "2025-02-01")),
        ({"from": "2025-01-01"}, ("2025-01-01", None)),
        ({"to": "17"}, (None, "17")),
    ],
)
def test_a_backfill_is_a_mapping_or_its_json(given: Any, span: Any) -> None:
    assert _span(given) == span


@pytest.mark.parametrize("given", ["2025-01-01", '["2025-01-01"]', '{"form": "2025-01-01"}', {"from": 17}, "{"])
def test_a_backfill_that_could_be_read_as_everything_is_refused(given: Any) -> None:
    with pytest.raises(ConfigError, match="no span"):
        _span(given)


def test_there_are_two_modes() -> None:
    assert (_mode("full"), _mode(" incremental ")) == ("full", "incremental")
    with pytest.raises(ConfigError, match="no such mode"):
        _mode("ful")


class Session:
    cancelled = 0

    def cancel(self) -> None:
        self.cancelled += 1


def test_sessions_are_cancelled_also_when_they_open_after_the_end() -> None:
    open_sessions, early, late = OpenSessions(), Session(), Session()
    open_sessions.add(early)
    open_sessions.cancel()
    open_sessions.add(late)
    assert (early.cancelled, late.cancelled) == (1, 1)


def test_what_is_done_apart_gives_its_value_and_its_error() -> None:
    assert apart(lambda: 3, name="t") == 3
    with pytest.raises(TransientError):
        apart(lambda: (_ for _ in ()).throw(TransientError("x")), name="t")
