"""From what a run of a DAG was given to what is asked of a historian; and a plan in words, before anything is read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from airflow_provider_integrations.connectors.historian.job import HistorianJob
from airflow_provider_integrations.connectors.historian.model import Span, from_iso, to_iso
from airflow_provider_integrations.connectors.historian.run_plan import RunPlan
from airflow_provider_integrations.connectors.historian.runs import Asked
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["Given", "asked_of", "described"]

_ORDERS = {"": None, "oldest": False, "newest": True}
_SHOWN = 20


class Given:
    """Params of a run as templates render them: nothing is an empty text or the word None.

    Args:
        begin, end: ISO 8601 instants, in UTC without an offset.
        tags: Names or patterns, or a JSON list of them.
        order: `oldest` or `newest` first.

    Raises:
        ConfigError: for an order that there is not, or tags that are no list.
    """

    def __init__(
        self, *, begin: str | None = None, end: str | None = None, tags: Sequence[str] | str | None = None,
        order: str | None = None,
    ) -> None:  # fmt: skip
        self.begin, self.end = _text(begin), _text(end)
        self.tags = _tags(tags)
        if _text(order) not in _ORDERS:
            raise ConfigError("no such order", order=order, next_step="There are oldest and newest.")
        self.newest_first = _ORDERS[_text(order)]

    @property
    def is_span(self) -> bool:
        """Whether a span is asked for, or some tags alone."""
        return bool(self.begin or self.end or any(each != "*" for each in self.tags))


def asked_of(
    job: HistorianJob, given: Given, *, request: str, interval: tuple[datetime, datetime] | None, backfill: bool
) -> Asked:
    """What a run is asked to do.

    Params ask for their span; a run of `airflow backfill create` for its data interval; a run on the schedule, or one by hand
    without params, for all that is new up to the end of its data interval.

    Args:
        job: The source.
        given: The params.
        request: Id of the run.
        interval: The run's data interval; None of a run that has none.
        backfill: Whether it is one of `airflow backfill create`.

    Raises:
        ConfigError: an instant that is none, or a span that ends before it begins.
    """
    now = _nanoseconds(job.clock())
    end = now if interval is None else _nanoseconds(interval[1])
    tags = tuple(each for each in given.tags if each != "*") if "*" not in given.tags else ()
    if given.is_span:
        begin = from_iso(given.begin) if given.begin else _nanoseconds(job.source.begin)
        span = Span(begin, from_iso(given.end) if given.end else end)
        return Asked(request, span=span, tags=tags, newest_first=given.newest_first)
    if backfill and interval is not None:
        span = Span(_nanoseconds(interval[0]), end)
        return Asked(request, span=span, newest_first=given.newest_first)
    return Asked(request, until=min(end, now), newest_first=given.newest_first)


def described(job: HistorianJob, plan: RunPlan) -> dict[str, Any]:
    """A plan for a log and an XCom: how many items, tags and samples by the catalog, and the first items themselves."""
    periods = {entry.name: entry.period for entry in job.entries}
    due = [
        (work.span.end - work.span.begin) / period
        for work in plan.works
        for tag in work.tags
        if (period := periods.get(tag.name))
    ]
    by_exception = [tag.name for tag in plan.tags if not periods.get(tag.name)]
    return {
        "source": job.source.source,
        "items": len(plan.works),
        "tags": len(plan.tags),
        "from": to_iso(min(work.span.begin for work in plan.works)) if plan.works else None,
        "to": to_iso(max(work.span.end for work in plan.works)) if plan.works else None,
        "samples_estimated": round(sum(due)),
        "tags_of_unknown_cadence": len(by_exception),
        "moves_the_watermark": plan.advances,
        "first_items": [
            {
                "from": to_iso(work.span.begin),
                "to": to_iso(work.span.end),
                "tags": len(work.tags),
                "first_tags": [tag.name for tag in work.tags[:3]],
            }
            for work in plan.works[:_SHOWN]
        ],
    }


def _text(value: str | None) -> str:
    text = "" if value is None else str(value).strip()
    return "" if text in ("None", "null") else text


def _tags(value: Sequence[str] | str | None) -> tuple[str, ...]:
    tags: Any = value
    if isinstance(value, str):
        text = _text(value)
        try:
            tags = json.loads(text) if text.startswith("[") else [text] if text else []
        except ValueError:
            tags = None
    if tags is None and value is None:
        return ()
    if not isinstance(tags, list | tuple) or not all(isinstance(each, str) and each for each in tags):
        raise ConfigError("tags are no list of names", next_step='Write ["plant1.boiler1.*", "plant1.turbine1.speed"].')
    return tuple(tags)


def _nanoseconds(moment: datetime) -> int:
    return from_iso(moment.astimezone(UTC).isoformat())
