"""Where delta sources stand and until when their apps pause, on every engine."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from airflow_provider_integrations.core.errors import ClaimLostError
from airflow_provider_integrations.ledger.graph import GraphRecord
from airflow_provider_integrations.ledger.ledger import Ledger

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
RECORD = GraphRecord("entra_users", "gAAAA canary", 3, obtained_at=AT, sealed_at=None)


def test_a_state_comes_back_as_it_was_kept(ledger: Ledger) -> None:
    assert ledger.graph.get("entra_users") is None
    assert ledger.graph.save(RECORD, expected=0) == 1
    assert ledger.graph.get("entra_users") == replace(RECORD, revision=1)
    later = replace(RECORD, content="x" * 1_000_000, rounds=4, sealed_at=AT)
    assert ledger.graph.save(later, expected=1) == 2
    assert ledger.graph.get("entra_users") == replace(later, revision=2)
    assert "canary" not in repr(RECORD)


@pytest.mark.parametrize("expected", [0, 1, 3])
def test_a_state_that_another_worker_has_moved_is_left_as_it_is(ledger: Ledger, expected: int) -> None:
    for revision in range(2):
        ledger.graph.save(RECORD, expected=revision)
    with pytest.raises(ClaimLostError, match="another worker"):
        ledger.graph.save(replace(RECORD, content="late"), expected=expected)
    assert ledger.graph.get("entra_users") == replace(RECORD, revision=2)


def test_a_state_that_is_gone_is_not_made_anew_by_who_had_read_it(ledger: Ledger) -> None:
    with pytest.raises(ClaimLostError):
        ledger.graph.save(RECORD, expected=1)
    assert ledger.graph.get("entra_users") is None


def test_the_later_of_two_pauses_holds(ledger: Ledger) -> None:
    assert ledger.graph.until("msgraph/global/contoso/app") is None
    ledger.graph.share("msgraph/global/contoso/app", AT)
    ledger.graph.share("msgraph/global/contoso/app", AT - timedelta(seconds=1))
    assert ledger.graph.until("msgraph/global/contoso/app") == AT
    later = (AT + timedelta(microseconds=1)).astimezone(timezone(timedelta(hours=5, minutes=45)))
    ledger.graph.share("msgraph/global/contoso/app", later)
    assert ledger.graph.until("msgraph/global/contoso/app") == later
    assert ledger.graph.until("msgraph/global/contoso/other") is None
