"""From the bytes of a partner to the bytes of the answer, checked by guide: what the partner is told of each finding."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_integrations.connectors.edi import edifact_acknowledge, edifact_scan, edifact_verdict
from airflow_provider_integrations.connectors.edi.check_set import check, check_raw
from airflow_provider_integrations.connectors.edi.model import Finding
from airflow_provider_integrations.connectors.edi.x12_acknowledge import ControlNumbers, Kind, acknowledge
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange, SetRead
from airflow_provider_integrations.connectors.edi.x12_scan import scan
from tests.unit.connectors.edi.guided import guide, text

NOW = datetime(2026, 1, 2, 3, 5)
HEAD = (
    "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260102*0304*U*00401*000000001*0*P*>~"
    "GS*PO*S*R*20260102*0304*1*X*004010~"
)
WRONG = (
    text("850")
    .replace("*0001~", "*0002~")
    .replace("BEG*00", "BEG*99")
    .replace("CUR*BY*USD~", "XX*1~")
    .replace("REF*WH*17~", "REF*WH*17~REF~")
    .replace("PO1*1*12*", "PO1*1*1O*")
    .replace("SE*36", "SE*37")
)


def answer(kind: Kind) -> list[str]:
    """The segments between GS and GE of the answer to a sound 850 and one that is wrong in five places."""

    def visit(read: SetRead) -> list[Finding]:
        return check_raw(guide(read.set_id), read.raw, read.delimiters)

    data = (HEAD + text("850") + WRONG + "GE*2*1~IEA*1*000000001~").encode("latin-1")
    [interchange] = scan([data], visit=visit, wanted={"850"})
    assert isinstance(interchange, Interchange)
    return acknowledge(interchange, kind, NOW, ControlNumbers(1, 1)).data.decode().split("~")[3:-4]


def test_a_997_tells_each_finding_of_the_guide() -> None:
    assert answer(Kind.FUNCTIONAL) == [
        "AK1*PO*1",
        "AK2*850*0001",
        "AK5*A",
        "AK2*850*0002",
        "AK3*BEG*2**8",
        "AK4*1**7*99",  # 723 code 7: invalid code value
        "AK3*XX*3**1",  # 720 code 1: unrecognized segment ID
        "AK3*REF*21**8",
        "AK4*1**1",  # 723 code 1: mandatory data element missing
        "AK4*2**2",  # 723 code 2: conditional required data element missing
        "AK3*PO1*22**8",
        "AK4*2**6*1O",  # 723 code 6: invalid character in data element
        "AK5*R*5",  # 718 code 5: one or more segments in error
        "AK9*P*2*2*1",
    ]


def test_a_999_tells_the_same() -> None:
    assert answer(Kind.IMPLEMENTATION) == [
        "AK1*PO*1*004010",
        "AK2*850*0001",
        "IK5*A",
        "AK2*850*0002",
        "IK3*BEG*2**8",
        "IK4*1**7*99",
        "IK3*XX*3**1",
        "IK3*REF*21**8",
        "IK4*1**1",
        "IK4*2**2",
        "CTX*SITUATIONAL TRIGGER*REF*21**2",
        "IK3*PO1*22**8",
        "IK4*2**6*1O",
        "IK5*R*5",
        "AK9*P*2*2*1",
    ]


def test_a_contrl_tells_what_is_wrong_and_before_what_a_segment_is_missing() -> None:
    body = text("orders").replace("QTY+21:12,5:KGM'", "QTY+21:many'").replace("UNS+S'", "").replace("UNT+25", "UNT+24")
    pieces = edifact_scan.scan([f"UNB+UNOC:3+A:14+B:14+260102:0304+7'{body}UNZ+1+7'".encode("latin-1")])
    [verdict] = edifact_verdict.verdicts(pieces, lambda header, segments, by: check(guide("orders"), segments, by))
    contrl = edifact_acknowledge.acknowledge(verdict, NOW, "1")
    assert contrl is not None
    assert contrl.decode("latin-1").split("'")[2:-3] == [
        "UCI+7+A:14+B:14+7",
        "UCM+1+ORDERS:D:96A:UN:EAN008+4",
        "UCS+16",
        "UCD+37+2:2",  # 0085 code 37: invalid type of character(s), in the second component of the first element
        "UCS+22+13",  # 0085 code 13: missing, told at the last segment before it
    ]
