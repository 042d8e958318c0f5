"""What a server's page has for a window: its values in order, and the run of the last instant apart from the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airflow_provider_integrations.connectors.historian.model import Span
from airflow_provider_integrations.connectors.historian.opcua_decode import Values, no_values
from airflow_provider_integrations.connectors.historian.opcua_status import is_bound

__all__ = ["Sorted", "head_of", "of_window", "repeated", "sort_page", "split_last"]


@dataclass(frozen=True, slots=True)
class Sorted:
    """A page's values, and whether they came ascending."""

    values: Values
    came_sorted: bool


def of_window(values: Values, span: Span) -> tuple[Values, Values, Values]:
    """What lies in the window, before it, and after it.

    A bound that is not there (BadBoundNotFound) is no data. Servers differ in whether the end belongs to the window, and some
    give bounds that nobody asked for.

    Raises:
        ValueError: a value without any time.
    """
    inside = values.timed & (values.ts >= span.begin) & (values.ts < span.end)
    missing = np.zeros(len(values), bool)
    for code in np.unique(values.status).tolist():
        if is_bound(int(code)):
            missing |= values.status == code
    if (~values.timed & ~missing).any():
        raise ValueError("a value without any time")
    if inside.all() and not missing.any():
        return values, no_values(), no_values()
    there = values.timed & ~missing
    parts = (inside & there, there & (values.ts < span.begin), there & (values.ts >= span.end))
    within, before, after = (values.taken(np.flatnonzero(part)) for part in parts)
    return within, before, after


def sort_page(values: Values) -> Sorted:
    """Ascending by time; values of one instant stay in the order of the server."""
    if len(values) < 2 or bool((values.ts[1:] >= values.ts[:-1]).all()):
        return Sorted(values, came_sorted=True)
    return Sorted(values.taken(np.argsort(values.ts, kind="stable")), came_sorted=False)


def split_last(values: Values) -> tuple[Values, Values]:
    """What lies before the last instant, and the run of that instant; the values are sorted, and there are some."""
    at = int(np.searchsorted(values.ts, values.ts[-1], side="left"))
    return values.part(0, at), values.part(at, len(values))


def head_of(values: Values, instant: int) -> Values:
    """The values of one instant at the beginning."""
    return values.part(0, int(np.searchsorted(values.ts, instant, side="right")))


def repeated(values: Values, previous: Values, same_point: bool) -> bool:
    """Whether a page came again: values of one instant may be alike, but not where the point stands still."""
    return len(values) > 0 and values.same(previous) and (same_point or bool(values.ts[0] != values.ts[-1]))
