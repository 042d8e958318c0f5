"""The world around a chain: OpenSSH, GnuPG parties, a ledger file, a landing root and a warehouse of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.chain import ROOT, Chain, Killer
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.gnupg import PgpWorld
from tests.fakes.ledgers import migrated
from tests.fakes.sshd import Sshd

HEADER = "customer_id,full_name,email,country,segment,balance,signed_up,updated_at\n"


def customer_row(number: int, name: str = "Anna Berg", **values: str) -> str:
    """One good line of the customers' contract."""
    row = {
        "customer_id": str(number),
        "full_name": name,
        "email": f"c{number}@example.org",
        "country": "US",
        "segment": "residential",
        "balance": "10.50",
        "signed_up": "2020-01-31",
        "updated_at": "2025-11-05T10:00:00Z",
        **values,
    }
    return ",".join(row.values()) + "\n"


def customers(numbers: Sequence[int], name: str = "Anna Berg") -> bytes:
    """A good file."""
    return (HEADER + "".join(customer_row(number, name) for number in numbers)).encode()


@pytest.fixture
def make_chain(sshd: Sshd, pgp: PgpWorld, warehouse: Warehouse, tmp_path: Path) -> Callable[..., Chain]:
    """Makes a chain for ACME's customers; keywords replace parts of the source file."""

    def make(**changes: Any) -> Chain:
        from airflow_provider_integrations.ledger.ledger import Ledger

        inbox = sshd.root / uuid.uuid4().hex
        inbox.mkdir()
        source = yaml.safe_load((ROOT / "include/sources/acme_customers.yaml").read_text())
        source["folders"] = {"inbox": "/inbox", "archive": "/archive", "quarantine": "/quarantine"}
        source["load"]["database"] = warehouse.database
        source |= changes
        (inbox / "inbox").mkdir()
        folder = tmp_path / "chain"
        folder.mkdir()
        ledger_url = f"sqlite:///{folder / 'ledger.db'}"
        with Ledger.connect(ledger_url) as ledger:
            migrated(ledger)
        suite = yaml.safe_load((ROOT / "include/expectations/acme_customers.yaml").read_text())
        return Chain(
            folder=str(folder),
            sftp={
                "host": "127.0.0.1",
                "port": sshd.port,
                "login": sshd.user,
                "password": None,
                "extras": {
                    "host_key": sshd.host_key,
                    "private_key": sshd.private_key,
                    "root": str(inbox),
                    "pgp_private_key": pgp.keys.private_key,
                    "pgp_passphrase": pgp.keys.passphrase,
                    "pgp_certificates": pgp.keys.certificates,
                    "pgp_signers": list(pgp.keys.signers),
                },
            },
            ledger_url=ledger_url,
            warehouse=warehouse.server.options(warehouse.database),
            source=source,
            contract=yaml.safe_load((ROOT / "include/contracts/acme_customers.yaml").read_text()),
            suites=[suite],
        )

    return make


@pytest.fixture(scope="session")
def killer() -> Iterator[Killer]:
    """One warm parent for the session."""
    running = Killer()
    yield running
    running.close()
