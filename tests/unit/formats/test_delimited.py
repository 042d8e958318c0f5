"""Whole files: accounting, rules, drift, encodings, and the traps of CSV."""

from __future__ import annotations

import io
import stat
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_integrations.core.errors import ConfigError, RejectedError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.formats.delimited import decode
from tests.unit.formats.decoding import contract, read_back

ID = {"name": "id", "type": "integer"}
NAME = {"name": "name", "type": "string"}
TWO = contract(ID, NAME)


def test_every_rule_names_its_line_its_column_and_never_the_value(tmp_path: Path) -> None:
    by = contract(
        {**ID, "range": {"min": 1, "max": 90}, "unique": True},
        {**NAME, "max_length": 6, "pii": "name"},
        {"name": "kind", "type": "string", "enum": ["new", "old"]},
        {"name": "code", "type": "string", "pattern": "^[A-Z]{2}$", "nullable": False},
    )
    rows = [
        "1,Anna,new,DE", "x17,Anna,new,DE", "99,Anna,new,DE", "3,Magdalena,new,DE", "4,Anna,former,DE", "5,Anna,new,de",
        "6,Anna,new,", "7,Anna,new", '8,"An"na,new,DE', "1,Anna,new,DE", "10,,,AT",
    ]  # fmt: skip
    result = read_back("\n".join(["id,name,kind,code", *rows]).encode(), by, tmp_path)
    assert sorted(result.broken) == [
        (3, "id", "type"), (4, "id", "range"), (5, "name", "max_length"), (6, "kind", "enum"), (7, "code", "pattern"),
        (8, "code", "nullable"), (9, None, "field_count"), (10, None, "quoting"), (11, "id", "unique"),
    ]  # fmt: skip
    assert result.column("id") == [1, 10]
    assert result.column("_line") == [2, 12]
    text = (tmp_path / "rejects.jsonl").read_text()
    assert "Magdalena" not in text
    assert "former" not in text
    assert "M***(9)" in text


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("block", [1, 5, 64])
def test_line_ends_embedded_newlines_blank_lines_and_no_newline_at_the_end(
    tmp_path: Path, ends: str, block: int
) -> None:
    text = ends.join(["id,name", '1,"two' + ends + 'lines"', "", "2,b", '3,"q""q"', "", "4,last"])
    result = read_back(text.encode(), TWO, tmp_path, block=block)
    assert result.column("name") == [f"two{ends}lines", "b", 'q"q', "last"]
    assert result.column("_line") == [2, 5, 6, 8]
    assert (result.decoded.lines, result.decoded.blank_lines, result.decoded.header_lines) == (8, 2, 1)


def test_line_ends_other_than_the_contracts_are_rejects(tmp_path: Path) -> None:
    result = read_back(b"id,name\r\n1,a\r\n2,b\n3,c", contract(ID, NAME, newline="crlf"), tmp_path)
    assert result.broken == [(3, None, "newline")]
    assert result.column("id") == [1, 3]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"])
@pytest.mark.parametrize("block", [1, 3, 1 << 20])
def test_encodings(tmp_path: Path, encoding: str, block: int) -> None:
    data = "id,name\n1,Zoë Müller\n2,plain\n".encode(encoding)
    assert read_back(data, contract(ID, NAME, encoding=encoding), tmp_path, block=block).column("name") == [
        "Zoë Müller",
        "plain",
    ]


@pytest.mark.parametrize(
    ("encoding", "bad"),
    [("utf-8", b"2,b\xff\n"), ("cp1252", b"2,\x81\n"), ("utf-16-le", "2,".encode("utf-16-le") + b"\x00\xd8\n\0")],
)
@pytest.mark.parametrize("block", [1, 1 << 20])
def test_an_encoding_error_costs_its_row_alone(tmp_path: Path, encoding: str, bad: bytes, block: int) -> None:
    data = "id,name\n1,é\n".encode(encoding) + bad + "3,ü\n".encode(encoding)
    result = read_back(data, contract(ID, NAME, encoding=encoding), tmp_path, block=block)
    assert result.broken == [(3, None, "encoding")]
    assert result.column("name") == ["é", "ü"]


