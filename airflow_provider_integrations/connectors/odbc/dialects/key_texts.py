"""Keys as texts that two engines make alike, so that a source's keys and a target's can be hashed apart and compared.

The forms are those of the warehouse's side (`warehouse.loaded_keys.key_text`): digits of whole numbers, all decimals of exact
ones, ISO 8601 with microseconds in UTC, small letters for uuids, text as it was landed.

>>> from airflow_provider_integrations.connectors.odbc.dialects import dialect_named
>>> key_text(dialect_named("postgresql"), SourceColumn("id", "bigint"), Column(name="id", type="integer"))
'CAST("id" AS text)'
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pyarrow as pa

from airflow_provider_integrations.connectors.odbc.dialects.dialect import Dialect
from airflow_provider_integrations.connectors.odbc.model import SourceColumn
from airflow_provider_integrations.core.contract import Column

__all__ = ["SEPARATOR", "group_by_hash", "group_by_width", "is_whole", "key_number", "key_text"]

SEPARATOR = "\x1f"
"""Stands between the parts of a key that is hashed: the unit separator."""

_WHOLE = re.compile(
    r"(tinyint|smallint|mediumint|int|integer)(\(\d+\))?( unsigned)?$|bigint(\(\d+\))?$"
    r"|(numeric|decimal|number)\((1[0-8]|\d),0\)$"
)
_TIME = re.compile(r"time(\([0-6]\))?( without time zone)?$")  # More digits are rejects in the target.
_EXACT = re.compile(r"(?:numeric|decimal|number)\((\d+),(\d+)\)$")
_ZONED = ("timestamp with time zone", "datetimeoffset", "timestamp with local time zone", "timestamp_tz")
_UNKNOWN = "timestamp_ltz"
_UUID_TYPES = ("uuid", "uniqueidentifier")

_Forms = dict[str, str]
# {0} is the column; of decimals {1} is the number of decimals.
_FORMS: dict[str, _Forms] = {
    "postgresql": {
        "text": "CAST({0} AS text)",
        "decimal": "CAST(CAST({0} AS numeric(38,{1})) AS text)",
        "date": "to_char({0}, 'YYYY-MM-DD')",
        "time": "to_char({0}, 'HH24:MI:SS.US')",
        "timestamp": "to_char({0}, 'YYYY-MM-DD HH24:MI:SS.US')",
        "instant": "to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')",
        "boolean": "CASE WHEN {0} THEN 'true' ELSE 'false' END",
    },
    "mariadb": {
        "text": "CONVERT({0} USING utf8mb4)",
        "decimal": "CONVERT(CAST({0} AS DECIMAL(38,{1})) USING utf8mb4)",
        "date": "DATE_FORMAT({0}, '%Y-%m-%d')",
        "time": "TIME_FORMAT({0}, '%H:%i:%s.%f')",
        "timestamp": "DATE_FORMAT({0}, '%Y-%m-%d %H:%i:%s.%f')",
    },
    "sqlserver": {
        "text": "CAST({0} AS nvarchar(4000))",
        "decimal": "CAST(CAST({0} AS decimal(38,{1})) AS nvarchar(41))",
        "date": "CONVERT(nvarchar(10), {0}, 23)",
        "timestamp": "CONVERT(nvarchar(26), CAST({0} AS datetime2(6)), 121)",
        "instant": "CONVERT(nvarchar(26), CAST(SWITCHOFFSET({0}, 0) AS datetime2(6)), 121)",
    },
    "oracle": {
        "text": "TO_CHAR({0})",
        "timestamp": "TO_CHAR({0}, 'YYYY-MM-DD HH24:MI:SS.FF6')",
        "instant": "TO_CHAR(SYS_EXTRACT_UTC({0}), 'YYYY-MM-DD HH24:MI:SS.FF6')",
    },
    "snowflake": {
        "text": "CAST({0} AS VARCHAR)",
        "decimal": "CAST(CAST({0} AS NUMBER(38,{1})) AS VARCHAR)",
        "date": "TO_VARCHAR({0}, 'YYYY-MM-DD')",
        "time": "TO_VARCHAR({0}, 'HH24:MI:SS.FF6')",
        "timestamp": "TO_VARCHAR({0}, 'YYYY-MM-DD HH24:MI:SS.FF6')",
        "instant": "TO_VARCHAR(CONVERT_TIMEZONE('UTC', {0}), 'YYYY-MM-DD HH24:MI:SS.FF6')",
        "boolean": "CASE WHEN {0} THEN 'true' ELSE 'false' END",
    },
}


def key_text(dialect: Dialect, source: SourceColumn, column: Column) -> str | None:
    """SQL for a key value's text at the source; None where the engine is not known to make the very text of the target.

    Args:
        dialect: The source's.
        source: The column as it is there.
        column: The contract's.
    """
    forms = _FORMS.get(dialect.name)
    if forms is None:
        return None
    makers: dict[str, Callable[[], str | None]] = {
        "integer": lambda: _digits(forms, dialect, source),
        "string": lambda: _string(forms, dialect, source),
        "uuid": lambda: _uuid(forms, dialect, source),
        "date": lambda: _form(forms, dialect, source, "date") if source.type == "date" else None,
        "time": lambda: _form(forms, dialect, source, "time") if _TIME.match(source.type) else None,
        "timestamp": lambda: _instant(forms, dialect, source, column),
        "boolean": lambda: _form(forms, dialect, source, "boolean") if source.type == "boolean" else None,
    }
    if column.decimal:
        return _decimal(forms, dialect, source, column.decimal[1])
    return makers[column.type]() if column.type in makers else None


def key_number(dialect: Dialect, texts: list[str]) -> str:
    """60 bits of the MD5 of a key's texts in UTF-8, as a whole number: the first 15 hexadecimal digits."""
    mark = {"mariadb": "CHAR(31 USING utf8mb4)", "oracle": "CHR(31)", "sqlserver": "NCHAR(31)"}.get(
        dialect.name, "CHR(31)"
    )
    if dialect.name == "mariadb":
        whole = texts[0] if len(texts) == 1 else f"CONCAT({f', {mark}, '.join(texts)})"
    elif dialect.name == "sqlserver":
        whole = texts[0] if len(texts) == 1 else f"CONCAT({f', {mark}, '.join(texts)})"
        # MD5 goes over bytes, and theirs are UTF-16 or those of a code page without this (2019 and later).
        whole = f"CAST({whole} COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(8000))"
    else:
        whole = f" || {mark} || ".join(texts)
    if dialect.name == "postgresql":
        # Of the bytes in UTF-8, whatever the database is encoded in.
        return f"CAST(CAST('x' || substr(md5(convert_to({whole}, 'UTF8')), 1, 15) AS bit(60)) AS bigint)"
    if dialect.name == "oracle":
        whole = f"CONVERT({whole}, 'AL32UTF8')"
    if dialect.name == "snowflake":
        return f"TO_NUMBER(LEFT(MD5({whole}), 15), 'XXXXXXXXXXXXXXX')"
    return dialect.hashed(whole)


