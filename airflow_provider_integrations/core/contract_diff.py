"""Compares two versions of a contract: which changes consumers and partners notice, and which they do not.

A change is *breaking* when a file that was good may now be refused, or when a landed value may mean something else or not
fit where it is loaded. Everything else is *compatible*. A breaking change needs a new major version, any other change a
higher version.

    >>> old = Contract.from_mapping({"contract": "c", "version": "1.0.0", "keys": ["id"],
    ...     "columns": [{"name": "id", "type": "integer", "nullable": False}]})
    >>> new = old.model_copy(update={"version": "1.1.0", "columns": (*old.columns, Column(name="note", type="string"))})
    >>> [str(change) for change in diff(old, new)]
    ['compatible: note: column added, nullable']
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from airflow_provider_integrations.core.contract import Column, Contract, Range

__all__ = ["Change", "diff", "is_breaking"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference; `column` is None where it concerns the whole file, `kind` is a stable word for machines."""

    kind: str
    column: str | None
    breaking: bool
    what: str

    def __str__(self) -> str:
        return f"{'breaking' if self.breaking else 'compatible'}: {self.column or 'file'}: {self.what}"


def is_breaking(changes: list[Change]) -> bool:
    """Whether one of them is."""
    return any(change.breaking for change in changes)


def diff(old: Contract, new: Contract) -> list[Change]:
    """All changes from `old` to `new`, the version last; none if the contracts are equal."""
    changes = [*_file(old, new), *_columns(old, new)]
    return [*changes, *_version(old, new, changes)]


