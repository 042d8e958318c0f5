"""What `integrations edi` answers: verdicts as exit codes, acknowledgements byte for byte, and never a traceback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from airflow_provider_integrations.cli import app
from airflow_provider_integrations.connectors.edi.documents import Outcome, outcome, read_documents
from airflow_provider_integrations.connectors.edi.parsing import parsed_segments, parsed_sets

INCLUDE = ["--include", str(Path(__file__).parents[3] / "include")]
NOW = ["--now", "2026-01-02T03:04:05Z", "--control", "1"]
ISA = "ISA*00*          *00*          *ZZ*ACME           *ZZ*HUB            *260102*0304*U*00401*000000007*0*P*>~"
GS = "GS*PO*ACME*HUB*20260102*0304*7*X*004010~"
GOOD = "ST*850*0001~BEG*00*SA*PO-1**20260102~PO1*1*10*EA*9.95**VN*A1~CTT*1~SE*5*0001~"
BAD = "ST*850*0002~BEG*00*SA**20260102~PO1*1*canary*EA*9.95**VN*A1~CTT*1~SE*5*0002~"
END = "GE*{}*7~IEA*1*000000007~"
ORDERS = "UNB+UNOA:3+A:14+B+260102:0304+7'UNH+1+ORDERS:D:96A:UN'BGM+220+9+9'DTM+137:20260102:102'UNS+S'UNT+5+1'UNZ+1+7'"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(command: str, content: str | bytes, *arguments: str) -> tuple[int, str, str]:
        path = tmp_path / "document"
        path.write_bytes(content.encode("latin-1") if isinstance(content, str) else content)
        result = CliRunner().invoke(app, ["edi", command, str(path), *arguments])
        return result.exit_code, result.stdout, result.stderr

    return run


def test_an_order_that_is_accepted(run: Run) -> None:
    code, out, _ = run("check", ISA + GS + GOOD + END.format(1), *INCLUDE)
    said = json.loads(out)
    assert (code, said["verdict"], said["documents"][0]["groups"][0]["status"]) == (0, "accepted", "A")


def test_a_bad_set_is_refused_by_its_guide_and_its_values_are_not_shown(run: Run) -> None:
    code, out, _ = run("check", ISA + GS + GOOD + BAD + END.format(2), *INCLUDE)
    said = json.loads(out)
    (flawed,) = said["documents"][0]["groups"][0]["flawed"]
    assert (code, said["verdict"], flawed["control"], flawed["status"]) == (1, "partial", "0002", "R")
    found = {(one["segment"], one["position"], one["element"], one["code"]) for one in flawed["findings"]}
    assert ("BEG", 2, 3, "element_missing") in found
    assert ("PO1", 3, 2, "element_type") in found
    assert "canary" not in out


def test_without_guides_the_syntax_alone_counts(run: Run) -> None:
    code, out, _ = run("check", ISA + GS + GOOD + BAD + END.format(2), "--no-guides")
    said = json.loads(out)
    assert (code, said["verdict"], said["guides"], said["unguided"]) == (0, "accepted", {}, 2)
    code, _, err = run("check", ISA, "--no-guides", "--guide", "x12_850", *INCLUDE)
    assert (code, "none to be used" in json.loads(err)["message"]) == (1, True)


def test_it_is_told_how_many_sets_were_held_to_which_guide(run: Run) -> None:
    """Or a sample that no guide was asked of would pass for one that a partner may send."""
    order, other = ISA + GS + GOOD + END.format(1), "ST*999*0003~SE*2*0003~"
    told = [
        json.loads(run("check", content, *INCLUDE, *more)[1])
        for content, more in (
            (order, ()),
            (order, ("--guide", "x12_850")),
            (order, ("--guide", "x12_810")),
            (ISA + GS + GOOD + BAD + other + END.format(3) + ORDERS, ()),
        )
    ]
    assert [(one["guides"], one["unguided"]) for one in told] == [
        ({"x12_850": 1}, 0), ({"x12_850": 1}, 0), ({}, 1), ({"x12_850": 2, "edifact_orders_d96a": 1}, 1),
    ]  # fmt: skip
    _, _, err = run("ack", order, "--as", "997", *NOW, *INCLUDE)
    assert json.loads(err)["guides"] == {"x12_850": 1}


@pytest.mark.parametrize("command", [("check",), ("ack", "--as", "997", *NOW), ("rows", "--out", "out")])
def test_a_folder_without_guides_is_an_error(
    run: Run, tmp_path: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a slip, or by running elsewhere, since the default is relative: all would be accepted."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for more in ((), ("--include", "/nowhere"), ("--guide", "x12_850")):
        code, out, err = run(command[0], ISA + GS + BAD + END.format(1), *command[1:], *more)
        assert (code, out, json.loads(err)["error"]) == (1, "", "ConfigError")
        assert "--no-guides" in json.loads(err)["next_step"]
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_two_guides_of_one_set_are_refused_with_both_names(run: Run, tmp_path: Path) -> None:
    """The first by the alphabet would be another partner's."""
    shutil.copytree(INCLUDE[1] + "/edi", tmp_path / "edi")
    guide = (tmp_path / "edi" / "x12_850.yaml").read_text()
    (tmp_path / "edi" / "acme_850.yaml").write_text(guide.replace("guide: x12_850", "guide: acme_850"))
    order, both = ISA + GS + GOOD + END.format(1), ("--include", str(tmp_path))
    for command, more in (("check", ()), ("ack", ("--as", "997", *NOW)), ("rows", ("--out", str(tmp_path / "out")))):
        code, out, err = run(command, order, *both, *more)
        assert (code, out) == (1, "")
        assert "'acme_850', 'x12_850'" in json.loads(err)["message"]
        assert run(command, order, *both, "--guide", "acme_850", *more)[0] == 0
    assert run("check", ORDERS, *both)[0] == 0


