"""An EDI partner and we, with real parts between us: OpenSSH, GnuPG on both sides, a ledger, bronze and a warehouse.

The partner puts sealed documents on their server and reads what we answer with their own key.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml

from tests.fakes.chain import ROOT, Chain
from tests.fakes.edi_run import EdiRun
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.gnupg import PgpWorld

DAY = "2026-01-02"
GOOD = (
    "BEG*00*SA*4500012345**20260102",
    "N1*ST*Store 42*UL*0042420000042",
    "PO1*1*12*EA*9.25**VP*A-100",
    "PO1*2*1.5*LB*0.5**VP*B-7",
    "CTT*2",
)
BAD = ("BEG*99*SA*4500012346**20260102", "PO1*1*1O*EA*1**VP*C-1", "CTT*1")
"""BEG01 is no code that the guide knows, and PO102 has a letter in its number."""


def order_document(control: int, *orders: tuple[str, ...], sender: str = "ACME", receiver: str = "HUB") -> bytes:
    """An interchange of one group of 850, each set given by what stands between ST and SE."""
    sets = [_set("850", at, body) for at, body in enumerate(orders, 1)]
    return _interchange(control, "PO", sets, sender, receiver)


def acknowledgement(control: int, group: str, number: str = "0001") -> bytes:
    """The partner's 997 that accepts a group of ours with one 850."""
    said = (f"AK1*PO*{group}", f"AK2*850*{number}", "AK5*A", "AK9*A*1*1*1")
    return _interchange(control, "FA", [_set("997", 1, said)], "ACME", "HUB")


def segments(document: bytes) -> list[str]:
    """The segments of an interchange of ours, without their terminators."""
    return [segment for segment in document.decode().replace("\n", "").replace("\r", "").split("~") if segment]


def _set(kind: str, at: int, body: tuple[str, ...]) -> str:
    number = f"{at:04d}"
    return "".join(f"{segment}~" for segment in (f"ST*{kind}*{number}", *body, f"SE*{len(body) + 2}*{number}"))


def _interchange(control: int, group: str, sets: list[str], sender: str, receiver: str) -> bytes:
    isa = f"ISA*00*{'':10}*00*{'':10}*ZZ*{sender:15}*ZZ*{receiver:15}*260102*0304*U*00401*{control:09d}*0*P*>~"
    gs = f"GS*{group}*{sender}*{receiver}*20260102*0304*{control}*X*004010~"
    return f"{isa}{gs}{''.join(sets)}GE*{len(sets)}*{control}~IEA*1*{control:09d}~".encode()


@dataclass(frozen=True)
class EdiPartner:
    """One partner's world.

    Args:
        chain: Connection, ledger, landing root and warehouse; its source is `acme_edi`.
        include: Ours, with this world's folders and warehouse.
    """

    chain: Chain
    include: Path
    pgp: PgpWorld

    @property
    def server(self) -> Path:
        """The connection's root, as the partner sees it."""
        return Path(self.chain.sftp["extras"]["root"])

    def send(self, number: int, document: bytes, *, change: Callable[[bytes], bytes] = lambda message: message) -> str:
        """The partner seals a document, and something may happen to it on its way; gives its name."""
        message = change(self.pgp.partner.write(document, self.pgp.own))
        return self.chain.drop_bytes(message, number, day=DAY, name=f"acme_edi_{DAY}_seq-{number:05d}.edi.gpg")

    def agree(self, **agreement: Any) -> None:
        """Parts of the agreement are changed from now on."""
        path = self.include / "sources" / "acme_edi.yaml"
        source = yaml.safe_load(path.read_text())
        source["agreement"] |= agreement
        path.write_text(yaml.safe_dump(source))

    def received(self) -> dict[str, bytes]:
        """What lies at the partner's from us, by name, opened with their key; only what we signed opens."""
        return {path.name: self._opened(path) for path in sorted((self.server / "inbound" / "edi").iterdir())}

    def _opened(self, path: Path) -> bytes:
        opened = self.pgp.partner.gpg("--decrypt", "--status-fd", "1", data=path.read_bytes())
        status, content = [], []
        for line in opened.splitlines(keepends=True):
            (status if line.startswith(b"[GNUPG:]") else content).append(line)
        assert any(self.pgp.own.fingerprint.encode() in line and b"VALIDSIG" in line for line in status), path
        # The status may begin behind text that ends without a line's end.
        return re.sub(rb"\[GNUPG:\][^\n]*\n", b"", b"".join(content))

    @property
    def steps(self) -> EdiRun:
        """Ours, as plain values."""
        return EdiRun(asdict(self.chain), str(self.include))

    def run_inbound(self, *, replay: tuple[str, str, str] | None = None) -> None:
        """One run of `edi_inbound__acme_edi`."""
        self.steps.run(replay=replay)

    def run_outbound(self) -> None:
        """One run of `edi_outbound__acme_orders_out`."""
        self.steps.run_outbound()


@pytest.fixture
def make_edi_partner(
    make_chain: Callable[..., Chain], pgp: PgpWorld, warehouse: Warehouse, tmp_path: Path
) -> Callable[..., EdiPartner]:
    """Makes the world of `include/sources/acme_edi.yaml`; keywords replace parts of its agreement."""

    def make(**agreement: Any) -> EdiPartner:
        chain = make_chain()
        include = tmp_path / "include"
        shutil.copytree(ROOT / "include", include)
        for path in (include / "sql").rglob("*.sql"):
            path.write_text(path.read_text().replace("INTEGRATIONS.", f"{warehouse.database}."))
        path = include / "sources" / "acme_edi.yaml"
        source = yaml.safe_load(path.read_text())
        source["folders"] = chain.source["folders"]
        source["agreement"] |= agreement
        source["load"] |= {"database": warehouse.database}
        path.write_text(yaml.safe_dump(source))
        partner = EdiPartner(replace(chain, source=source), include, pgp)
        (partner.server / "inbound" / "edi").mkdir(parents=True)
        return partner

    return make


def release_order(warehouse: Warehouse, include: Path, number: str) -> None:
    """An order of ours that is to go out, with one line, in the tables that the shipped queries read."""
    connection = warehouse.connect()
    for statement in sqlglot.parse((include / "sql/gold/orders_to_send.sql").read_text(), read="snowflake"):
        assert statement is not None
        connection.cursor().execute(statement.sql(dialect="snowflake", comments=False))
    where = f"{warehouse.database}.GOLD"
    connection.cursor().execute(
        f"INSERT INTO {where}.ORDERS_TO_SEND VALUES ('ACME', %s, '2026-01-02', 'USD', '2026-02-01', 'Store 42', "
        "'0042420000042', '1 Main Street', 'Springfield', 'IL', '62701', 'US', '2026-01-02 03:04:05')",
        (number,),
    )
    connection.cursor().execute(
        f"INSERT INTO {where}.ORDER_LINES_TO_SEND VALUES (%s, 1, 12, 'EA', 9.25, NULL, 'A-100', 'Widget, blue')",
        (number,),
    )
