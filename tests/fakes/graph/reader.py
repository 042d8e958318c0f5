"""The simplest reader of deltas that the documentation allows: what the server is tested with, and nothing else.

It knows no faults. It merges as the overview says: the last occurrence wins, what is missing is unchanged, null is
cleared, `@removed` and `deleted` go, links are changes of a relation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

__all__ = ["Copy", "error", "items", "pages", "read"]

Body = dict[str, Any]


def pages(client: httpx.Client, url: str, **headers: str) -> list[Body]:
    """Every page of a round, followed by its links."""
    return read(lambda link: client.get(link, headers=headers).raise_for_status().json(), url)


def read(get: Callable[[str], Body], url: str) -> list[Body]:
    """Every page of a round; `get` answers a link."""
    found = []
    while True:
        body = get(url)
        found.append(body)
        if "@odata.nextLink" not in body:
            return found
        url = body["@odata.nextLink"]


def items(client: httpx.Client, url: str, **headers: str) -> tuple[list[Body], str]:
    """What a round tells, and its deltaLink."""
    found = pages(client, url, **headers)
    return [item for page in found for item in page["value"]], found[-1]["@odata.deltaLink"]


def error(response: httpx.Response) -> tuple[int, str]:
    """Status and code of an error."""
    return response.status_code, response.json()["error"]["code"]


@dataclass
class Copy:
    """What a reader holds after the rounds that it read."""

    rows: dict[str, Body] = field(default_factory=dict)
    links: dict[str, set[str]] = field(default_factory=dict)

    def merge(self, told: Iterable[Body], *, full: bool = False) -> None:
        """Apply one round in its order; what a full round does not tell is gone, memberships too."""
        if full:
            self.rows, self.links = {}, {}
        for item in told:
            thing_id = item["id"]
            if "@removed" in item or "deleted" in item:
                self.rows.pop(thing_id, None)
                self.links.pop(thing_id, None)
                continue
            self.rows.setdefault(thing_id, {}).update(
                {name: value for name, value in item.items() if name != "id" and "@" not in name}
            )
            for link in item.get("members@delta", []):
                held = self.links.setdefault(thing_id, set())
                (held.discard if "@removed" in link else held.add)(link["id"])
