"""`integrations edi rows`: accepted sets as Parquet, refused ones told of, and nothing between."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from airflow_provider_integrations.cli import app
from airflow_provider_integrations.connectors.edi.accepted_sets import read_accepted
from airflow_provider_integrations.connectors.edi.documents import GuideBook, read_documents
from airflow_provider_integrations.connectors.edi.edifact_verdict import InterchangeVerdict
from airflow_provider_integrations.connectors.edi.guide_rules import Guide
from airflow_provider_integrations.connectors.edi.model import Syntax
from airflow_provider_integrations.connectors.edi.row_files import PARTIAL, write_rows
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange
from airflow_provider_integrations.core.errors import TransientError
from airflow_provider_integrations.include import read_guides

pq: Any = pyarrow.parquet

FOLDER = Path(__file__).parents[3] / "include"
INCLUDE = ["--include", str(FOLDER)]
BOOK = GuideBook((read_guides(FOLDER, "x12_850"), read_guides(FOLDER, "edifact_orders_d96a")))
ISA = "ISA*00*          *00*          *ZZ*ACME           *ZZ*HUB            *260102*0304*U*00401*{:09}*0*P*>~"
GS = "GS*PO*ACME*HUB*20260102*0304*{}*X*004010~"
GOOD = "ST*850*0001~BEG*00*SA*PO-1**20260102~PO1*1*10*EA*9.95**VN*A1~CTT*1~SE*5*0001~"
BAD = "ST*850*0002~BEG*00*SA**20260102~PO1*1*canary*EA*9.95**VN*A1~CTT*1~SE*5*0002~"
INVENTORY = "ST*846*0003~BIA*00*DD*X*20260102~SE*3*0003~"
UNKNOWN = "ST*ABC*0004~SE*2*0004~"
CUT = "ST*850*0005~BEG*00*SA*PO-5**20260102~"
UNB = "UNB+UNOC:3+A:14+B:14+260102:0304+7'"
MESSAGE = "UNH+{0}+ORDERS:D:96A:UN'BGM+220+PO-{0}+9'DTM+137:20260102:102'UNS+S'UNT+5+{0}'"
WRONG = "UNH+{0}+ORDERS:D:96A:UN'BGM+220+{0}+9'DTM+137:20260102:102'UNS+S'UNT+9+{0}'"

Run = Callable[..., tuple[int, Any, str]]


def x12(*sets: str, control: int = 7, functional: str = "PO") -> str:
    group = GS.format(7).replace("PO", functional)
    return f"{ISA.format(control)}{group}{''.join(sets)}GE*{len(sets)}*7~IEA*1*{control:09}~"


def inventory(control: int = 7) -> str:
    return x12(INVENTORY, control=control, functional="IB")


def edifact(*messages: str) -> str:
    return f"{UNB}{''.join(messages)}UNZ+{len(messages)}+7'"


def read(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(content: str, *arguments: str, folder: str = "out") -> tuple[int, Any, str]:
        path = tmp_path / "document"
        path.write_bytes(content.encode("latin-1"))
        result = CliRunner().invoke(
            app, ["edi", "rows", str(path), "--out", str(tmp_path / folder), *INCLUDE, *arguments]
        )
        return result.exit_code, json.loads(result.stdout) if result.stdout else None, result.stderr

    return run


def test_an_order_becomes_rows_with_its_envelope(run: Run, tmp_path: Path) -> None:
    code, said, _ = run(x12(GOOD))
    assert (code, said["verdict"], said["sets"]) == (0, "accepted", {"accepted": 1, "refused": 0})
    assert (said["refused"], said["unread"], said["left_out"]) == ([], [], 0)
    [order] = read(tmp_path / "out" / "orders.parquet")
    assert list(order.items())[:9] == [
        ("sender", "ZZ/ACME"),
        ("receiver", "ZZ/HUB"),
        ("usage", "P"),
        ("interchange_control", "000000007"),
        ("group_control", "7"),
        ("set_control", "0001"),
        ("set_number", 1),
        ("row", 1),
        ("parent", None),
    ]
    assert order["order_number"] == "PO-1"
    [line] = read(tmp_path / "out" / "order_lines.parquet")
    assert (line["set_number"], line["quantity"], line["unit_price"]) == (1, Decimal(10), Decimal("9.95"))
    assert said["tables"] == {path.stem: len(read(path)) for path in (tmp_path / "out").iterdir()}
    assert said["tables"]["order_parties"] == 0
    for path in (tmp_path / "out").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
        if group := pq.ParquetFile(path).metadata.num_row_groups:
            assert group == 1
            assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


def test_sets_are_numbered_through_and_refused_ones_are_told_of_without_their_values(run: Run, tmp_path: Path) -> None:
    stream = x12(BAD, GOOD) + "junk" + inventory(8) + x12(GOOD, UNKNOWN, control=9)
    code, said, _ = run(stream)
    assert (code, said["verdict"], said["sets"]) == (1, "partial", {"accepted": 3, "refused": 2})
    assert [row["set_number"] for row in read(tmp_path / "out" / "orders.parquet")] == [2, 4]
    segments = read(tmp_path / "out" / "segments.parquet")
    assert [(row["set_number"], row["position"], row["tag"], row["elements"]) for row in segments] == [
        (3, 1, "ST", ["846", "0003"]),
        (3, 2, "BIA", ["00", "DD", "X", "20260102"]),
        (3, 3, "SE", ["3", "0003"]),
    ]
    bad, junk, unknown = said["refused"]
    assert {name: bad[name] for name in bad if name != "findings"} == {
        "interchange": "000000007", "group": "7", "type": "850", "control": "0002", "number": 1,
    }  # fmt: skip
    assert {one["code"] for one in bad["findings"]} == {"element_missing", "element_type"}
    assert (junk["offset"], junk["length"]) == (len(x12(BAD, GOOD)), 4)
    assert (unknown["number"], unknown["findings"][0]["code"]) == (5, "header_invalid")
    assert "canary" not in json.dumps(said)


def test_what_refuses_an_interchange_at_its_very_end_leaves_none_of_its_rows(run: Run, tmp_path: Path) -> None:
    code, said, _ = run(x12(GOOD).replace("IEA*1", "IEA*2") + x12(GOOD, control=8))
    assert (code, said["verdict"], said["sets"]) == (1, "partial", {"accepted": 1, "refused": 1})
    assert [row["interchange_control"] for row in read(tmp_path / "out" / "orders.parquet")] == ["000000008"]
    [refused] = said["refused"]
    assert (refused["interchange"], refused["sets"], refused["findings"][0]["code"]) == ("000000007", 1, "count_wrong")


def test_a_group_whose_envelope_is_wrong_is_refused_whole(run: Run) -> None:
    code, said, _ = run(x12(GOOD).replace("GE*1*7", "GE*1*8"))
    assert (code, said["tables"], said["sets"]) == (1, {}, {"accepted": 0, "refused": 1})
    assert [(one["group"], one["sets"]) for one in said["refused"]] == [("7", 1)]


def test_a_set_without_its_end_is_not_mistaken_for_the_next_one(run: Run, tmp_path: Path) -> None:
    code, said, _ = run(x12(CUT, GOOD.replace("0001", "0005"), GOOD))
    assert (code, said["sets"]) == (1, {"accepted": 1, "refused": 2})
    [order] = read(tmp_path / "out" / "orders.parquet")
    assert (order["set_number"], order["order_number"]) == (3, "PO-1")


def test_a_ta1_within_a_set_does_not_take_it_past_its_guide(run: Run) -> None:
    """SE01 counts from TA1 on here: without the finding the set would be accepted and seen by nobody."""
    code, said, _ = run(x12("ST*850*0001~BEG*00*SA~TA1*000000001*260102*0304*A*000~N1*ST*A~SE*2*0001~"))
    assert (code, said["tables"], said["sets"]) == (1, {}, {"accepted": 0, "refused": 1})
    assert "segment_unexpected" in {one["code"] for one in said["refused"][0]["findings"]}


def test_messages_of_edifact_in_groups_and_beside_them(run: Run, tmp_path: Path) -> None:
    code, said, _ = run(edifact(MESSAGE.format(1), WRONG.format(2), MESSAGE.format(3).replace("PO-3", "M\xfcller")))
    assert (code, said["verdict"], said["sets"]) == (1, "partial", {"accepted": 2, "refused": 1})
    orders = read(tmp_path / "out" / "edifact_orders.parquet")
    assert [(one["sender"], one["group_control"], one["set_number"], one["order_number"]) for one in orders] == [
        ("14/A", None, 1, "PO-1"),
        ("14/A", None, 3, "Müller"),
    ]
    assert [(one["control"], one["number"], one["type"]) for one in said["refused"]] == [("2", 2, "ORDERS")]
    group = "UNG+ORDERS+A+B+260102:0304+{0}+UN+D:96A'{1}UNE+{2}+{0}'"
    groups = group.format(1, MESSAGE.format(1), 1) + group.format(2, MESSAGE.format(1), 5)
    code, said, _ = run(f"{UNB}{groups}UNZ+2+7'", folder="groups")
    assert (code, said["sets"]) == (1, {"accepted": 1, "refused": 1})
    assert [one["group_control"] for one in read(tmp_path / "groups" / "edifact_orders.parquet")] == ["1"]
    assert [(one["group"], one["sets"]) for one in said["refused"]] == [("2", 1)]
    code, said, _ = run(edifact(MESSAGE.format(1)).replace("UNZ+1", "UNZ+2"), folder="refused")
    assert (code, said["tables"], said["sets"]) == (1, {}, {"accepted": 0, "refused": 1})


def test_what_is_no_edi_leaves_nothing(run: Run, tmp_path: Path) -> None:
    code, said, _ = run("hello")
    assert (code, said["verdict"], said["tables"], (tmp_path / "out").exists()) == (2, "not_edi", {}, False)


def test_standard_input_and_one_guide(tmp_path: Path) -> None:
    arguments = ["edi", "rows", "-", "--out", str(tmp_path / "out"), "--guide", "x12_810", *INCLUDE]
    result = CliRunner().invoke(app, arguments, input=x12(GOOD, BAD).encode())
    assert (result.exit_code, json.loads(result.stdout)["tables"]) == (0, {"segments": 10})


def test_a_stream_that_changes_between_its_two_readings_gives_nothing(tmp_path: Path) -> None:
    path, out = tmp_path / "document", tmp_path / "out"
    sets = [GOOD.replace("0001", f"000{number}") + 700_000 * "\n" for number in (1, 2, 3)]
    path.write_text(x12(*sets))

    class Meddling(GuideBook):
        """When the first reading has come to the last set, and the second has not, that set changes."""

        def find(self, syntax: Syntax, name: str, version: str) -> Guide | None:
            seen.append(name)
            if len(seen) == 3:
                path.write_text(path.read_text()[::-1].replace("1-OP", "9-OP", 1)[::-1])
            return BOOK.find(syntax, name, version)

    for guides, told in ((Meddling(BOOK.guides), True), (BOOK, False)):
        seen: list[str] = []
        with path.open("rb") as stream, pytest.raises(TransientError) if told else nullcontext():
            assert write_rows(stream, out, guides)["sets"] == {"accepted": 3, "refused": 0}
        assert out.exists() is not told


def test_readings_that_differ_in_their_sets_do_not_go_together() -> None:
    one, two = x12(GOOD).encode(), x12(GOOD, GOOD.replace("0001", "0002")).encode()
    other = edifact(MESSAGE.format(1)).encode()
    for first, second in ((one, two), (two, one), (one, other), (other, one), (one, b""), (b"", one), (other, b"UNB+")):
        with pytest.raises(TransientError):
            read_accepted([first], [second], BOOK, lambda one: None)


def test_a_second_run_gives_the_same_bytes(run: Run, tmp_path: Path) -> None:
    run(x12(GOOD) + inventory(8))
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    run(x12(GOOD) + inventory(8))
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_what_a_killed_run_left_is_removed_and_no_two_runs_write_at_once(run: Run, tmp_path: Path) -> None:
    left = tmp_path / "out" / PARTIAL
    left.mkdir(parents=True)
    (left / "orders.parquet").write_bytes(b"PAR1")
    lock = os.open(tmp_path / "out", os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    code, _, err = run(x12(GOOD))
    assert (code, json.loads(err)["error"], left.exists()) == (1, "TransientError", True)
    os.close(lock)
    assert run(inventory())[0] == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["segments.parquet"]


def test_guides_that_do_not_fit_each_other_write_nothing(run: Run, tmp_path: Path) -> None:
    include = tmp_path / "include"
    (include / "edi").mkdir(parents=True)
    for name in ("x12.yaml", "x12_850.yaml"):
        (include / "edi" / name).write_bytes((FOLDER / "edi" / name).read_bytes())
    head = "guide: {}\nsyntax: x12\nset: '{}'\nversions: ['004010']\ndictionary: x12\nstructure: [{}]\nrows: {}\n"
    ship = "ST*856*0003~BSN*00*S1*20260102*0304~SE*3*0003~"
    (include / "edi" / "odd.yaml").write_text(head.format("odd", 856, "BSN M 1", "{orders: {columns: {x: BSN02}}}"))
    code, _, err = run(x12(GOOD) + x12(ship, control=8, functional="SH"), "--include", str(include))
    assert (code, json.loads(err)["message"][:32]) == (1, "two guides fill one table with d")
    (include / "edi" / "odd.yaml").write_text(head.format("odd", 856, "BSN M 1", "{t: {columns: {sender: BSN02}}}"))
    code, _, err = run(x12(ship, functional="SH"), "--include", str(include))
    assert (code, "columns of the envelope" in json.loads(err)["message"]) == (1, True)
    assert not (tmp_path / "out").exists()


def test_a_value_that_does_not_fit_its_column_is_null_and_told(run: Run, tmp_path: Path) -> None:
    code, said, _ = run(x12(GOOD.replace("9.95", ".0000000000001")))
    assert (code, read(tmp_path / "out" / "order_lines.parquet")[0]["unit_price"]) == (0, None)
    [unread] = said["unread"]
    assert (unread["number"], unread["segment"], unread["position"], unread["element"]) == (1, "PO1", 3, 4)


def test_values_are_decoded_by_the_interchange(run: Run, tmp_path: Path) -> None:
    unicode = edifact(MESSAGE.format(1)).replace("UNOC:3+A", "UNOW:4+M\xc3\xbc").replace("260102:0304", "20260102:0304")
    code, _, err = run(unicode.replace("PO-1", "K\xc3\xb6ln"))
    [order] = read(tmp_path / "out" / "edifact_orders.parquet")
    assert (code, order["sender"], order["order_number"]) == (0, "14/Mü", "Köln"), err


FRAGMENTS = st.lists(
    st.sampled_from(
        [ISA.format(7), ISA.format(8), GS.format(7), GS.format(8), GOOD, BAD, INVENTORY, UNKNOWN, CUT, "TA1*1~",
         "GE*1*7~", "GE*2*7~", "GE*1*8~", "IEA*1*000000007~", "IEA*1*000000008~", "\n", "junk~", "SE*5*0001~",
         UNB, MESSAGE.format(1), MESSAGE.format(2), WRONG.format(3), "UNZ+1+7'", "UNZ+2+7'", "UNT+5+1'", "UNA:+.? '",
         "UNG+ORDERS+A+B+260102:0304+1+UN+D:96A'", "UNE+1+1'", "UNE+2+1'", x12(GOOD), inventory(9), edifact(MESSAGE.format(1))]
    ),
    max_size=14,
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(
    st.one_of(FRAGMENTS.map("".join).map(str.encode), st.binary(max_size=300)), st.sampled_from([b"", b"ISA*", b"UNB+"])
)
def test_any_bytes_and_every_set_is_in_rows_or_refused(data: bytes, head: bytes) -> None:
    sets = 0
    for document in read_documents([head + data], BOOK):
        if isinstance(document, Interchange):
            sets += sum(len(group.sets) for group in document.groups)
        elif isinstance(document, InterchangeVerdict):
            sets += document.messages
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as stream:
        stream.write(head + data)
        stream.seek(0)
        out = Path(folder) / "out"
        said = write_rows(stream, out, BOOK)
        json.dumps(said, default=str)
        assert said["sets"]["accepted"] + said["sets"]["refused"] == sets
        assert sum(one.get("sets", "control" in one) for one in said["refused"]) == said["sets"]["refused"]
        numbers = {row["set_number"] for path in out.glob("*.parquet") for row in read(path)}
        told = {one["number"] for one in said["refused"] if "number" in one}
        assert len(numbers) == said["sets"]["accepted"]
        assert not numbers & told
        assert numbers | told <= set(range(1, sets + 1))
