"""The GnuPG engine beside hostile mail: keys, homes, processes, memory, and other programs' messages."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.sftp_pgp.gnupg import GnuPgEngine
from airflow_provider_integrations.connectors.sftp_pgp.gnupg_home import sweep_stale_homes
from airflow_provider_integrations.core.errors import (
    ConfigError,
    IntegrationError,
    RejectedError,
    StalledError,
    TransientError,
)
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.source import MIB, OpenPgpPolicy
from tests.fakes.gnupg import PgpWorld

pytestmark = pytest.mark.integration

CONTENT = b"".join(b"%d,name %d,%d\n" % (i, i * 7919 % 10007, i * i) for i in range(50_000))
POLICY = OpenPgpPolicy()


@pytest.fixture
def message(pgp: PgpWorld, tmp_path: Path) -> Path:
    path = tmp_path / "message.gpg"
    path.write_bytes(pgp.partner.write(CONTENT, pgp.own))
    return path


def test_many_messages_at_once_on_two_engines(pgp: PgpWorld, message: Path) -> None:
    with GnuPgEngine(pgp.keys) as one, GnuPgEngine(pgp.keys) as two, ThreadPoolExecutor(8) as pool:

        def opened(number: int) -> bool:
            with (one, two)[number % 2].open(message, POLICY) as stream:
                return stream.read() == CONTENT and bool(stream.verify().signers)

        assert all(pool.map(opened, range(24)))


def test_two_messages_interleaved_on_one_engine(pgp: PgpWorld, message: Path) -> None:
    with GnuPgEngine(pgp.keys) as engine, engine.open(message, POLICY) as a, engine.open(message, POLICY) as b:
        while part := a.read(10_000):
            assert b.read(10_000) == part
        assert a.verify() == b.verify()


def test_read_gives_what_was_asked_for_up_to_the_end(pgp: PgpWorld, message: Path) -> None:
    with GnuPgEngine(pgp.keys) as engine, engine.open(message, POLICY) as stream:
        assert len(stream.read(700_000)) == 700_000
        assert stream.read(0) == b""
        assert len(stream.read(10 * MIB)) == len(CONTENT) - 700_000
        assert stream.read(1) == b""


def test_a_decoder_that_closes_the_stream_at_its_end_leaves_the_proof(pgp: PgpWorld, message: Path) -> None:
    with GnuPgEngine(pgp.keys) as engine, engine.open(message, POLICY) as stream:
        with io.TextIOWrapper(io.BufferedReader(stream)) as text:
            assert sum(1 for _ in text) == 50_000
        assert stream.verify().size == len(CONTENT)


def test_a_decoder_that_gave_up_early_still_learns_that_the_message_was_changed(pgp: PgpWorld, message: Path) -> None:
    data = bytearray(message.read_bytes())
    data[-12] ^= 1
    message.write_bytes(data)
    with GnuPgEngine(pgp.keys) as engine, engine.open(message, POLICY) as stream:
        stream.read(1000)
        with pytest.raises(RejectedError) as caught:
            stream.verify()
        assert caught.value.reason is Reason.INTEGRITY_FAILED


def test_a_stream_closed_before_its_end_proves_nothing(pgp: PgpWorld, message: Path) -> None:
    with GnuPgEngine(pgp.keys) as engine:
        with engine.open(message, POLICY) as stream:
            stream.read(1000)
        with pytest.raises(TransientError, match="closed before"):
            stream.verify()


def test_leaving_early_ends_gnupg(pgp: PgpWorld, tmp_path: Path) -> None:
    path = tmp_path / "big.gpg"
    path.write_bytes(pgp.partner.write(os.urandom(8 * MIB), pgp.own))
    with GnuPgEngine(pgp.keys) as engine:
        with pytest.raises(KeyError), engine.open(path, POLICY) as stream:  # noqa: PT012 what is left early
            stream.read(10)
            pid = stream._process._process.pid
            assert Path(f"/proc/{pid}").exists()
            raise KeyError
        assert not Path(f"/proc/{pid}").exists()


def test_the_home_is_private_and_gone_afterwards(pgp: PgpWorld) -> None:
    with GnuPgEngine(pgp.keys) as engine:
        home = engine.home
        assert home.stat().st_mode & 0o777 == 0o700
    assert not home.exists()
    with pytest.raises(ConfigError, match="outside of its context"):
        engine.home  # noqa: B018


CHILD = """
import os, sys, time
from pathlib import Path
from airflow_provider_integrations.connectors.sftp_pgp.gnupg import GnuPgEngine
from airflow_provider_integrations.connectors.sftp_pgp.settings import OpenPgpKeys
from airflow_provider_integrations.core.source import OpenPgpPolicy
folder, message, signer = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
keys = OpenPgpKeys((folder / "own.key").read_text(), sys.argv[4], (folder / "partner.crt").read_text(), (signer,))
with GnuPgEngine(keys, home_parent=Path(sys.argv[5]) if sys.argv[5] else None) as engine:
    with engine.open(message, OpenPgpPolicy()) as stream:
        if sys.argv[6] == "hang":
            stream.read(10)
            print(engine.home, stream._process._process.pid, flush=True)
            time.sleep(600)
        while stream.read(1 << 20):
            pass
        print(stream.verify().size)
        status = Path("/proc/self/status").read_text()
        print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


