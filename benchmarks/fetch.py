"""Fetches a file from OpenSSH on loopback: ours, Airflow's `SFTPHook.retrieve_file` and OpenSSH's `sftp`, in turns.

    python -m benchmarks.fetch --megabytes 1000 --rounds 5 [--out benchmarks/results/fetch.json]

Ours also computes SHA-256 and CRC-32 on the way, which the others do not. Connecting is part of every time. Each round runs
all three, so that a busy machine is busy for all; the medians are compared.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.sftp_pgp.client import SftpClient
from tests.fakes.sshd import Sshd, start_sshd

__all__ = ["main", "measure"]

MB = 1_000_000
GOALS = {"airflow": 2.0, "sftp": 1 / 1.2}
"""Our MB/s divided by theirs must be at least this."""


def ours(server: Sshd, name: str, target: Path) -> None:
    """Fetch with this package's client."""

    async def fetch() -> None:
        async with SftpClient.connect(server.settings()) as client:
            file = await client.stat(f"/{name}")
            assert file is not None
            await client.fetch(file, target)

    asyncio.run(fetch())


def airflow(server: Sshd, name: str, target: Path) -> None:
    """Fetch with the hook of Airflow's SFTP provider, which finds its connection in the environment."""
    from airflow.providers.sftp.hooks.sftp import SFTPHook

    os.environ["AIRFLOW_CONN_BENCH_SFTP"] = json.dumps(
        {
            "conn_type": "sftp",
            "host": "127.0.0.1",
            "port": server.port,
            "login": server.user,
            "extra": {"private_key": server.private_key, "no_host_key_check": True},
        }
    )
    SFTPHook(ssh_conn_id="bench_sftp").retrieve_file(str(server.root / name), str(target))


def sftp(server: Sshd, name: str, target: Path) -> None:
    """Fetch with OpenSSH's own client."""
    key = server.log.with_name("bench_key")
    key.write_text(server.private_key)
    key.chmod(0o600)
    options = ["-oBatchMode=yes", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oLogLevel=ERROR"]
    source = f"{server.user}@127.0.0.1:{server.root / name}"
    subprocess.run(
        ["sftp", "-q", "-F", "none", "-i", str(key), "-P", str(server.port), *options, source, str(target)], check=True
    )


def measure(megabytes: int, rounds: int) -> dict[str, Any]:
    """Interleaved rounds; MB/s as medians."""
    ways: dict[str, Callable[[Sshd, str, Path], None]] = {"ours": ours, "airflow": airflow}
    if shutil.which("sftp"):
        ways["sftp"] = sftp
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder, start_sshd(Path(folder)) as server:
        with (server.root / "big").open("wb") as big:
            for _ in range(megabytes):
                big.write(os.urandom(MB))
        for way in ways.values():  # imports and first connections, not counted
            (server.root / "small").write_bytes(b"x")
            way(server, "small", Path(folder) / "warm")
        for _ in range(rounds):
            for way, fetch in ways.items():
                target = Path(folder) / f"got-{way}"
                began = time.perf_counter()
                fetch(server, "big", target)
                seconds[way].append(time.perf_counter() - began)
                if target.stat().st_size != megabytes * MB:
                    raise RuntimeError(f"{way} fetched {target.stat().st_size} bytes of {megabytes * MB}")
                target.unlink()
    speed = {way: megabytes / statistics.median(taken) for way, taken in seconds.items()}
    return {
        "benchmark": "fetch",
        "megabytes": megabytes,
        "rounds": rounds,
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "seconds": {way: [round(taken, 3) for taken in all_taken] for way, all_taken in seconds.items()},
        "mb_per_s": {way: round(rate, 1) for way, rate in speed.items()},
        "times_faster_than": {way: round(speed["ours"] / speed[way], 2) for way in speed if way != "ours"},
        "goals": {way: round(goal, 3) for way, goal in GOALS.items()},
        "met": {way: speed["ours"] / speed[way] >= goal for way, goal in GOALS.items() if way in speed},
    }


def main() -> None:
    """Run and print; write only with --out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    result = json.dumps(measure(given.megabytes, given.rounds), indent=2) + "\n"
    print(result, end="")
    if given.out is not None:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(result)


if __name__ == "__main__":
    main()