def test_a_bom_is_dropped_at_the_files_start_only(tmp_path: Path) -> None:
    by = contract({"name": "name", "type": "string"}, {"name": "n", "type": "integer"})
    rows = "".join(f"\ufeffx{at},{at}\n" for at in range(50))
    data = ("\ufeffname,n\n" + rows).encode()
    for block in (16, 1 << 20):
        assert read_back(data, by, tmp_path, block=block).column("name") == [f"\ufeffx{at}" for at in range(50)]


def test_a_nul_byte_is_a_reject(tmp_path: Path) -> None:
    assert read_back(b"id,name\n1,a\0b\n2,c\n", TWO, tmp_path).broken == [(2, None, "nul_byte")]


def test_null_and_the_empty_string_are_told_apart_by_quotes(tmp_path: Path) -> None:
    by = contract(ID, NAME, {"name": "n", "type": "integer"}, null_values=["", "NULL"])
    result = read_back(b'id,name,n\n1,,\n2,"",""\n3,NULL,NULL\n4,"NULL","NULL"\n5,x, \n', by, tmp_path)
    assert result.column("name") == [None, "", None, "NULL", "x"]
    assert result.column("n") == [None] * 5


def test_no_header_and_tabs_and_no_quoting(tmp_path: Path) -> None:
    by = contract(ID, NAME, format="tsv", header=False, quote=None)
    result = read_back(b'1\t"a\n2\tb"c\n3\td\te\n', by, tmp_path)
    assert result.column("name") == ['"a', 'b"c']
    assert result.broken == [(3, None, "field_count")]


def test_new_missing_reordered_and_respelled_columns_are_drift(tmp_path: Path) -> None:
    by = contract(ID, NAME, {"name": "note", "type": "string"}, {"name": "n", "type": "integer"})
    result = read_back(b"name,extra, ID ,n\na,?,1,5\n", by, tmp_path)
    assert result.decoded.drift == {
        "new": ["extra"], "missing": ["note"], "reordered": ["id", "name"], "respelled": ["id"],
    }  # fmt: skip
    assert [result.column(name) for name in ("id", "name", "note", "n")] == [[1], ["a"], [None], [5]]


@pytest.mark.parametrize(
    ("data", "settings", "reason"),
    [
        (b"", {}, Reason.EMPTY_FILE),
        (b"id,name\n", {}, Reason.NO_ROWS),
        (b"name\nx\n", {}, Reason.COLUMNS_MISSING),
        (b"id,name,new\n1,a,b\n", {"unknown_columns": "fail"}, Reason.COLUMNS_UNKNOWN),
        (b'"id,name\n1,a\n', {}, Reason.UNREADABLE),
        (b"id,ID,name\n1,2,a\n", {}, Reason.UNREADABLE),
        (b"\xff,name\n", {}, Reason.UNREADABLE),
        (b"id,name\nx,a\n2,b\n", {"max_reject_share": 0.49}, Reason.TOO_MANY_REJECTS),
    ],
)
def test_a_file_that_is_refused_says_why_and_leaves_no_parquet(
    tmp_path: Path, data: bytes, settings: dict[str, Any], reason: Reason
) -> None:
    with pytest.raises(RejectedError) as caught:
        decode(io.BytesIO(data), contract(ID, NAME, **settings), tmp_path, batch_id="b", version="v")
    assert caught.value.reason is reason
    left = [path.name for path in tmp_path.iterdir()]
    assert left == (["rejects.jsonl"] if reason is Reason.TOO_MANY_REJECTS else [])


def test_the_share_of_rejects_may_be_reached_but_not_passed(tmp_path: Path) -> None:
    decoded = decode(
        io.BytesIO(b"id,name\nx,a\n2,b\n"),
        contract(ID, NAME, max_reject_share=0.5),
        tmp_path,
        batch_id="b",
        version="v",
    )
    assert (decoded.rows_read, decoded.rows_landed, decoded.rejects_by_rule) == (2, 1, {"type": 1})