def child(pgp: PgpWorld, folder: Path, message: Path, home_parent: str, what: str) -> subprocess.Popen[str]:
    (folder / "own.key").write_text(pgp.own.private_key)
    (folder / "partner.crt").write_text(pgp.partner.certificate)
    arguments = [str(folder), str(message), pgp.partner.fingerprint, pgp.own.passphrase, home_parent, what]
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD), *arguments], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )


def test_sigkill_leaves_no_gnupg_and_the_next_engine_sweeps_the_home(
    pgp: PgpWorld, pgp_homes: Path, tmp_path: Path
) -> None:
    path = tmp_path / "big.gpg"
    path.write_bytes(pgp.partner.write(os.urandom(8 * MIB), pgp.own))
    parent = pgp_homes / "stale"
    parent.mkdir()
    process = child(pgp, tmp_path, path, str(parent), "hang")
    assert process.stdout
    home, pid = process.stdout.readline().split()
    assert sweep_stale_homes(parent) == []  # it is in use
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split(")")[1][:3]:
            break
        time.sleep(0.05)
    else:
        pytest.fail("GnuPG outlived its parent")
    assert Path(home).exists()
    with GnuPgEngine(pgp.keys, home_parent=parent) as engine:
        assert list(parent.iterdir()) == [engine.home]
    assert list(parent.iterdir()) == []
    agents = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert home not in agents


def test_a_forked_child_leaves_the_parents_home_alone(pgp: PgpWorld, message: Path) -> None:
    with GnuPgEngine(pgp.keys) as engine:
        pid = os.fork()
        if pid == 0:
            engine.__exit__(None, None, None)
            os._exit(0)
        os.waitpid(pid, 0)
        with engine.open(message, POLICY) as stream:
            assert stream.verify().size == len(CONTENT)


