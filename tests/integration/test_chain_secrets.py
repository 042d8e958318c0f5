"""A canary goes through the whole chain: secrets of the connection, and values of people.

It may be where data belongs (the landed Parquet, the sealed originals, the warehouse) and nowhere else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.chain import ROOT, Chain
from tests.fakes.chain_steps import Steps
from tests.fakes.chain_world import HEADER, customer_row, customers
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.gnupg import CANARY_PASSPHRASE, PgpWorld
from tests.integration.test_dag import MAIN, RunDag, environment

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

MakeChain = Callable[..., Chain]
PERSON = "Zanaria Qanarelli"
DAY = "2025-11-05"


def deliveries() -> list[bytes]:
    """Every way in which content can be refused or lose rows that the contract knows, each with the canary in it."""
    good = customers(range(1, 30), PERSON)
    mail = f"{PERSON.replace(' ', '.')}@example.org"
    bad_rows = "".join(
        [
            customer_row(40, PERSON, country=PERSON),
            customer_row(41, PERSON, balance=PERSON),
            customer_row(42, PERSON * 20),
            customer_row(PERSON, PERSON),  # type: ignore[arg-type]
            customer_row(43, PERSON, signed_up=PERSON, updated_at=PERSON, segment=PERSON),
            customer_row(1, PERSON, email=f"no address of {PERSON}"),
        ]
    ).encode()
    gate = customers(range(1, 30), PERSON) + customer_row(50, PERSON, balance="99000000", email=mail).encode()
    return [
        good,
        good + customer_row(60, PERSON, country=PERSON).encode(),
        HEADER.encode() + bad_rows,
        good + bad_rows,
        gate,
        good.replace(b",US,", f',"{PERSON}\n'.encode()),
        good + b'"' + PERSON.encode() * 1000,
        good + b"\xff\xfe" + PERSON.encode() + b"\x00\n",
        HEADER.replace("email", PERSON).encode() + bad_rows,
        PERSON.encode(),
        PERSON.encode() * 100_000,
        f"{PERSON},{PERSON}\n".encode() * 100,
        good + f"{PERSON},{PERSON}\n".encode() + good,
        (HEADER.strip() + ",new_column\n").encode()
        + b"".join(line + f",{PERSON}\n".encode() for line in good.splitlines()[1:]),
    ]


def drop_all(chain: Chain, pgp: PgpWorld) -> None:
    for number, content in enumerate(deliveries(), start=1):
        chain.drop(pgp.partner, pgp.own, number, content, day=DAY)
    number += 1
    chain.drop(pgp.stranger, pgp.own, number, customers([1], PERSON), day=DAY)
    broken = bytearray(pgp.partner.write(customers(range(1, 3000), PERSON), pgp.own))
    broken[-40] ^= 1
    chain.drop_bytes(bytes(broken), number + 1, day=DAY)
    chain.drop_bytes(bytes(broken[: len(broken) // 2]), number + 2, day=DAY)
    chain.drop_bytes(customers(range(1, 10), PERSON), number + 3, day=DAY)


def canaries(chain: Chain) -> list[bytes]:
    login = chain.sftp["extras"]["private_key"].splitlines()[2]
    key = next(line for line in chain.sftp["extras"]["pgp_private_key"].splitlines()[5:] if len(line) > 40)
    return [PERSON.encode(), b"Qanarelli", CANARY_PASSPHRASE.encode(), login.encode(), key.encode()]


def found_in(folder: Path, canaries: list[bytes]) -> Iterator[str]:
    """Files that hold a canary and are no place for data."""
    for path in sorted(folder.rglob("*")):
        is_data = path.suffix in (".parquet", ".pgp") and ".scratch" not in path.parts
        if path.is_file() and not is_data:
            content = path.read_bytes()
            yield from (f"{path}: {canary!r}" for canary in canaries if canary in content)


def test_no_step_tells_what_it_must_not(make_chain: MakeChain, pgp: PgpWorld, caplog: pytest.LogCaptureFixture) -> None:
    chain = make_chain()
    drop_all(chain, pgp)
    steps = Steps.of(chain)
    with caplog.at_level(logging.DEBUG, "airflow_provider_integrations"):
        steps.take()
        steps.finish()
    items = steps.intake.ledger.items.list(limit=None)
    print(sorted((item.reason or item.state) for item in items))
    assert {item.reason for item in items} >= {"too_many_rejects", "columns_missing", "wrong_signer", "wrong_type"}
    assert any(item.facts.get("rows_rejected") for item in items if item.reason is None)
    assert any(item.facts.get("rows_failed") for item in items)
    shown = "\n".join(f"{record.getMessage()} {record.exc_info}" for record in caplog.records)
    told = repr([(item, steps.intake.ledger.items.history(item.id)) for item in items])
    for canary in canaries(chain):
        assert canary.decode() not in shown
        assert canary.decode() not in told
    assert list(found_in(Path(chain.folder), canaries(chain))) == []
    assert list((Path(chain.folder) / "landing" / ".scratch").rglob("*.*")) == []


def test_no_task_tells_what_it_must_not(
    make_chain: MakeChain, pgp: PgpWorld, warehouse: Warehouse, tmp_path: Path, run_dag: RunDag
) -> None:
    """Logs, XComs, rendered fields and links of a run in Airflow, which at DEBUG tells of itself what it masks."""
    chain = make_chain()
    drop_all(chain, pgp)
    source = (ROOT / "dags" / "partner_intake.py").read_text() + MAIN
    done = run_dag(source, **environment(chain, tmp_path, RUNS='[{"wait": false}]'))
    assert "STATE success" in done.stdout, done.stdout[-6000:] + done.stderr[-3000:]
    for canary in canaries(chain):
        assert canary.decode() not in done.stdout + done.stderr
    assert list(found_in(tmp_path, canaries(chain))) == []
