"""Rows from JSON to the bytes of one set or message, or a whole interchange: dates and decimals are texts there, or numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from airflow_provider_integrations.connectors.edi.edifact_tokens import default_delimiters
from airflow_provider_integrations.connectors.edi.envelope import Envelope
from airflow_provider_integrations.connectors.edi.guide import Guides
from airflow_provider_integrations.connectors.edi.guide_rules import Guide
from airflow_provider_integrations.connectors.edi.interchange_write import Numbers, check_envelope, write_interchange
from airflow_provider_integrations.connectors.edi.model import Delimiters, Syntax
from airflow_provider_integrations.connectors.edi.write import render, write_set
from airflow_provider_integrations.core.errors import ConfigError, PermanentError

__all__ = ["written_interchange", "written_set"]

_X12 = Delimiters("*", ">", "~", None)
_LENGTHS = {Syntax.X12: (4, 9), Syntax.EDIFACT: (1, 14)}
"""Of a set's control number: ST02 and 0062."""
_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_DIGITS = 40
"""Places of a number in JSON on either side of its mark, or 1e999999999 would be written out."""


def written_set(guides: Guides, version: str | None, data: bytes, control: str, *, where: str) -> bytes:
    """The bytes of one set or message.

    Args:
        guides: One file's guide.
        version: Which of its versions; its first without it.
        data: JSON, `{"orders": [{...}], "order_lines": [{...}]}`.
        control: Control number of the set.
        where: What a person calls the data.

    Raises:
        ConfigError: the guide has no such version, or the control number has no place in the set.
        PermanentError: the data is no JSON, or its rows make no valid set.
    """
    guide = guides.of(version or next(iter(guides.versions)))
    typed = _typed(guide, _loaded(data, where), where)
    delimiters = _X12 if guide.syntax is Syntax.X12 else default_delimiters(3)
    _check_control(control, guide.syntax, delimiters)
    return render(write_set(guide, typed, control, delimiters), delimiters)


def written_interchange(
    guides: Guides, version: str | None, data: bytes, envelope: Envelope, now: datetime, control: int, *, where: str
) -> bytes:
    """The bytes of an interchange with one set or message, or, of a list of such objects, one for each.

    Args:
        guides, version, data, where: As in `written_set`; `data` may be a list of objects too.
        envelope: From whom to whom.
        now: The time of writing, as the partner is told it.
        control: Control number of the interchange, and of its group.

    Raises:
        ConfigError: the guide has no such version, or something has no place in the envelope.
        PermanentError: the data is no JSON, or its rows make no valid set.
    """
    guide = guides.of(version or next(iter(guides.versions)))
    check_envelope(guide, envelope)
    found = _loaded(data, where)
    documents = [_typed(guide, tables, where) for tables in (found if isinstance(found, list) else [found])]
    return write_interchange(guide, documents, envelope, now, Numbers(control, control))


def _check_control(control: str, syntax: Syntax, delimiters: Delimiters) -> None:
    least, most = _LENGTHS[syntax]
    signs = (delimiters.element, delimiters.component, delimiters.terminator, delimiters.release)
    if (
        not least <= len(control) <= most
        or not re.fullmatch("[!-~]+", control)
        or any(s in control for s in signs if s)
    ):
        raise ConfigError(
            "not the control number of a set",
            control=control[:20],
            next_step=f"Give {least} to {most} letters or digits, none of them a delimiter.",
        )


def _loaded(data: bytes, where: str) -> Any:
    try:
        return json.loads(data, parse_float=Decimal, object_pairs_hook=_once)
    except ValueError as error:
        raise _wrong(where, f"is no JSON: {error}") from None
    except RecursionError:
        raise _wrong(where, "is nested too deeply for rows") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; of two values by one name none is the right one."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has a name twice")
    return found


def _typed(guide: Guide, tables: Any, where: str) -> dict[str, list[dict[str, Any]]]:
    if not isinstance(tables, dict) or not all(isinstance(rows, list) for rows in tables.values()):
        raise _wrong(where, "is no object of lists of rows")
    kinds = _kinds(guide)
    return {name: [_row(row, kinds.get(name, {}), f"{where}: {name}") for row in rows] for name, rows in tables.items()}


def _kinds(guide: Guide) -> dict[str, dict[str, str]]:
    return {table.name: {column.name: column.kind for column in table.columns} for table in guide.tables}


def _row(row: Any, kinds: Mapping[str, str], where: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise _wrong(where, "holds a row that is no object")
    return {name: _value(value, kinds.get(name, ""), f"{where}.{name}") for name, value in row.items()}


def _value(value: Any, kind: str, where: str) -> Any:
    try:
        if isinstance(value, Decimal) and abs(value.adjusted()) > _DIGITS:
            raise ValueError
        if kind == "decimal" and isinstance(value, str) and value:
            if not _DECIMAL.fullmatch(value):
                raise ValueError
            return Decimal(value)
        if kind in ("date", "edifact_date") and isinstance(value, str):
            return date.fromisoformat(value)
        if kind == "time" and isinstance(value, str):
            return time.fromisoformat(value)
    except ValueError:
        raise _wrong(where, f"holds what is no {kind.removeprefix('edifact_') or 'number'}") from None
    return value


def _wrong(where: str, what: str) -> PermanentError:
    return PermanentError(f"{where} {what}", next_step="Correct it; nothing was written.")
