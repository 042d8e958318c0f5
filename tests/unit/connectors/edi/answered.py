"""Documents that tests have answered, and what the answers say."""

from __future__ import annotations

from airflow_provider_integrations.core.interchange import Pair
from tests.unit.connectors.edi.x12_streams import BEG, order, stream

OURS = Pair("x12", "ZZ:HUB", "ZZ:ACME")
ORDERS = "UNB+UNOA:3+ACME:14+HUB:14+260102:0304+{control}'UNH+1+ORDERS:D:96A:UN'BGM+220+PO1+9'UNT+3+1'UNZ+1+{control}'"
HEAD = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'HUB':15}*ZZ*{'ACME':15}*251105*0045*U*00401*{{control:09d}}*0*P*>~"
"""The clock stands at 2025-11-05 06:30 at +05:45."""
FA = (
    "GS*FA*HUBAPP*ACMEAPP*20251105*0045*{group}*X*004010~ST*997*0001~AK1*PO*12~AK2*850*0001~AK5*A~AK9*A*1*1*1~"
    "SE*6*0001~GE*1*{group}~IEA*1*{control:09d}~"
)
ANSWER = HEAD + FA
TOLD_025 = HEAD + "TA1*000000007*260102*0304*R*025~IEA*0*{control:09d}~"


def one(control: int = 7, **header: str) -> bytes:
    """An interchange of one order."""
    return stream(order("0001", BEG), control=f"{control:09d}", **header)
