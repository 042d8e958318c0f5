"""Buttons on a task's page: to the ledger's items and to the data docs, both served by `ui.plugin`.

An operator pushes the XCom `integrations_item` (an item id or a list of them) and `integrations_docs` (the path of
a data docs page, or a list of them); Airflow stores the link when the task ends, whatever its state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from airflow.sdk import BaseOperatorLink, conf

from airflow_provider_integrations.ui.docs_folder import docs_address, relative_page

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey
    from upath import UPath

__all__ = [
    "DOCS_XCOM",
    "ITEM_XCOM",
    "DataDocsLink",
    "HistorianProgressLink",
    "LedgerItemLink",
    "docs_path",
    "items_path",
]

ITEM_XCOM = "integrations_item"
DOCS_XCOM = "integrations_docs"
_MOST = 50  # an URL of 50 ids stays under 2 kB, which every proxy takes


class LedgerItemLink(BaseOperatorLink):
    """The ledger items that the task worked on, with their history."""

    name = "Ledger item"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The page of one item, or of all; empty when the task took none."""
        return _absolute(items_path(_pull(ti_key, ITEM_XCOM)))


class DataDocsLink(BaseOperatorLink):
    """The data docs of the gate's verdicts."""

    name = "Data docs"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The page of one batch, or a list of pages; empty when the gate built none."""
        return _absolute(docs_path([relative_page(_docs_folder(), page) for page in _pull(ti_key, DOCS_XCOM)]))


class HistorianProgressLink(BaseOperatorLink):
    """How far the backfills of the task's source are."""

    name = "Backfill progress"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The page of the source, by its name."""
        return _absolute(f"/integrations/historian/{quote(str(getattr(operator, 'source', '')), safe='')}")


def items_path(items: list[str]) -> str:
    """Path of the page that shows these items.

    >>> items_path(["a1"]), items_path(["a1", "b2"]), items_path([])
    ('/integrations/items/a1', '/integrations/items?id=a1&id=b2', '')
    """
    if len(items) == 1:
        return f"/integrations/items/{quote(items[0], safe='')}"
    return f"/integrations/items?{urlencode([('id', item) for item in items[:_MOST]])}" if items else ""


def docs_path(pages: list[str]) -> str:
    """Path of a data docs page, or of a list of them.

    >>> docs_path(["b1/index.html"]), docs_path([])
    ('/integrations/docs/b1/index.html', '')
    """
    if len(pages) == 1:
        return docs_address("/integrations", pages[0])
    return f"/integrations/docs?{urlencode([('page', page) for page in pages[:_MOST]])}" if pages else ""


def _docs_folder() -> UPath:
    from upath import UPath  # not while a DAG file is parsed

    return UPath(conf.get("integrations", "landing_root")) / "docs"


def _pull(ti: Any, key: str) -> list[str]:
    # Airflow 3.3 passes the running task instance, which its own annotation does not say.
    value = ti.xcom_pull(task_ids=ti.task_id, key=key, map_indexes=ti.map_index)
    return [value] if isinstance(value, str) else list(dict.fromkeys(str(entry) for entry in value or ()))


def _absolute(path: str) -> str:
    """Under the path that Airflow itself is served at, e.g. behind a proxy."""
    base = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
    return base + path if path else ""
