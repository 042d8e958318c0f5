"""The gate with Great Expectations itself."""

import hashlib
import json
import logging
import os
import random
import subprocess
import sys
import textwrap
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError, ReconciliationError
from airflow_provider_integrations.core.manifest import DataFile
from airflow_provider_integrations.core.verdict import GateMode, Verdict
from airflow_provider_integrations.expectations.gate import LandedBatch, run_gate
from airflow_provider_integrations.expectations.suites import Suite
from tests.unit.expectations.landed import CONTRACT, land, manifest_of, people, person, read

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

BLOCK, QUARANTINE, WARN = GateMode.BLOCK, GateMode.QUARANTINE_ROWS, GateMode.WARN


def suite(*entries):
    return Suite.from_mapping({"suite": "extra", "expectations": list(entries)})


def gate(batches, *entries, mode=BLOCK, docs=None, contract=CONTRACT):
    return run_gate(batches, contract, [suite(*entries)] if entries else (), mode, docs=docs)


def entry(outcome, kind):
    [found] = [e for e in outcome.result.expectations if e["type"] == kind]
    return found


def comparable(outcome):
    return replace(outcome.result, docs=None)


EVERY_KIND = (
    {"type": "expect_column_values_to_not_be_null", "column": "email", "mostly": 0.8},
    {"type": "expect_column_values_to_be_null", "column": "born", "mostly": 0.1},
    {"type": "expect_column_values_to_match_regex", "column": "email", "regex": "example", "mostly": 0.9},
    {"type": "expect_column_values_to_not_match_regex", "column": "email", "regex": "^x", "mostly": 0.95},
    {"type": "expect_column_values_to_not_be_in_set", "column": "segment", "value_set": ["boat"]},
    {"type": "expect_column_value_lengths_to_equal", "column": "segment", "value": 4, "mostly": 0.3},
    {"type": "expect_column_values_to_be_in_set", "column": "balance", "value_set": ["1.00", 2], "mostly": 0.05},
    {"type": "expect_column_pair_values_to_be_equal", "column_A": "full_name", "column_B": "email", "mostly": 0.01},
    {"type": "expect_column_pair_values_a_to_be_greater_than_b", "column_A": "_line", "column_B": "id", "mostly": 0.9},
    {"type": "expect_compound_columns_to_be_unique", "column_list": ["full_name", "born"], "mostly": 0.9},
    {"type": "expect_column_values_to_be_unique", "column": "email", "mostly": 0.9},
    {"type": "expect_table_row_count_to_be_between", "min_value": 3, "max_value": 30},
    {"type": "expect_table_row_count_to_equal", "value": 20},
    {"type": "expect_column_to_exist", "column": "born"},
)
AGGREGATES = (
    {"type": "expect_column_mean_to_be_between", "column": "balance", "min_value": 5},
    {"type": "expect_column_sum_to_be_between", "column": "balance", "max_value": 300},
    {"type": "expect_column_max_to_be_between", "column": "born", "max_value": "1980-01-20"},
    {"type": "expect_column_min_to_be_between", "column": "id", "min_value": 1, "strict_min": True},
    {"type": "expect_column_unique_value_count_to_be_between", "column": "segment", "min_value": 2},
    {"type": "expect_column_proportion_of_unique_values_to_be_between", "column": "email", "min_value": 0.9},
    {"type": "expect_column_proportion_of_non_null_values_to_be_between", "column": "email", "min_value": 0.9},
    {"type": "expect_column_distinct_values_to_be_in_set", "column": "segment", "value_set": ["home", "office"]},
    {"type": "expect_column_distinct_values_to_contain_set", "column": "segment", "value_set": ["home"]},
    {"type": "expect_column_distinct_values_to_equal_set", "column": "segment", "value_set": ["home", "office"]},
)


def damaged(seed, rows):
    """People of whom some are wrong in some way; what is wrong differs from batch to batch."""
    dice = random.Random(seed)
    wrongs = [
        {"email": None},
        {"email": "x"},
        {"segment": "boat"},
        {"segment": None},
        {"id": 1},
        {"id": None},
        {"full_name": None, "born": None},
        {"balance": Decimal("-100.01")},
        {"balance": Decimal("1000000.00")},
        {"full_name": "Person 1", "born": person(1)["born"]},
    ]
    chosen = dice.sample(wrongs, dice.randint(0, 4))
    return people(rows, {n: dice.choice(chosen) for n in range(1, rows + 1) if chosen and dice.random() < 0.2})


