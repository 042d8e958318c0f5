"""What a reader promises of its pages, asked of each one: a page that lies would be believed for ever."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from airflow_provider_integrations.connectors.historian.columns import values_of
from airflow_provider_integrations.connectors.historian.model import Page, Span, to_iso, unread
from airflow_provider_integrations.connectors.historian.samples import PAGE, ordinals_of
from airflow_provider_integrations.core.errors import SystemicError

__all__ = ["check_page"]

_REQUIRED = tuple(place for place, field in enumerate(PAGE) if not field.nullable)
_TS, _ORDINAL = PAGE.get_field_index("ts"), PAGE.get_field_index("ordinal")


def check_page(page: Page, span: Span, read_to: Mapping[str, int]) -> None:
    """Whether a page goes on where the one before it ended.

    Args:
        page: The page.
        span: What was asked for.
        read_to: How far the pages before it came, by tag.

    Raises:
        SystemicError: it does not; the values say what is still unread.
    """
    if page.tag not in read_to:
        raise SystemicError(
            "the reader gave samples of a tag that was not asked for",
            tag=page.tag,
            asked=sorted(read_to)[:20],
            next_step="Report it with the server's product and version.",
        )
    if problem := _problem(page, span.end, read_to[page.tag]):
        raise unread(
            SystemicError,
            f"the reader gave a page that cannot be: {problem}",
            page.tag,
            Span(read_to[page.tag], span.end),
            page_read_to=to_iso(page.read_to),
            samples=page.samples.num_rows,
            next_step="Run again: what is read is kept. If it stays so, report it with the server's product.",
        )


def _problem(page: Page, end: int, begin: int) -> str:
    """What is wrong with it, in a clause."""
    if page.read_to <= begin:
        return "it brings the reading no further"
    if page.read_to > end:
        return "it ends after the window"
    samples = page.samples
    if not samples.num_rows:
        return ""
    if samples.schema != PAGE:
        return "its columns are others"
    columns = samples.columns
    if sum(columns[place].null_count for place in _REQUIRED):
        return "a sample has no time, ordinal, status or origin"
    ts = values_of(columns[_TS], np.int64)
    if len(ts) > 1 and (ts[1:] < ts[:-1]).any():
        return "its samples are not in the order of time"
    if ts[0] < begin:
        return "it has a sample from before it begins"
    if ts[-1] >= page.read_to:
        return "it has a sample from after it ends"
    ordinals = values_of(columns[_ORDINAL], np.int32)
    if ordinals[0] != 0 or (len(ts) > 1 and not np.array_equal(ordinals, ordinals_of(ts))):
        return "its ordinals do not count the samples of an instant"
    return ""
