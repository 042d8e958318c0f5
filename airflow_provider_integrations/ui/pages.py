"""HTML of the pages, as pure functions: every value is escaped, since names and details come from partners.

>>> "<script>" in link_list("Data docs", [("/x", "<script>")])
False
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import Enum
from html import escape
from typing import Any
from urllib.parse import quote

from airflow_provider_integrations.core.work_item import WorkItem

__all__ = ["item_json", "item_page", "items_page", "link_list", "page_of", "table_of"]

_STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1f2933}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0}td:first-child{white-space:nowrap}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #d9dee3}"
    "td{overflow-wrap:anywhere}code{font-size:.9em}.state{font-weight:600}"
    "@media(prefers-color-scheme:dark){body{background:#111820;color:#dde3ea}a{color:#7cb8ff}"
    "th,td{border-color:#33404d}}"
)


def item_page(item: WorkItem, history: Sequence[Any], *, docs: str | None = None) -> str:
    """One item: what it is, what the steps found out, and how it came to its state."""
    head: list[tuple[str, Any]] = [
        ("Source", item.source),
        ("Path", item.path),
        ("State", item.state.value),
        ("Reason", item.reason),
    ]
    head += [("Detail", item.detail), ("Attempts", item.attempts), ("Discovered", item.discovered_at)]
    head += [("Updated", item.updated_at), ("Replay of", item.replay_of), ("Moved away", item.disposed_at)]
    events = [
        (event.at, event.event, event.old_state, event.new_state, event.owner, event.reason, event.detail)
        for event in history
    ]
    link = f'<p><a href="{escape(docs)}">Data docs</a></p>' if docs else ""
    return page_of(
        f"{item.name} · {item.state.value}",
        f"<p><code>{escape(item.id)}</code></p>{link}"
        + table_of(("", ""), [row for row in head if row[1] is not None])
        + "<h2>Facts</h2>"
        + table_of(("Fact", "Value"), sorted(item.facts.items()))
        + "<h2>History</h2>"
        + table_of(("When", "What", "From", "To", "By", "Reason", "Detail"), events),
    )


def items_page(items: Sequence[WorkItem], *, base: str) -> str:
    """Several items with links to each, below `base`."""
    rows = "".join(
        f'<tr><td><a href="{escape(base)}/{quote(item.id, safe="")}">{escape(item.name)}</a></td>'
        f"<td>{escape(item.source)}</td><td class=state>{escape(item.state.value)}</td>"
        f"<td>{_text(item.reason)}</td><td>{_text(item.updated_at)}</td></tr>"
        for item in items
    )
    head = "".join(f"<th>{name}</th>" for name in ("File", "Source", "State", "Reason", "Updated"))
    return page_of("Work items", f"<table><tr>{head}</tr>{rows}</table>")


def link_list(title: str, links: Iterable[tuple[str, str]]) -> str:
    """A page of links, each an address and a text."""
    entries = "".join(f'<li><a href="{escape(address)}">{escape(text)}</a></li>' for address, text in links)
    return page_of(title, f"<ul>{entries}</ul>")


def item_json(item: WorkItem, history: Sequence[Any]) -> dict[str, Any]:
    """The same as `item_page` for programs."""
    return {"item": _plain(asdict(item)), "history": [_plain(asdict(event)) for event in history]}


def page_of(title: str, body: str, *, refresh: int = 0) -> str:
    """A whole page; `body` is HTML, and the page asks for itself after `refresh` seconds, if any."""
    again = f'<meta http-equiv=refresh content="{refresh}">' if refresh else ""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8>{again}<title>{escape(title)}</title>"
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>{body}</html>"
    )


def table_of(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table of values, each of them escaped."""
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = "".join(f"<tr>{''.join(f'<td>{_text(value)}</td>' for value in row)}</tr>" for row in rows)
    return f"<table><tr>{names}</tr>{lines}</table>" if lines else "<p>None.</p>"


def _text(value: Any) -> str:
    if value is None:
        return ""
    plain = _plain(value)
    return escape(plain if isinstance(plain, str) else json.dumps(plain, sort_keys=True))


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, (list, tuple)) else value
