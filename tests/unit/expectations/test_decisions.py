"""What the gate decides without asking the engine."""

import stat
from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_integrations.core.errors import ConfigError, ReconciliationError, StateConflictError
from airflow_provider_integrations.core.verdict import GateMode, Verdict
from airflow_provider_integrations.expectations.answers import Answer, Rules
from airflow_provider_integrations.expectations.arguments import typed
from airflow_provider_integrations.expectations.gate import LandedBatch, run_gate
from airflow_provider_integrations.expectations.judging import verdict_of
from airflow_provider_integrations.expectations.publish import rewrite
from airflow_provider_integrations.expectations.suites import Suite
from airflow_provider_integrations.expectations.tables import landed_table

from .landed import CONTRACT, land, manifest_of, people, read

BLOCK, QUARANTINE, WARN = GateMode.BLOCK, GateMode.QUARANTINE_ROWS, GateMode.WARN
RULES = Rules.of(
    (
        {"type": "expect_column_values_to_not_be_null", "column": "id"},
        {"type": "expect_table_row_count_to_be_between", "min_value": 1},
    ),
    CONTRACT,
)
YES, NO, RAISED = Answer(True), Answer(False), Answer(False, raised="ValueError")


def test_no_batch_is_a_verdict_that_does_not_pass():
    [outcome] = run_gate([], CONTRACT, (), BLOCK, docs=None)
    assert outcome.result.verdict is Verdict.NO_BATCH
    assert not outcome.result.verdict.passes


def test_a_batch_without_files_is_no_batch(tmp_path):
    [outcome] = run_gate([LandedBatch(manifest_of("b", 0, ()), tmp_path)], CONTRACT, (), BLOCK, docs=None)
    assert (outcome.result.verdict, outcome.result.batch_id) == (Verdict.NO_BATCH, "b")


@pytest.mark.parametrize("mode", GateMode)
def test_no_rows_and_an_empty_suite_are_verdicts_of_their_own_in_every_mode(mode, tmp_path):
    empty, full = land(tmp_path, "empty", []), land(tmp_path, "full", people(3))
    [no_rows] = run_gate([empty], CONTRACT, (), mode, docs=None)
    assert (no_rows.result.verdict, no_rows.publish) == (Verdict.NO_ROWS, ())
    [nothing_proved] = run_gate([full], CONTRACT, [Suite("none", ())], mode, docs=None)
    assert (nothing_proved.result.verdict, nothing_proved.publish) == (Verdict.EMPTY_SUITE, ())
    assert nothing_proved.result.rows == 3


def test_a_file_that_was_changed_after_it_landed_is_not_gated(tmp_path):
    batch = land(tmp_path, "b", people(3))
    path = batch.folder / "part-00000.parquet"
    pq.write_table(pq.read_table(path), path, compression="gzip")
    with pytest.raises(StateConflictError, match="changed"):
        run_gate([batch], CONTRACT, (), BLOCK, docs=None)


def test_a_batch_of_another_contract_is_refused(tmp_path):
    batch = land(tmp_path, "b", people(3))
    with pytest.raises(ConfigError, match="another contract"):
        run_gate([replace(batch, manifest=replace(batch.manifest, contract="x"))], CONTRACT, (), BLOCK, docs=None)


def test_a_suite_that_does_not_fit_the_contract_is_refused(tmp_path):
    stray = Suite("s", ({"type": "expect_column_values_to_not_be_null", "column": "nope"},))
    with pytest.raises(ConfigError, match="nope"):
        run_gate([land(tmp_path, "b", people(3))], CONTRACT, [stray], BLOCK, docs=None)


def test_files_with_other_rows_than_the_manifest_says_are_refused(tmp_path):
    paths = [land(tmp_path, "b", people(3)).folder / "part-00000.parquet"]
    for rows in ({"b": 4}, {"c": 3}, {"b": 3, "c": 1}):
        with pytest.raises(ReconciliationError, match="other rows"), landed_table(paths, rows):
            pass


def test_a_path_with_wildcards_means_itself(tmp_path):
    odd = tmp_path / "a[1]*?'x"
    other = tmp_path / "a1"
    land(other, "b", people(9))
    batch = land(odd, "b", people(3))
    with landed_table([batch.folder / "part-00000.parquet"], {"b": 3}) as connection:
        assert connection.execute("SELECT count(*) FROM batch").fetchall() == [(3,)]


@pytest.mark.parametrize(
    ("answers", "mode", "share", "verdict"),
    [
        ((YES, YES), BLOCK, 0, Verdict.PASSED),
        ((NO, YES), BLOCK, 0.1, Verdict.FAILED),
        ((NO, YES), WARN, 0.1, Verdict.PASSED_WITH_WARNINGS),
        ((YES, NO), WARN, 0, Verdict.PASSED_WITH_WARNINGS),
        ((NO, YES), QUARANTINE, 0.1, Verdict.PASSED_WITH_QUARANTINE),
        ((NO, YES), QUARANTINE, 0.2, Verdict.PASSED_WITH_QUARANTINE),
        ((NO, YES), QUARANTINE, 0.21, Verdict.FAILED),
        ((NO, NO), QUARANTINE, 0.1, Verdict.FAILED),
        ((YES, NO), QUARANTINE, 0, Verdict.FAILED),
        ((RAISED, YES), WARN, 0, Verdict.ERROR),
        ((RAISED, NO), BLOCK, 0, Verdict.ERROR),
        ((YES, RAISED), QUARANTINE, 0, Verdict.ERROR),
    ],
)
def test_the_verdict(answers, mode, share, verdict):
    assert verdict_of(RULES, answers, mode, share, 0.2) is verdict


