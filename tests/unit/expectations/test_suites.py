import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.expectations.catalogue import CATALOGUE
from airflow_provider_integrations.expectations.suites import (
    Suite,
    check_suite,
    columns_of,
    contract_suite,
    label,
    read_suites,
    suites_digest,
)

from .landed import CONTRACT

INCLUDE = Path(__file__).parents[3] / "include"


def suite(*entries: object) -> Suite:
    return Suite.from_mapping({"suite": "s", "expectations": list(entries)})


def test_a_contract_implies_nulls_sets_patterns_ranges_lengths_keys_and_columns():
    found = contract_suite(CONTRACT)
    assert found.name == "contract:people@1.0.0"
    assert [label(entry) for entry in found.expectations[1:]] == [
        "expect_column_values_to_not_be_null(id)",
        "expect_column_values_to_be_between(id)",
        "expect_column_values_to_not_be_null(full_name)",
        "expect_column_value_lengths_to_be_between(full_name)",
        "expect_column_values_to_match_regex(email)",
        "expect_column_values_to_not_be_null(segment)",
        "expect_column_values_to_be_in_set(segment)",
        "expect_column_values_to_be_between(balance)",
        "expect_column_values_to_be_between(born)",
        "expect_column_values_to_be_between(seen_at)",
        "expect_column_values_to_be_unique(id)",
    ]
    assert set(columns_of(found.expectations[0])) >= {"id", "email", "_line", "_batch_id"}


def test_several_keys_are_unique_together_and_not_each():
    contract = Contract.from_mapping(
        {
            "contract": "lines",
            "version": "1.0.0",
            "keys": ["a", "b"],
            "columns": [{"name": n, "type": "integer", "nullable": False} for n in "ab"],
        }
    )
    assert [entry["type"] for entry in contract_suite(contract).expectations if "unique" in entry["type"]] == [
        "expect_compound_columns_to_be_unique"
    ]


def test_a_set_of_uuids_is_written_as_they_are_stored():
    one = "ABCDEF00-0000-0000-0000-00000000000A"
    columns = [{"name": "id", "type": "uuid", "nullable": False, "enum": [one]}]
    contract = Contract.from_mapping({"contract": "c", "version": "1.0.0", "keys": ["id"], "columns": columns})
    [entry] = [e for e in contract_suite(contract).expectations if "value_set" in e]
    assert entry["value_set"] == [one.lower()]


def test_what_a_contract_implies_is_itself_a_valid_suite():
    for contract in [
        CONTRACT,
        *(Contract.from_mapping(yaml.safe_load(p.read_text())) for p in INCLUDE.glob("contracts/*")),
    ]:
        found = contract_suite(contract)
        assert Suite.from_mapping({"suite": found.name, "expectations": list(found.expectations)}) == found
        check_suite(found, contract)


def test_the_suites_of_this_project_fit_their_contracts():
    for path in INCLUDE.glob("expectations/*.yaml"):
        [found] = read_suites(INCLUDE, [path.stem])
        contract = INCLUDE / "contracts" / f"{found.name}.yaml"
        if contract.exists():
            check_suite(found, Contract.from_mapping(yaml.safe_load(contract.read_text())))


def test_the_digest_is_of_the_rules_and_not_of_how_they_are_written():
    one = suite({"type": "expect_column_values_to_not_be_null", "column": "email", "mostly": 0.5})
    two = suite({"mostly": 0.5, "column": "email", "type": "expect_column_values_to_not_be_null"})
    other = suite({"type": "expect_column_values_to_not_be_null", "column": "email", "mostly": 0.51})
    assert one.digest == two.digest != other.digest
    assert suites_digest([one, other]) != suites_digest([other, one])


def test_a_date_that_yaml_recognised_is_text_again():
    [entry] = suite(
        yaml.safe_load("{type: expect_column_values_to_be_between, column: born, min_value: 1990-01-01}")
    ).expectations
    assert entry["min_value"] == "1990-01-01"


