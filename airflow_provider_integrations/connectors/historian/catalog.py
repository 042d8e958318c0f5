"""What is known of each tag before a sample is read: its unit and scaling, its limits, and when it is due.

>>> entry = TagEntry.from_mapping({"name": "plant1.boiler1.steam_flow", "unit": "t/h", "cadence": "PT1M", "limits": [0, 60]})
>>> entry.period, entry.limits.high, entry.scaling.applied(12.5)
(60000000000, 60.0, 12.5)
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from airflow_provider_integrations.connectors.historian.local_days import zone_named
from airflow_provider_integrations.core.declared import Declared
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["COLUMNS", "Catalog", "Limits", "Scaling", "TagEntry"]

_DAILY = "P1D"
_PROBLEMS_SHOWN = 20

COLUMNS = (
    "name",
    "address",
    "description",
    "asset",
    "unit",
    "kind",
    "factor",
    "offset",
    "low",
    "high",
    "cadence",
    "tolerance",
    "exception",
    "max_silence",
    "delay",
    "zone",
    "treat_uncertain_as_bad",
)
"""Columns of a catalog that is CSV; `name` must be there, an empty cell says what a missing key says in YAML."""


class Scaling(Declared):
    """From what the historian has to the unit of the tag: `value * factor + offset`."""

    factor: float = 1.0
    offset: float = 0.0

    @field_validator("factor")
    @classmethod
    def _scales(cls, value: float) -> float:
        if not math.isfinite(value) or not value:
            raise ValueError("a factor is a number other than 0")
        return value

    def applied(self, value: float) -> float:
        """The value in the unit of the tag."""
        return value * self.factor + self.offset


class Limits(Declared):
    """What a value in the unit of the tag may be; one outside is counted as such, and is a reading all the same."""

    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Limits:
        if self.low is not None and self.high is not None and not self.low <= self.high:
            raise ValueError("the low limit lies above the high one")
        return self


class TagEntry(Declared):
    """One tag of a catalog.

    Args:
        name: What rows carry in `tag`.
        address: Where the server has it: a NodeId, or a path or WebId of PI; the name if there is none.
        asset: Path of what it is measured at, e.g. `plant1/boiler1`.
        unit: Of the value after scaling.
        kind: Where the value stands in a sample.
        scaling, limits: See there; `limits` may be a list of both.
        cadence: How often a sample is due: `PT1M`, or seconds. `P1D` is once in each day of `zone`, however long it is; write
            `PT24H` for 24 hours. None if the historian stores what changes, and nobody knows how often that is.
        tolerance: How much later than its cadence a sample may come, as a share of it.
        exception: The historian stores a value only when it changes (exception reporting, compression): silence is legal.
        max_silence: After so long it stores one all the same; without it any silence is legal.
        delay: So long after its instant a sample is there at the latest; before, it is not yet due.
        zone: Of its local days.
        treat_uncertain_as_bad: Whether values of uncertain quality leave a gap (OPC 10000-13, AggregateConfiguration: so by
            default).
    """

    noun: ClassVar[str] = "tag"

    name: str = Field(min_length=1, max_length=1000)
    address: str = ""
    description: str = ""
    asset: str = ""
    unit: str = ""
    kind: Literal["number", "text", "state", "boolean"] = "number"
    scaling: Scaling = Scaling()
    limits: Limits = Limits()
    cadence: timedelta | Literal["P1D"] | None = None
    tolerance: float = Field(default=0.5, ge=0, lt=1)
    exception: bool = False
    max_silence: timedelta | None = Field(default=None, gt=timedelta())
    delay: timedelta = Field(default=timedelta(), ge=timedelta())
    zone: str = "UTC"
    treat_uncertain_as_bad: bool = True

    @field_validator("cadence", "max_silence", "delay", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        """A number, also as text, counts seconds."""
        if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value.strip()):
            return timedelta(seconds=float(value))
        return value.strip().upper() if isinstance(value, str) else value

    @field_validator("cadence")
    @classmethod
    def _goes_on(cls, value: timedelta | str | None) -> timedelta | str | None:
        if isinstance(value, timedelta) and value < timedelta(microseconds=1):
            raise ValueError("a cadence is longer than nothing")
        return value

    @field_validator("limits", mode="before")
    @classmethod
    def _both(cls, value: Any) -> Any:
        return {"low": value[0], "high": value[1]} if isinstance(value, list | tuple) and len(value) == 2 else value

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            zone_named(value)
        except ConfigError:
            raise ValueError("is no time zone of the IANA database") from None
        return value

    @model_validator(mode="before")
    @classmethod
    def _found_by_name(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("name") and not data.get("address"):
            return {**data, "address": data["name"]}
        return data

    @model_validator(mode="after")
    def _fits(self) -> TagEntry:
        if self.max_silence is not None and not self.exception:
            raise ValueError("`max_silence` goes with `exception: true`")
        if self.max_silence is not None and isinstance(self.cadence, timedelta) and self.max_silence < self.cadence:
            raise ValueError("`max_silence` is shorter than the cadence")
        if self.daily and self.exception:
            raise ValueError("a tag that is due once a day cannot be silent: give either `exception` or P1D")
        return self

    @property
    def daily(self) -> bool:
        """Whether it is due once in each local day."""
        return self.cadence == _DAILY

    @property
    def period(self) -> int | None:
        """Its cadence in nanoseconds; None without one, and of a daily one."""
        return _nanoseconds(self.cadence) if isinstance(self.cadence, timedelta) else None

    @property
    def silence(self) -> int | None:
        """The longest silence that is legal, in nanoseconds; None for any."""
        return None if self.max_silence is None else _nanoseconds(self.max_silence)

    @property
    def late(self) -> int:
        """`delay` in nanoseconds."""
        return _nanoseconds(self.delay)


class Catalog(Declared):
    """Tags of a plant.

    Args:
        defaults: What each tag has that does not say otherwise.
    """

    noun: ClassVar[str] = "tag catalog"

    catalog: str = ""
    description: str = ""
    defaults: dict[str, Any] = Field(default={}, repr=False)
    tags: tuple[TagEntry, ...]

    @model_validator(mode="before")
    @classmethod
    def _with_defaults(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("tags"), list):
            return data
        defaults = data.get("defaults")
        if not isinstance(defaults, dict):
            return data
        return {**data, "tags": [{**defaults, **tag} if isinstance(tag, dict) else tag for tag in data["tags"]]}

    @model_validator(mode="after")
    def _each_once(self) -> Catalog:
        if not self.tags:
            raise ValueError("names no tag")
        names = [tag.name for tag in self.tags]
        if twice := sorted(name for name, times in Counter(names).items() if times > 1):
            raise ValueError(f"tags that stand twice: {', '.join(twice[:_PROBLEMS_SHOWN])}")
        return self

    def named(self, *patterns: str) -> tuple[TagEntry, ...]:
        """The tags that any of the patterns names, in the order of the catalog; `*` and `?` as in a shell."""
        return tuple(tag for tag in self.tags if any(fnmatchcase(tag.name, pattern) for pattern in patterns))

    @classmethod
    def from_csv(cls, text: str, *, where: str) -> Self:
        """A catalog of one row for each tag, see `COLUMNS`.

        Raises:
            ConfigError: with the file, and the line and column of each problem.
        """
        reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True, restkey="")
        tags, problems = [], []
        try:
            unknown = sorted({*(reader.fieldnames or ())} - {*COLUMNS})
            if unknown or "name" not in (reader.fieldnames or ()):
                raise ConfigError(
                    f"{where}: the first row does not name the columns",
                    unknown=unknown,
                    next_step=f"It names `name`, and any of: {', '.join(COLUMNS[1:])}.",
                )
            for row in reader:
                try:
                    tags.append(TagEntry.from_mapping(_entry(row), where=f"line {reader.line_num}"))
                except ConfigError as error:
                    problems.append(error.what)
        except csv.Error as error:
            problems.append(f"after line {reader.line_num}: {error}")
        if problems:
            raise ConfigError(
                f"{where} is not valid: {'; '.join(problems[:_PROBLEMS_SHOWN])}",
                problems=len(problems),
                next_step="Correct it; nothing was read or changed.",
            )
        return cls.from_mapping({"tags": tags}, where=where)


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    given = dict(_cells(row))
    nested = {
        "scaling": {name: given.pop(name) for name in ("factor", "offset") if name in given},
        "limits": {name: given.pop(name) for name in ("low", "high") if name in given},
    }
    return {**given, **{name: value for name, value in nested.items() if value}}


def _cells(row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, cell in row.items():
        if isinstance(cell, list):  # What stands behind the last column.
            yield "cells without a column", cell
        elif cell is not None and cell.strip():
            yield name, cell.strip()


def _nanoseconds(length: timedelta) -> int:
    return length // timedelta(microseconds=1) * 1_000
