"""The state file: its mode, its key, and what is no state."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from airflow_provider_integrations.connectors.msgraph.fingerprint import fingerprint_of
from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.connectors.msgraph.state import DeltaState
from airflow_provider_integrations.connectors.msgraph.state_file import StateFile
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError

QUERY = Query(endpoint("https://graph.microsoft.com/v1.0"), "users", select=("id",))
STATE = DeltaState(fingerprint_of(QUERY), "https://graph.microsoft.com/canary", datetime(2026, 1, 1, tzinfo=UTC), 1)
KEY = Fernet.generate_key().decode()


@pytest.mark.parametrize("key", ["", KEY], ids=["plain", "encrypted"])
def test_it_is_read_as_it_was_written_and_for_its_owner_alone(tmp_path: Path, key: str) -> None:
    kept = StateFile(tmp_path / "state", key)
    assert kept.read() == DeltaState()
    kept.write(STATE)
    assert kept.read() == STATE
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert (b"canary" in kept.path.read_bytes()) == (not key)


def test_a_state_without_a_key_is_encrypted_when_it_is_written_next(tmp_path: Path) -> None:
    StateFile(tmp_path / "state").write(STATE)
    kept = StateFile(tmp_path / "state", KEY)
    kept.write(kept.read())
    assert b"canary" not in kept.path.read_bytes()


@pytest.mark.parametrize("key", ["", Fernet.generate_key().decode()], ids=["none", "another"])
def test_an_encrypted_state_opens_by_its_key_alone(tmp_path: Path, key: str) -> None:
    StateFile(tmp_path / "state", KEY).write(STATE)
    with pytest.raises(ConfigError, match="key"):
        StateFile(tmp_path / "state", key).read()


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"\xff", b"{\xff"])
@pytest.mark.parametrize("key", ["", KEY], ids=["plain", "encrypted"])
def test_what_is_damaged_is_no_beginning(tmp_path: Path, content: bytes, key: str) -> None:
    (tmp_path / "state").write_bytes(content)
    with pytest.raises(ConfigError):
        StateFile(tmp_path / "state", key).read()


def test_a_wrong_key_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        StateFile(tmp_path / "state", "canary")
    assert "canary" not in str(raised.value)


def test_the_lock_is_held_against_a_second_run_and_let_go(tmp_path: Path) -> None:
    kept = StateFile(tmp_path / "state")
    with kept.locked(), pytest.raises(StateConflictError, match="another run"), kept.locked():
        pass
    with kept.locked():
        pass
