"""Where a column's value stands: `BEG03`, `DTM[002]02`, `PO1(VN)06`, `MOA[86]01-02 decimal`.

Tag; then the qualifier that the segment's first element must hold, in brackets, or in round ones a qualifier of the
pairs that begin at the element; element; component; and a kind where the dictionary's type does not say it. The tag is
a segment of the table's loop, or the first one of a loop directly within it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from airflow_provider_integrations.connectors.edi.guide_rules import (
    Column,
    ElementRule,
    LoopRule,
    Member,
    Place,
    SegmentUse,
    Table,
)
from airflow_provider_integrations.connectors.edi.model import Syntax

__all__ = ["resolve_tables"]

_COLUMN = re.compile(
    r"^([A-Z][A-Z0-9]{1,2})(?:\[(\w+)\]|\((\w+)\))?(\d\d)(?:-(\d\d))?(?: (text|decimal|integer|date))?$"
)
_NAME = re.compile(r"^[a-z][a-z0-9_]*$")
_RESERVED = {"row", "parent"}


def resolve_tables(
    members: tuple[Member, ...],
    described: Mapping[str, tuple[str | None, Mapping[str, str]]],
    syntax: Syntax,
) -> tuple[Table, ...]:
    """The tables of a guide: each column's place found in the structure.

    Args:
        members: The structure.
        described: For each table the path of its loop (None: the set) and its columns as text.
        syntax: In EDIFACT a `date` has its format code beside it.

    Raises:
        ValueError: with table and column.
    """
    tables: list[Table] = []
    named: dict[str | None, str] = {each: name for name, (each, _) in described.items()}
    if len(named) < len(described):
        raise ValueError("two tables have rows of the same loop; make them one")
    for name, (each, columns) in described.items():
        try:
            if not _NAME.match(name):
                raise ValueError("a table's name is of lower-case letters, digits and underscores")
            loop = _loop(members, each.split("/")) if each else None
            around = each.rpartition("/")[0] if each else ""
            if around and around not in named:
                raise ValueError(f"there is no table of the loop {around} around it")
            scope = loop.members if loop else members
            found = [_column(column, text, scope, syntax) for column, text in columns.items()]
            places = [column.place for column in found]
            if len(set(places)) < len(places):
                raise ValueError("two columns have the same place")
        except ValueError as error:
            raise ValueError(f"table {name}: {error}") from None
        tables.append(Table(name, loop, named[around] if around else None, tuple(found)))
    return tuple(tables)


def _loop(members: tuple[Member, ...], path: list[str]) -> LoopRule:
    """The loop of a path; `TAX.2` is the second loop of that tag."""
    tag, _, which = path[0].partition(".")
    found = [member for member in members if isinstance(member, LoopRule) and member.tag == tag]
    if not (which or "1").isdigit() or not 0 < int(which or 1) <= len(found):
        raise ValueError(f"there is no loop {path[0]} here")
    loop = found[int(which or 1) - 1]
    return _loop(loop.members, path[1:]) if path[1:] else loop


def _column(name: str, text: str, scope: tuple[Member, ...], syntax: Syntax) -> Column:
    match = _COLUMN.match(text)
    if not match:
        raise ValueError(f"column {name}: {text!r} is no place like BEG03, DTM[002]02, PO1(VN)06 or MOA[86]01-02")
    if not _NAME.match(name) or name in _RESERVED:
        raise ValueError(f"column {name}: is reserved, or not of lower-case letters, digits and underscores")
    tag, qualifier, paired, element = match[1], match[2], match[3], int(match[4])
    component, kind = int(match[5]) if match[5] else None, match[6]
    use = next((use for use in map(_first, scope) if use.tag == tag), None)
    if use is None or use.rule is None:
        raise ValueError(f"column {name}: {tag} does not stand here, or its elements are not described")
    rules = use.rule.elements
    if not 0 < element <= len(rules) or (paired and element + 1 > len(rules)):
        raise ValueError(f"column {name}: {tag} has no element {element}")
    rule = rules[element if paired else element - 1]  # Of a pair the value comes behind the qualifier.
    if component is not None:
        if not 0 < component <= len(rule.components):
            raise ValueError(f"column {name}: {tag}{element:02} has no component {component}")
        rule = rule.components[component - 1]
    elif rule.components:
        raise ValueError(f"column {name}: {tag}{element:02} is a composite; name its component")
    of, decimals = _kind(rule, kind, syntax)
    if of == "edifact_date" and (component is None or component >= len(rules[element - 1].components)):
        raise ValueError(f"column {name}: there is no component with the date's format behind {tag}{element:02}")
    return Column(name, Place(use.number, element, component, qualifier, paired), of, decimals)


def _first(member: Member) -> SegmentUse:
    return member if isinstance(member, SegmentUse) else member.first


def _kind(rule: ElementRule, kind: str | None, syntax: Syntax) -> tuple[str, int]:
    assert rule.type is not None
    own = rule.type.kind
    if kind == "date" and syntax is Syntax.EDIFACT:
        return "edifact_date", 0
    if own == "N" and kind in (None, "decimal", "integer"):
        return ("decimal", rule.type.decimals) if rule.type.decimals else ("integer", 0)
    if own == "R" and kind in (None, "decimal"):
        return "decimal", 0
    if own in ("DT", "TM") and kind in (None, "date"):
        return {"DT": "date", "TM": "time"}[own], 0
    if kind not in (None, "text"):
        raise ValueError(f"element {rule.name} is of type {own} and cannot be {kind}")
    return "text", 0
