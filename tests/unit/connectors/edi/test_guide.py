"""Guides: what is shipped can be read, and what is wrong in one is said with its place."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from airflow_provider_integrations.connectors.edi.guide import Guides
from airflow_provider_integrations.connectors.edi.guide_notation import (
    UNBOUNDED,
    Condition,
    ElementType,
    parse_place,
    parse_segment,
    parse_type,
)
from airflow_provider_integrations.connectors.edi.guide_rules import Guide, LoopRule
from airflow_provider_integrations.core.errors import ConfigError
from tests.unit.connectors.edi.guided import NAMES, REPOSITORY, guide, guides

DICTIONARY: dict[str, Any] = {
    "dictionary": "small",
    "elements": {"353": "ID 2 2", "127": "AN 1 30, 005010 AN 1 50", "610": "N2 1 15"},
    "codes": {"353": "00 01 05"},
    "composites": {"C040": "127 M, 127 O"},
    "segments": {"BEG": "353 M, 127 O, C040 O | C0203", "N1": "127 M", "N3": "127 O since 005010, 610 O"},
    "open": "SI",
}
GUIDE: dict[str, Any] = {
    "guide": "po",
    "syntax": "x12",
    "set": "850",
    "versions": ["004010", "005010"],
    "dictionary": "small",
    "structure": ["BEG M 1", {"loop": "N1 O 200", "of": ["N1 M 1", "N3 O 2"]}, "SI O >1 since 005010"],
    "rows": {"orders": {"columns": {"purpose": "BEG01"}}},
}


def read(change: Callable[[dict[str, Any]], object] = lambda data: None) -> Guides:
    data = copy.deepcopy(GUIDE)
    change(data)
    return Guides.from_mappings(data, DICTIONARY, where="po.yaml")


@pytest.mark.parametrize("document", NAMES)
def test_every_shipped_guide_can_be_read_in_each_of_its_versions(document: str) -> None:
    for version, found in guides(NAMES[document]).versions.items():
        assert found.version == version
        numbers = [use.number for use in found.uses()]
        assert numbers == list(range(1, len(numbers) + 1))
        assert found.tables


@pytest.mark.parametrize(("version", "lines"), [("004010", 30), ("005010", 50)])
def test_a_length_is_that_of_the_version(version: str, lines: int) -> None:
    rule = guide("850", version).segments["REF"]
    assert rule is not None
    assert rule.elements[1].type == ElementType("AN", 1, lines)


def test_the_version_of_the_group_decides_and_what_stands_behind_it_names_an_industry() -> None:
    """Trap: GS08 decides the map, not ISA12; VICS and UCC write 004010VICS."""
    found = guides("x12_850")
    assert found.matching("850", "004010") is found.of("004010")
    assert found.matching("850", "004010VICS") is found.of("004010")
    assert found.matching("850", "003060") is None
    assert found.matching("810", "004010") is None
    with pytest.raises(ConfigError, match=r"004010.*005010"):
        found.of("003060")


def test_notation() -> None:
    assert parse_type("N2 1 15", "004010") == ElementType("N", 1, 15, 2)
    assert parse_type("a1", "D96A", "D S") == ElementType("A", 1, 1, 0, frozenset("DS"))
    assert parse_type("n..18", "D96A") == ElementType("R", 1, 18)
    text = parse_segment("98 M, 127 O x3, 26 X since 005010 | E0203@005010 R0102", "004010")
    assert [use.repeats for use in text.uses] == [1, 3]
    assert text.conditions == (Condition("R", (1, 2)),)
    place = parse_place("REF O >1", "004010")
    assert place is not None
    assert place.most == UNBOUNDED
    assert parse_place("REF O >1 until 003060", "004010") is None


def test_versions_differ_in_structure() -> None:
    found = read()
    assert [use.tag for use in found.of("004010").uses()] == ["BEG", "N1", "N3"]
    assert [use.tag for use in found.of("005010").uses()] == ["BEG", "N1", "N3", "SI"]
    old, new = (found.of(version).segments["N3"] for version in ("004010", "005010"))
    assert old is not None
    assert new is not None
    assert [len(rule.elements) for rule in (old, new)] == [1, 2]


def narrowed(**narrow: dict[str, Any]) -> Guide:
    return read(lambda data: data.update(narrow=narrow)).of("004010")


def test_a_partner_narrows_an_element() -> None:
    rule = narrowed(BEG01={"codes": "00"}, BEG02={"usage": "M", "most": 10}).segments["BEG"]
    assert rule is not None
    first, second = rule.elements[:2]
    assert first.type is not None
    assert first.type.codes == {"00"}
    assert (second.usage, second.type) == ("M", ElementType("AN", 1, 10))


@pytest.mark.parametrize(
    ("narrow", "said"),
    [
        ({"BEG01": {"codes": "00 99"}}, "99"),
        ({"BEG02": {"most": 31}}, "lengths outside 1 to 30"),
        ({"BEG09": {"usage": "M"}}, "beyond the last"),
        ({"BGM01": {"usage": "M"}}, "BGM01 is no element"),
        ({"BEG03": {"codes": "x"}}, "composite"),
        ({"BEG03-04": {"usage": "N"}}, "beyond the last"),
        ({"BEG01": {"usage": "Z"}}, "narrow.BEG01.usage"),
    ],
)
def test_narrowing_never_widens(narrow: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        narrowed(**narrow)


def put(*path: str | int, value: Any) -> Callable[[dict[str, Any]], object]:
    def change(data: Any) -> None:
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("structure", 0, value="BEG 1"), "BEG 1"),
        (put("structure", 0, value="BEG M 0"), "never stand"),
        (put("structure", 0, value="ZZZ M 1"), "ZZZ of the structure is not in the dictionary"),
        (put("structure", 1, "of", 0, value="N3 M 1"), "loop N1 must begin with"),
        (put("structure", 1, "of", 0, value="N1 O 1"), "loop N1 must begin with"),
        (put("structure", 1, value={"loop": "N1 O 1"}), "neither a segment nor a loop"),
        (put("dictionary", value="other"), "'other'.*'small'"),
        (put("syntax", value="hl7"), "syntax"),
        (put("verions", value=[]), "verions"),
        (put("rows", "orders", "columns", "x", value="BEG1"), "table orders: column x: 'BEG1'"),
        (put("rows", "orders", "columns", "x", value="BEG04"), "BEG has no element 4"),
        (put("rows", "orders", "columns", "x", value="BEG03"), "composite; name its component"),
        (put("rows", "orders", "columns", "x", value="BEG03-03"), "no component 3"),
        (put("rows", "orders", "columns", "x", value="N301"), "N3 does not stand here"),
        (put("rows", "orders", "columns", "x", value="BEG02 date"), "type AN and cannot be date"),
        (put("rows", "orders", "columns", "x", value="BEG01"), "two columns have the same place"),
        (put("rows", "orders", "columns", "row", value="BEG02"), "reserved"),
        (put("rows", "orders", "each", value="PO1"), "no loop PO1"),
        (put("rows", "orders", "each", value="N1.2"), "no loop N1.2"),
        (put("rows", "again", value={"columns": {"x": "BEG02"}}), "two tables"),
    ],
)
def test_what_is_wrong_in_a_guide_is_named_with_its_file(change: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s)po.yaml.*{said}"):
        read(change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("elements", "353", value="ID 3 2"), "no lengths in order"),
        (put("elements", "353", value="XY 3 2"), "is no type like"),
        (put("segments", "BEG", value="353"), "segment BEG of the dictionary: '353'"),
        (put("segments", "BEG", value="354 M"), "element 354 is not in the dictionary"),
        (put("segments", "BEG", value="353 M | P0102"), "beyond the last one, 1"),
        (put("segments", "BEG", value="353 M | Z0102"), "no condition like P0304"),
        (put("segments", "BEG", value="353 M, 353 O | P0101"), "twice"),
    ],
)
def test_what_is_wrong_in_a_dictionary_is_named(change: Any, said: str) -> None:
    words = copy.deepcopy(DICTIONARY)
    change(words)
    with pytest.raises(ConfigError, match=said):
        Guides.from_mappings(GUIDE, words)


def test_a_dictionary_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"small\.yaml"):
        Guides.from_mappings(GUIDE, None, where_dictionary="include/edi/small.yaml")


def test_a_loop_is_known_by_its_first_segment() -> None:
    loop = read().of("004010").members[1]
    assert isinstance(loop, LoopRule)
    assert (loop.tag, loop.first.tag, loop.most) == ("N1", "N1", 200)


def test_the_guide_of_the_how_to_is_one() -> None:
    page = (REPOSITORY / "docs" / "how-to" / "write-an-edi-guide.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    words = yaml.safe_load((REPOSITORY / "include" / "edi" / "x12.yaml").read_text(encoding="utf-8"))
    found = Guides.from_mappings(yaml.safe_load(example), words).of("004010")
    assert [table.name for table in found.tables] == ["acme_orders", "acme_order_lines"]
    shipped = {path.name for path in (REPOSITORY / "include" / "edi").glob("*.yaml")}
    assert set(re.findall(r"`(\w+\.yaml)`", page)) == shipped
