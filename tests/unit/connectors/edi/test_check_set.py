"""Checking by guide: each rule of the standards by a document that breaks it in one place, and nothing found in sound ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.edi import check_set
from airflow_provider_integrations.connectors.edi.check_set import SetCheck, check, check_raw
from airflow_provider_integrations.connectors.edi.guide_rules import Guide
from airflow_provider_integrations.connectors.edi.model import Delimiters, Finding, Segment, Severity
from airflow_provider_integrations.connectors.edi.segment_check import divide
from tests.unit.connectors.edi.guided import EDIFACT, NAMES, X12, briefly, guide, guides, signs, split, text


def found(document: str, body: str, of: Guide | None = None) -> list[str]:
    of = of or guide(document)
    return briefly(check(of, split(body, signs(of)), signs(of)))


@pytest.mark.parametrize("document", NAMES)
def test_a_sound_document_has_no_findings_in_any_version(document: str) -> None:
    for version in guides(NAMES[document]).versions:
        assert found(document, text(document), guide(document, version)) == []


@pytest.mark.parametrize("document", NAMES)
def test_a_sound_document_is_accepted_by_the_expressions_alone(document: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Speed: what went to the exact check here would go there millions of times."""
    looked: list[str] = []
    exact = check_set.check_segment
    monkeypatch.setattr(check_set, "check_segment", lambda rule, *rest: looked.append(rule.tag) or exact(rule, *rest))
    found(document, text(document))
    # Left to the exact check: a leap day, and released signs.
    assert looked == {"850": ["DTM"], "orders": ["BGM", "FTX"]}.get(document, [])


