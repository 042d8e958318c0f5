"""A file of meter readings becomes a Parquet file of intervals, with what is refused and what is missing in files beside it.

    normalize_file(Path("june.csv"), Path("june.parquet"), Rules(ZoneInfo("America/Chicago"), 15))

CSV, Parquet, NEM12 and Green Button are told apart by their content. Memory holds one portion of the readings; the file is
written under another name and takes its own when it is whole.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from airflow_provider_integrations.connectors.historian.intervals import (
    Kind,
    Readings,
    Refusal,
    place,
)
from airflow_provider_integrations.connectors.historian.intervals_clock import Clock, clock_of
from airflow_provider_integrations.connectors.historian.intervals_days import (
    Day,
    days_of,
    interval_rows,
    missing_slots,
)
from airflow_provider_integrations.connectors.historian.intervals_outputs import Outputs, Writer
from airflow_provider_integrations.connectors.historian.intervals_sources import Source, open_source
from airflow_provider_integrations.connectors.historian.intervals_spool import Intake, RejectLog, Spool
from airflow_provider_integrations.connectors.historian.model import to_iso
from airflow_provider_integrations.core.errors import ConfigError, RejectedError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.formats.arrow import Array, pc

__all__ = ["PORTION", "Rules", "normalize_file"]

PORTION = 500_000
"""Readings that memory holds at a time, unless one series alone has more."""

_DAYS_TOLD = 50
_SPAN = 100_000 * 60
"""With more slots than these between the first stamp and the last there is a clock for each portion."""
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Rules:
    """How stamps are meant.

    Args:
        zone: Whose local days have the slots, and whose clock local stamps are told by.
        minutes: Length of an interval; a day is a multiple of it.
        ending: Whether stamps end intervals; None for what the source says, or else that they begin them.
        form: Of stamps as text, as `strptime` has it; None for ISO 8601.
        most_rejected: Share of readings that may be refused.
    """

    zone: ZoneInfo
    minutes: int
    ending: bool | None = None
    form: str | None = None
    most_rejected: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.minutes <= 1440 or 1440 % self.minutes:
            raise ConfigError(
                "slots that do not fill a day", minutes=self.minutes, next_step="Use e.g. 15, 30 or 60 minutes."
            )


@dataclass(slots=True)
class _Tally:
    """What is counted over all portions."""

    landed: int = 0
    nulls: int = 0
    duplicates: int = 0
    missing: int = 0
    edges: int = 0
    days: int = 0
    empty: int = 0
    unexpected: int = 0
    examples: list[Day] = field(default_factory=list)
    low: int | None = None
    high: int | None = None
    origins: dict[str, int] = field(default_factory=dict)


def normalize_file(source: Path, out: Path, rules: Rules, *, portion: int = PORTION) -> dict[str, Any]:
    """Write the intervals of a file, and tell what became of each of its readings.

    Args:
        source: CSV, Parquet, NEM12 or Green Button.
        out: Parquet with the columns `INTERVALS`, by series in the order in which the source names them, then by time.
        rules: How stamps are meant.
        portion: Readings that memory holds at a time.

    Returns:
        The report: numbers of rows, slots, missing slots, duplicates, refusals by reason, and days that are not full.

    Raises:
        RejectedError: the file cannot be read, or more of it is refused than allowed; the refusals are kept, and `out` is as
            it was.
        OSError: of the file system.
    """
    outputs = Outputs(out)
    if any(final.exists() and source.exists() and source.samefile(final) for final in outputs.finals.values()):
        raise ConfigError("a file would replace its own source", path=str(out), next_step="Give another --out.")
    try:
        told = _normalized(source, outputs, rules, portion)
        outputs.publish("intervals", "rejects", "missing")
    except RejectedError:
        outputs.publish("rejects")
        raise
    finally:
        outputs.discard()
    return told


def _normalized(source: Path, outputs: Outputs, rules: Rules, portion: int) -> dict[str, Any]:
    """Read, place and write; the files have their drafts' names yet."""
    intake, tally = Intake(RejectLog(outputs.drafts["rejects"])), _Tally()
    try:
        with ExitStack() as stack:
            opened = stack.enter_context(open_source(source, rules.minutes, rules.ending, rules.form, intake))
            spool = stack.enter_context(Spool(outputs.drafts["intervals"].parent))
            for block in opened.blocks:
                spool.add(block)
            writer = stack.enter_context(Writer(outputs))
            clocks = _Clocks(rules, spool.low, spool.high, ending=opened.ending)
            for readings in spool.portions(portion):
                _work(readings, intake, clocks, tally, writer)
    finally:
        intake.rejects.close()
    told = _report(source, outputs, opened, rules, intake, tally)
    refused = told["rejected"]
    if not tally.landed:
        raise RejectedError(Reason.NO_ROWS, rows=intake.rows, rejects=told["rejects"])
    if refused > rules.most_rejected * (refused + tally.landed + tally.duplicates):
        raise RejectedError(
            Reason.TOO_MANY_REJECTS,
            rows=intake.rows,
            rejected=refused,
            allowed_share=rules.most_rejected,
            rejects=told["rejects"],
        )
    return told


