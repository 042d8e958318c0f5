"""Reads a guide: the structure of a set and the dictionary that it names, as mappings from YAML, to frozen rules.

`include/edi/x12.yaml` and its like are dictionaries (elements, composites, segments); `include/edi/x12_850.yaml` and its
like are guides. One file stands for several versions; a rule may hold `since` or `until` one. A partner's own guide is a
file of the same form whose `narrow` makes elements mandatory, unused or shorter of codes.

    >>> dictionary = {"dictionary": "x", "elements": {"353": "ID 2 2"}, "segments": {"BEG": "353 M"}}
    >>> data = {"guide": "po", "syntax": "x12", "set": "850", "versions": ["004010"], "dictionary": "x",
    ...         "structure": ["BEG M 1"]}
    >>> [use.tag for use in Guides.from_mappings(data, dictionary).of("004010").uses()]
    ['BEG']
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from airflow_provider_integrations.connectors.edi.guide_notation import (
    ElementType,
    parse_place,
    parse_segment,
    parse_type,
)
from airflow_provider_integrations.connectors.edi.guide_rules import (
    ElementRule,
    Guide,
    LoopRule,
    Member,
    SegmentRule,
    SegmentUse,
)
from airflow_provider_integrations.connectors.edi.model import Syntax
from airflow_provider_integrations.connectors.edi.row_columns import resolve_tables
from airflow_provider_integrations.core.declared import model_error
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["DictionaryFile", "GuideFile", "Guides", "dictionary_of"]

_Text = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]
"""YAML reads an element's number and a numeric code as integers."""

_NARROWED = re.compile(r"^([A-Z][A-Z0-9]{1,2})(\d\d)(?:-(\d\d))?$")


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class DictionaryFile(_File):
    """The file of a dictionary.

    `elements` by number: a type, see `guide_notation`. `codes` by number: the values allowed, between blanks.
    `composites` and `segments`: their elements and conditions. `open`: segments that exist, with elements unchecked.
    """

    dictionary: str
    description: str = ""
    elements: dict[_Text, str]
    codes: dict[_Text, _Text] = {}
    composites: dict[str, str] = {}
    segments: dict[str, str]
    open: str = ""


class Narrow(_File):
    """A stricter rule for one element: only what is given is changed."""

    usage: str | None = Field(default=None, pattern="^[MOXCN]$")
    codes: _Text | None = None
    least: int | None = None
    most: int | None = None


class TableFile(_File):
    """One table: `each` is a loop or a path of loops (`PO1/N1`), without it the set itself is one row."""

    each: str | None = None
    columns: dict[str, str] = Field(min_length=1)


class GuideFile(_File):
    """The file of a guide; `rows_version` is that of its tables' contracts, raised when columns change."""

    guide: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str = ""
    syntax: Syntax
    set: _Text
    group: str = ""
    versions: tuple[_Text, ...] = Field(min_length=1)
    dictionary: str
    structure: list[Any] = Field(min_length=1)
    narrow: dict[str, Narrow] = {}
    rows: dict[str, TableFile] = {}
    rows_version: str = Field(default="1.0.0", pattern=r"^\d+\.\d+\.\d+$")


@dataclass(frozen=True, slots=True)
class Guides:
    """One file's guide in each of its versions; `digest` is that of the rules in it and in its dictionary."""

    name: str
    syntax: Syntax
    set: str
    versions: Mapping[str, Guide]
    rows_version: str = "1.0.0"
    digest: str = ""

    def of(self, version: str) -> Guide:
        """The guide of one version.

        Raises:
            ConfigError: when the file has none.
        """
        if version not in self.versions:
            raise ConfigError(
                "the guide has no such version",
                guide=self.name,
                version=version,
                has=sorted(self.versions),
                next_step="Name one of these, or add it to `versions`.",
            )
        return self.versions[version]

    def matching(self, set_id: str, version: str) -> Guide | None:
        """The guide of a set, if this file is of it.

        Args:
            set_id: ST01, or the type of the message in UNH.
            version: GS08, of which the first six characters count (the rest names an industry's own guide); or version
                and release of the message, e.g. D96A.
        """
        return self.versions.get(version[:6]) if set_id == self.set else None

    @classmethod
    def from_mappings(cls, data: Any, dictionary: Any, *, where: str = "guide", where_dictionary: str = "") -> Guides:
        """Check two mappings, e.g. from YAML.

        Raises:
            ConfigError: with what is wrong and in which file; all at once where pydantic finds it.
        """
        try:
            file = GuideFile.model_validate(data)
        except ValidationError as error:
            raise model_error(error, where) from None
        words = dictionary_of(dictionary, where=where_dictionary or "dictionary")
        if words.dictionary != file.dictionary:
            raise _wrong(where, f"names the dictionary {file.dictionary!r} and was given {words.dictionary!r}")
        try:
            found = {version: _guide(file, words, version) for version in file.versions}
        except ValueError as error:
            raise _wrong(where, str(error)) from None
        digest = hashlib.sha256(f"{file.model_dump_json()}\n{words.model_dump_json()}".encode()).hexdigest()
        return cls(file.guide, file.syntax, file.set, found, file.rows_version, digest)


