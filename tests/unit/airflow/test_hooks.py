"""What the hooks make of Airflow connections, and what they refuse."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowNotFoundException
from sqlalchemy import make_url

from airflow_provider_integrations.connectors.msgraph.hook import MSGraphDeltaHook
from airflow_provider_integrations.connectors.sftp_pgp.hook import SftpPgpHook
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.ledger.hook import LedgerExtras, LedgerHook, ledger_url
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.ledgers import migrated
from tests.fakes.sshd import Sshd


def connection(monkeypatch: pytest.MonkeyPatch, name: str, **fields: Any) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(fields))


def acme(monkeypatch: pytest.MonkeyPatch, **extra: Any) -> SftpPgpHook:
    connection(monkeypatch, "acme", conn_type="sftp_pgp", host="h", login="u", password="canary-password", extra=extra)
    return SftpPgpHook("acme")


def test_settings_are_the_same_for_workers_and_triggers(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = acme(monkeypatch, host_key="SHA256:x", pgp_signers="AB" * 20, idle_timeout="")
    assert hook.settings() == asyncio.run(hook.asettings()) == hook.get_conn()
    assert hook.settings().host_key == "SHA256:x"


def test_an_unknown_extra_is_refused_by_name_and_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="hostkey") as caught:
        acme(monkeypatch, hostkey="canary-value").settings()
    assert "canary" not in str(caught.value)


def test_secrets_are_masked_in_airflows_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.log import redact

    acme(monkeypatch, pgp_passphrase="canary-passphrase", private_key="canary-key\nsecond line").settings()
    shown = str(redact("a canary-passphrase b canary-key\nsecond line c canary-password"))
    assert "canary" not in shown


def test_secrets_of_graph_are_masked_in_airflows_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.log import redact

    extra = {
        "tenant_id": "t.test",
        "proxy": "http://u:canary-of-a-proxy@p.test:3128",
        "private_key": "-----BEGIN canary",
    }
    connection(monkeypatch, "entra", conn_type="msgraph_delta", login="app", password="canary-of-the-key", extra=extra)
    settings = MSGraphDeltaHook("entra").settings()
    assert settings == MSGraphDeltaHook("entra").get_conn()
    shown = str(redact(f"a {settings.auth.secrets} b {settings.reach.proxy} c canary-of-the-key d -----BEGIN canary"))
    assert "canary" not in shown


def test_airflow_finds_the_hook_of_graph_by_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk import BaseHook

    connection(
        monkeypatch, "entra", conn_type="msgraph_delta", login="app", password="p", extra={"tenant_id": "t.test"}
    )
    assert isinstance(BaseHook.get_hook("entra"), MSGraphDeltaHook)


def test_a_missing_connection_is_left_to_a_retry_since_a_secrets_backend_may_be_down() -> None:
    with pytest.raises(AirflowNotFoundException):
        SftpPgpHook("nowhere").settings()
    with pytest.raises(AirflowNotFoundException):
        LedgerHook("nowhere").ledger()


def test_airflow_finds_the_hook_by_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk import BaseHook

    acme(monkeypatch)
    assert isinstance(BaseHook.get_hook("acme"), SftpPgpHook)


def test_a_server_that_is_not_there_is_an_answer_and_not_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    connection(monkeypatch, "gone", conn_type="sftp_pgp", host="127.0.0.1", port=1, login="u", password="p", extra={})
    works, message = SftpPgpHook("gone").test_connection()
    assert not works
    assert message


@pytest.mark.integration
def test_the_connection_test_says_what_host_key_to_pin(monkeypatch: pytest.MonkeyPatch, sshd: Sshd) -> None:
    fields = {"conn_type": "sftp_pgp", "host": "127.0.0.1", "port": sshd.port, "login": sshd.user}
    root = sshd.root / "of_the_connection_test"
    root.mkdir(exist_ok=True)
    extra = {"private_key": sshd.private_key, "root": str(root)}
    connection(monkeypatch, "real", **fields, extra=extra)
    works, message = SftpPgpHook("real").test_connection()
    assert not works
    assert "SHA256:" in message
    connection(monkeypatch, "real", **fields, extra={**extra, "host_key": sshd.host_key})
    assert SftpPgpHook("real").test_connection() == (
        True,
        "Connected; the host key is the one that was pinned; 0 files in the root folder.",
    )


def test_a_ledger_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "with space#%.db"
    connection(monkeypatch, "books", conn_type="integrations_ledger", extra={"path": str(file), "sslmode": ""})
    with Ledger.connect(ledger_url_of(path=str(file))) as ledger:
        migrated(ledger)
    assert LedgerHook("books").test_connection() == (True, "The ledger answers and is empty.")
    assert asyncio.run(LedgerHook("books").aledger()) is LedgerHook("books").ledger()
    assert file.exists()


def test_a_ledger_that_was_never_migrated_is_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    connection(monkeypatch, "bare", conn_type="integrations_ledger", extra={"path": str(tmp_path / "bare.db")})
    works, message = LedgerHook("bare").test_connection()
    assert not works
    assert "migrate" in message


def ledger_url_of(**extras: Any) -> str:
    return ledger_url(
        host=None, port=None, login=None, password=None, database=None, extras=LedgerExtras.model_validate(extras)
    )


def test_a_password_may_hold_any_character() -> None:
    url = ledger_url(
        host="db", port=5433, login="a@b", password="p:/?#@%", database="l", extras=LedgerExtras(sslmode="require")
    )
    read = make_url(url)
    assert (read.username, read.password, read.host, read.port, read.database) == ("a@b", "p:/?#@%", "db", 5433, "l")
    assert dict(read.query) == {"connect_timeout": "10", "sslmode": "require"}


@pytest.mark.parametrize("extras", [{}, {"path": "relative.db"}, {"path": "/tmp/cut?off.db"}])
def test_a_ledger_that_could_be_another_one_is_refused(extras: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        ledger_url_of(**extras)


def test_a_producer_of_samples_is_idempotent_whatever_its_connection_says(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_integrations.connectors.historian.hook import idempotent_producer

    brokers = {"bootstrap.servers": "unused", "test.mock.num.brokers": 1, "log_level": 0, "enable.idempotence": False}
    connection(monkeypatch, "bus", conn_type="kafka", extra=brokers)
    producer: Any = idempotent_producer("bus")
    producer.produce("samples", value=b"1")
    assert producer.flush(10) == 0
    # It is what librdkafka refuses of an idempotent producer.
    connection(monkeypatch, "bus2", conn_type="kafka", extra={**brokers, "max.in.flight": 6})
    with pytest.raises(Exception, match=r"max\.in\.flight"):
        idempotent_producer("bus2")
