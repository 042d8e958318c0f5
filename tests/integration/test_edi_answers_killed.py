"""SIGKILL at every boundary from the parse to the account, then a rerun from the start, over real OpenSSH and GnuPG.

The partner has one file for each interchange that is owed one, with the same name and bytes whatever was killed; each has one
control number, and each is answered once.
"""

from __future__ import annotations

import signal
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.sftp_pgp.gnupg import GnuPgEngine
from airflow_provider_integrations.connectors.sftp_pgp.settings import OpenPgpKeys
from airflow_provider_integrations.core.interchange import Level, Pair, Received
from airflow_provider_integrations.core.source import OpenPgpPolicy
from airflow_provider_integrations.core.work_item import State
from tests.fakes.chain import Killer
from tests.fakes.edi_chain import EdiChain
from tests.fakes.gnupg import PgpWorld
from tests.fakes.outbox_world import OutboxWorld

pytestmark = pytest.mark.integration

OUTBOX = "inbound/edi"
LATER = "2026-01-09T08:07:06+00:00"


def isa(control: int, asked: int = 0) -> str:
    parties = f"ZZ*{'ACME':15}*ZZ*{'HUB':15}"
    return f"ISA*00*{'':10}*00*{'':10}*{parties}*260102*0304*U*00401*{control:09d}*{asked}*P*>~"


def interchange(control: int, *sets: str, asked: int = 0) -> str:
    group = f"GS*PO*ACMEAPP*HUBAPP*20260102*0304*12*X*004010~{''.join(sets)}GE*{len(sets)}*12~"
    return f"{isa(control, asked)}{group}IEA*1*{control:09d}~"


GOOD = "ST*850*0001~BEG*00*SA*PO1**20260102~SE*3*0001~"
BAD = "ST*850*0002~BEG*00*SA*PO2**20260102~SE*9*0002~"
OF_997 = (
    f"{isa(6)}GS*FA*A*B*20260102*0304*1*X*004010~ST*997*0001~AK1*PO*1~AK9*A*1*1*1~SE*4*0001~GE*1*1~IEA*1*000000006~"
)
ORDERS = "UNB+UNOA:3+ACME:14+HUB:14+260102:0304+R1'UNH+1+ORDERS:D:96A:UN'BGM+220+PO1+9'UNT+3+1'UNZ+1+R1'"
DOCUMENTS = {
    "a.edi.gpg": interchange(7, GOOD, BAD, asked=1) + interchange(8, GOOD).replace("IEA*1", "IEA*5"),
    "b.edi.gpg": ORDERS,
    "c.edi.gpg": interchange(7, GOOD, BAD, asked=1),
    "d.edi.gpg": OF_997,
}

ISA = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'HUB':15}*ZZ*{'ACME':15}*{{at:%y%m%d*%H%M}}*U*00401*{{control:09d}}*0*P*>~"
PARTIAL = (
    "TA1*000000007*260102*0304*A*000~GS*FA*HUBAPP*ACMEAPP*{at:%Y%m%d*%H%M}*1*X*004010~ST*997*0001~AK1*PO*12~"
    "AK2*850*0001~AK5*A~AK2*850*0002~AK5*R*4~AK9*P*2*2*1~SE*8*0001~GE*1*1~IEA*1*{control:09d}~"
)
CONTRL = (
    "UNB+UNOA:3+HUB:14+ACME:14+{at:%y%m%d:%H%M}+{control}'UNH+1+CONTRL:D:3:UN'UCI+R1+ACME:14+HUB:14+7'UNT+3+1'"
    "UNZ+1+{control}'"
)
EXPECTED = {
    ("a.edi.gpg", 0): ("ack_000000001", ISA + PARTIAL, 1),
    ("a.edi.gpg", 1): ("ack_000000002", ISA + "TA1*000000008*260102*0304*R*021~IEA*0*{control:09d}~", 2),
    ("b.edi.gpg", 0): ("contrl_1", CONTRL, 1),
    ("c.edi.gpg", 0): ("ack_000000003", ISA + "TA1*000000007*260102*0304*R*025~IEA*0*{control:09d}~", 3),
}
"""By document and place: what the file is called, its text, and its control number."""

CROSSINGS = {
    "parse: claimed for parsing": 1,
    "parse: interchange entered": 5,
    "parse: statements entered": 1,
    "parse: read": 4,
    "parse: promoted": 5,
    "parse: noted": 4,
    "parse: rows entered": 5,
    "parse: rows landed": 5,
    "parse: parsed": 4,
    "acknowledge: claimed for the answer": 1,
    "acknowledge: numbers drawn": 4,
    "acknowledge: answer enqueued": 4,
    "acknowledge: answers enqueued": 4,
    "acknowledge: kept in quarantine": 1,
    "acknowledge: noted as answered": 4,
    "deliver: claimed": 1,
    "deliver: sealed": 4,
    "deliver: noted as sealed": 4,
    "deliver: uploaded": 4,
    "deliver: noted as delivered": 4,
    "settle: entered": 4,
}
"""How often a run passes each boundary."""

