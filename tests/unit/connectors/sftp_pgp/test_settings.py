"""The connection's settings."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_integrations.connectors.sftp_pgp.host_keys import pins
from airflow_provider_integrations.connectors.sftp_pgp.settings import OpenPgpKeys, SftpSettings
from airflow_provider_integrations.core.errors import ConfigError

PRINT = "a" * 40


def read(**extras: Any) -> SftpSettings:
    return SftpSettings.from_connection("host", None, "me", "canary-password", extras)


def test_kebab_and_snake_case_are_the_same_and_empty_fields_count_as_not_given() -> None:
    settings = SftpSettings.from_connection(
        "host",
        2222,
        "me",
        "",
        {"private-key": "canary-key", "root": "/data//in/", "host-key": "", "idle_timeout": None},
    )
    assert (settings.port, settings.private_key, settings.root) == (2222, "canary-key", "/data/in")
    assert settings.host_key is None
    assert settings.idle_timeout == 60


def test_unknown_extras_are_refused_by_name_and_values_stay_unseen() -> None:
    with pytest.raises(ConfigError, match=r"hostkey.*no-host-key-check") as refused:
        read(hostkey="canary", **{"no-host-key-check": "canary"})
    assert "canary" not in str(refused.value)


def test_everything_that_is_missing_is_listed_together() -> None:
    with pytest.raises(ConfigError, match="host, login, private_key or password"):
        SftpSettings.from_connection(None, None, "", None, {})


def test_everything_that_is_wrong_is_listed_together_without_values() -> None:
    with pytest.raises(ConfigError) as refused:
        read(root="canary/..", idle_timeout=-1)
    assert "root" in str(refused.value)
    assert "idle_timeout" in str(refused.value)
    assert "canary" not in str(refused.value)


def test_one_extra_given_twice_with_different_values_is_refused() -> None:
    with pytest.raises(ConfigError, match="twice"):
        read(**{"host-key": "a", "host_key": "b"})


@pytest.mark.parametrize("signers", [f"{PRINT}, {'B' * 40}", [PRINT, "b" * 40], f"{PRINT}\n{'bbbb ' * 10}"])
def test_signers_as_list_or_text(signers: Any) -> None:
    assert read(pgp_signers=signers).pgp.signers == ("A" * 40, "B" * 40)


def test_short_key_ids_are_refused_as_signers() -> None:
    with pytest.raises(ConfigError, match="full fingerprint"):
        read(pgp_signers="DEADBEEF")


def test_no_secret_in_any_repr() -> None:
    settings = read(
        private_key="canary-1", private_key_passphrase="canary-2", pgp_private_key="canary-3", pgp_passphrase="canary-4"
    )
    for text in (repr(settings), str(settings), repr(settings.pgp), repr(OpenPgpKeys("canary", "canary"))):
        assert "canary" not in text
    assert settings.secrets == ["canary-password", "canary-1", "canary-2", "canary-3", "canary-4"]


@pytest.mark.parametrize("text", ["", "nonsense", "SHA256:short", "ssh-ed25519 !!!", "ssh-ed25519 AAAA", "MD5:00:11"])
def test_what_is_no_host_key_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        pins(text, "host", 22)


def test_a_known_hosts_line_of_another_host_proves_nothing() -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHc9tCiVRIgqJzkpAQI3gm8bC1Q3wAlpD0bbl4v6s0V5"
    assert pins(f"host,10.0.0.1 {key}", "host", 22) == pins(key, "host", 22)
    assert pins(f"[host]:2222 {key}", "host", 2222)
    for line, port in ((f"other {key}", 22), (f"host {key}", 2222), (f"[host]:22222 {key}", 2222)):
        with pytest.raises(ConfigError, match="another host"):
            pins(line, "host", port)