def test_each_batch_of_a_group_gets_what_it_would_get_alone(tmp_path):
    batches = [land(tmp_path, f"b{n:02d}", damaged(n, (1, 7, 20, 33)[n % 4]), parts=1 + n % 2) for n in range(12)]
    batches.append(land(tmp_path, "all-null", people(4, {n: {"email": None, "born": None} for n in range(1, 5)})))
    alone = [gate([batch], *EVERY_KIND, *AGGREGATES)[0] for batch in batches]
    together = gate(batches, *EVERY_KIND, *AGGREGATES)
    for one, of_many in zip(alone, together, strict=True):
        assert comparable(of_many) == comparable(one)
    assert {outcome.result.verdict for outcome in together} >= {Verdict.FAILED}
    assert len({json.dumps(outcome.result.expectations, default=str) for outcome in together}) > 8


def test_uniqueness_is_within_a_batch_and_not_across_the_group(tmp_path):
    same = [land(tmp_path, name, people(5)) for name in "abc"]
    twice = land(tmp_path, "d", people(5, {2: {"id": 1}}))
    verdicts = [outcome.result.verdict for outcome in gate([*same, twice])]
    assert verdicts == [Verdict.PASSED] * 3 + [Verdict.FAILED]


def test_one_bad_batch_does_not_fail_its_neighbours(tmp_path):
    batches = [land(tmp_path, f"b{n}", people(10, {3: {"segment": "boat"}} if n == 2 else None)) for n in range(5)]
    outcomes = gate(batches)
    assert [outcome.result.verdict.passes for outcome in outcomes] == [True, True, False, True, True]
    assert outcomes[0].publish == batches[0].manifest.files
    assert outcomes[2].publish == ()
    assert outcomes[2].result.rows_failed == 1


def test_batches_of_another_schema_are_looked_at_apart(tmp_path):
    batches = [land(tmp_path, "a", people(3)), land(tmp_path, "b", people(3))]
    path = batches[1].folder / "part-00000.parquet"
    pq.write_table(pq.read_table(path).append_column("extra", [[1, 2, 3]]), path)
    data = path.read_bytes()
    file = DataFile(path.name, hashlib.sha256(data).hexdigest(), len(data), 3)
    batches[1] = replace(batches[1], manifest=replace(batches[1].manifest, files=(file,)))
    assert [outcome.result.verdict for outcome in gate(batches)] == [Verdict.PASSED] * 2


@pytest.mark.parametrize(("bad", "passes"), [(1, True), (2, False)])
def test_mostly_is_not_rounded(bad, passes, tmp_path):
    rows = people(1000, {n: {"email": None} for n in range(1, bad + 1)})
    mostly = {"type": "expect_column_values_to_not_be_null", "column": "email", "mostly": 0.999}
    alone = gate([land(tmp_path / "1", "b", rows)], mostly)[0].result.verdict
    group = gate([land(tmp_path / "2", name, rows) for name in "ab"], mostly)[1].result.verdict
    assert alone == group == (Verdict.PASSED if passes else Verdict.FAILED)


def test_an_expectation_that_raised_is_an_error_in_every_mode(tmp_path):
    batches = [land(tmp_path, name, people(5)) for name in "ab"]
    lookahead = {"type": "expect_column_values_to_match_regex", "column": "email", "regex": "(?=p)"}
    for mode in GateMode:
        for outcome in gate(batches, lookahead, mode=mode):
            assert (outcome.result.verdict, outcome.publish) == (Verdict.ERROR, ())
            assert [e["raised"] for e in outcome.result.expectations if e["raised"]] == ["InvalidInputException"]


def test_arguments_that_great_expectations_does_not_take_are_refused_by_name(tmp_path):
    wrong = {"type": "expect_column_value_lengths_to_be_between", "column": "email", "max_value": "many"}
    with pytest.raises(ConfigError, match="expect_column_value_lengths_to_be_between"):
        gate([land(tmp_path, "b", people(3))], wrong)