# What is changed in the sound document, what is found, and the clause.
X12_CASES = [
    # X12.6 3.8.2: order of segments; AK304 codes 1 to 5.
    ("BEG*", "BEH*", ["segment_unknown BEH 2", "segment_missing BEG 3"], "AK304 1 and 3"),
    ("TD5*O*", "TDS*O*", ["segment_unexpected TDS 12"], "AK304 2: of the dictionary, not of this place"),
    ("CUR*BY*USD~", "", [], "X12.6 3.8.3.2 optional segments may be left out"),
    ("CUR*BY*USD~", "CUR*BY*USD~CUR*BY*USD~", ["segment_surplus CUR 4"], "AK304 5"),
    (
        "PER*BD",
        "PER*BD~PER*BD~PER*BD~PER*BD",
        ["segment_surplus PER 10"],
        "AK304 5: three are allowed, this is the fourth",
    ),
    ("CTT*2*13.5~AMT*TT*123.45~", "CTT*2~CTT*2~", ["loop_surplus CTT 35"], "AK304 4"),
    # X12.6 3.7.3: usage and conditions; AK403 codes 1, 2, 3, 10.
    ("BEG*00*SA*4500012345*", "BEG*00*SA**", ["element_missing BEG 2.3"], "AK403 1"),
    ("BEG*00*", "BEG**", ["element_missing BEG 2.1"], "AK403 1"),
    ("**20260102*CT-7~", "~", ["element_missing BEG 2.5"], "AK403 1: left out at the end"),
    ("N1*BY*Example Stores*92*0001~", "N1*BY~", ["condition_failed N1 15.2"], "AK403 2: R0203"),
    ("N1*BY*Example Stores*92*0001~", "N1*BY*Example Stores*92~", ["condition_failed N1 15.4"], "AK403 2: P0304"),
    ("PO1*2*1.5*LB*", "PO1*2**LB*", ["condition_failed PO1 30.2"], "AK403 2: C0302"),
    ("REF*WH*17~", "REF*WH~", ["condition_failed REF 20.2"], "AK403 2: R0203"),
    ("SAC*A*C310***1250", "SAC*A****1250", ["condition_failed SAC 8.2"], "AK403 2: R0203"),
    ("06***Early order", "06**2*Early order", ["condition_failed SAC 8.13"], "AK403 2: C1413"),
    ("N4*Springfield*IL*62701*US~", "N4*Springfield*IL*62701*US*DC*1*2~", ["element_surplus N4 19.7"], "AK403 3"),
    ("*IL*62701*US~", "*IL*62701*US**X~", ["condition_failed N4 19.5"], "AK403 2: C0605"),
    # X12.6 3.5: types and lengths; AK403 codes 4 to 9.
    ("N4*Springfield", "N4*S", ["element_too_short N4 19.1"], "AK403 4"),
    ("BEG*00*SA*4500012345", "BEG*00*SA*" + "4" * 23, ["element_too_long BEG 2.3"], "AK403 5"),
    ("PO1*1*12*", "PO1*1*1O*", ["element_type PO1 21.2"], "AK403 6"),
    ("*9.25*PE", "*9,25*PE", ["element_type PO1 21.4"], "AK403 6: the comma is no decimal mark in X12"),
    ("*9.25*PE", "*-9.25E-3*PE", [], "X12.6 3.5.1.2: sign and exponent"),
    ("PO4*12*", "PO4*1.2*", ["element_type PO4 24.1"], "AK403 6: N0 has no mark"),
    ("PO4*12*", "PO4*-12*", [], "X12.6 3.5.1.1: the sign counts for no length"),
    ("PO4*12*", "PO4*1234567*", ["element_too_long PO4 24.1"], "AK403 5"),
    ("BEG*00*", "BEG*99*", ["code_unknown BEG 2.1"], "AK403 7"),
    ("SAC*A*", "SAC*X*", ["code_unknown SAC 8.1"], "AK403 7"),
    ("*20260228~", "*20260229~", ["date_invalid DTM 10.2"], "AK403 8: no leap year"),
    ("*20260228~", "*20261301~", ["date_invalid DTM 10.2"], "AK403 8"),
    ("*20260228~", "*00000101~", ["date_invalid DTM 10.2"], "AK403 8: there is no year 0"),
    ("*20260228~", "*260228~", ["element_too_short DTM 10.2"], "AK403 4: 004010 has eight digits"),
    ("*20260228~", "*20260228*2400~", ["time_invalid DTM 10.3"], "AK403 9"),
    ("*20260228~", "*20260228*235960~", ["time_invalid DTM 10.3"], "AK403 9"),
    ("*20260228~", "*20260228*23595999~", [], "X12.5 element 337: hundredths"),
    ("N3*1 Main Street", "N3*1 Main\tStreet", ["character_invalid N3 18.1"], "AK403 6: a control character"),
    ("N3*1 Main Street", "N3*   ", ["character_invalid N3 18.1"], "X12.6 3.5.1.4: one sign that is no blank"),
    ("N3*1 Main Street", "N3* Main Street", [], "X12.6 3.5.1.4: leading blanks belong to the text"),
    # X12.6 3.6: composites and repetitions; IK403 12 and 13.
    ("REF*WH*17~", "REF*WH***BM>1~", ["condition_failed REF 20.2"], "R0203 is about 02 and 03"),
    ("REF*WH*17~", "REF*WH*17**BM>1>CN>2~", [], "C040"),
    ("REF*WH*17~", "REF*WH*17**BM~", ["element_missing REF 20.4.2"], "IK403 1 in C040"),
    ("REF*WH*17~", "REF*WH*17**BM>1>CN~", ["condition_failed REF 20.4.4"], "P0304 of C040"),
    ("REF*WH*17~", "REF*WH*17**BM>1>CN>2>PO>3>VN~", ["component_surplus REF 20.4.7"], "IK403 13"),
    ("REF*WH*17~", "REF*WH*1>7~", ["component_surplus REF 20.2.2"], "IK403 13: no composite"),
    ("REF*WH*17~", "REF*WH*1^7~", ["repetition_surplus REF 20.2"], "IK403 12: may not repeat"),
    # X12.6 3.7.2: empty elements at the end are to be left out; accepted.
    ("REF*WH*17~", "REF*WH*17**~", ["separator_trailing REF 20.4"], "a note"),
    ("REF*WH*17~", "REF~", ["element_missing REF 20.1", "condition_failed REF 20.2"], "a tag alone"),
]


@pytest.mark.parametrize(
    ("old", "new", "expected", "clause"), X12_CASES, ids=[case[3] or case[1] for case in X12_CASES]
)
def test_an_850_that_is_wrong_in_one_place(old: str, new: str, expected: list[str], clause: str) -> None:
    body = text("850")
    assert old in body
    assert found("850", body.replace(old, new, 1)) == expected


