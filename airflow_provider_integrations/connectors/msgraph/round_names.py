"""What a round of a source is called: its work items, and where its pages and the known objects stand below the landing root.

::

    graph/<source>/round-00000012/attempt-0000/page-0000001-<session>.parquet
    graph/<source>/known/round-00000012-<item>-<session>.sqlite.zst

A session is one worker's work on a round. No two write the same name, so that a worker that slept through its lease never
replaces a page of its successor; the state says of which session each page is.

>>> item_path(12), base_source("entra_groups__members")
('graph/round-00000012', 'entra_groups')
"""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_integrations.core.work_item import WorkItem

__all__ = ["base_source", "item_path", "known_name", "page_name", "round_name", "source_folder"]


def round_name(number: int) -> str:
    """The name of a round, in the order of its number."""
    return f"round-{number:08d}"


def item_path(number: int) -> str:
    """The path of a round's work items, of the source and of each of its relations."""
    return f"graph/{round_name(number)}"


def base_source(name: str) -> str:
    """The source that a relation is of; a source that is none itself."""
    return name.partition("__")[0]


def source_folder(source: str) -> str:
    """Where all of a source stands below the landing root."""
    return f"graph/{source}"


def page_name(number: int, attempt: int, page: int, sessions: Sequence[tuple[int, str]]) -> str:
    """Where a page stands below the folder of its source.

    Args:
        number, attempt, page: Which.
        sessions: From which page on which session wrote, in their order.
    """
    session = next(name for first, name in reversed(sessions) if first <= page)
    return f"{round_name(number)}/attempt-{attempt:04d}/page-{page:07d}-{session}.parquet"


def known_name(item: WorkItem) -> str:
    """The file of the objects that are known after a round, by the source's item of it.

    The item and the session that read it to its end are part of the name: with another ledger, or after its state was lost, the
    same number is another round.
    """
    return f"{round_name(int(item.facts['round']))}-{item.id[:12]}-{item.facts['session']}.sqlite.zst"