def test_quarantined_rows_leave_and_the_rest_is_published(tmp_path):
    rows = people(20, {3: {"segment": "boat"}, 5: {"email": "x"}, 7: {"id": 6}})
    batch = land(tmp_path, "b", rows, parts=2)
    [outcome] = gate([batch], mode=QUARANTINE)
    assert outcome.result.verdict is Verdict.PASSED_WITH_QUARANTINE
    assert outcome.result.rows_failed == 4
    assert sum(file.rows for file in outcome.publish) == 16
    kept = pq.read_table(outcome.quarantined).to_pylist()
    assert [(row["_line"], row["_dq_flags"]) for row in kept] == [
        (4, "expect_column_values_to_be_in_set(segment)"),
        (6, "expect_column_values_to_match_regex(email)"),
        (7, "expect_column_values_to_be_unique(id)"),
        (8, "expect_column_values_to_be_unique(id)"),
    ]
    assert {row["id"] for row in read(batch, outcome.publish)} == set(range(1, 21)) - {3, 5, 6, 7}
    assert comparable(gate([batch], mode=QUARANTINE)[0]) == comparable(outcome)


def test_flagged_rows_are_all_published(tmp_path):
    batch = land(tmp_path, "b", people(10, {3: {"segment": "boat"}}))
    [outcome] = gate([batch], mode=WARN)
    assert (outcome.result.verdict, outcome.quarantined) == (Verdict.PASSED_WITH_WARNINGS, None)
    rows = {row["id"]: (row["_dq_valid"], row["_dq_flags"]) for row in read(batch, outcome.publish)}
    assert len(rows) == 10
    assert rows[3] == (False, "expect_column_values_to_be_in_set(segment)")
    assert rows[4] == (True, None)


def test_a_clean_batch_publishes_the_landed_files_in_every_mode(tmp_path):
    batch = land(tmp_path, "b", people(10), parts=3)
    for mode in GateMode:
        [outcome] = gate([batch], mode=mode)
        assert (outcome.result.verdict, outcome.publish) == (Verdict.PASSED, batch.manifest.files)
    assert not (batch.folder / "_gate").exists()


def test_tolerated_rows_stay(tmp_path):
    batch = land(tmp_path, "b", people(10, {3: {"email": None}}))
    [outcome] = gate(
        [batch], {"type": "expect_column_values_to_not_be_null", "column": "email", "mostly": 0.9}, mode=QUARANTINE
    )
    assert (outcome.result.verdict, outcome.publish) == (Verdict.PASSED, batch.manifest.files)


def test_more_bad_rows_than_the_contract_allows_fail_the_batch(tmp_path):
    batch = land(tmp_path, "b", people(10, {n: {"segment": "boat"} for n in range(1, 7)}))
    [outcome] = gate([batch], mode=QUARANTINE)
    assert (outcome.result.verdict, outcome.publish, outcome.result.rows_failed) == (Verdict.FAILED, (), 6)


def test_a_failure_of_the_whole_table_blocks_where_rows_would_be_quarantined(tmp_path):
    batch = land(tmp_path, "b", people(10))
    few = {"type": "expect_table_row_count_to_be_between", "min_value": 11}
    assert gate([batch], few, mode=QUARANTINE)[0].result.verdict is Verdict.FAILED
    [warned] = gate([batch], few, mode=WARN)
    assert (warned.result.verdict, warned.publish) == (Verdict.PASSED_WITH_WARNINGS, batch.manifest.files)


def test_what_is_left_after_a_quarantine_is_looked_at_again(tmp_path):
    batch = land(tmp_path, "b", people(10, {3: {"segment": "boat"}}))
    [outcome] = gate([batch], {"type": "expect_table_row_count_to_be_between", "min_value": 10}, mode=QUARANTINE)
    assert (outcome.result.verdict, outcome.publish) == (Verdict.FAILED, ())
    assert [e["type"] for e in outcome.result.expectations if e.get("after_quarantine")] == [
        "expect_table_row_count_to_be_between"
    ]


def test_a_manifest_that_lies_about_its_rows_is_noticed(tmp_path):
    batch = land(tmp_path, "b", people(3))
    lie = replace(batch.manifest.files[0], rows=4)
    with pytest.raises(ReconciliationError):
        gate([LandedBatch(manifest_of("b", 4, (lie,)), batch.folder)])


