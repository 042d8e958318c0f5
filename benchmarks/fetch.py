"""Fetching a file from OpenSSH on loopback: ours, Airflow's `SFTPHook.retrieve_file` and OpenSSH's `sftp`.

Ours also computes SHA-256 and CRC-32 on the way, which the others do not. Connecting is part of every time; imports and
a first small file are not.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.machine import Goal, Options, clock, in_turns, main, medians, save
from tests.fakes.sshd import Sshd, start_sshd

__all__ = ["measure"]

MB = 1_000_000
FULL = {"megabytes": 1000, "rounds": 5}
QUICK = {"megabytes": 50, "rounds": 1}


def measure(options: Options) -> dict[str, Any]:
    """Rounds of all three."""
    megabytes = options["megabytes"]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, start_sshd(Path(folder)) as server:
        with (server.root / "big").open("wb") as big:
            for _ in range(megabytes):
                big.write(os.urandom(MB))
        (server.root / "small").write_bytes(b"x")
        ways = ("ours", "airflow", "sftp") if shutil.which("sftp") else ("ours", "airflow")
        runs = in_turns({way: (fetch, way, server, Path(folder), megabytes * MB) for way in ways}, options["rounds"])
    figures = {way: medians(each) for way, each in runs.items()}
    for figure in figures.values():
        figure["mb_per_s"] = round(megabytes / figure["seconds"], 1)
    seconds = {way: figure["seconds"] for way, figure in figures.items()}
    goals = [Goal("times the MB/s of Airflow's SFTPHook", seconds["airflow"] / seconds["ours"], least=2)]
    if "sftp" in seconds:
        goals.append(Goal("times the time of OpenSSH's sftp", seconds["ours"] / seconds["sftp"], most=1.2))
    return save("fetch", goals, figures, options)


def fetch(way: str, server: Sshd, folder: Path, size: int) -> dict[str, Any]:
    """Fetch the big file one way."""
    work: Callable[[Sshd, str, Path], None] = {"ours": _ours, "airflow": _airflow, "sftp": _sftp}[way]
    target = folder / f"got-{way}"
    work(server, "small", folder / "warm")
    with clock() as spent:
        work(server, "big", target)
    found = target.stat().st_size
    target.unlink()
    if found != size:
        raise RuntimeError(f"{way} fetched {found} bytes of {size}")
    return dict(spent)


def _ours(server: Sshd, name: str, target: Path) -> None:
    from airflow_provider_integrations.connectors.sftp_pgp.client import SftpClient

    async def work() -> None:
        async with SftpClient.connect(server.settings()) as client:
            file = await client.stat(f"/{name}")
            assert file is not None
            await client.fetch(file, target)

    asyncio.run(work())


def _airflow(server: Sshd, name: str, target: Path) -> None:
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


def _sftp(server: Sshd, name: str, target: Path) -> None:
    key = server.log.with_name("bench_key")
    key.write_text(server.private_key)
    key.chmod(0o600)
    options = ["-oBatchMode=yes", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oLogLevel=ERROR"]
    source = f"{server.user}@127.0.0.1:{server.root / name}"
    subprocess.run(
        ["sftp", "-q", "-F", "none", "-i", str(key), "-P", str(server.port), *options, source, str(target)], check=True
    )


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK, doc=__doc__)