def group_by_hash(dialect: Dialect, number: str, groups: int) -> str:
    """The rest of a key's number."""
    if dialect.name == "sqlserver":
        return f"({number} % {int(groups)})"
    return f"MOD({number}, {int(groups)})"


def group_by_width(dialect: Dialect, first: str, low: int, width: int) -> str:
    """The span that a whole number lies in, which is not below `low`; exact, since no division has a fraction."""
    if dialect.name == "mariadb":
        return f"((CAST({first} AS SIGNED) - {_signed(low)}) DIV {int(width)})"
    if dialect.name in ("oracle", "snowflake"):
        above = f"({first} - {_signed(low)})"
        return f"(({above} - MOD({above}, {int(width)})) / {int(width)})"
    return f"((CAST({first} AS bigint) - {_signed(low)}) / {int(width)})"


def is_whole(source: SourceColumn) -> bool:
    """Whether each value of a column is a whole number of 64 bits."""
    return _WHOLE.match(source.type) is not None


def _signed(number: int) -> str:
    return f"({int(number)})"


def _form(forms: _Forms, dialect: Dialect, source: SourceColumn, name: str) -> str | None:
    form = forms.get(name)
    return form.format(dialect.quote(source.name)) if form is not None else None


def _digits(forms: _Forms, dialect: Dialect, source: SourceColumn) -> str | None:
    return _form(forms, dialect, source, "text") if is_whole(source) else None


def _decimal(forms: _Forms, dialect: Dialect, source: SourceColumn, scale: int) -> str | None:
    exact = _EXACT.match(source.type)
    if not is_whole(source) and (exact is None or int(exact[2]) > scale):
        return None  # Digits that the target has no room for: such rows are rejects there.
    sql = dialect.quote(source.name)
    if dialect.name == "oracle":
        tail = f"0.{'0' * scale}" if scale else "0"
        return f"TO_CHAR({sql}, 'FM{'9' * (37 - scale)}{tail}')"
    form = forms.get("decimal")
    return form.format(sql, scale) if form is not None else None


def _string(forms: _Forms, dialect: Dialect, source: SourceColumn) -> str | None:
    read = dialect.read_column(source)
    # A uuid has other letters in the server's text than in what was landed, perhaps: its reading is by the driver.
    if not pa.types.is_string(read.arrow) or read.by != "arrow" or source.type in _UUID_TYPES:
        return None
    return forms["text"].format(read.expression)


def _uuid(forms: _Forms, dialect: Dialect, source: SourceColumn) -> str | None:
    if dialect.name == "sqlserver" and source.type == "uniqueidentifier":
        return f"LOWER(CONVERT(nchar(36), {dialect.quote(source.name)}))"
    if source.type in _UUID_TYPES or re.match(r"(char|character|varchar|text|character varying)\b", source.type):
        return f"LOWER(TRIM({forms['text'].format(dialect.quote(source.name))}))"
    return None


def _instant(forms: _Forms, dialect: Dialect, source: SourceColumn, column: Column) -> str | None:
    kind = re.sub(r"\(\d+\)", "", source.type)
    if kind in _ZONED:
        return _form(forms, dialect, source, "instant")
    if dialect.name == "mariadb" and kind == "timestamp":
        return _form(forms, dialect, source, "timestamp")  # The session speaks UTC.
    # A local time is an instant by the contract's zone, which the target knows: only UTC is the same on both sides.
    if column.zone not in ("UTC", "Etc/UTC") or not kind.startswith(("timestamp", "datetime")) or kind == _UNKNOWN:
        return None
    if dialect.name == "sqlserver" and not re.match(r"datetime2\([0-6]\)", source.type):
        return None  # Seven digits, or thirds of a hundredth: rows that do not fit are rejects in the target.
    return _form(forms, dialect, source, "timestamp")