def test_no_value_of_the_data_is_in_results_docs_logs_or_temporary_files(tmp_path, caplog):
    canary = "canary-7f3a91"
    rows = people(
        20,
        {
            2: {"full_name": canary * 6, "email": canary},
            3: {"segment": canary},
            4: {"email": canary, "full_name": canary},
            5: {"email": canary, "full_name": canary},
        },
    )
    caplog.set_level(logging.DEBUG)
    batches = [land(tmp_path / "data", name, rows) for name in "ab"]
    cast = {"type": "expect_column_values_to_be_in_set", "column": "segment", "value_set": [1, 2]}
    shown = {"type": "expect_column_max_to_be_between", "column": "id", "max_value": 1}
    distinct = {"type": "expect_column_distinct_values_to_be_in_set", "column": "segment", "value_set": ["home"]}
    for mode in GateMode:
        for entries in ((), (cast,), (shown, distinct)):
            outcomes = gate(batches, *entries, mode=mode, docs=tmp_path / "docs")
            assert canary not in json.dumps([outcome.result.expectations for outcome in outcomes])
            assert canary not in repr(outcomes)
    pages = list((tmp_path / "docs").rglob("*.html"))
    assert pages
    assert not [page for page in pages if canary in page.read_text()]
    assert canary not in caplog.text
    quarantined = [path for path in (tmp_path / "data").rglob("*.parquet") if "_gate" in path.parts]
    assert quarantined


def test_a_group_that_passes_shares_one_page_and_each_failure_has_its_own(tmp_path):
    batches = [land(tmp_path, f"b{n}", people(6, {3: {"segment": "boat"}} if n == 1 else None)) for n in range(4)]
    outcomes = gate(batches, docs=tmp_path / "docs")
    docs = [Path(outcome.result.docs) for outcome in outcomes]
    assert docs[0] == docs[2] == docs[3] != docs[1]
    assert "expected" not in docs[0].read_text()[:0]
    assert "Failed" in docs[1].read_text()
    assert "Succeeded" in docs[0].read_text()
    assert not list((tmp_path / "docs").rglob(".*"))


def test_names_that_sql_reserves_are_names_all_the_same(tmp_path):
    contract = Contract.from_mapping(
        {
            "contract": "odd",
            "version": "1.0.0",
            "keys": ["order"],
            "columns": [
                {"name": "order", "type": "integer", "nullable": False},
                {"name": 'Sel"ect', "type": "string", "pattern": "^a"},
                {"name": "Größe in %", "type": "float", "range": {"min": 0}},
            ],
        }
    )
    rows = [{"order": n, 'Sel"ect': "a", "Größe in %": 1.0} for n in range(5)]
    bad = [{**row, 'Sel"ect': "b"} if row["order"] == 2 else row for row in rows]
    batches = [land(tmp_path, "a", rows, contract=contract), land(tmp_path, "b", bad, contract=contract)]
    outcomes = gate(batches, mode=WARN, contract=contract)
    assert [o.result.verdict for o in outcomes] == [Verdict.PASSED, Verdict.PASSED_WITH_WARNINGS]
    assert outcomes[1].result.rows_failed == 1


def test_no_socket_opens(tmp_path):
    """Telemetry is off: a child in which opening a socket is fatal runs the whole gate."""
    program = textwrap.dedent(
        """
        import os, sys
        def watch(event, args):
            if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"):
                os.write(2, f"{event} {args}".encode())
                os._exit(77)
        sys.addaudithook(watch)
        from pathlib import Path
        from airflow_provider_integrations.core.verdict import GateMode
        from airflow_provider_integrations.expectations.gate import run_gate
        from tests.unit.expectations.landed import CONTRACT, land, people
        folder = Path(sys.argv[1])
        batches = [land(folder, name, people(5, {2: {"segment": "boat"}})) for name in "ab"]
        for outcome in run_gate(batches, CONTRACT, (), GateMode.QUARANTINE_ROWS, docs=folder / "docs"):
            assert outcome.result.verdict.passes, outcome
        """
    )
    # As a user would have it who never heard of telemetry: nothing in the environment forbids it.
    environment = {key: value for key, value in os.environ.items() if "ANALYTICS" not in key}
    child = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert child.returncode == 0, child.stderr
