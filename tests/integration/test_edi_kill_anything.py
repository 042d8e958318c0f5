"""SIGKILL on the whole way from the partner's folder to the warehouse, again and again: rows once, one answer, nothing left.

What is killed from the parse to the account has a test of its own for each boundary (`test_edi_answers_killed`). Here each run
brings a new document, is killed one boundary further on than the one before, and finds what all before it left behind.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest

from airflow_provider_integrations.core.work_item import END_STATES
from tests.fakes.chain import Killer
from tests.fakes.edi_partner import BAD, EdiPartner, order_document, segments
from tests.fakes.fakesnow_server import Warehouse

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

KILLS = (
    "intake: decoded",
    "intake: noted as landed",
    "parse: promoted",
    "parse: rows landed",
    "acknowledge: answer enqueued",
    "deliver: uploaded",
    "settle: entered",
    "rows: verdict stored",
    "rows: verdict settled",
    "rows: loaded",
    "rows: noted as loaded",
    "archive: moved",
)


@pytest.fixture(scope="module")
def edi_killer() -> Iterator[Killer]:
    running = Killer("tests.fakes.edi_run")
    yield running
    running.close()


def order(number: int) -> tuple[str, ...]:
    return f"BEG*00*SA*PO{number}**20260102", "PO1*1*12*EA*9.25**VP*A-100", "PO1*2*1.5*LB*0.5**VP*B-7", "CTT*2"


def test_killed_run_after_run_every_document_is_loaded_once_and_answered_once(
    make_edi_partner: Callable[..., EdiPartner], warehouse: Warehouse, edi_killer: Killer
) -> None:
    partner = make_edi_partner(guides=["x12_850"])
    numbers = range(1, len(KILLS) + 1)
    for number, boundary in zip(numbers, KILLS, strict=True):
        partner.send(number, order_document(number, order(number), BAD))
        status, passed, error = edi_killer.run(partner.steps, kill_at=(boundary, 1))
        assert status == signal.SIGKILL, (boundary, status, error)
        assert passed[-1] == boundary
    status, _, error = edi_killer.run(partner.steps)
    assert status == 0, error

    table = '{db}."SILVER"."EDI_'
    orders = warehouse.rows(f'SELECT ORDER_NUMBER FROM {table}ORDERS"')
    assert sorted(orders) == sorted((f"PO{number}",) for number in numbers)
    lines = warehouse.rows(f'SELECT INTERCHANGE_CONTROL, COUNT(*) FROM {table}ORDER_LINES" GROUP BY 1')
    assert sorted(lines) == [(f"{number:09d}", 2) for number in numbers]
    verdicts = warehouse.rows(f'SELECT VERDICT, COUNT(*) FROM {table}SETS" GROUP BY 1')
    assert sorted(verdicts) == [("accepted", len(KILLS)), ("rejected", len(KILLS))]

    answers = [segments(answer) for answer in partner.received().values()]
    groups = [one for answer in answers for one in answer if one.startswith(("AK1*", "AK9*", "TA1*"))]
    assert sorted(groups) == sorted([*(f"AK1*PO*{number}" for number in numbers), *["AK9*P*2*2*1"] * len(KILLS)])
    assert len({answer[0].split("*")[13] for answer in answers}) == len(KILLS), "control numbers of ours"

    ledger = partner.chain.ledger()
    left = [
        (item.source, item.name, item.state) for item in ledger.items.list(limit=None) if item.state not in END_STATES
    ]
    assert left == []
    assert ledger.interchanges.owed_by_us() == []
    assert list((partner.server / "inbox").iterdir()) == []