AT_THE_LAST = ("numbers drawn", "answer enqueued", "uploaded", "noted as delivered", "settle: entered")
KILLS = [(name, (most + 1) // 2, "another worker") for name, most in CROSSINGS.items()]
KILLS += [(name, most, "the same task") for name, most in CROSSINGS.items() if name.endswith(AT_THE_LAST)]
"""Amid the work, to be taken up by another worker when the lease has run out; at its end, by the same task at once."""


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    """One warm parent for the module."""
    running = Killer("tests.fakes.edi_chain")
    yield running
    running.close()


@pytest.fixture
def chain(make_outbox: Callable[..., OutboxWorld]) -> EdiChain:
    """The partner's world, with four documents landed."""
    world = make_outbox()
    (world.partner / OUTBOX).mkdir(parents=True, exist_ok=True)
    chain = EdiChain(world.folder, world.sftp)
    documents = chain.documents()
    for name, text in DOCUMENTS.items():
        documents.land(text.encode(), name)
    documents.ledger.close()
    return chain


def there(chain: EdiChain) -> dict[str, bytes]:
    """The partner's files, hidden ones and those of half an upload too."""
    return {path.removeprefix(f"{OUTBOX}/"): data for path, data in chain.world().there().items()}


def opened(message: bytes, pgp: PgpWorld, folder: Path) -> str:
    """What the partner reads, after proof that it is whole and signed by us."""
    path = folder / f"{uuid.uuid4().hex}.pgp"
    path.write_bytes(message)
    keys = OpenPgpKeys(pgp.partner.private_key, pgp.partner.passphrase, pgp.own.certificate, (pgp.own.fingerprint,))
    with GnuPgEngine(keys) as engine, engine.open(path, OpenPgpPolicy()) as content:
        data: bytes = content.read()
        assert content.verify().signers == (pgp.own.fingerprint,)
        return data.decode("latin-1")


def check_end(chain: EdiChain, pgp: PgpWorld) -> None:
    documents = chain.documents()
    ledger = documents.ledger
    items = {item.name: item for item in ledger.items.list("acme_edi", limit=None)}
    received: dict[tuple[str, int], Received] = {
        (name, one.place): one for name, item in items.items() for one in ledger.interchanges.of_family(item.id)
    }
    expected = {
        f"{items[name].id}-{place}_{called}.edi.gpg": text.format(at=received[name, place].received_at, control=control)
        for (name, place), (called, text, control) in EXPECTED.items()
    }
    files = there(chain)
    assert {name: opened(data, pgp, Path(chain.folder)) for name, data in files.items()} == expected
    states = {name: (item.state, item.reason) for name, item in items.items()}
    quarantined = (State.QUARANTINED, "duplicate_interchange")
    assert states == {name: quarantined if name == "c.edi.gpg" else (State.LOADED, None) for name in DOCUMENTS}
    assert {item.state for item in ledger.items.list("acme_edi__outbox", limit=None)} == {State.ARCHIVED}
    for key, one in received.items():
        told = [event.detail for event in ledger.interchanges.history(one) if event.event == "answered"]
        assert told == ([{"answer": str(EXPECTED[key][2])}] if key in EXPECTED else []), key
    assert ledger.interchanges.owed_by_us() == []
    x12, edifact = Pair("x12", "ZZ:HUB", "ZZ:ACME"), Pair("edifact", "14:HUB", "14:ACME")
    numbers = [ledger.control_numbers.last(pair, level) for pair in (x12, edifact) for level in Level]
    assert numbers == [3, 1, 1, 0], "each was drawn once"
    ledger.close()


def test_every_boundary_is_enumerated(chain: EdiChain, killer: Killer, pgp: PgpWorld) -> None:
    status, passed, error = killer.run(chain)
    assert status == 0, error
    assert dict(Counter(passed)) == CROSSINGS
    check_end(chain, pgp)
    before = there(chain)
    status, passed, error = killer.run(replace(chain, at=LATER))
    assert (status, passed) == (0, ["parse: claimed for parsing", "acknowledge: claimed for the answer"]), error
    assert there(chain) == before


@pytest.mark.parametrize(("boundary", "count", "again"), KILLS)
def test_killed_and_started_again(
    boundary: str, count: int, again: str, chain: EdiChain, killer: Killer, pgp: PgpWorld
) -> None:
    chain = replace(chain, owner="the same task")
    status, passed, error = killer.run(chain, kill_at=(boundary, count))
    assert status == signal.SIGKILL, (status, error)
    assert passed.count(boundary) == count
    seen = {name: data for name, data in there(chain).items() if name.endswith(".edi")}
    status, _, error = killer.run(replace(chain, owner=again, at=LATER if again == "another worker" else chain.at))
    assert status == 0, error
    check_end(chain, pgp)
    assert seen.items() <= there(chain).items(), "what the partner may have read already is what lies there now"