def test_an_empty_suite_is_a_suite_and_the_gate_decides():
    assert suite().expectations == ()


@pytest.mark.parametrize(
    ("entry", "names"),
    [
        ({"type": "expect_colum_values_to_not_be_null", "column": "a"}, "expect_colum_values_to_not_be_null"),
        ({"type": "expect_column_values_to_not_be_null"}, "column"),
        ({"type": "expect_column_values_to_not_be_null", "column": ["a"]}, "column"),
        ({"type": "expect_column_values_to_be_in_set", "column": "a"}, "value_set"),
        ({"type": "expect_column_values_to_be_between", "column": "a"}, "min_value"),
        ({"type": "expect_column_values_to_be_between", "column": "a", "minvalue": 1}, "minvalue"),
        ({"type": "expect_column_values_to_not_be_null", "column": "a", "mostly": 0}, "mostly"),
        ({"type": "expect_column_values_to_not_be_null", "column": "a", "mostly": 95}, "mostly"),
        ({"type": "expect_column_values_to_not_be_null", "column": "a", "mostly": True}, "mostly"),
        ({"type": "expect_compound_columns_to_be_unique", "column_list": "a"}, "column_list"),
        ({"column": "a"}, "type"),
        ("expect_column_values_to_not_be_null", "type"),
    ],
)
def test_what_is_wrong_with_a_suite_is_named(entry, names):
    with pytest.raises(ConfigError, match=names):
        suite(entry)


def test_a_row_condition_changes_what_mostly_is_a_share_of_and_is_refused():
    with pytest.raises(ConfigError, match="row_condition"):
        suite({"type": "expect_column_values_to_not_be_null", "column": "a", "mostly": 0.9, "row_condition": "b > 1"})


@pytest.mark.parametrize("data", [None, [], {"expectations": []}, {"suite": "s", "expectation": []}, {"suite": 1}])
def test_what_is_no_suite_is_refused(data):
    with pytest.raises(ConfigError):
        Suite.from_mapping(data)


def test_a_column_that_the_contract_does_not_have_is_refused_before_the_gate():
    with pytest.raises(ConfigError, match="e_mail"):
        check_suite(suite({"type": "expect_column_values_to_not_be_null", "column": "e_mail"}), CONTRACT)


def test_suites_are_read_by_name(tmp_path):
    (tmp_path / "expectations").mkdir()
    (tmp_path / "expectations" / "a.yaml").write_text("suite: a\nexpectations: []\n")
    (tmp_path / "expectations" / "b.yaml").write_text("suite: x\n")
    (tmp_path / "expectations" / "c.yaml").write_text("suite: [\n")
    assert [found.name for found in read_suites(tmp_path, ["a"])] == ["a"]
    with pytest.raises(ConfigError, match="no such suites"):
        read_suites(tmp_path, ["a", "z"])
    with pytest.raises(ConfigError, match="name"):
        read_suites(tmp_path, ["b"])
    with pytest.raises(ConfigError, match="not YAML"):
        read_suites(tmp_path, ["c"])
    (tmp_path / "expectations" / "d.yaml").write_text("suite: d\nexpectations: []\nexpectations: []\n")
    with pytest.raises(ConfigError, match="twice"):
        read_suites(tmp_path, ["d"])


def test_every_type_says_how_it_is_split():
    assert all(name.startswith("expect_") for name in CATALOGUE)
    assert not any("row_condition" in rule.arguments for rule in CATALOGUE.values())


def test_no_file_but_the_runner_imports_great_expectations():
    modules = [
        "suites",
        "catalogue",
        "answers",
        "arguments",
        "tables",
        "look",
        "publish",
        "outcome",
        "judging",
        "gate",
        "step",
    ]
    program = "import sys; " + "; ".join(
        f"import airflow_provider_integrations.expectations.{name}" for name in modules if name != "step"
    )
    program += "; assert not [m for m in sys.modules if m.startswith(('great_expectations', 'airflow.'))]"
    subprocess.run([sys.executable, "-c", program], check=True)
