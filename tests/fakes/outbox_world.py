"""A partner with an outbox of ours: OpenSSH, GnuPG parties, a ledger file and a landing root.

`python -m tests.fakes.outbox_world` delivers once in a process of its own, which kills itself with SIGKILL at a boundary.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.gnupg import Party, PgpWorld
from tests.fakes.ledgers import migrated
from tests.fakes.sshd import Sshd

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@dataclass(frozen=True)
class OutboxWorld:
    """What delivering works with, as plain values that go through JSON to a child process."""

    folder: str
    sftp: dict[str, Any]
    owner: str = "deliverer"
    lease_seconds: float = 120
    source: str = "acme_edi"
    to: str = "/inbound"

    @property
    def partner(self) -> Path:
        """The connection's root, as the partner sees it."""
        return Path(self.sftp["extras"]["root"])

    @property
    def landing(self) -> Path:
        """Our landing root."""
        return Path(self.folder) / "landing"

    def ledger(self) -> Any:
        from airflow_provider_integrations.ledger.ledger import Ledger

        return Ledger.connect(f"sqlite:///{self.folder}/ledger.db")

    def job(self, boundary: Callable[[str], None] = lambda _: None, **changes: Any) -> Any:
        from upath import UPath

        from airflow_provider_integrations.connectors.sftp_pgp.job import DeliverJob
        from airflow_provider_integrations.connectors.sftp_pgp.settings import SftpSettings

        values = {
            "source": self.source,
            "settings": SftpSettings.from_connection(**self.sftp),
            "ledger": self.ledger(),
            "root": UPath(self.landing),
            "scratch": self.landing / ".scratch" / "outbox",
            "owner": self.owner,
            "lease": timedelta(seconds=self.lease_seconds),
            "boundary": boundary,
        }
        return DeliverJob(**(values | changes))

    def enqueue(self, name: str, data: bytes, *, seal: bool = True, root: Any = None) -> Any:
        """Enqueue a file; gives its item."""
        from airflow_provider_integrations.core.edi_source import Outbox
        from airflow_provider_integrations.outbox import Outgoing, enqueue

        outgoing = Outgoing(name, data, {"control": name})
        place = Outbox(folder=self.to, seal=seal)
        return enqueue(self.ledger(), root or self.landing, self.source, place, outgoing, at=AT)

    def deliver(self, boundary: Callable[[str], None] = lambda _: None, **changes: Any) -> list[Any]:
        """Deliver in this process; gives the items."""
        from airflow_provider_integrations.connectors.sftp_pgp.deliver import deliver

        return asyncio.run(deliver(self.job(boundary, **changes)))

    def deliver_killed_at(self, boundary: str) -> list[str]:
        """Deliver in a process that kills itself there; gives the boundaries that it passed."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.fakes.outbox_world", boundary],
            cwd=ROOT,
            input=json.dumps(asdict(self)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, (done.returncode, done.stderr)
        return done.stdout.splitlines()

    def states(self) -> dict[str, str]:
        """State of each item by name."""
        return {item.name: item.state.value for item in self.ledger().items.list()}

    def lose_claim(self, path: str) -> None:
        """As when a lease ran out while its worker stood still."""
        with self.ledger()._database.write() as connection:
            connection.exec_driver_sql(
                "UPDATE work_item SET claim_owner = NULL, claim_expires_at = NULL WHERE path = ?", (path,)
            )

    def there(self) -> dict[str, bytes]:
        """All files of the partner by path below the root, hidden ones too."""
        found = (path for path in self.partner.rglob("*") if path.is_file())
        return {str(path.relative_to(self.partner)): path.read_bytes() for path in found}


def opened(message: bytes, by: Party, own: Party, tmp_path: Path) -> bytes:
    """What the partner reads, after proof that it is whole and signed by us."""
    from airflow_provider_integrations.connectors.sftp_pgp.gnupg import GnuPgEngine
    from airflow_provider_integrations.connectors.sftp_pgp.settings import OpenPgpKeys
    from airflow_provider_integrations.core.source import OpenPgpPolicy

    path = tmp_path / f"{uuid.uuid4().hex}.pgp"
    path.write_bytes(message)
    keys = OpenPgpKeys(by.private_key, by.passphrase, own.certificate, (own.fingerprint,))
    with GnuPgEngine(keys) as engine, engine.open(path, OpenPgpPolicy()) as content:
        data = content.read()
        assert content.verify().signers == (own.fingerprint,)
        return data


@pytest.fixture
def make_outbox(sshd: Sshd, pgp: PgpWorld, tmp_path: Path) -> Callable[..., OutboxWorld]:
    """Makes an empty outbox of a partner; keywords replace the connection's extras."""

    def make(**extras: Any) -> OutboxWorld:
        partner = sshd.root / uuid.uuid4().hex
        (partner / "inbound").mkdir(parents=True)
        given = {
            "host_key": sshd.host_key,
            "private_key": sshd.private_key,
            "root": str(partner),
            "pgp_private_key": pgp.own.private_key,
            "pgp_passphrase": pgp.own.passphrase,
            "pgp_certificates": pgp.partner.certificate,
            **extras,
        }
        world = OutboxWorld(
            folder=str(tmp_path),
            sftp={"host": "127.0.0.1", "port": sshd.port, "login": sshd.user, "password": None, "extras": given},
        )
        with world.ledger() as ledger:
            migrated(ledger)
        return world

    return make


def _main() -> None:
    world = OutboxWorld(**json.load(sys.stdin))

    def boundary(name: str) -> None:
        print(name, flush=True)
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGKILL)

    world.deliver(boundary)


if __name__ == "__main__":
    _main()
