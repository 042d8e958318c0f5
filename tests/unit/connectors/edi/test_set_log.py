"""What is remembered of sets and messages is the same packed as it was open, and small."""

import tracemalloc
from datetime import datetime

import pytest

from airflow_provider_integrations.connectors.edi.answering import answer
from airflow_provider_integrations.connectors.edi.document_report import describe
from airflow_provider_integrations.connectors.edi.documents import Document, read_documents
from airflow_provider_integrations.connectors.edi.edifact_verdict import InterchangeVerdict
from airflow_provider_integrations.connectors.edi.model import Finding, FindingCode, Severity
from airflow_provider_integrations.connectors.edi.set_log import SetLog
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange
from tests.unit.connectors.edi.x12_streams import GS, isa

NOW = datetime(2026, 1, 2, 3, 5)
WRONG = Finding(FindingCode.COUNT_WRONG, Severity.ERROR, "SE", 4, 1, value="\xe9*9", trigger=3, loop="N1")


def test_sets_and_findings_come_back_from_their_blocks_as_they_were() -> None:
    log = SetLog("*")
    for number in range(20_000):
        log.append(b"850*%06d" % number, (WRONG,) * (number % 7 == 3))
        log.fold()
    assert len([*log.blocks()]) > 2
    assert [one.control for one in log] == [f"{number:06d}" for number in range(20_000)]
    assert all(one.findings == ((WRONG,) if one.index % 7 == 3 else ()) for one in log)
    assert list(log.flawed) == [*range(3, 20_000, 7)]
    # Not in their order, and from either end.
    assert [log.flawed[at].index for at in (19_995, 3, 9_999 // 7 * 7 + 3)] == [19_995, 3, 9_999]
    assert log.flawed.get(4) is None
    assert log.flawed.kinds == {frozenset({FindingCode.COUNT_WRONG}): len(log.flawed)}
    assert (log.flawed.are_between(4, 10), log.flawed.are_between(4, 11)) == (False, True)
    assert log.are_all({"850"})
    log.append(b"997*1", ())
    assert not log.are_all({"850"})


def test_an_acknowledgement_names_the_one_refused_set_among_blocks_of_sound_ones() -> None:
    sets = "".join(f"ST*850*{at:04d}~BEG*00~SE*{4 if at == 9_999 else 3}*{at:04d}~" for at in range(1, 16_001))
    [found] = read_documents(_cut(f"{isa()}{GS}{sets}GE*16000*12~IEA*1*000000007~"))
    sent = b"".join(answer(found, "997", NOW, 1)).decode()
    assert sent.count("AK2*850*") == 16_000
    assert sent.count("~AK5*A~") == 15_999
    assert "~AK2*850*9999~AK5*R*4~AK2*850*10000~AK5*A~" in sent
    assert "~AK9*P*16000*16000*15999~SE*32004*0001~" in sent


@pytest.mark.parametrize("syntax", ["x12", "edifact"])
def test_memory_for_refused_sets_is_a_few_bytes_each(syntax: str) -> None:
    _peak(syntax, 100)  # Whatever is made once.
    few, more = (_peak(syntax, sets) for sets in (1_024, 4_096))
    assert more - few < 3_072 * 150  # As objects they took 700 bytes and more.


def test_a_report_tells_of_a_thousand_refused_sets_and_counts_the_others() -> None:
    [told] = describe(_read("x12", 1_005))["groups"]
    assert (len(told["flawed"]), told["left_out"], told["sets"]) == (1_000, 5, 1_005)
    told = describe(_read("edifact", 1_005))
    assert (len(told["flawed"]), told["left_out"], told["messages"]) == (1_000, 5, 1_005)


def _peak(syntax: str, sets: int) -> int:
    tracemalloc.start()
    found = _read(syntax, sets)
    size = sum(map(len, answer(found, "997" if syntax == "x12" else "CONTRL", NOW, 1)))
    assert size > sets * 20
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    if isinstance(found, InterchangeVerdict):
        assert len(found.refused) == sets
    else:
        assert isinstance(found, Interchange)
        assert len(found.groups[0].sets.flawed) == sets
    return kept


def _read(syntax: str, sets: int) -> Document:
    if syntax == "x12":
        body = "".join(f"ST*850*{at:06d}~SE*9*{at:06d}~" for at in range(sets))
        text = f"{isa()}{GS}{body}GE*{sets}*12~IEA*1*000000007~"
    else:
        body = "".join(f"UNH+{at}+ORDERS:D:96A:UN'BGM+220+1'UNT+9+{at}'" for at in range(1, sets + 1))
        text = f"UNB+UNOA:3+ACME:14+HUB:14+260102:0304+7'{body}UNZ+{sets}+7'"
    [found] = read_documents(_cut(text))
    return found


def _cut(text: str) -> list[bytes]:
    data = text.encode()
    return [data[at : at + 65_536] for at in range(0, len(data), 65_536)]
