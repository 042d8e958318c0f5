"""The gate pushes down into DuckDB; Great Expectations over pandas, its reference, must say the same."""

import inspect
import json

import pyarrow.parquet as pq
import pytest

from airflow_provider_integrations.core.verdict import GateMode
from airflow_provider_integrations.expectations.answers import Rules
from airflow_provider_integrations.expectations.arguments import typed
from airflow_provider_integrations.expectations.catalogue import CATALOGUE, Kind
from airflow_provider_integrations.expectations.gate import run_gate
from airflow_provider_integrations.expectations.suites import Suite, contract_suite
from tests.integration.test_gate import AGGREGATES, EVERY_KIND, damaged
from tests.unit.expectations.landed import CONTRACT, land

pytestmark = pytest.mark.integration

ENTRIES = (*contract_suite(CONTRACT).expectations, *EVERY_KIND, *AGGREGATES)


def in_pandas(batch):
    """The same expectations over a data frame; in this order."""
    import great_expectations as gx
    import great_expectations.expectations as gxe
    import pyarrow as pa

    table = pa.concat_tables([pq.read_table(batch.folder / file.name) for file in batch.manifest.files])
    rules = Rules.of(ENTRIES, CONTRACT)
    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(False)
    frame = table.to_pandas(types_mapper=_nullable_integers, date_as_object=True)
    asset = context.data_sources.add_pandas("reference").add_dataframe_asset("frame")
    found = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    for entry in ENTRIES:
        kind = getattr(gxe, "".join(part.title() for part in entry["type"].split("_")))
        arguments = {key: typed(entry, key, value, rules.columns) for key, value in entry.items() if key != "type"}
        yield found.validate(kind(**arguments), result_format="BASIC")


def _nullable_integers(kind):
    import pandas as pd
    import pyarrow as pa

    return pd.Int64Dtype() if pa.types.is_int64(kind) else None


@pytest.mark.parametrize("seed", range(4))
def test_the_answers_are_those_of_great_expectations_over_pandas(seed, tmp_path):
    batch = land(tmp_path, "b", damaged(seed, 40))
    extra = Suite.from_mapping(
        {"suite": "extra", "expectations": [dict(entry) for entry in (*EVERY_KIND, *AGGREGATES)]}
    )
    [outcome] = run_gate([batch], CONTRACT, [extra], GateMode.BLOCK, docs=None)
    compared = 0
    for ours, theirs in zip(outcome.result.expectations, in_pandas(batch), strict=True):
        if (theirs.exception_info or {}).get("raised_exception"):
            continue  # pandas cannot compare some of the types; DuckDB can
        what = json.dumps({key: ours[key] for key in ("type", "kwargs")}, default=str)
        assert ours["success"] == theirs.success, what
        if CATALOGUE[ours["type"]].kind.row_level:
            assert ours["element_count"] == theirs.result["element_count"], what
            assert ours["unexpected_count"] == theirs.result["unexpected_count"], what
        elif isinstance(ours["observed_value"], (int, float)):
            assert ours["observed_value"] == pytest.approx(float(theirs.result["observed_value"])), what
        compared += 1
    assert compared >= len(ENTRIES) - 4


def test_every_type_in_the_catalogue_is_compared():
    assert {entry["type"] for entry in ENTRIES} == set(CATALOGUE)


def test_the_catalogue_knows_the_arguments_of_great_expectations():
    import great_expectations.expectations as gxe

    for name, rule in CATALOGUE.items():
        kind = getattr(gxe, "".join(part.title() for part in name.split("_")))
        assert inspect.isclass(kind), name
        assert rule.arguments <= set(kind.__fields__), name
        assert ("mostly" in rule.arguments) == rule.kind.row_level, name
        assert hasattr(kind, "map_metric") == rule.kind.row_level, name
        assert rule.kind is not Kind.COUNT or not rule.columns
