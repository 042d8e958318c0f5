"""A catalog of tags: both of its forms say the same, and what is wrong is told with its place."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.connectors.historian.catalog import Catalog, TagEntry
from airflow_provider_integrations.connectors.historian.catalog_file import catalog_path, read_catalog
from airflow_provider_integrations.core.errors import ConfigError

INCLUDE = Path(__file__).parents[4] / "include"
NS = 1_000_000_000

YAML = """
catalog: small
defaults: {zone: America/Chicago, delay: PT5M}
tags:
  - {name: flow, address: ns=2;i=3, asset: plant/boiler,
     unit: t/h, scaling: {factor: 0.1, offset: 4}, limits: [0, 60], cadence: PT1M}
  - {name: state, kind: state, exception: true, max_silence: PT1H, delay: 0}
  - {name: daily, cadence: P1D, zone: Europe/Berlin}
"""
CSV = """\
name,address,asset,unit,factor,offset,low,high,cadence,kind,exception,max_silence,delay,zone
flow,ns=2;i=3,plant/boiler,t/h,0.1,4,0,60,60,,,,300,America/Chicago
state,,,,,,,,,state,true,3600,0,America/Chicago

daily,,,,,,,,P1D,,,,PT5M,Europe/Berlin
"""


def test_csv_says_the_same_as_yaml(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(YAML)
    (tmp_path / "b.csv").write_text(CSV.replace("\n", "\r\n"), encoding="utf-8-sig")
    one, other = read_catalog(tmp_path / "a.yaml"), read_catalog(tmp_path / "b.csv")
    assert one.tags == other.tags
    flow, state, daily = one.tags
    assert (flow.period, flow.late, flow.scaling.applied(10.0)) == (60 * NS, 300 * NS, 5.0)
    assert (state.period, state.silence, state.late, state.address) == (None, 3600 * NS, 0, "state")
    assert (daily.daily, daily.period) == (True, None)


def test_the_catalog_that_is_shipped_is_valid_and_has_twenty_tags() -> None:
    catalog = read_catalog(catalog_path(INCLUDE, "plant1"))
    assert len(catalog.tags) == 20
    assert [tag.name for tag in catalog.named("plant1.boiler2.*")] == [
        "plant1.boiler2.steam_flow",
        "plant1.boiler2.steam_pressure",
        "plant1.boiler2.burner_state",
    ]
    assert {tag.kind for tag in catalog.tags} == {"number", "text", "state", "boolean"}


def test_a_day_by_the_clocks_is_not_24_hours() -> None:
    assert TagEntry(name="a", cadence="PT24H").cadence == timedelta(days=1)  # type: ignore[arg-type]
    assert TagEntry(name="a", cadence="P1D").cadence == "P1D"


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ({"name": "a", "cadence": "PT1X"}, r"tags\.0\.cadence"),
        ({"name": "a", "cadence": 0}, "longer than nothing"),
        ({"name": "a", "cadence": "-PT1M"}, "longer than nothing"),
        ({"name": "a", "cadnce": 60}, r"tags\.0\.cadnce"),
        ({"name": "a", "zone": "Mars/Phobos"}, r"tags\.0\.zone.*IANA"),
        ({"name": "a", "limits": [5, 1]}, r"tags\.0\.limits.*above"),
        ({"name": "a", "scaling": {"factor": 0}}, r"tags\.0\.scaling.factor"),
        ({"name": "a", "max_silence": 60}, "exception: true"),
        ({"name": "a", "exception": True, "cadence": 60, "max_silence": 30}, "shorter than the cadence"),
        ({"name": "a", "exception": True, "cadence": "P1D"}, "once a day"),
        ({"name": ""}, r"tags\.0\.name"),
        ({}, r"tags\.0\.name"),
    ],
)
def test_what_is_wrong_with_a_tag_is_told_with_its_key(tag: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Catalog.from_mapping({"tags": [tag]})


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        Catalog.from_mapping(
            {"tags": [{"name": "a", "zone": "Mars"}, {"name": "b", "cadence": "x"}, 3]}, where="t.yaml"
        )
    assert all(part in str(error.value) for part in ("t.yaml", "tags.0.zone", "tags.1.cadence", "tags.2"))


def test_a_name_that_stands_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="twice: a"):
        Catalog.from_mapping({"tags": [{"name": "a"}, {"name": "b"}, {"name": "a"}]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not name the columns"),
        ("tag,unit\na,b\n", r"does not name the columns \(unknown=\['tag'\]\)"),
        ("name,cadence\na,60\nb,PT1X\n", "line 3 is not valid: cadence"),
        ("name,cadence\na,60,7\n", "line 2 is not valid: cells without a column"),
        ('name,unit\na,b\n"c', "after line 2"),
        ("name\na\na\n", "twice: a"),
        ("name\n", "names no tag"),
    ],
)
def test_what_is_wrong_in_csv_is_told_with_file_line_and_column(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "tags.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as error:
        read_catalog(path)
    assert str(path) in str(error.value)


def test_a_catalog_that_is_not_there_or_no_utf_8_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not there"):
        read_catalog(tmp_path / "a.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_catalog(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_bytes(b"name\n\xff\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_catalog(tmp_path / "b.csv")


def test_a_source_may_name_a_catalog_of_either_form(tmp_path: Path) -> None:
    folder = tmp_path / "tags"
    folder.mkdir()
    assert catalog_path(tmp_path, "p") == folder / "p.yaml"
    (folder / "p.csv").write_text("name\na\n")
    assert catalog_path(tmp_path, "p") == folder / "p.csv"
    (folder / "p.yaml").write_text("tags: [{name: a}]")
    assert catalog_path(tmp_path, "p") == folder / "p.yaml"
