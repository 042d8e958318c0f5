"""Documents as partners send them, damaged in every way that files are: each gives a verdict, and every byte is accounted for.

The seeds are the golden documents, acknowledgements of ours among them, in envelopes; `make fuzz` tries new damage.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.edi.accepted import AcceptedSet
from airflow_provider_integrations.connectors.edi.accepted_sets import read_accepted
from airflow_provider_integrations.connectors.edi.answering import answer
from airflow_provider_integrations.connectors.edi.document_report import describe
from airflow_provider_integrations.connectors.edi.documents import GuideBook, Outcome, outcome, read_documents
from airflow_provider_integrations.connectors.edi.edifact_scan import scan
from airflow_provider_integrations.connectors.edi.edifact_verdict import InterchangeVerdict
from airflow_provider_integrations.connectors.edi.model import Segment, Severity
from airflow_provider_integrations.connectors.edi.parsing import read_segments
from airflow_provider_integrations.connectors.edi.reconcile import ReconcileFinding, read_statements
from airflow_provider_integrations.connectors.edi.row_batches import RowBatches
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange
from airflow_provider_integrations.connectors.edi.x12_header import PADDING
from airflow_provider_integrations.connectors.edi.x12_tokens import tokenize, write
from tests.unit.connectors.edi.guided import NAMES, guides, text
from tests.unit.connectors.edi.x12_streams import GS, isa

NOW = datetime(2026, 1, 2, 3, 5)
BOOK = GuideBook(tuple(guides(name) for name in NAMES.values()))
GROUPS = {"850": "PO", "810": "IN", "855": "PR", "856": "SH"}
UNB = "UNB+UNOC:3+BUYER:14+SELLER:14+260102:0304+7'"
UNG = "UNG+ORDERS+BUYER:14+SELLER:14+260102:0304+9+UN+D:96A'"
PIECES = [
    b"~",
    b"*",
    b">",
    b"'",
    b"+",
    b":",
    b"?",
    b"\r\n",
    b"\0",
    b"\xff",
    b" ",
    b"ISA",
    b"ST*",
    b"SE*",
    b"TA1*",
    b"BIN*9*",
    b"UNB+",
]
PIECES += [
    b"UNH+",
    b"UNT+",
    b"UNZ+",
    b"UNA:+.? '",
    b"HL*1**S~",
    b"HL*9*9*I*0~",
    b"\x1b$B",
    b"99999999999",
    b"-",
    b"\xe6\x9d\xb1",
]


@cache
def seeds() -> tuple[bytes, ...]:
    """Sound interchanges of both syntaxes, and what is answered to them."""
    sound: list[bytes] = []
    for name, group in GROUPS.items():
        head = isa() + GS.replace("*PO*", f"*{group}*")
        sound.append(f"{head}{text(name)}GE*1*12~IEA*1*000000007~".encode("latin-1"))
    sound.append(
        (isa(version="00501", standard="^", asked="1") + GS + text("850") + "GE*1*12~IEA*1*000000007~").encode()
    )
    sound += [sound[0].replace(b"~", b"~\r\n"), sound[1].replace(b"~", b"\n")]
    invoic = text("invoic")
    first, last = invoic.index("+") + 1, invoic.rindex("+") + 1
    second = f"{invoic[:first]}ME2{invoic[invoic.index('+', first) : last]}ME2'"
    sound.append(f"{UNB}{text('orders')}{second}UNZ+2+7'".encode("latin-1"))
    sound.append(f"UNA:+.? '\r\n{UNB}{UNG}{text('orders')}UNE+1+9'UNZ+1+7'".encode("latin-1"))
    answers = []
    for data in sound:
        for document in read_documents([data], BOOK):
            assert outcome(document) is Outcome.ACCEPTED, describe(document)
            kinds = ("CONTRL",) if isinstance(document, InterchangeVerdict) else ("TA1", "997", "999")
            answers += [b"".join(answer(document, kind, NOW, 41)) for kind in kinds]
    return (*sound, *answers)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A seed, or two, with up to eight pieces cut out, put in, doubled, moved or overwritten."""
    data = bytearray(b"".join(draw(st.lists(st.sampled_from(seeds()), min_size=1, max_size=2))))
    for _ in range(draw(st.integers(0, 8))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        end = at + draw(st.sampled_from([1, 1, 2, 9, 60, 400]))
        match draw(st.integers(0, 5)):
            case 0:
                del data[at:end]
            case 1:
                data[at:at] = draw(st.sampled_from(PIECES))
            case 2:
                data[at:at] = data[at:end]
            case 3:
                moved = bytes(data[at:end])
                del data[at:end]
                to = draw(st.integers(0, len(data)))
                data[to:to] = moved
            case 4:
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case _:
                # A digit or letter of a value: form and counts stay.
                data[at : at + 1] = draw(st.sampled_from([b"0", b"1", b"7", b"A", b"Z"]))
    return bytes(data)


patient = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@patient
@given(data=damaged())
def test_a_damaged_document_has_a_verdict_and_each_byte_is_in_a_document_or_is_padding(data: bytes) -> None:
    documents = list(read_documents([data], BOOK, digest=True))
    assert documents
    end = 0
    outside = bytearray()
    wrapped = any(isinstance(one, Interchange) and one.header.wrapped for one in documents)
    for document in documents:
        described = describe(document)
        assert described["verdict"] in set(Outcome)
        outside += data[end : document.offset]
        assert document.offset >= end
        end = document.offset + document.length
    # In a stream that was wrapped after the fact, line breaks count nowhere.
    assert end <= len(data)
    if not wrapped:
        assert not (outside + data[end:]).strip(PADDING)


@patient
@given(data=damaged())
def test_whatever_is_damaged_is_answered_by_something_sound(data: bytes) -> None:
    for document in read_documents([data], BOOK):
        kinds = {Interchange: ("TA1", "997", "999"), InterchangeVerdict: ("CONTRL",)}.get(type(document), ("TA1",))
        for kind in kinds:
            sent = b"".join(answer(document, kind, NOW, 41))
            assert sent == b"".join(answer(document, kind, NOW, 41))
            for answered in read_documents([sent]) if sent else ():
                # Whoever has no name cannot be named: then nothing but that is wrong with the answer.
                missing = {"element_missing", "receiver_unknown"}
                if isinstance(answered, InterchangeVerdict):
                    # What is not of his character set is given back to him, but for control characters.
                    missing.add("character_invalid")
                    assert answered.header is not None
                    signs = answered.header.delimiters
                    own = {signs.element, signs.component, signs.terminator, signs.release, *"\x0e\x0f\x1b"}
                    assert not [sign for sign in sent.decode("latin-1") if ord(sign) < 32 and sign not in own]
                assert not isinstance(answered, Interchange) or answered.is_acknowledgement
                told = describe(answered)
                assert (
                    told["verdict"] == "accepted"
                    or {one["code"] for one in told["findings"] if one["severity"] != Severity.NOTE} <= missing
                ), told


@patient
@given(data=damaged())
def test_the_segments_of_a_damaged_document_and_what_is_none_are_its_bytes(data: bytes) -> None:
    assert b"".join(write(tokenize([data]))) == data
    assert b"".join(piece.raw for piece in scan([data])) == data
    # What people are shown of it stands in its order.
    offsets = [found.offset if isinstance(found, Segment) else found[0] for found, _ in read_segments([data])]
    assert offsets == sorted({*offsets})


@patient
@given(data=damaged())
def test_the_rows_and_words_of_a_damaged_document_are_those_of_its_accepted_sets(data: bytes) -> None:
    rows: dict[str, int] = {}
    batches = RowBatches(lambda table, batch: rows.update({table: rows.get(table, 0) + batch.num_rows}))
    sets: set[int] = set()

    def take(one: AcceptedSet) -> None:
        batches.add(one)
        sets.add(one.envelope.set_number)

    reading = read_accepted([data], [data], BOOK, take)
    batches.flush()
    assert len(sets) == reading.accepted
    assert bool(rows) == bool(sets)
    findings: list[ReconcileFinding] = []
    for said in read_statements([data], findings):
        assert said.control