class _Clocks:
    """One clock for all portions, or one for each where stamps lie far apart."""

    def __init__(self, rules: Rules, low: int, high: int, *, ending: bool) -> None:
        self._rules, self._ending = rules, ending
        self._held: tuple[Clock, Array] | None = None
        if high - low <= _SPAN * rules.minutes:
            clock = self._made(low, high)
            self._held = clock, clock.local_texts(np.arange(len(clock.slots), dtype=np.int32))

    def of(self, readings: Readings) -> tuple[Clock, Array | None]:
        """A clock that holds these stamps, and the local texts of its slots where they are known."""
        return self._held or (self._made(int(readings.stamp.min()), int(readings.stamp.max())), None)

    def _made(self, low: int, high: int) -> Clock:
        return clock_of(self._rules.zone, self._rules.minutes * 60, low, high, ending=self._ending)


def _work(readings: Readings, intake: Intake, clocks: _Clocks, tally: _Tally, writer: Writer) -> None:
    """One portion: its slots, rows, gaps and days."""
    clock, texts = clocks.of(readings)
    series, traits = list(intake.series), list(intake.traits)
    placed = place(readings, clock, traits)
    for reason, refused in placed.refused:
        _log(reason, refused, series, intake.rejects)
    writer.write(interval_rows(placed, clock, series, traits, texts), missing := missing_slots(placed, clock, series))
    tally.landed += len(placed.readings)
    tally.nulls += int(np.isnan(placed.readings.value).sum())
    tally.duplicates += placed.duplicates
    tally.missing += pc.sum(missing.column("slots")).as_py() or 0
    tally.edges += pc.sum(missing.filter(missing.column("edge")).column("slots")).as_py() or 0
    one = len(traits) == 1
    for number, count in enumerate([len(placed.readings)] if one else np.bincount(placed.readings.trait).tolist()):
        if count:
            origin = traits[number].origin.value
            tally.origins[origin] = tally.origins.get(origin, 0) + count
    days = days_of(placed, clock, _DAYS_TOLD - len(tally.examples))
    tally.days, tally.empty = tally.days + days.seen, tally.empty + days.empty
    tally.unexpected += days.unexpected
    tally.examples += days.examples
    if len(placed.numbers):
        first, last = int(clock.starts[placed.numbers.min()]), int(clock.starts[placed.numbers.max() + 1])
        tally.low = first if tally.low is None else min(tally.low, first)
        tally.high = last if tally.high is None else max(tally.high, last)


def _log(reason: Refusal, refused: Readings, series: list[tuple[str, str]], log: RejectLog) -> None:
    instant = refused.kind == Kind.INSTANT
    texts = np.datetime_as_string(refused.stamp.astype("datetime64[s]")).tolist()
    for at, text in enumerate(texts):
        point, channel = series[refused.series[at]]
        value = float(refused.value[at])
        log.add(
            reason, int(refused.row[at]), point=point, channel=channel, stamp=f"{text}Z" if instant[at] else text,
            value=None if value != value else repr(value),
        )  # fmt: skip


def _report(
    source: Path, outputs: Outputs, opened: Source, rules: Rules, intake: Intake, tally: _Tally
) -> dict[str, Any]:
    counts = {reason.value: count for reason, count in sorted(intake.rejects.counts.items())}
    superseded = counts.pop(Refusal.SUPERSEDED.value, 0)
    names = list(intake.series)
    days = [
        {
            "service_point": names[one.series][0], "channel": names[one.series][1],
            "local_date": one.day.isoformat(), "slots": one.slots, "expected": one.expected,
        }
        for one in tally.examples
    ]  # fmt: skip
    return {
        "file": source.name,
        "format": opened.form,
        "zone": rules.zone.key,
        "minutes": rules.minutes,
        "stamps": "ending" if opened.ending else "beginning",
        "rows": intake.rows,
        "slots": tally.landed,
        "series": len(names),
        "service_points": len({point for point, _ in names}),
        "from": None if tally.low is None else to_iso(tally.low * _SECOND),
        "to": None if tally.high is None else to_iso(tally.high * _SECOND),
        "without_value": tally.nulls,
        "origins": dict(sorted(tally.origins.items())),
        "missing": tally.missing,
        "missing_at_edges": tally.edges,
        "duplicates": tally.duplicates,
        "superseded": superseded,
        "rejected": sum(counts.values()),
        "rejects": counts,
        "days": tally.days,
        "days_without_any": tally.empty,
        "days_unexpected": tally.unexpected,
        "unexpected": days,
        **intake.facts,
        "out": str(outputs.finals["intervals"]),
        "rejects_file": str(outputs.finals["rejects"]) if counts or superseded else None,
        "missing_file": str(outputs.finals["missing"]),
    }
