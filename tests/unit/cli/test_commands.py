"""What each command answers when it is used as the README says."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from airflow_provider_integrations.cli import app
from airflow_provider_integrations.core.watermark import Watermark
from airflow_provider_integrations.core.work_item import RemoteFile, State
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.chain_world import HEADER, customer_row
from tests.fakes.gnupg import PgpWorld
from tests.fakes.ledgers import migrated

CONTRACT = Path(__file__).parents[3] / "include" / "contracts" / "acme_customers.yaml"


def run(*arguments: object, env: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env=env)
    return result.exit_code, json.loads(result.stdout or result.stderr)


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """Nineteen good rows and one without a number."""
    path = tmp_path / "sample.csv"
    path.write_text(HEADER + "".join(map(customer_row, range(1, 20))) + customer_row(20, balance="canary-77"))
    return path


def test_check_counts_by_rule_and_keeps_masked_rejects(sample: Path, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.jsonl"
    code, said = run("contract", "check", sample, "--contract", CONTRACT, "--rejects", rejects)
    assert (code, said["rows"], said["accepted"], said["rejected"]) == (0, 20, 19, 1)
    assert said["by_rule"] == {"type": 1}
    (reject,) = map(json.loads, rejects.read_text().splitlines())
    assert (reject["line"], reject["column"], reject["rule"]) == (21, "balance", "type")
    assert "canary-77" not in rejects.read_text()


def test_check_of_a_refused_file_says_why_and_fails(sample: Path) -> None:
    sample.write_text(HEADER + customer_row(1, country="?"))
    code, said = run("contract", "check", sample, "--contract", CONTRACT)
    assert (code, said["refused"], said["by_rule"]) == (1, "too_many_rejects", {"pattern": 1})


def test_diff_tells_compatible_from_breaking(tmp_path: Path) -> None:
    new = tmp_path / "new.yaml"
    added = "\n  - {name: note, type: string}"
    new.write_text(CONTRACT.read_text().replace("version: 1.0.0", "version: 1.1.0").rstrip() + added)
    assert run("contract", "diff", CONTRACT, new)[0] == 0
    new.write_text(CONTRACT.read_text().replace("name: country, type: string", "name: country, type: integer"))
    code, said = run("contract", "diff", CONTRACT, new)
    assert (code, said["verdict"]) == (1, "breaking")


def test_decode_writes_one_parquet_file(sample: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    code, said = run("decode", sample, "--contract", CONTRACT, "--out", out)
    assert (code, said["landed"], said["rejected"]) == (0, 19, 1)
    assert pq.read_table(out).column("customer_id").to_pylist() == list(range(1, 20))
    assert out.with_suffix(".rejects.jsonl").exists()


def test_decode_never_writes_over_its_source(sample: Path) -> None:
    before = sample.read_bytes()
    assert run("decode", sample, "--contract", CONTRACT, "--out", sample)[0] == 1
    assert sample.read_bytes() == before


def test_the_ledger_is_listed_shown_released_and_rewound(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    env = {"INTEGRATIONS_LEDGER": url}
    assert run("ledger", "migrate", env=env) == (0, {"revision": "0006"})
    with Ledger.connect(url) as ledger:
        (item,) = ledger.items.discover("acme", [RemoteFile("/in/a.gpg", 1, 1)], listed_at=datetime.now(UTC))
        taken = ledger.items.claim(item.id, "me", states=[State.DISCOVERED], lease=timedelta(minutes=1))
        assert taken is not None
        ledger.items.advance(taken[1], State.QUARANTINED, reason="not_signed")
    code, said = run("ledger", "list", "--source", "acme", "--state", "quarantined", env=env)
    assert (code, [entry["id"] for entry in said["items"]]) == (0, [item.id])
    assert run("ledger", "show", item.id, env=env)[1]["history"][-1]["new_state"] == "quarantined"
    assert run("ledger", "release", item.id, "--why", "resent key", env=env)[1]["item"]["state"] == "discovered"
    assert run("ledger", "release", item.id, "--why", "again", env=env)[0] == 1
    assert run("ledger", "watermark", "acme", env=env)[1]["watermark"] is None
    assert run("ledger", "watermark", "acme", "--rewind-to", "3,2025-11-05", "--why", "x", env=env)[0] == 1
    assert run("ledger", "replay", "acme", "--from", "2025-11-01", "--to", "2025-11-30", env=env)[1]["items"] == []


def test_the_watermark_of_a_historian_is_set_to_an_instant_and_to_nothing_else(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with migrated(Ledger.connect(url)) as ledger:
        ledger.watermarks.begin("plant1", Watermark((1_767_571_200_000_000_000,), engine="historian"))
        rewind = ("ledger", "watermark", "plant1", "--ledger", url, "--why", "x", "--rewind-to")
        for wrong in ("3,2025-11-05", "beginning", "yesterday"):
            assert run(*rewind, wrong)[0] == 1
        assert run(*rewind, "2026-01-04T18:00:00-06:00")[0] == 0
        assert ledger.watermarks.require("plant1") == Watermark((1_767_571_200_000_000_000,), engine="historian")
        assert run(*rewind, "2026-01-04")[0] == 0
        assert ledger.watermarks.require("plant1").cursor == (1_767_484_800_000_000_000,)


@pytest.mark.integration
def test_what_is_sealed_opens_and_what_a_stranger_signed_does_not(pgp: PgpWorld, tmp_path: Path) -> None:
    plain, message, out = tmp_path / "plain.csv", tmp_path / "message.gpg", tmp_path / "out.csv"
    plain.write_bytes(b"id\n1\n" * 1000)
    files = {}
    for name, text in (("our_key", pgp.own.private_key), ("our_cert", pgp.own.certificate),
                       ("their_key", pgp.partner.private_key), ("their_cert", pgp.partner.certificate),
                       ("other_cert", pgp.stranger.certificate)):  # fmt: skip
        files[name] = tmp_path / name
        files[name].write_text(text)
    env = {"INTEGRATIONS_PGP_PASSPHRASE": pgp.own.passphrase}
    sealed = run("pgp", "seal", plain, "--recipient", files["our_cert"], "--sign-with", files["their_key"],
                 "--out", message, env=env)  # fmt: skip
    assert sealed[0] == 0, sealed
    code, said = run("pgp", "open", message, "--key", files["our_key"], "--signer", files["their_cert"], "--out", out,
                     env=env)  # fmt: skip
    assert (code, said["signers"]) == (0, [pgp.partner.fingerprint])
    assert out.read_bytes() == plain.read_bytes()
    code, said = run("pgp", "open", message, "--key", files["our_key"], "--signer", files["other_cert"], "--out", out,
                     env=env)  # fmt: skip
    assert (code, said["reason"]) == (1, "wrong_signer")
    assert not out.exists(), "an older file there must not be taken for the content"


def test_the_start_imports_neither_airflow_nor_anything_slow() -> None:
    heavy = {"airflow", "great_expectations", "pandas", "pyarrow", "sqlalchemy", "duckdb", "asyncssh", "pydantic"}
    program = f"import sys, airflow_provider_integrations.cli; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
