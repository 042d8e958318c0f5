"""Both ends of an exchange for benchmarks: OpenSSH, keys, a warehouse, and a partner's files, all under one folder."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import uuid
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes.fakesnow_server import FakesnowServer
from tests.fakes.gnupg import Party, end_agent, make_party
from tests.fakes.sshd import Sshd, start_sshd

__all__ = ["ROOT", "Deployment", "Exchange", "exchange", "parties"]

ROOT = Path(__file__).parents[1]
SOURCE = "acme_customers"
DAY = "2025-11-05"


@contextmanager
def parties() -> Iterator[tuple[Party, Party]]:
    """We and the partner, who know each other; ours is RSA, as most keys in the field are."""
    # Agents listen on sockets in their homes, whose paths must be short.
    folder = Path(tempfile.mkdtemp(prefix="bench-pgp-"))
    own, partner = make_party(folder, "own", rsa=True), make_party(folder, "partner")
    try:
        yield own.knows(partner), partner.knows(own)
    finally:
        end_agent(own.home)
        end_agent(partner.home)
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Deployment:
    """One run's own inbox, ledger, landing and database, as the environment of the process that runs it."""

    folder: Path
    inbox: Path
    database: str
    warehouse: dict[str, Any]
    environment: dict[str, str]


@dataclass(frozen=True)
class Exchange:
    """Servers and files that all runs share."""

    folder: Path
    server: Sshd
    own: Party
    partner: Party
    warehouse: dict[str, Any]

    def write_files(self, files: int, rows: int) -> Path:
        """A folder of signed and encrypted files under the naming contract, no customer twice."""
        kept = self.folder / "messages"
        kept.mkdir()
        for number in range(files):
            message = self.partner.write(_customers(number * rows, rows), self.own)
            (kept / f"{SOURCE}_{DAY}_seq-{number:05d}_crc32-{zlib.crc32(message):08X}.csv.gpg").write_bytes(message)
        return kept

    def deploy(self, messages: Path, files: int, files_per_task: int) -> Deployment:
        """A fresh deployment whose inbox holds the first `files` messages."""
        name = f"B_{uuid.uuid4().hex[:12].upper()}"
        remote, folder = self.server.root / name, self.folder / name
        inbox = remote / "inbox"
        inbox.mkdir(parents=True)
        (folder / "landing").mkdir(parents=True)
        for message in sorted(messages.iterdir())[:files]:
            os.link(message, inbox / message.name)
        options = {**self.warehouse, "database": name}
        return Deployment(folder, inbox, name, options, self._environment(folder, remote, options, files_per_task))

    def _environment(self, folder: Path, remote: Path, options: dict[str, Any], files_per_task: int) -> dict[str, str]:
        include = folder / "include"
        shutil.copytree(ROOT / "include", include)
        self._adapt(include / "sources" / f"{SOURCE}.yaml", str(options["database"]), files_per_task)
        login = {"host": "127.0.0.1", "port": self.server.port, "login": self.server.user}
        pgp = {
            "pgp_private_key": self.own.private_key,
            "pgp_passphrase": self.own.passphrase,
            "pgp_certificates": self.partner.certificate,
            "pgp_signers": [self.partner.fingerprint],
        }
        key, host_key = self.server.private_key, self.server.host_key
        snowflake = {name: options[name] for name in ("account", "database", "host", "port", "protocol")}
        connections = {
            "sftp_pgp_acme": {
                **login, "conn_type": "sftp_pgp",
                "extra": {"host_key": host_key, "private_key": key, "root": str(remote), **pgp},
            },
            "airflow_sftp": {
                **login, "conn_type": "sftp", "extra": {"private_key": key, "host_key": " ".join(host_key.split()[:2])},
            },
            "integrations_ledger": {"conn_type": "integrations_ledger", "extra": {"path": str(folder / "ledger.db")}},
            "integrations_warehouse": {
                "conn_type": "snowflake", "login": "bench", "password": "bench", "extra": snowflake,
            },
        }  # fmt: skip
        return {
            **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()},
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "AIRFLOW__INTEGRATIONS__LANDING_ROOT": str(folder / "landing"),
            "AIRFLOW__INTEGRATIONS__INCLUDE_FOLDER": str(include),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    @staticmethod
    def _adapt(path: Path, database: str, files_per_task: int) -> None:
        import yaml

        source = yaml.safe_load(path.read_text())
        source["folders"] = {"inbox": "/inbox", "archive": "/archive", "quarantine": "/quarantine"}
        source["load"] |= {"database": database}
        source |= {"files_per_task": files_per_task}
        path.write_text(yaml.safe_dump(source))


@contextmanager
def exchange() -> Iterator[Exchange]:
    """Start the servers, end them and remove every file."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        own, partner = stack.enter_context(parties())
        server = stack.enter_context(start_sshd(folder / "sshd"))
        warehouse = FakesnowServer.start(folder / "warehouse")
        stack.callback(warehouse.stop)
        yield Exchange(folder, server, own, partner, warehouse.options(""))


def _customers(first: int, rows: int) -> bytes:
    lines = ["customer_id,full_name,email,country,segment,balance,signed_up,updated_at"]
    segments, countries = ("residential", "business", "public"), ("DE", "AT", "CH", "FR", "IT", "NL", "BE", "PL")
    for number in range(first + 1, first + rows + 1):
        cents = number * 7717 % 100_000_000
        lines.append(
            f"{number},Customer Name {number * 7919 % 1_000_003},user{number * 31 % 9_999_991}@example.org,"
            f"{countries[number % 8]},{segments[number % 3]},{cents // 100}.{cents % 100:02d},"
            f"20{number % 20 + 5:02d}-{number % 12 + 1:02d}-{number % 28 + 1:02d},2025-11-05T{number % 24:02d}:00:00Z"
        )
    return ("\n".join(lines) + "\n").encode()
