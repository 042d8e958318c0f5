"""Odd deliveries through fetch, open, decode and land: each has its reason, and nothing is left behind."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_integrations.core.errors import ConfigError, PermanentError, TransientError
from airflow_provider_integrations.core.work_item import State
from tests.fakes.chain import Chain
from tests.fakes.chain_steps import Steps
from tests.fakes.chain_world import HEADER, customers
from tests.fakes.gnupg import PgpWorld

pytestmark = pytest.mark.integration

MakeChain = Callable[..., Chain]
DAY = "2025-11-05"
MARK = b"\xef\xbb\xbf"

CONTENTS = {
    "no content": (b"", "empty_file"),
    "only a byte order mark": (MARK, "unreadable"),
    "only line ends": (b"\r\n\n\r\n", "unreadable"),
    "header only": (HEADER.encode(), "no_rows"),
    "header only, no line end": (HEADER.strip().encode(), "no_rows"),
    "byte order mark and header": (MARK + HEADER.encode(), "no_rows"),
    "byte order mark and rows": (MARK + customers(range(1, 5)), None),
    "old Mac line ends": (customers(range(5, 9)).replace(b"\n", b"\r"), None),
    "no line end at the end": (customers(range(9, 13)).rstrip(), None),
    "zero bytes": (b"\0" * 5000, "columns_missing"),
    "UTF-16": (customers(range(1, 5)).decode().encode("utf-16"), "unreadable"),
    "another file": (b"%PDF-1.7\n" + bytes(range(256)) * 20, "columns_missing"),
    "an open quote": (HEADER.encode() + b'"' + b"a,b\n" * 5000, "too_many_rejects"),
    "a header twice": (HEADER.encode() + HEADER.encode(), "too_many_rejects"),
    "a column twice": (HEADER.replace("email", "balance").encode() + b"1,a,b,US,public,1,2020-01-01,x\n", "unreadable"),
    "a field of 20 MB": (HEADER.encode() + b"1," + b"x" * 20_000_000 + b",,US,public,1,2020-01-01,x\n", "too_many_rejects"),
}  # fmt: skip


def left_behind(steps: Steps) -> list[Path]:
    scratch = Path(steps.intake.scratch)
    return list(scratch.rglob("*")) if scratch.exists() else []


def test_odd_content(make_chain: MakeChain, pgp: PgpWorld) -> None:
    chain = make_chain(openpgp={"max_ratio": 1_000_000})
    names = {
        chain.drop(pgp.partner, pgp.own, number, content, day=DAY): (label, reason)
        for number, (label, (content, reason)) in enumerate(CONTENTS.items(), start=1)
    }
    steps = Steps.of(chain)
    steps.take()
    items = steps.items()
    found = {label: items[name].reason for name, (label, _) in names.items()}
    assert found == dict(names.values())
    assert left_behind(steps) == []


def test_files_that_are_no_messages(make_chain: MakeChain, pgp: PgpWorld) -> None:
    chain = make_chain(limits={"max_bytes": 100_000})
    steps = Steps.of(chain)
    expected = {
        chain.drop_bytes(b"", 1, day=DAY): "empty_file",
        chain.drop_bytes(customers(range(1, 5)), 2, day=DAY): "wrong_type",
        chain.drop_bytes(b"x" * 100_001, 3, day=DAY): "file_too_large",
        chain.drop(pgp.partner, pgp.own, 4, customers([1]), day=DAY, name="stranger.csv.gpg"): "name_out_of_contract",
        chain.drop(pgp.partner, pgp.own, 5, customers([1]), day=DAY,
                   name=f"acme_customers_{DAY}_seq-00005_crc32-00000000.csv.gpg"): "checksum_mismatch",
        chain.drop(pgp.partner, pgp.own, 6, customers([1]), day=DAY,
                   name="acme_customers_2025-02-30_seq-00006_crc32-00000000.csv.gpg"): "name_out_of_contract",
    }  # fmt: skip
    steps.path("a\nb.gpg").write_bytes(b"x")
    steps.path("-rf.gpg").write_bytes(b"")
    steps.path("link.gpg").symlink_to("/etc/passwd")
    steps.path("folder.gpg").mkdir()
    steps.take()
    found = {name: item.reason for name, item in steps.items().items()}
    assert found.pop("-rf.gpg", "name_out_of_contract") in ("empty_file", "name_out_of_contract")
    assert found == expected
    assert left_behind(steps) == []
    steps.archive()
    assert {path.name for path in steps.path("").iterdir()} == {"a\nb.gpg", "link.gpg", "folder.gpg"}


@pytest.mark.parametrize("wrong", [False, True])
def test_a_checksum_of_the_content(wrong: bool, make_chain: MakeChain, pgp: PgpWorld) -> None:
    chain = make_chain(names={"pattern": "acme_{checksum}.gpg", "checksum": "crc32", "checksum_of": "plaintext"})
    steps = Steps.of(chain)
    content = customers(range(1, 6))
    name = f"acme_{zlib.crc32(content) ^ wrong:08x}.gpg"
    chain.drop(pgp.partner, pgp.own, 1, content, day=DAY, name=name)
    assert steps.take() == [("quarantined", "checksum_mismatch") if wrong else ("landed", None)]
    assert left_behind(steps) == []


def test_a_scanner_decides_before_anything_is_opened(make_chain: MakeChain, pgp: PgpWorld, tmp_path: Path) -> None:
    scanner = tmp_path / "scan.sh"
    scanner.write_text(f"#!/bin/sh\nread verdict < {tmp_path}/verdict\nexit $verdict\n")
    scanner.chmod(0o755)
    chain = make_chain(limits={"scanner": [str(scanner)]})
    steps = Steps.of(chain)
    name = chain.drop(pgp.partner, pgp.own, 1, customers(range(1, 6)), day=DAY)
    (tmp_path / "verdict").write_text("2\n")
    with pytest.raises(TransientError, match="no verdict"):
        steps.take()
    assert steps.items()[name].state is State.DISCOVERED
    (tmp_path / "verdict").write_text("1\n")
    assert steps.take() == [("quarantined", "malware")]
    steps.intake.ledger.items.release(steps.items()[name].id, who="test", why="a false alarm")
    (tmp_path / "verdict").write_text("0\n")
    assert steps.take() == [("landed", None)]
    assert left_behind(steps) == []


def test_more_files_than_the_limit_stop_the_source(make_chain: MakeChain, pgp: PgpWorld) -> None:
    chain = make_chain(limits={"max_files": 2})
    steps = Steps.of(chain)
    for number in (1, 2, 3):
        chain.drop_bytes(b"x", number, day=DAY)
    with pytest.raises(PermanentError, match="more files than the limit"):
        steps.look()


def test_a_scratch_folder_that_others_may_read_is_not_used(make_chain: MakeChain, pgp: PgpWorld) -> None:
    chain = make_chain()
    steps = Steps.of(chain)
    chain.drop(pgp.partner, pgp.own, 1, customers(range(1, 6)), day=DAY)
    scratch = Path(steps.intake.scratch)
    scratch.mkdir(parents=True)
    scratch.chmod(0o755)
    with pytest.raises(ConfigError, match="not private"):
        steps.take()
    assert left_behind(steps) == []
    scratch.chmod(0o700)
    assert steps.take() == [("landed", None)]


def test_a_wrong_pattern_says_so(make_chain: MakeChain, pgp: PgpWorld) -> None:
    chain = make_chain(names={"pattern": "acme_{day}.gpg"})
    chain.drop_bytes(b"x", 1, day=DAY)
    with pytest.raises(ConfigError, match="naming pattern is wrong"):
        Steps.of(chain).look()