def test_memory_stays_flat_over_200_mb(pgp: PgpWorld, tmp_path: Path) -> None:
    path = tmp_path / "big.gpg"
    part = "".join(f"{i},name {i * 7919 % 100_003},{i * i}\n" for i in range(300_000)).encode()
    content = part * (200_000_000 // len(part) + 1)
    path.write_bytes(pgp.partner.write(content, pgp.own, options=("--compress-level", "1")))
    process = child(pgp, tmp_path, path, "", "measure")
    size, peak_kib = (process.communicate()[0] or "0 0").split()
    assert int(size) == len(content)
    assert int(peak_kib) < 60_000


def test_a_home_that_vanishes_is_no_fault_of_the_message(pgp: PgpWorld, message: Path) -> None:
    with GnuPgEngine(pgp.keys) as engine:
        for key in (engine.home / "private-keys-v1.d").iterdir():
            key.unlink()
        with pytest.raises(TransientError), engine.open(message, POLICY) as stream:
            stream.verify()


@pytest.fixture
def stalling_gpg(tmp_path: Path) -> str:
    script = tmp_path / "gpg-that-stalls"
    script.write_text('#!/bin/sh\ncase "$*" in *--decrypt*) exec sleep 60;; esac\nexec gpg "$@"\n')
    script.chmod(0o700)
    return str(script)


def test_gnupg_without_progress_is_given_up(pgp: PgpWorld, message: Path, stalling_gpg: str) -> None:
    with GnuPgEngine(pgp.keys, program=stalling_gpg, stall_timeout=5) as engine:
        engine._stall_timeout = 0.3
        begin = time.monotonic()
        with pytest.raises(StalledError), engine.open(message, POLICY) as stream:
            stream.read(1)
        assert time.monotonic() - begin < 5


def test_a_slow_reader_is_not_taken_for_a_stall(pgp: PgpWorld, message: Path) -> None:
    with GnuPgEngine(pgp.keys) as engine, engine.open(message, POLICY) as stream:
        stream.read(10)
        stream._process._stall_timeout = 2
        time.sleep(2.5)
        assert stream.verify().size == len(CONTENT)


def test_gnupg_killed_from_outside_is_transient(pgp: PgpWorld, tmp_path: Path) -> None:
    path = tmp_path / "big.gpg"
    path.write_bytes(pgp.partner.write(os.urandom(8 * MIB), pgp.own))
    with GnuPgEngine(pgp.keys) as engine, engine.open(path, POLICY) as stream:
        stream.read(10)
        stream._process._process.send_signal(signal.SIGKILL)
        with pytest.raises(StalledError, match="signal"):
            stream.verify()


def test_any_bytes_at_all_are_refused_in_order(pgp: PgpWorld, tmp_path: Path) -> None:
    """Seeded noise, alone and put over a good message: a refusal, never another error."""
    good = pgp.partner.write(CONTENT[:5000], pgp.own)
    noise = [os.urandom(size) for size in (1, 5, 50, 500)]
    noise += [bytes([first]) + os.urandom(100) for first in (0x85, 0x84, 0xD2, 0xC1, 0xA3, 0xCB)]
    noise += [good[:at] + os.urandom(20) + good[at + 20 :] for at in range(0, len(good), len(good) // 12)]
    path = tmp_path / "noise.gpg"
    with GnuPgEngine(pgp.keys) as engine:
        for data in noise:
            path.write_bytes(data)
            with pytest.raises(IntegrationError) as caught, engine.open(path, POLICY) as stream:
                stream.verify()
            assert isinstance(caught.value, RejectedError), data.hex()


def test_closing_while_another_thread_reads_ends_both(pgp: PgpWorld, message: Path, stalling_gpg: str) -> None:
    with GnuPgEngine(pgp.keys, program=stalling_gpg) as engine, ThreadPoolExecutor(1) as pool:
        with engine.open(message, POLICY) as stream:
            reading = pool.submit(stream.read, 10)
            time.sleep(0.2)
        assert isinstance(reading.exception(timeout=10), TransientError)


def test_verifying_while_another_thread_reads_accounts_for_every_byte(pgp: PgpWorld, message: Path) -> None:
    with GnuPgEngine(pgp.keys) as engine, ThreadPoolExecutor(4) as pool:
        for _ in range(10):
            with engine.open(message, POLICY) as stream:
                parts = [pool.submit(stream.read, 100_000) for _ in range(3)]
                assert stream.verify().size == len(CONTENT)
                assert sum(len(part.result()) for part in parts) <= len(CONTENT)