def dictionary_of(data: Any, *, where: str) -> DictionaryFile:
    """The mapping of a dictionary's file, checked.

    Raises:
        ConfigError: with all that is wrong; also where there is none.
    """
    if data is None:
        raise ConfigError("the dictionary is not there", path=where, next_step="Create it or correct `dictionary`.")
    try:
        return DictionaryFile.model_validate(data)
    except ValidationError as error:
        raise model_error(error, where) from None


def _guide(file: GuideFile, words: DictionaryFile, version: str) -> Guide:
    segments: dict[str, SegmentRule | None] = {tag: _segment(tag, words, version) for tag in words.segments}
    segments |= dict.fromkeys(words.open.split())
    for key, narrow in file.narrow.items():
        _narrow(segments, key, narrow)
    members = _Builder(segments, version).members(file.structure)
    if not members:
        raise ValueError(f"nothing is left of the structure in version {version}")
    described = {name: (table.each, table.columns) for name, table in file.rows.items()}
    tables = resolve_tables(members, described, file.syntax)
    return Guide(file.guide, file.syntax, file.set, version, file.group, members, segments, tables)


class _Builder:
    """Numbers the places of a structure in order."""

    def __init__(self, segments: Mapping[str, SegmentRule | None], version: str) -> None:
        self._segments = segments
        self._version = version
        self._number = 0

    def members(self, items: list[Any]) -> tuple[Member, ...]:
        """Segments and loops, in order; those of other versions left out."""
        found = [self._member(item) for item in items]
        return tuple(member for member in found if member is not None)

    def _member(self, item: Any) -> Member | None:
        if isinstance(item, str):
            place = parse_place(item, self._version)
            if place is None:
                return None
            if place.tag not in self._segments:
                raise ValueError(f"{place.tag} of the structure is not in the dictionary")
            self._number += 1
            return SegmentUse(self._number, place.tag, place.mandatory, place.most, self._segments[place.tag])
        if not (isinstance(item, dict) and item.keys() == {"loop", "of"} and isinstance(item["of"], list)):
            raise ValueError(f"{item!r} is neither a segment nor a loop with the keys `loop` and `of`")
        place = parse_place(item["loop"], self._version)
        if place is None:
            return None
        members = self.members(item["of"])
        first = members[0] if members else None
        if not (isinstance(first, SegmentUse) and first.tag == place.tag and first.mandatory and first.most == 1):
            raise ValueError(f"the loop {place.tag} must begin with `{place.tag} M 1`")
        return LoopRule(place.tag, place.mandatory, place.most, members)


def _segment(tag: str, words: DictionaryFile, version: str) -> SegmentRule:
    try:
        text = parse_segment(words.segments[tag], version)
        elements = [_element(use.name, use.usage, use.repeats, words, version) for use in text.uses]
    except ValueError as error:
        raise ValueError(f"segment {tag} of the dictionary: {error}") from None
    return SegmentRule(tag, tuple(elements), text.conditions)


def _element(name: str, usage: str, repeats: int, words: DictionaryFile, version: str) -> ElementRule:
    if name in words.composites:
        text = parse_segment(words.composites[name], version)
        parts = [_element(use.name, use.usage, 1, words, version) for use in text.uses]
        return ElementRule(name, usage, repeats, None, tuple(parts), text.conditions)
    if name not in words.elements:
        raise ValueError(f"element {name} is not in the dictionary")
    kind = parse_type(words.elements[name], version, words.codes.get(name, ""))
    return ElementRule(name, usage, repeats, kind)


def _narrow(segments: dict[str, SegmentRule | None], key: str, narrow: Narrow) -> None:
    match = _NARROWED.match(key)
    rule = segments.get(match[1]) if match else None
    if match is None or rule is None:
        raise ValueError(f"narrow: {key} is no element of a segment of the dictionary, like BEG02 or DTM01-02")
    elements = list(rule.elements)
    element, component = int(match[2]), int(match[3] or 0)
    if not 0 < element <= len(elements) or component > len(elements[element - 1].components):
        raise ValueError(f"narrow: {key} is beyond the last element")
    if component:
        parts = list(elements[element - 1].components)
        parts[component - 1] = _narrowed(parts[component - 1], narrow, key)
        elements[element - 1] = replace(elements[element - 1], components=tuple(parts))
    else:
        elements[element - 1] = _narrowed(elements[element - 1], narrow, key)
    segments[rule.tag] = replace(rule, elements=tuple(elements))


def _narrowed(rule: ElementRule, narrow: Narrow, key: str) -> ElementRule:
    usage = narrow.usage or rule.usage
    if rule.type is None:
        if narrow.codes or narrow.least or narrow.most:
            raise ValueError(f"narrow: {key} is a composite; name its component")
        return replace(rule, usage=usage)
    codes = frozenset(narrow.codes.split()) if narrow.codes else rule.type.codes
    if rule.type.codes and not codes <= rule.type.codes:
        raise ValueError(f"narrow: {key} allows codes that the dictionary does not: {sorted(codes - rule.type.codes)}")
    least, most = narrow.least or rule.type.least, narrow.most or rule.type.most
    if not rule.type.least <= least <= most <= rule.type.most:
        raise ValueError(f"narrow: {key} has lengths outside {rule.type.least} to {rule.type.most}")
    return replace(rule, usage=usage, type=ElementType(rule.type.kind, least, most, rule.type.decimals, codes))


def _wrong(where: str, what: str) -> ConfigError:
    return ConfigError(f"{where} is not valid: {what}", next_step="Correct it; nothing was read or changed.")