def test_the_end_of_a_set_tells_what_did_not_come() -> None:
    assert found("850", "ST*850*0001~BEG*00*SA*1**20260102~SE*3*0001~") == ["segment_missing PO1 3"]
    assert found("850", "ST*850*0001~SE*2*0001~") == ["segment_missing BEG 2", "segment_missing PO1 2"]
    assert found("856", "ST*856*1~BSN*00*AB*20260102*1530~CTT*1~SE*4*1~") == ["segment_missing HL 3"]
    # TXI, CAD and SAC may stand in the line too: only ISS shows that the summary began without its total.
    assert found("810", text("810").replace("TDS*12063*11175~", "")) == ["segment_missing TDS 20"]


def test_a_segment_belongs_to_the_innermost_loop_that_can_take_it() -> None:
    body = "ST*850*1~BEG*00*SA*1**20260102~N1*BY*A~REF*WH*1~PO1*1*1*EA~N1*MA*B~REF*WH*2~AMT*1*2~CTT*1~AMT*TT*1~SE*11*1~"
    assert found("850", body) == []
    # The heading's CUR is over once N1 stands.
    assert found("850", body.replace("REF*WH*1~", "CUR*BY*USD~")) == ["segment_unexpected CUR 4"]


EDIFACT_CASES = [
    ("BGM+220+PO?+4711+9'", "BGM+220+PO4711+9+AC+X'", ["element_surplus BGM 2.5"], "0085 16"),
    ("DTM+137:20260102:102'", "DTM+:20260102:102'", ["element_missing DTM 3.1.1"], "0085 13"),
    ("DTM+137:20260102:102'", "DTM'", ["element_missing DTM 3.1"], "0085 13"),
    ("DTM+137:20260102:102'", "DTM+137:20260102:102:9'", ["component_surplus DTM 3.1.4"], "0085 16"),
    ("QTY+21:12,5:KGM'", "QTY+21:12.5:KGM'", [], "ISO 9735-1 8.1: either mark"),
    ("QTY+21:12,5:KGM'", "QTY+21:-12,5:KGM'", [], "ISO 9735-1 8.2: the minus counts for no length"),
    ("QTY+21:12,5:KGM'", "QTY+21:a:KGM'", ["element_type QTY 16.1.2"], "0085 37"),
    ("QTY+21:12,5:KGM'", "QTY+21:1E5:KGM'", ["element_type QTY 16.1.2"], "0085 37: no exponents in EDIFACT"),
    ("QTY+21:12,5:KGM'", "QTY+21:1234567890123456'", ["element_too_long QTY 16.1.2"], "0085 39"),
    ("QTY+21:12,5:KGM'", "QTY+21:1234567890123,45'", [], "ISO 9735-1 8.1: the mark counts for no length"),
    ("QTY+21:12,5:KGM'", "QTY+21:,5'", ["element_type QTY 16.1.2"], "0085 37: no digit before the mark"),
    ("QTY+21:12,5:KGM'", "QTY+21:5,'", ["element_type QTY 16.1.2"], "0085 37: no digit behind the mark"),
    ("UNS+S'", "UNS+X'", ["code_unknown UNS 22.1"], "0085 12"),
    ("UNS+S'", "", ["segment_missing UNS 23"], "0085 13: MOA may stand in the line, CNT may not"),
    ("UNS+S'", "UNS+S'UNS+S'", ["segment_surplus UNS 23"], "0085 35"),
    ("RFF+CT:C-1'", "RFF+CT:C-1'" * 11, ["loop_surplus RFF 16"], "0085 36"),
    ("FTX+ZZZ+++Is it here???: yes, it?'s'", "FTX+ZZZ+++" + "?+" * 70 + "'", [], "a release character has no length"),
    ("FTX+ZZZ+++Is it here???: yes, it?'s'", "FTX+ZZZ+++" + "?+" * 71 + "'", ["element_too_long FTX 5.4.1"], "0085 39"),
    ("CTA+OC+:A. Buyer'", "COM+0049555:TE'", ["segment_unexpected COM 10", "segment_unexpected COM 11"], "0085 15"),
]


@pytest.mark.parametrize(
    ("old", "new", "expected", "clause"), EDIFACT_CASES, ids=[case[1][:40] for case in EDIFACT_CASES]
)
def test_an_orders_message_that_is_wrong_in_one_place(old: str, new: str, expected: list[str], clause: str) -> None:
    body = text("orders")
    assert old in body
    assert found("orders", body.replace(old, new, 1)) == expected


