"""How far the backfills of a historian's source are, and which gaps it has: one page, which asks for itself every ten seconds.

Done is told in time: seconds of all tags' spans together, since nobody knows how many samples are to come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

from airflow_provider_integrations.core.gap import KnownGap
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.ledger.historian import ProgressRecord
from airflow_provider_integrations.ui.pages import page_of, table_of

__all__ = ["RunProgress", "historian_json", "historian_page", "runs_of"]

_FRESH = timedelta(minutes=1)
"""A worker that reads says so every five seconds."""
_SECOND = 1_000_000_000
_MOST = 200


@dataclass(frozen=True, slots=True)
class RunProgress:
    """One run of a source.

    Args:
        run, why: Its name, and whether it was by `schedule`, of a `span` or for `gaps`.
        begin, end: Of all its items, in nanoseconds.
        items: How many it has, by state.
        seconds_done, seconds_total: Of all tags' spans.
        samples: Landed, or read so far.
        rate: Samples a second of those that are being read now.
        eta: Until all is read at the pace of now; None while nothing is read.
        newest: Discovery of its items.
    """

    run: str
    why: str
    begin: int
    end: int
    items: Mapping[str, int]
    seconds_done: float
    seconds_total: float
    samples: int
    rate: float
    eta: timedelta | None
    newest: datetime

    @property
    def share(self) -> float:
        """Of all, from 0 to 1; 1 only where nothing is left."""
        return self.seconds_done / self.seconds_total if self.seconds_total else 1.0


def runs_of(items: Iterable[WorkItem], progress: Iterable[ProgressRecord], now: datetime) -> list[RunProgress]:
    """The runs of work items, the latest first; those that were given up do not count."""
    told = {each.item_id: each for each in progress}
    runs: dict[str, list[WorkItem]] = {}
    for item in items:
        if "run" in item.facts and item.state is not State.DUPLICATE:
            runs.setdefault(str(item.facts["run"]), []).append(item)
    found = [_run(name, some, told, now) for name, some in runs.items()]
    return sorted(found, key=lambda run: run.newest, reverse=True)


def historian_page(source: str, runs: Sequence[RunProgress], gaps: Sequence[KnownGap]) -> str:
    """The page of one source."""
    rows = "".join(
        f"<tr><td><code>{escape(run.run)}</code><br>{escape(run.why)}</td>"
        f"<td>{escape(_instant(run.begin))}<br>{escape(_instant(run.end))}</td>"
        f"<td><progress max=1 value={run.share:.6f}></progress> {_percent(run.share)}</td>"
        f"<td>{run.seconds_done / 3600:,.1f} of {run.seconds_total / 3600:,.1f}</td>"
        f"<td>{run.samples:,}</td><td>{f'{run.rate:,.0f}/s' if run.rate else ''}</td><td>{_eta(run)}</td>"
        f"<td>{escape(', '.join(f'{count} {state}' for state, count in sorted(run.items.items())))}</td></tr>"
        for run in runs[:_MOST]
    )
    names = ("Run", "From, to", "Read", "Tag hours", "Samples", "Rate", "ETA", "Items")
    head = "".join(f"<th>{name}</th>" for name in names)
    table = f"<table><tr>{head}</tr>{rows}</table>" if rows else "<p>None.</p>"
    table += f"<p>{len(runs) - _MOST} earlier ones are in the ledger.</p>" if len(runs) > _MOST else ""
    shown = [
        (one.gap.tag, _instant(one.gap.begin), _instant(one.gap.end), one.gap.reason, one.gap.expected, one.gap.found,
         one.attempts, one.opened_at)
        for one in gaps[:_MOST]
    ]  # fmt: skip
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(_by_reason(gaps).items()))
    more = f"<p>{len(gaps) - _MOST} more are in the ledger.</p>" if len(gaps) > _MOST else ""
    return page_of(
        f"Historian backfills · {source}",
        f"{table}<h2>Open gaps</h2><p>{escape(counts)}</p>"
        + table_of(("Tag", "From", "To", "Reason", "Expected", "Found", "Attempts", "Opened"), shown)
        + more,
        refresh=10,
    )


def historian_json(runs: Sequence[RunProgress], gaps: Sequence[KnownGap]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "runs": [
            {
                **asdict(run),
                "items": dict(run.items),
                "begin": _instant(run.begin),
                "end": _instant(run.end),
                "newest": run.newest.isoformat(),
                "share": round(run.share, 6),
                "eta": None if run.eta is None else round(run.eta.total_seconds(), 1),
            }
            for run in runs
        ],
        "open_gaps": _by_reason(gaps),
    }


def _run(name: str, items: Sequence[WorkItem], told: Mapping[str, ProgressRecord], now: datetime) -> RunProgress:
    done, total, pace, rate, samples = 0.0, 0.0, 0.0, 0.0, 0
    for item in items:
        seconds = len(item.facts["tags"]) * (item.facts["end"] - item.facts["begin"]) / _SECOND
        total += seconds
        if item.state is not State.DISCOVERED:
            done += seconds
            samples += int(item.facts.get("rows_landed", 0))
        elif (last := told.get(item.id)) is not None:
            done += min(last.seconds_done, seconds)
            samples += last.samples
            if last.elapsed > 0 and now - last.updated_at <= _FRESH:
                pace += (last.seconds_done - last.seconds_before) / last.elapsed
                rate += last.samples / last.elapsed
    left = total - done
    eta = timedelta() if left <= 0 else timedelta(seconds=min(left / pace, 1e9)) if pace > 0 else None
    return RunProgress(
        run=name,
        why=str(items[0].facts.get("why", "")),
        begin=min(int(item.facts["begin"]) for item in items),
        end=max(int(item.facts["end"]) for item in items),
        items=dict(Counter(item.state.value for item in items)),
        seconds_done=done,
        seconds_total=total,
        samples=samples,
        rate=rate,
        eta=eta,
        newest=max(item.discovered_at for item in items),
    )


def _by_reason(gaps: Iterable[KnownGap]) -> dict[str, int]:
    return dict(Counter(one.gap.reason.value for one in gaps))


def _percent(share: float) -> str:
    """Never 100 while something is left."""
    return "100 %" if share >= 1 else f"{min(100 * share, 99.9):.1f} %"


def _eta(run: RunProgress) -> str:
    if run.eta is None:
        return ""
    return "done" if not run.eta else str(timedelta(seconds=round(run.eta.total_seconds()) or 1))


def _instant(ns: int) -> str:
    seconds, rest = divmod(ns, _SECOND)
    whole = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{rest:09d}Z" if rest else f"{whole}Z"