def test_a_stream_that_breaks_leaves_nothing_behind(tmp_path: Path) -> None:
    class Broken(io.RawIOBase):
        calls = 0

        def read(self, size: int = -1, /) -> bytes:
            self.calls += 1
            if self.calls > 3:
                raise RejectedError(Reason.INTEGRITY_FAILED)
            return b"id,name\n" if self.calls == 1 else b"1,a\nx,b\n" * 100

    with pytest.raises(RejectedError) as caught:
        decode(Broken(), TWO, tmp_path, batch_id="b", version="v")
    assert caught.value.reason is Reason.INTEGRITY_FAILED
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_not_taken_for_this_runs(tmp_path: Path) -> None:
    (tmp_path / "part-00007.parquet").write_bytes(b"stale")
    (tmp_path / "rejects.jsonl").write_text("stale")
    read_back(b"id,name\n1,a\n", TWO, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["part-00000.parquet"]


def test_only_the_owner_may_read_what_is_written(tmp_path: Path) -> None:
    read_back(b"id,name\n1,a\nx,a\n", TWO, tmp_path)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_the_same_file_gives_the_same_bytes_however_it_is_read(tmp_path: Path) -> None:
    class Dribble(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 1, 7))

    data = b"id,name\n" + b"".join(b"%d,n%d\n" % (at, at) for at in range(2000))
    for name, stream in (("a", io.BytesIO(data)), ("b", Dribble(data))):
        (tmp_path / name).mkdir()
        decode(stream, TWO, tmp_path / name, batch_id="b", version="v")
    assert (tmp_path / "a/part-00000.parquet").read_bytes() == (tmp_path / "b/part-00000.parquet").read_bytes()


def test_unique_over_the_whole_file_keeps_the_first_and_counts_only_good_rows(tmp_path: Path) -> None:
    by = contract(
        {**ID, "range": {"max": 100}}, {**NAME, "unique": True}, {"name": "u", "type": "uuid", "unique": True}
    )
    u = "f47ac10b-58cc-4372-a567-0e02b2c3d47"
    rows = [f"1,a,{u}1", f"999,b,{u}2", f"3,b,{u}2", f"4,a,{u}3", f"5,c,{u.upper()}2", "6,,", "7,,", f"8,d,{u}3"]
    result = read_back(("id,name,u\n" + "\n".join(rows)).encode(), by, tmp_path, block=16, part_bytes=1)
    assert sorted(result.broken) == [(3, "id", "range"), (5, "name", "unique"), (6, "u", "unique")]
    assert result.column("id") == [1, 3, 6, 7, 8]


def test_rows_that_point_at_nothing_are_rejects_and_an_unknown_entity_is_left_unchecked(tmp_path: Path) -> None:
    by = contract(ID, NAME, references=[{"columns": ["name"], "to": "names", "to_columns": ["n"]}])
    data = b"id,name\n1,a\n2,b\n3,\n"
    known = pa.table({"n": ["a", "z"]})
    assert read_back(data, by, tmp_path, lookup=lambda _: known).broken == [(3, "name", "reference")]
    assert read_back(data, by, tmp_path, lookup=lambda _: None).broken == []


def test_bounds_and_patterns_that_cannot_be_used_are_said_before_a_row_is_read(tmp_path: Path) -> None:
    for column in ({"range": {"min": "abc"}}, {"pattern": "(?=x)"}, {"enum": ["x"]}):
        with pytest.raises(ConfigError):
            decode(io.BytesIO(b"id\n1\n"), contract({**ID, **column}), tmp_path, batch_id="b", version="v")


def test_a_reference_of_another_type_is_the_contracts_fault_and_leaves_nothing(tmp_path: Path) -> None:
    by = contract(ID, NAME, references=[{"columns": ["name"], "to": "names", "to_columns": ["n"]}])
    with pytest.raises(ConfigError):
        read_back(b"id,name\n1,a\n", by, tmp_path, lookup=lambda _: pa.table({"n": [1]}))
    assert list(tmp_path.iterdir()) == []


def test_a_share_that_binary_cannot_hold_is_still_allowed(tmp_path: Path) -> None:
    data = b"id,name\n" + b"x,a\n" * 29 + b"1,a\n" * 71
    decoded = decode(io.BytesIO(data), contract(ID, NAME, max_reject_share=0.29), tmp_path, batch_id="b", version="v")
    assert decoded.rows_rejected == 29


def test_what_a_killed_uniqueness_check_spilled_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".spill").mkdir()
    (tmp_path / ".spill" / "values").write_bytes(b"Anna")
    read_back(b"id,name\n1,a\n", TWO, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["part-00000.parquet"]


def test_every_row_may_be_a_reject(tmp_path: Path) -> None:
    result = read_back(b"id,name\nx,a\n1\n", TWO, tmp_path)
    assert result.decoded.files == ()
    assert result.broken == [(2, "id", "type"), (3, None, "field_count")]