def test_lengths_count_characters_and_not_bytes() -> None:
    body = text("orders").replace("Widget, blue", "ü" * 35).encode("utf-8").decode("latin-1")
    segments = split(body, EDIFACT)
    assert briefly(check(guide("orders"), segments, EDIFACT, encoding="utf-8")) == []
    assert briefly(check(guide("orders"), segments, EDIFACT)) == ["element_too_long IMD 15.3.4"]


def test_a_finding_carries_the_bad_value_and_its_text_does_not() -> None:
    [finding] = check(guide("850"), split(text("850").replace("BEG*00*", "BEG*99*"), X12), X12)
    assert (finding.value, finding.severity) == ("99", Severity.ERROR)
    assert "99" not in finding.detail
    assert "99" not in finding.shown()


def test_findings_of_a_set_that_is_all_wrong_are_bounded() -> None:
    checking = SetCheck(guide("850"), X12, most=10)
    checking.feed(Segment("XX", (), number, 0) for number in range(1, 5_001))
    assert len(checking.finish()) == 10
    assert checking.left_out == 5_000 + 2 - 10


def divide_segments(body: str, by: Delimiters) -> list[str]:
    return divide(body, by.terminator, by.release)[:-1]


def test_elements_are_no_longer_looked_at_once_enough_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    exact = check_set.check_segment
    monkeypatch.setattr(check_set, "check_segment", lambda rule, *rest: looked.append(rest[1]) or exact(rule, *rest))
    checking = SetCheck(guide("850"), X12, most=10)
    checking.feed_texts(["ST*850*1", "BEG*00*SA*1**20260102", *["PO1*1*one*EA*two"] * 1_000])
    assert len(checking.finish()) == 10
    assert looked == [3, 4, 5, 6, 7]
    assert checking.left_out == 995


@pytest.mark.parametrize("document", NAMES)
def test_a_set_in_pieces_or_as_raw_bytes_is_the_same_set(document: str) -> None:
    of = guide(document)
    body = text(document).replace("20260102", "20260199").replace("EUR", "EURO")
    segments = split(body, signs(of))
    whole = check(of, segments, signs(of))
    checking = SetCheck(of, signs(of))
    for segment in segments:
        checking.feed([segment])
    assert checking.finish() == whole
    assert check_raw(of, body.encode("latin-1"), signs(of)) == whole
    wrapped = "".join(part + signs(of).terminator + "\r\n" for part in divide_segments(body, signs(of)))
    assert check_raw(of, wrapped.encode("latin-1"), signs(of)) == whole


@pytest.mark.parametrize("delimiters", [Delimiters("0", ">", "~", None), Delimiters(".", "-", "~", None)])
def test_delimiters_that_could_stand_in_a_number_are_checked_exactly(delimiters: Delimiters) -> None:
    """A separator that is a digit makes nonsense of a document; it must not make nonsense of the check."""
    parts = [["ST", "850", "1"], ["BEG", "22", "SA", "1", "", "21261112"], ["PO1", "1", "1", "EA"], ["SE", "4", "1"]]
    segments = [Segment(tag, tuple(elements), number, 0) for number, (tag, *elements) in enumerate(parts, 1)]
    assert briefly(check(guide("850"), segments, delimiters)) == []


SIGN = st.sampled_from(["", "1", "00", "EA", "12.5", "20260102", "A>B", "^", " ", "\n", "?", "'", "é", "x" * 81])
SEGMENTS = st.lists(
    st.tuples(st.sampled_from(["N1", "PO1", "REF", "CTT", "XX", "", "ST", "SE"]), st.lists(SIGN, max_size=9))
)


@given(parts=SEGMENTS, document=st.sampled_from(sorted(NAMES)))
def test_any_segments_give_findings_and_never_an_error(parts: list[tuple[str, list[str]]], document: str) -> None:
    of = guide(document)
    segments = [Segment(tag, tuple(elements), number, 0) for number, (tag, elements) in enumerate(parts, 1)]
    for finding in check(of, segments, signs(of)):
        assert isinstance(finding, Finding)
        assert finding.position is not None
        assert 1 <= finding.position <= max(len(segments), 1)


@given(data=st.binary(max_size=200), document=st.sampled_from(sorted(NAMES)))
def test_any_bytes_give_findings_and_never_an_error(data: bytes, document: str) -> None:
    of = guide(document)
    check_raw(of, data, signs(of))
    check_raw(of, text(document).encode("latin-1")[:40] + data, signs(of))