def _file(old: Contract, new: Contract) -> Iterator[Change]:
    if old.contract != new.contract:
        yield Change("contract", None, True, f"another contract: {old.contract} became {new.contract}")
    for name in ("format", "encoding", "delimiter", "quote", "header", "null_values"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield Change(name, None, True, f"{name} {before!r} became {after!r}")
    if old.newline != new.newline:
        yield Change("newline", None, new.newline != "any", f"newline {old.newline!r} became {new.newline!r}")
    if old.keys != new.keys:
        yield Change("keys", None, True, f"keys {', '.join(old.keys)} became {', '.join(new.keys)}")
    for reference in new.references:
        if reference not in old.references:
            yield Change("reference_added", reference.columns[0], True, f"must now be found in {reference.to}")
    for reference in old.references:
        if reference not in new.references:
            yield Change("reference_removed", reference.columns[0], False, f"need not be found in {reference.to}")
    if old.max_reject_share != new.max_reject_share:
        tighter = new.max_reject_share < old.max_reject_share
        what = f"share of rejects allowed {old.max_reject_share:g} became {new.max_reject_share:g}"
        yield Change("max_reject_share", None, tighter, what)
    if old.unknown_columns != new.unknown_columns:
        fails = new.unknown_columns == "fail"
        yield Change("unknown_columns", None, fails, f"unknown columns now {'fail' if fails else 'alert'}")
    if old.description != new.description:
        yield Change("description", None, False, "description changed")


def _columns(old: Contract, new: Contract) -> Iterator[Change]:
    before = {column.name: column for column in old.columns}
    after = {column.name: column for column in new.columns}
    for name in before:
        if name not in after:
            yield Change("column_removed", name, True, "column removed")
    for name, column in after.items():
        if name not in before:
            kind = "nullable" if column.nullable else "required"
            # Without a header a record's number of fields is fixed, so that any column more refuses the old files.
            breaking = not column.nullable or not new.header
            yield Change("column_added", name, breaking, f"column added, {kind}")
    for name in before:
        if name in after:
            yield from _column(before[name], after[name])
    common = [name for name in before if name in after]
    if common != [name for name in after if name in before]:
        what = "columns reordered" + ("" if new.header else " in a file without header")
        yield Change("columns_reordered", None, not new.header, what)


def _column(old: Column, new: Column) -> Iterator[Change]:
    name = new.name
    if old.type != new.type:
        widened = _widens(old, new)
        word = "widened" if widened else "narrowed" if _widens(new, old) else "changed"
        yield Change("type", name, not widened, f"type {word}: {old.type} became {new.type}")
    if old.nullable != new.nullable:
        # Looser is compatible as an enum's new value is: every old file stays good, and old rows stay as they are.
        yield Change("nullable", name, not new.nullable, "may now be null" if new.nullable else "must not be null")
    for attribute in ("format", "zone"):
        before, after = getattr(old, attribute), getattr(new, attribute)
        if before != after:
            yield Change(attribute, name, True, f"{attribute} {before!r} became {after!r}")
    yield from _enum(old, new)
    if old.pattern != new.pattern:
        word = "removed" if new.pattern is None else "added" if old.pattern is None else "changed"
        yield Change("pattern", name, new.pattern is not None, f"pattern {word}")
    yield from _range(old, new)
    if old.max_length != new.max_length:
        tighter = new.max_length is not None and (old.max_length is None or new.max_length < old.max_length)
        yield Change("max_length", name, tighter, f"max_length {old.max_length} became {new.max_length}")
    if old.unique != new.unique:
        yield Change("unique", name, new.unique, "must be unique" if new.unique else "need not be unique")
    if old.pii != new.pii:
        yield Change("pii", name, False, f"class of personal data {old.pii} became {new.pii}")
    if old.description != new.description:
        yield Change("description", name, False, "description changed")


def _widens(old: Column, new: Column) -> bool:
    """Whether every value of the old type is the same value in the new one, in the file and where it is loaded."""
    if old.decimal and new.decimal:
        (precision, scale), (wider, finer) = old.decimal, new.decimal
        # Snowflake adds digits before the point of a column in place, and never behind it.
        return finer == scale and wider >= precision
    if old.type == "integer" and new.decimal:
        return new.decimal[1] == 0 and new.decimal[0] >= 19
    # A string takes any text, but tables and code that expect a number do not.
    return (old.type, new.type) == ("uuid", "string")


def _enum(old: Column, new: Column) -> Iterator[Change]:
    if old.enum == new.enum:
        return
    if new.enum is None:
        yield Change("enum_removed", new.name, False, "any value allowed")
    elif old.enum is None:
        yield Change("enum_added", new.name, True, f"only {', '.join(new.enum)} allowed")
    else:
        gone = [value for value in old.enum if value not in new.enum]
        more = [value for value in new.enum if value not in old.enum]
        if gone:
            yield Change("enum_reduced", new.name, True, f"no longer allowed: {', '.join(gone)}")
        if more:
            yield Change("enum_extended", new.name, False, f"newly allowed: {', '.join(more)}")
        if not gone and not more:
            yield Change("enum_reordered", new.name, False, "enum reordered")


def _range(old: Column, new: Column) -> Iterator[Change]:
    before, after = old.range or Range(), new.range or Range()
    for side, sign in (("min", 1), ("max", -1)):
        was, now = getattr(before, side), getattr(after, side)
        if was == now:
            continue
        tighter = now is not None and (was is None or _ordered(was, now) * sign > 0)
        yield Change(f"range_{side}", new.name, tighter, f"{side} {was} became {now}")


def _ordered(was: int | float | str, now: int | float | str) -> int:
    """-1, 0 or 1 as `now` is below, at or above `was`: as numbers where both are, else as text (ISO dates sort so)."""
    try:
        first, second = Decimal(str(was)), Decimal(str(now))
    except InvalidOperation:
        return (str(now) > str(was)) - (str(now) < str(was))
    return (second > first) - (second < first)


def _version(old: Contract, new: Contract, changes: list[Change]) -> Iterator[Change]:
    before, after = _numbers(old), _numbers(new)
    bump = f"version {old.version} became {new.version}"
    if not changes:
        if before != after:
            yield Change("version", None, after < before, bump + ", nothing else did")
    elif after <= before:
        yield Change("version", None, True, f"version must rise: {old.version} became {new.version}")
    elif is_breaking(changes) and after[0] == before[0]:
        yield Change("version", None, True, f"a breaking change needs version {before[0] + 1}.0.0, not {new.version}")
    else:
        yield Change("version", None, False, bump)


def _numbers(contract: Contract) -> tuple[int, ...]:
    return tuple(int(part) for part in contract.version.split("."))
