"""Sources of historians under `include/`: their contract, their policies, and what is refused of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.historian_source import HistorianSource
from airflow_provider_integrations.include import (
    read_historian_source,
    read_loaded_source,
    read_source_contract,
    read_sources,
    read_table_source,
)

OURS = Path(__file__).parents[2] / "include"
CONTRACT = yaml.safe_load((OURS / "contracts" / "historian_samples.yaml").read_text())


@pytest.fixture
def include(tmp_path: Path) -> Path:
    for kind, name in (("sources", "plant1"), ("contracts", "historian_samples")):
        (tmp_path / kind).mkdir()
        shutil.copy(OURS / kind / f"{name}.yaml", tmp_path / kind)
    return tmp_path


def declare(include: Path, **changes: Any) -> None:
    path = include / "sources" / "plant1.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))


def test_our_sample_is_read_with_its_contract(include: Path) -> None:
    source = read_historian_source(include, "plant1")
    assert read_loaded_source(include, "plant1") == source
    assert [name for name, _ in read_sources(include, "historian")] == ["plant1"]
    assert read_source_contract(include, source).keys == ("tag", "ts_ns", "ordinal")
    with pytest.raises(ConfigError, match="another kind"):
        read_table_source(include, "plant1")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"load": {"table": "T", "scd": 1}}, "scd"),
        ({"zone": "America/Chicagoo"}, "zone"),
        ({"begin": "2026-01-01T00:00:00"}, "begin"),
        ({"catalog": "../plant1"}, "catalog"),
        ({"tags": []}, "tags"),
        ({"reread": "-P1D"}, "reread"),
        ({"window": "PT1S"}, "window"),
        ({"gaps": {"wait": "PT1S"}}, "wait"),
        ({"publish": {"connection": "kafka", "topic": "no spaces"}}, "topic"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_a_source_cannot_mean_is_refused(include: Path, changes: dict[str, Any], said: str) -> None:
    declare(include, **changes)
    with pytest.raises(ConfigError, match=said):
        read_historian_source(include, "plant1")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda columns: columns.pop(2), "ts_ns"),
        (lambda columns: columns[4].update(type="decimal(18,4)"), "value_number"),
        (lambda columns: columns.append({"name": "unit", "type": "string"}), "unit"),
        (lambda columns: columns.insert(0, columns.pop(10)), "order"),
    ],
)
def test_a_contract_that_is_not_one_of_samples_is_refused(include: Path, change: Any, said: str) -> None:
    content = yaml.safe_load(yaml.safe_dump(CONTRACT))
    change(content["columns"])
    if "ts_ns" not in [column["name"] for column in content["columns"]]:
        content["keys"] = ["tag", "ordinal"]
    (include / "contracts" / "historian_samples.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match="not one of samples") as told:
        read_source_contract(include, read_historian_source(include, "plant1"))
    assert said in str(told.value.values["columns"])


def test_a_contract_whose_keys_do_not_tell_samples_apart_is_refused(include: Path) -> None:
    (include / "contracts" / "historian_samples.yaml").write_text(yaml.safe_dump({**CONTRACT, "keys": ["tag", "ts"]}))
    with pytest.raises(ConfigError, match="tell samples apart"):
        read_source_contract(include, read_historian_source(include, "plant1"))


def test_our_contract_takes_every_sample() -> None:
    contract = Contract.from_mapping(CONTRACT)
    assert contract.max_reject_share == 0
    assert HistorianSource.model_fields["gaps"].default.attempts >= 1
