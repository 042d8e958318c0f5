"""Whatever is given to the command, it answers with one JSON object and no traceback."""

from __future__ import annotations

import getpass
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from airflow_provider_integrations.cli import app
from airflow_provider_integrations.cli.output import reporting
from airflow_provider_integrations.ledger.ledger import Ledger

CONTRACT = Path(__file__).parents[3] / "include" / "contracts" / "acme_customers.yaml"
GOOD = (
    "customer_id,full_name,email,country,segment,balance,signed_up,updated_at\n"
    "1,Anna Berg,a@b.example,US,public,1.50,2020-01-01,2025-01-01T00:00:00Z\n"
)


def run(*arguments: object) -> tuple[int, dict[str, Any]]:
    """Exit code and answer; an exception other than the exit itself fails the test."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    return result.exit_code, json.loads(result.stdout if result.exit_code == 0 else result.stderr or result.stdout)


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "sample.csv"
    path.write_text(GOOD)
    return path


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    assert run("ledger", "migrate", "--ledger", url)[0] == 0
    return url


@pytest.mark.parametrize("out", ["", ".", "folder"])
def test_a_target_that_is_no_file_is_refused_before_anything_is_written(
    out: str, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.rglob("*"))
    code, said = run("decode", sample, "--contract", CONTRACT, "--out", out)
    assert (code, said["error"]) == (1, "ConfigError")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_decode_that_lands_no_row_leaves_no_file_of_an_earlier_one(sample: Path, tmp_path: Path) -> None:
    lenient = tmp_path / "lenient.yaml"
    lenient.write_text(CONTRACT.read_text().replace("max_reject_share: 0.10", "max_reject_share: 1"))
    out = tmp_path / "out.parquet"
    assert run("decode", sample, "--contract", lenient, "--out", out)[1]["out"] == str(out)
    sample.write_text(GOOD.replace("2020-01-01", "1920-01-01"))
    code, said = run("decode", sample, "--contract", lenient, "--out", out)
    assert (code, said["rejected"], said["out"], out.exists()) == (0, 1, None, False)


def test_a_file_name_that_is_no_utf_8_is_decoded_like_any_other(sample: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"\xff.csv")
    odd.write_text(GOOD)
    code, said = run("decode", odd, "--contract", CONTRACT, "--out", tmp_path / os.fsdecode(b"\xfe.parquet"))
    assert (code, said["landed"]) == (0, 1)
    assert run("decode", odd.with_name(os.fsdecode(b"\xfd")), "--contract", CONTRACT, "--out", odd)[0] == 1


@pytest.mark.parametrize("wrong", ["'('", "'(?=x)'", "'*'"])
def test_a_contract_with_a_broken_pattern_is_refused_by_every_command(wrong: str, sample: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(CONTRACT.read_text().replace("'^[A-Z]{2}$'", wrong))
    for command in (["contract", "check", sample, "--contract", broken], ["contract", "diff", CONTRACT, broken]):
        code, said = run(*command)
        assert (code, said["error"]) == (1, "ConfigError")
        assert "country" in said["message"]


@pytest.mark.parametrize("command", ["list", "migrate"])
def test_a_ledger_that_is_another_kind_of_file_is_refused(command: str, tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(bytes(range(256)) * 40)
    code, said = run("ledger", command, "--ledger", f"sqlite:///{tmp_path / 'ledger.db'}")
    assert (code, said["error"]) == (1, "ConfigError")
    assert "no SQLite database" in said["message"]


def test_a_limit_beyond_what_the_engine_takes_is_refused(ledger: str) -> None:
    result = CliRunner().invoke(app, ["ledger", "list", "--ledger", ledger, "--limit", str(2**64)])
    assert (result.exit_code, isinstance(result.exception, SystemExit)) == (2, True)


def test_a_user_without_a_name_can_release_and_replay(ledger: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers run under numbers that no password file knows."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 1000710000")

    monkeypatch.setattr(getpass, "getuser", nobody)
    days = ("--from", "2025-11-01", "--to", "2025-11-02")
    assert run("ledger", "replay", "acme_customers", *days, "--ledger", ledger) == (0, {"items": []})


def test_a_passphrase_file_that_is_no_text_is_refused(sample: Path, tmp_path: Path) -> None:
    binary = tmp_path / "passphrase"
    binary.write_bytes(b"\xff\xfe\x00")
    files = ("--key", sample, "--signer", sample, "--out", tmp_path / "out", "--passphrase-file", binary)
    code, said = run("pgp", "open", sample, *files)
    assert (code, said["error"]) == (1, "ConfigError")
    assert "passphrase" in said["message"]


def test_the_next_delivery_is_an_object_like_the_rest(ledger: str) -> None:
    with Ledger.connect(ledger) as book:
        book.records.expect_delivery("acme_customers", datetime(2025, 11, 5, 11, tzinfo=UTC), "America/New_York")
    _, said = run("ledger", "watermark", "acme_customers", "--ledger", ledger)
    assert said["expected_delivery"]["zone"] == "America/New_York"


def test_a_reader_that_goes_away_is_no_fault_of_a_path(capsys: pytest.CaptureFixture[str]) -> None:
    for fault, step in (
        (BrokenPipeError(32, "Broken pipe"), "read it to its end"),
        (OSError(28, "Full"), "its rights"),
    ):
        with pytest.raises(typer.Exit) as ended, reporting():
            raise fault
        assert ended.value.exit_code == 1
        assert step in json.loads(capsys.readouterr().err)["next_step"]
