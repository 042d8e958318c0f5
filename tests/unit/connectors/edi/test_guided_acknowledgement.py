"""From the bytes of a partner to the bytes of the answer, checked by guide: what the partner is told of each finding."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_integrations.connectors.edi import edifact_acknowledge, edifact_scan, edifact_verdict
from airflow_provider_integrations.connectors.edi.check_set import check, check_raw
from airflow_provider_integrations.connectors.edi.model import Finding
from airflow_provider_integrations.connectors.edi.x12_acknowledge import ControlNumbers, Kind, acknowledge
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange, SetRead
from airflow_provider_integrations.connectors.edi.x12_notes import render_notes
from airflow_provider_integrations.connectors.edi.x12_scan import scan
from tests.unit.connectors.edi.guided import X12, guide, split, text

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
        "AK4*1*353*7*99",  # 723 code 7: invalid code value
        "AK3*XX*3**1",  # 720 code 1: unrecognized segment ID
        "AK3*REF*21*N1*8",
        "AK4*1*128*1",  # 723 code 1: mandatory data element missing
        "AK4*2*127*2",  # 723 code 2: conditional required data element missing
        "AK3*PO1*22*PO1*8",
        "AK4*2*330*6*1O",  # 723 code 6: invalid character in data element
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
        "IK4*1*353*7*99",
        "IK3*XX*3**1",
        "IK3*REF*21*N1*8",
        "IK4*1*128*1",
        "IK4*2*127*2",  # R0203: nothing triggers it, so that there is no CTX.
        "IK3*PO1*22*PO1*8",
        "IK4*2*330*6*1O",
        "IK5*R*5",
        "AK9*P*2*2*1",
    ]


def told(document: str, old: str, new: str) -> list[str]:
    """What a 999 says of a golden document that is changed in one place, between AK2 and IK5."""
    found = check(guide(document), split(text(document).replace(old, new, 1), X12), X12)
    notes = render_notes(found, X12, implementation=True, is_new=True)
    return ["*".join(parts).rstrip("*") for parts in notes]


def test_each_condition_that_is_triggered_says_by_what() -> None:
    """CTX names the element that is there and demands or forbids another: IK4 names that other one."""
    assert told("850", "N1*BY*Example Stores*92*0001~", "N1*BY*Example Stores*92~") == [
        "IK3*N1*15*N1*8",
        "IK4*4*67*2",
        "CTX*SITUATIONAL TRIGGER*N1*15*N1*3",  # P0304: 03 demands 04.
    ]
    assert told("850", "PO1*2*1.5*LB*", "PO1*2**LB*")[2:] == ["CTX*SITUATIONAL TRIGGER*PO1*30*PO1*3"]  # C0302
    assert told("850", "06***Early order", "06**2*Early order")[2:] == ["CTX*SITUATIONAL TRIGGER*SAC*8*SAC*14"]  # C1413
    assert told("850", "REF*WH*17~", "REF*WH*17**BM>1>CN~") == [
        "IK3*REF*20*N1*8",
        "IK4*4>4*127*2",
        "CTX*SITUATIONAL TRIGGER*REF*20*N1*4>3",  # P0304 of the composite C040.
    ]


def test_a_segment_is_told_of_with_the_loop_that_it_is_or_belongs_in() -> None:
    assert told("850", "TD5*O*2*UPSN*M*UPS Ground~", "TDS*1~") == ["IK3*TDS*12**2"]
    assert told("850", "PID*F****Bolts~", "XX*1~") == ["IK3*XX*31*PO1*1"]
    assert told("850", "CTT*2*13.5~AMT*TT*123.45~", "CTT*2~CTT*2~") == ["IK3*CTT*35*CTT*4"]
    assert told("850", "DTM*002*20280229~", "DTM*002*20280229~TD1~TD1~") == ["IK3*TD1*29*PO1*5"]
    # A mandatory loop that is not there is named by itself, a mandatory segment by the loop around it.
    assert told("856", text("856"), "ST*856*1~BSN*00*AB*20260102*1530~CTT*1~SE*4*1~") == ["IK3*HL*3*HL*3"]
    assert told("810", "TDS*12063*11175~", "") == ["IK3*TDS*20**3"]


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