def test_a_folder_with_the_name_of_a_table_leaves_all_tables_as_they_were(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("rows", ISA + GS + GOOD + END.format(1), "--out", str(out), *INCLUDE)[0] == 0
    (out / "order_parties.parquet").unlink()
    (out / "order_parties.parquet").mkdir()
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    two = ISA + GS + GOOD + GOOD.replace("0001", "0002") + END.format(2)
    code, _, err = run("rows", two, "--out", str(out), *INCLUDE)
    assert (code, "order_parties.parquet" in json.loads(err)["message"]) == (1, True)
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before
    assert sorted(path.name for path in out.iterdir()) == sorted([*before, "order_parties.parquet"])


def test_a_guide_that_cannot_be_read_does_not_hide_that_another_is_not_there(run: Run, tmp_path: Path) -> None:
    shutil.copytree(INCLUDE[1] + "/edi", tmp_path / "edi")
    (tmp_path / "edi" / "broken.yaml").write_text("guide: [")
    (tmp_path / "edi" / "folder.yaml").mkdir()
    _, _, err = run("check", ISA, "--include", str(tmp_path), "--guide", "nope")
    said = json.loads(err)["message"]
    assert ("no such guides (guides=['nope']" in said, "x12_850" in said, "broken" in said) == (True, True, False)


def test_the_answer_is_on_standard_output_to_the_byte(run: Run) -> None:
    first = run("ack", ISA + GS + GOOD + BAD + END.format(2), "--as", "997", *NOW, *INCLUDE)
    assert first == run("ack", ISA + GS + GOOD + BAD + END.format(2), "--as", "997", *NOW, *INCLUDE)
    code, out, err = first
    segments = out.split("~")
    assert (code, segments[0].split("*")[6].strip(), segments[0].split("*")[8].strip()) == (1, "HUB", "ACME")
    assert [line for line in segments if line.startswith(("AK1", "AK5", "AK9"))] == [
        "AK1*PO*7", "AK5*A", "AK5*R*5", "AK9*P*2*2*1",
    ]  # fmt: skip
    assert json.loads(err)["verdict"] == "partial"
    code, out, _ = run("ack", ORDERS, "--as", "CONTRL", *NOW, *INCLUDE)
    assert (code, out.split("'")[2]) == (0, "UCI+7+A:14+B+7")


def test_an_acknowledgement_of_the_other_syntax_is_refused(run: Run) -> None:
    for content, kind in ((ORDERS, "997"), (ISA + GS + GOOD + END.format(1), "CONTRL")):
        code, out, err = run("ack", content, "--as", kind, *NOW, *INCLUDE)
        assert (code, out, json.loads(err)["error"]) == (1, "", "ConfigError")
    code, _, err = run("ack", ORDERS, "--as", "855", *NOW, *INCLUDE)
    assert (code, json.loads(err)["next_step"]) == (1, "There are: TA1, 997, 999, CONTRL.")


@pytest.mark.parametrize("content", ["", "hello", "\0\0\n", "ISAAC was here", "UNBELIEVABLE"])
def test_what_is_no_edi_has_its_own_code(run: Run, content: str) -> None:
    code, out, _ = run("check", content, *INCLUDE)
    assert (code, json.loads(out)["verdict"]) == (2, "not_edi")
    assert run("ack", content, "--as", "997", *NOW, *INCLUDE)[:2] == (2, "")
    assert run("parse", content)[0] == run("parse", content, "--sets")[0] == 2


def test_parse_gives_a_line_for_each_segment_or_set(run: Run) -> None:
    code, out, _ = run("parse", ISA + GS + GOOD + END.format(1) + "junk")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, [line["tag"] for line in lines[:4]]) == (0, ["ISA", "GS", "ST", "BEG"])
    at = len(ISA + GS + "ST*850*0001~")
    assert lines[3] == {"tag": "BEG", "elements": ["00", "SA", "PO-1", "", "20260102"], "number": 4, "offset": at}
    assert lines[-1]["outside"] == "junk"
    code, out, _ = run("parse", ORDERS, "--sets")
    (one,) = map(json.loads, out.splitlines())
    assert (code, one["complete"], one["UNB"][0], one["segments"][0]) == (
        0, True, "UNB", ["UNH", "1", ["ORDERS", "D", "96A", "UN"]],
    )  # fmt: skip


