"""The whole chain without Airflow: discover, take in, gate, load, archive, as the DAG's tasks do it.

`Chain` holds one source's world (OpenSSH, keys, ledger, landing root, warehouse). `Killer` runs it in forked children
that kill themselves with SIGKILL at a named boundary, from a parent that has done the slow imports once.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Chain:
    """What one source's chain needs, as plain values that go through JSON to a child process."""

    folder: str
    sftp: dict[str, Any]
    ledger_url: str
    warehouse: dict[str, Any]
    source: dict[str, Any]
    contract: dict[str, Any]
    owner: str = "chain"
    lease_seconds: float = 120
    suites: list[dict[str, Any]] = field(default_factory=list)

    def ledger(self) -> Any:
        from airflow_provider_integrations.ledger.ledger import Ledger

        return Ledger.connect(self.ledger_url)

    @contextmanager
    def connection(self) -> Iterator[Any]:
        import snowflake.connector

        with closing(snowflake.connector.connect(**self.warehouse)) as connection:
            yield connection

    def jobs(self, boundary: Callable[[str], None] | None = None) -> tuple[Any, Any]:
        """Of the intake, and of the steps from the gate on, which documents have none of."""
        from upath import UPath

        from airflow_provider_integrations.batch_job import BatchJob
        from airflow_provider_integrations.connectors.sftp_pgp.job import IntakeJob
        from airflow_provider_integrations.connectors.sftp_pgp.settings import SftpSettings
        from airflow_provider_integrations.core.contract import Contract
        from airflow_provider_integrations.core.edi_source import EdiSource
        from airflow_provider_integrations.core.source import FileSource

        documents = self.source["kind"] == "edi"
        source: Any = (EdiSource if documents else FileSource).from_mapping(self.source)
        contract = None if documents else Contract.from_mapping(self.contract)
        more: dict[str, Any] = {"lease": timedelta(seconds=self.lease_seconds)}
        if boundary:
            more["boundary"] = boundary
        root = UPath(Path(self.folder) / "landing")
        intake = IntakeJob(
            source=source,
            contract=contract,
            settings=SftpSettings.from_connection(**self.sftp),
            ledger=self.ledger(),
            root=root,
            scratch=Path(self.folder) / "landing" / ".scratch" / source.source,
            owner=self.owner,
            **more,
        )
        if contract is None:
            return intake, None
        batches = BatchJob(
            source=source.source,
            contract=contract,
            gate=source.gate,
            load=source.load,
            ledger=intake.ledger,
            root=root,
            owner=self.owner,
            **more,
        )
        return intake, batches

    def run(self, boundary: Callable[[str], None] | None = None, *, replay: tuple[str, str, str] | None = None) -> None:
        """One run of the DAG's steps, in order."""
        from datetime import date

        from airflow_provider_integrations.connectors.sftp_pgp.archive import archive
        from airflow_provider_integrations.connectors.sftp_pgp.discover import group_items, look_once
        from airflow_provider_integrations.connectors.sftp_pgp.intake import take_in
        from airflow_provider_integrations.expectations.step import gate_items
        from airflow_provider_integrations.expectations.suites import Suite
        from airflow_provider_integrations.warehouse.step import load_items

        intake, batches = self.jobs(boundary)
        if replay:
            first, last, request = replay
            pending = intake.ledger.items.replay(
                intake.source.source, date.fromisoformat(first), date.fromisoformat(last), request=request, who="test"
            )
        else:
            pending = asyncio.run(look_once(intake)).pending
            intake.boundary("discovered")
        suites = [Suite.from_mapping(suite) for suite in self.suites]
        for group in group_items(pending, files=intake.source.files_per_task):
            asyncio.run(take_in(intake, group))
            if batches:
                gate_items(batches, suites, group)
        if batches:
            with self.connection() as connection:
                load_items(batches, connection)
        asyncio.run(archive(intake))
        intake.boundary("archived")

    def drop(self, partner: Any, own: Any, number: int, content: bytes, *, day: str, name: str | None = None) -> str:
        """The partner puts down a signed and encrypted file under the naming contract; gives its name."""
        return self.drop_bytes(partner.write(content, own), number, day=day, name=name)

    def drop_bytes(self, message: bytes, number: int, *, day: str, name: str | None = None) -> str:
        name = name or f"acme_customers_{day}_seq-{number:05d}_crc32-{zlib.crc32(message):08X}.csv.gpg"
        inbox = Path(self.sftp["extras"]["root"]) / self.source["folders"]["inbox"].lstrip("/")
        inbox.mkdir(parents=True, exist_ok=True)
        (inbox / f"{name}.part").write_bytes(message)
        (inbox / f"{name}.part").rename(inbox / name)
        return name


class Killer:
    """Runs chains in children of one warm parent: a module that calls `serve` for its kind of chain."""

    def __init__(self, module: str = "tests.fakes.chain") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, chain: Any, *, kill_at: tuple[str, int] | None = None) -> tuple[int, list[str], str]:
        """Run to the end, or until a boundary is passed the n-th time; gives exit status, boundaries and error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"chain": asdict(chain), "kill_at": kill_at}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["status"], answer["boundaries"], answer["error"]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


def serve(kind: Callable[..., Any]) -> None:
    """Run chains of a kind by orders on standard input, each in a child of its own."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        order = json.loads(line)
        chain = kind(**order["chain"])
        trail = Path(chain.folder) / "boundaries"
        error = Path(chain.folder) / "error"
        for path in (trail, error):
            path.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            _child(chain, order["kill_at"], trail, error)
        _, status = os.waitpid(child, 0)
        boundaries = trail.read_text().splitlines() if trail.exists() else []
        said = error.read_text() if error.exists() else ""
        print(json.dumps({"status": status, "boundaries": boundaries, "error": said}), file=out, flush=True)


def _child(chain: Any, kill_at: list[Any] | None, trail: Path, error: Path) -> None:
    import traceback

    passed: Counter[str] = Counter()

    def boundary(name: str) -> None:
        with trail.open("a") as lines:
            lines.write(name + "\n")
        passed[name] += 1
        if [name, passed[name]] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        chain.run(boundary)
    except BaseException:
        error.write_text(traceback.format_exc())
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    import great_expectations  # noqa: F401 nine seconds, once

    import airflow_provider_integrations.connectors.sftp_pgp.intake
    import airflow_provider_integrations.expectations.step
    import airflow_provider_integrations.warehouse.step  # noqa: F401

    serve(Chain)
