"""A data contract: what the partner promised about each file, as frozen values read from `include/contracts/*.yaml`.

Nothing is inferred: a column without a type is an error, and so is a key that the contract does not know.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
import zoneinfo
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from airflow_provider_integrations.core.declared import Declared

__all__ = ["Column", "Contract", "Range", "Reference"]

RESERVED = ("_batch_id", "_line", "_version", "_dq_valid", "_dq_flags")
"""Columns that every landed file has beside the contract's: batch, physical line, version, soft quality flags."""

_TYPE = re.compile(r"^(string|integer|float|boolean|date|timestamp|time|uuid|decimal\((\d{1,2}),(\d{1,2})\))$")


class Range(Declared):
    """Inclusive bounds, compared in the column's own type; written as text for dates and decimals."""

    min: int | float | str | None = None
    max: int | float | str | None = None


class Column(Declared):
    """One column.

    `type` is `string`, `integer` (64 bits), `float`, `decimal(p,s)` with p up to 38, `boolean`, `date`, `time`,
    `timestamp` (stored as UTC microseconds; `zone` says what a stamp without an offset means) or `uuid`.
    `format` is a strptime format for dates and times (ISO 8601 without one). `pattern` is in RE2's
    syntax; the decoder compiles it. `pii` names the class of personal data
    (`name`, `email`, `phone`, `id`, ...): its values are masked wherever a person may see them.
    """

    name: str = Field(min_length=1)
    type: str
    nullable: bool = True
    format: str | None = None
    zone: str = "UTC"
    enum: tuple[str, ...] | None = None
    pattern: str | None = None
    range: Range | None = None
    unique: bool = False
    max_length: int | None = Field(default=None, gt=0)
    pii: str | None = None
    description: str = ""

    @field_validator("type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        match = _TYPE.match(value)
        if not match:
            raise ValueError("is none of string, integer, float, decimal(p,s), boolean, date, time, timestamp, uuid")
        if match[2] and not 0 < int(match[2]) <= 38:
            raise ValueError("has a precision outside 1 to 38")
        if match[2] and int(match[3]) > int(match[2]):
            raise ValueError("has a scale larger than its precision")
        return value

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("is no time zone of the IANA database") from None
        return value

    @model_validator(mode="after")
    def _format_fits(self) -> Column:
        if self.format is not None and self.type not in ("date", "time", "timestamp"):
            raise ValueError(f"column {self.name}: only date, time and timestamp have a format")
        return self

    @property
    def decimal(self) -> tuple[int, int] | None:
        """Precision and scale of a decimal column."""
        match = _TYPE.match(self.type)
        return (int(match[2]), int(match[3])) if match and match[2] else None


class Reference(Declared):
    """The values of `columns` must exist as `to_columns` of the entity `to`."""

    columns: tuple[str, ...]
    to: str
    to_columns: tuple[str, ...]


class Contract(Declared):
    """One version of one entity's contract."""

    noun: ClassVar[str] = "contract"

    contract: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    description: str = ""
    format: Literal["csv", "tsv"] = "csv"
    encoding: str = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    quote: Annotated[str, Field(min_length=1, max_length=1)] | None = '"'
    newline: Literal["any", "lf", "crlf"] = "any"
    header: bool = True
    null_values: tuple[str, ...] = ("",)
    columns: tuple[Column, ...] = Field(min_length=1)
    keys: tuple[str, ...] = Field(min_length=1)
    references: tuple[Reference, ...] = ()
    max_reject_share: float = Field(default=0.05, ge=0, le=1)
    unknown_columns: Literal["alert", "fail"] = "alert"

    @field_validator("encoding")
    @classmethod
    def _text_encoding(cls, value: str) -> str:
        try:
            "".encode(value)
            codecs.getincrementaldecoder(value)
        except (LookupError, UnicodeError):
            raise ValueError("is no text encoding that Python knows") from None
        return value

    @field_validator("delimiter", "quote")
    @classmethod
    def _one_ascii_sign(cls, value: str | None) -> str | None:
        if value is not None and (not value.isascii() or value in "\r\n\0"):
            raise ValueError("must be one ASCII character that ends no line")
        return value

    @model_validator(mode="before")
    @classmethod
    def _tab_for_tsv(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("format") == "tsv":
            return {"delimiter": "\t", **data}
        return data

    @model_validator(mode="after")
    def _names_fit(self) -> Contract:
        if self.delimiter == self.quote:
            raise ValueError("delimiter and quote are the same character")
        if uneven := [ref.to for ref in self.references if not ref.columns or len(ref.columns) != len(ref.to_columns)]:
            raise ValueError(f"references pair no columns, or unequal numbers of them: {', '.join(uneven)}")
        names = [column.name for column in self.columns]
        folded = [name.upper() for name in names]
        if twice := sorted({name for name in names if folded.count(name.upper()) > 1}):
            raise ValueError(f"columns named twice (Snowflake folds case): {', '.join(twice)}")
        if reserved := sorted(name for name in names if name.lower() in RESERVED):
            raise ValueError(f"column names that are reserved: {', '.join(reserved)}")
        used = [*self.keys, *(name for reference in self.references for name in reference.columns)]
        if unknown := sorted(set(used) - set(names)):
            raise ValueError(f"keys or references name no column: {', '.join(unknown)}")
        if nullable := sorted(c.name for c in self.columns if c.name in self.keys and c.nullable):
            raise ValueError(f"key columns must not be nullable: {', '.join(nullable)}")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON: the same contract gives the same digest on any machine."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)
