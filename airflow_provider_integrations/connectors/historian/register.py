"""The register of a meter against its intervals: what the dial went forward by should be their sum.

A dial of five digits goes from 99,999 to 0: a reading that is lower than the one before went once round, unless that would be
more than the meter can have measured. Where intervals are missing, or a reading lies within one, nobody can tell, and that is
said.

>>> dial = Register(digits=5, multiplier=Decimal(40))
>>> dial.advance(Decimal("99990"), Decimal("12"))
Decimal('880')
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from math import fsum
from typing import Any

from airflow_provider_integrations.connectors.historian.samples import Origin
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.formats.arrow import Table, pc

__all__ = ["Comparison", "Register", "RegisterRead", "Tolerance", "Verdict", "compare_register"]


class Verdict(StrEnum):
    """What a comparison says."""

    AGREES = "agrees"
    DIFFERS = "differs"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Register:
    """A dial.

    Args:
        digits: Before the point, after which it starts again at 0; None for one that never does.
        multiplier: From the dial to the unit of the intervals, e.g. the ratio of transformers.
        most: The most that can have been measured between two readings, in the unit of the intervals; else half of the dial.
    """

    digits: int | None = None
    multiplier: Decimal = Decimal(1)
    most: Decimal | None = None

    def __post_init__(self) -> None:
        if self.multiplier <= 0 or (self.digits is not None and not 1 <= self.digits <= 15):
            raise ConfigError(
                "no such dial", digits=self.digits, multiplier=str(self.multiplier),
                next_step="Give 1 to 15 digits, and a multiplier above 0.",
            )  # fmt: skip

    def advance(self, first: Decimal, last: Decimal) -> Decimal | None:
        """By how much it went forward, in the unit of the intervals; None where that cannot be told."""
        steps = last - first
        if steps < 0 and self.digits is not None:
            steps += Decimal(10) ** self.digits
            most = Decimal(10) ** self.digits / 2 if self.most is None else self.most / self.multiplier
            return steps * self.multiplier if 0 <= steps <= most else None
        return steps * self.multiplier if steps >= 0 else None


@dataclass(frozen=True, slots=True)
class RegisterRead:
    """What the dial showed at an instant."""

    at: datetime
    value: Decimal


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far both may lie apart: the larger of a number in the unit of the intervals and a share of what the dial went by."""

    absolute: Decimal = Decimal(1)
    relative: Decimal = Decimal("0.005")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the register says, what the intervals say, and whether that is the same.

    Args:
        advance: Of the register; None where it cannot be told.
        total: Of the intervals that are there.
        difference: The intervals' less the register's; None where nobody can tell.
        missing: Time between both readings that no value covers.
        not_actual: Time covered by values that are substituted or estimated.
        why: Where nobody can tell: `register_went_back`, `read_within_interval`, `missing_intervals`.
    """

    verdict: Verdict
    advance: Decimal | None
    total: Decimal
    difference: Decimal | None = None
    missing: timedelta = timedelta()
    not_actual: timedelta = timedelta()
    why: tuple[str, ...] = field(default=())


def compare_register(
    first: RegisterRead, last: RegisterRead, intervals: Table, register: Register, tolerance: Tolerance
) -> Comparison:
    """Compare two readings of a register with the intervals between them.

    Args:
        first, last: The earlier reading and the later one.
        intervals: Of one series, in the schema `INTERVALS`, at least those between both; one for each slot.

    Raises:
        ConfigError: the readings are in the wrong order, or the intervals are of several series.
    """
    if first.at >= last.at:
        raise ConfigError(
            "register readings in the wrong order", first=first.at.isoformat(), last=last.at.isoformat(),
            next_step="Give the earlier one first.",
        )  # fmt: skip
    series = intervals.group_by(["service_point", "channel"]).aggregate([]).num_rows
    if series > 1:
        raise ConfigError("intervals of several series", series=series, next_step="Choose one channel of one meter.")
    begins, ends = intervals.column("ts_begin"), intervals.column("ts_end")
    inside: Any = pc.and_(pc.less(begins, last.at), pc.greater(ends, first.at))
    rows = intervals.filter(inside).select(["ts_begin", "ts_end", "value", "origin"]).to_pylist()
    cut = any(row["ts_begin"] < first.at or row["ts_end"] > last.at for row in rows)
    known = [row for row in rows if row["value"] is not None]
    missing = last.at - first.at - _time(row for row in known)
    advance = register.advance(first.value, last.value)
    total = Decimal(repr(fsum(row["value"] for row in known)))
    why = tuple(
        reason
        for reason, holds in (
            ("register_went_back", advance is None),
            ("read_within_interval", cut),
            ("missing_intervals", not cut and bool(missing)),
        )
        if holds
    )
    not_actual = _time(row for row in known if row["origin"] != Origin.ACTUAL.value)
    if why or advance is None:
        return Comparison(Verdict.CANNOT_TELL, advance, total, None, max(missing, timedelta()), not_actual, why)
    difference = total - advance
    near = abs(difference) <= max(tolerance.absolute, tolerance.relative * advance)
    return Comparison(Verdict.AGREES if near else Verdict.DIFFERS, advance, total, difference, missing, not_actual)


def _time(rows: Any) -> timedelta:
    return sum((row["ts_end"] - row["ts_begin"] for row in rows), timedelta())