def test_a_batch_of_which_nothing_would_be_left_fails():
    assert verdict_of(RULES, (NO, YES), QUARANTINE, 1.0, 1.0) is Verdict.FAILED


FLAGS = pa.table({"_line": [3, 5], "flags": ["a(x)", "a(x); b(y)"]})


def test_rows_are_left_out_and_kept_apart_with_their_keys_and_why(tmp_path):
    batch = land(tmp_path, "b", people(10), parts=3)
    published = rewrite(batch.folder, batch.manifest, QUARANTINE, "d" * 64, FLAGS)
    assert [row["_line"] for row in read(batch, published.files)] == [2, 4, 6, 7, 8, 9, 10, 11]
    rows = pq.read_table(published.quarantined).to_pylist()
    assert [(row["id"], row["_line"], row["_dq_valid"], row["_dq_flags"]) for row in rows] == [
        (2, 3, False, "a(x)"),
        (4, 5, False, "a(x); b(y)"),
    ]
    assert stat.S_IMODE(published.quarantined.stat().st_mode) == 0o600
    assert stat.S_IMODE(published.quarantined.parent.stat().st_mode) == 0o700
    assert pq.read_schema(batch.folder / published.files[0].name) == pq.read_schema(batch.folder / "part-00000.parquet")


def test_rows_are_marked_and_none_is_left_out(tmp_path):
    batch = land(tmp_path, "b", people(10), parts=3)
    published = rewrite(batch.folder, batch.manifest, WARN, "d" * 64, FLAGS)
    assert published.quarantined is None
    rows = read(batch, published.files)
    assert len(rows) == 10
    marked = {row["_line"]: row["_dq_flags"] for row in rows if not row["_dq_valid"]}
    assert marked == {3: "a(x)", 5: "a(x); b(y)"}
    assert {row["_dq_flags"] for row in rows if row["_dq_valid"]} == {None}


def test_a_rerun_takes_what_is_there_and_a_dead_attempt_is_not_seen(tmp_path):
    batch = land(tmp_path, "b", people(10))
    (batch.folder / "_gate" / ".attempt-dead").mkdir(parents=True)
    first = rewrite(batch.folder, batch.manifest, QUARANTINE, "d" * 64, FLAGS)
    assert not (batch.folder / "_gate" / ".attempt-dead").exists()
    inode = first.quarantined.stat().st_ino
    assert rewrite(batch.folder, batch.manifest, QUARANTINE, "d" * 64, FLAGS) == first
    assert first.quarantined.stat().st_ino == inode
    other = land(tmp_path / "again", "b", people(10))
    assert rewrite(other.folder, other.manifest, QUARANTINE, "d" * 64, FLAGS).files == first.files


def test_what_the_gate_wrote_and_someone_changed_is_not_published(tmp_path):
    batch = land(tmp_path, "b", people(10))
    first = rewrite(batch.folder, batch.manifest, QUARANTINE, "d" * 64, FLAGS)
    (batch.folder / first.files[0].name).write_bytes(b"PAR1")
    with pytest.raises(StateConflictError):
        rewrite(batch.folder, batch.manifest, QUARANTINE, "d" * 64, FLAGS)


def test_a_flag_on_a_line_that_is_not_there_is_noticed(tmp_path):
    batch = land(tmp_path, "b", people(10))
    stray = pa.table({"_line": [3, 999], "flags": ["a", "a"]})
    with pytest.raises(ReconciliationError, match="other rows"):
        rewrite(batch.folder, batch.manifest, QUARANTINE, "d" * 64, stray)
    assert not [path for path in (batch.folder / "_gate").iterdir() if not path.name.startswith(".")]


@pytest.mark.parametrize(
    ("entry", "argument", "value", "expected"),
    [
        ("expect_column_values_to_be_between/balance", "min_value", "-1.5", -1.5),
        ("expect_column_values_to_be_in_set/balance", "value_set", ["1.50"], [Decimal("1.50")]),
        ("expect_column_values_to_be_in_set/id", "value_set", ["7", 8], [7, 8]),
        ("expect_column_value_lengths_to_be_between/born", "min_value", 3, 3),
        ("expect_column_values_to_be_in_set/segment", "value_set", ["7"], ["7"]),
    ],
)
def test_arguments_take_their_columns_type(entry, argument, value, expected):
    kind, column = entry.split("/")
    columns = {found.name: found for found in CONTRACT.columns}
    assert typed({"type": kind, "column": column}, argument, value, columns) == expected


def test_an_argument_that_is_not_of_its_columns_type_is_refused():
    columns = {found.name: found for found in CONTRACT.columns}
    with pytest.raises(ConfigError, match="born"):
        typed({"type": "expect_column_values_to_be_between", "column": "born"}, "min_value", "soon", columns)
