"""A 2 GB file goes through fetch, open, decode and land in a worker that stays under 300 MB."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.fakes.chain import ROOT, Chain
from tests.fakes.gnupg import PgpWorld

pytestmark = pytest.mark.integration

GIGABYTES = 2
LIMIT = 300_000_000
"""Bytes of resident memory."""


def write_customers(path: Path, size: int) -> int:
    """Rows of about 100 bytes; gives their number."""
    import duckdb

    rows = size // 100
    duckdb.execute(
        f"""COPY (SELECT i AS customer_id, 'Customer Name ' || (i * 7919 % 1000003) AS full_name,
        'user' || (i * 31 % 9999991) || '@example.org' AS email, 'US' AS country, 'business' AS segment,
        CAST((i * 7717 % 100000000) / 100.0 AS DECIMAL(18,2)) AS balance,
        DATE '1995-01-01' + CAST(i % 9000 AS INT) AS signed_up, '2025-11-05T10:00:00Z' AS updated_at
        FROM range(1, {rows} + 1) t(i)) TO '{path}' (HEADER, DELIMITER ',', QUOTE '', ESCAPE '')"""
    )
    return rows


@pytest.mark.timeout(600)
def test_two_gigabytes_in_a_small_worker(make_chain: Callable[..., Chain], pgp: PgpWorld, tmp_path: Path) -> None:
    chain = make_chain()
    plain, message = tmp_path / "plain.csv", tmp_path / "message.gpg"
    rows = write_customers(plain, GIGABYTES * 1_050_000_000)
    assert plain.stat().st_size > GIGABYTES * 1_000_000_000
    pgp.partner.gpg(
        "--trust-model", "always", "--compress-algo", "none", "--sign", "--local-user", pgp.partner.signing + "!",
        "--encrypt", "--recipient", pgp.own.encryption + "!", "--output", str(message), str(plain),
    )  # fmt: skip
    plain.unlink()
    crc = 0
    with message.open("rb") as opened:
        while data := opened.read(1 << 20):
            crc = zlib.crc32(data, crc)
    inbox = Path(chain.sftp["extras"]["root"]) / "inbox"
    message.rename(inbox / f"acme_customers_2025-11-05_seq-00001_crc32-{crc:08X}.csv.gpg")

    done = subprocess.run(
        [sys.executable, "-m", "tests.fakes.intake_once"],
        cwd=ROOT,
        input=json.dumps(asdict(chain)),
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answer = json.loads(done.stdout)
    assert answer["outcomes"] == [["landed", None, rows]]
    print(f"peak {answer['peak_kib'] / 1024:.0f} MiB")
    assert answer["peak_kib"] * 1024 < LIMIT