def test_what_is_written_is_accepted(run: Run, tmp_path: Path) -> None:
    golden = Path(__file__).parents[2] / "golden" / "edi" / "guided" / "850.rows.json"
    rows: Any = json.loads(golden.read_text())
    tables = rows.get("tables", rows)
    code, out, _ = run("write", json.dumps(tables), "--guide", "x12_850", "--control", "0001", *INCLUDE)
    assert code == 0
    assert run("check", ISA + GS + out + END.format(1), *INCLUDE)[0] == 0
    code, _, err = run("write", '{"orders": [{"ordered_on": "tomorrow"}]}', "--guide", "x12_850", *INCLUDE)
    assert (code, "no date" in json.loads(err)["message"]) == (1, True)
    for wrong in ("[]", "{", '{"orders": 1}', '{"orders": [1]}'):
        code, _, err = run("write", wrong, "--guide", "x12_850", *INCLUDE)
        assert (code, json.loads(err)["error"]) == (1, "PermanentError")


@given(st.binary(max_size=400), st.sampled_from([b"", b"ISA*", b"UNB+", b"UNA:+.? '", ISA.encode(), ORDERS.encode()]))
def test_any_bytes_have_a_verdict(junk: bytes, head: bytes) -> None:
    documents = list(read_documents([head + junk]))
    assert {outcome(document) for document in documents} <= set(Outcome)
    list(parsed_segments([head + junk]))
    list(parsed_sets([head + junk]))


WHOLE = ("--guide", "x12_850", "--sender", "ZZ:HUB", "--receiver", "ZZ:ACME", *NOW, *INCLUDE)


def test_with_parties_a_whole_interchange_is_written(run: Run) -> None:
    tables = json.loads((Path(__file__).parents[2] / "golden" / "edi" / "guided" / "850.rows.json").read_text())
    tables = tables.get("tables", tables)
    first = run("write", json.dumps(tables), *WHOLE, "--control", "17", "--usage", "T")
    assert first == run("write", json.dumps(tables), *WHOLE, "--control", "17", "--usage", "T")
    code, out, _ = first
    assert (code, out[:3], out[90:99], out[102]) == (0, "ISA", "000000017", "T")
    assert run("check", out, *INCLUDE)[0] == 0
    several = run("write", json.dumps([tables, tables]), *WHOLE, "--control", "17")[1]
    assert several.endswith("GE*2*17~IEA*1*000000017~")
    assert run("check", several, *INCLUDE)[0] == 0


def test_an_interchange_without_all_that_it_needs_is_refused(run: Run) -> None:
    order = {"purpose": "00", "order_type": "SA", "order_number": "1", "ordered_on": "2026-01-02"}
    tables = json.dumps({"orders": [order], "order_lines": [{"quantity": 1, "unit": "EA"}]})
    assert run("write", tables, *WHOLE)[0] == 0
    for wrong in (("--control", "x"), ("--control", "0"), ("--usage", "X"), ("--receiver", "ACME"), ("--now", "soon")):
        code, out, err = run("write", tables, *WHOLE, *wrong)
        assert (code, out, json.loads(err)["error"]) == (1, "", "ConfigError"), wrong
    for missing in (("--sender", "ZZ:HUB", *NOW), ("--sender", "ZZ:HUB", "--receiver", "ZZ:ACME")):
        code, out, err = run("write", tables, "--guide", "x12_850", *missing, *INCLUDE)
        assert (code, out, json.loads(err)["error"]) == (1, "", "ConfigError"), missing
