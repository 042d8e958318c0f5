"""What a link was made for. A link carries its options within: asked with others it would go on with the old ones, silently.

>>> kept = Fingerprint((("select", "id,mail"),))
>>> [each.name for each in differences(kept, Fingerprint((("select", "id,mail,city"),)))]
['select']
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.core.errors import StateConflictError

__all__ = ["Difference", "Fingerprint", "check_fingerprint", "differences", "fingerprint_of"]

_IDENTITY = ("protocol", "endpoint", "tenant", "resource", "key")
_PAGE_SIZE = "odata.maxpagesize"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Names and canonical texts of all that a link depends on, sorted by name."""

    parts: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, parts: Iterable[tuple[str, str]]) -> Fingerprint:
        """With the empty ones left out."""
        return cls(tuple(sorted((name, value) for name, value in parts if value)))


@dataclass(frozen=True, slots=True)
class Difference:
    """One part that is not as it was; `kept` or `wanted` is empty where it was not there."""

    name: str
    kept: str
    wanted: str

    @property
    def whose(self) -> bool:
        """Whether other objects are meant altogether: another tenant, cloud, resource or key."""
        return self.name in _IDENTITY


def fingerprint_of(query: Query) -> Fingerprint:
    """What the links of a query depend on.

    The order of names in `$select` and `$expand` and of preferences says nothing, nor does the size of a page. A window of a
    calendar view is an option: the token has it within (learn.microsoft.com/graph/delta-query-events).
    """
    preferences = sorted(re.sub(r"\s+", "", each).lower() for each in query.prefer)
    options = [(f"option {name}", value) for name, value in query.options if name.lower() not in ("$top", "$orderby")]
    return Fingerprint.of(
        [
            ("protocol", query.protocol.value),
            ("endpoint", query.endpoint.url.lower()),
            ("tenant", query.tenant.lower()),
            ("resource", query.resource),
            ("key", query.key),
            ("select", ",".join(sorted(set(query.select)))),
            ("filter", query.filter.strip()),
            ("expand", ",".join(sorted(_split(query.expand)))),
            ("prefer", ",".join(each for each in preferences if not each.startswith(_PAGE_SIZE))),
            *options,
        ]
    )


def differences(kept: Fingerprint, wanted: Fingerprint) -> tuple[Difference, ...]:
    """What is not as it was, by name."""
    before, after = dict(kept.parts), dict(wanted.parts)
    return tuple(
        Difference(name, before.get(name, ""), after.get(name, ""))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )


def check_fingerprint(kept: Fingerprint, query: Query, *, resync: bool = False) -> tuple[str, ...]:
    """The names of what a planned resync is for; none where the link fits.

    Args:
        kept: With the link.
        query: What is to be tracked now.
        resync: Whether a change of options is planned: everything is then enumerated with the new ones.

    Raises:
        StateConflictError: something changed and no resync is planned, or the state is of other objects altogether, which no
            resync could tell from deleted ones.
    """
    found = differences(kept, fingerprint_of(query))
    names = tuple(each.name for each in found)
    if whose := tuple(each.name for each in found if each.whose):
        raise StateConflictError(
            "the kept state is of another source",
            changed=whose,
            next_step="Give this source a state of its own; with the kept one all its objects would count as deleted.",
        )
    if found and not resync:
        raise StateConflictError(
            "the options are not those that the kept link was made with",
            changed=names,
            was=tuple(each.kept for each in found),
            now=tuple(each.wanted for each in found),
            next_step="Put them back, or plan a resync: rows would be half filled with the kept link.",
        )
    return names


def _split(expand: str) -> Iterable[str]:
    """Parts of an `$expand` between commas outside of brackets."""
    part, depth = "", 0
    for character in expand:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            yield part.strip()
            part = ""
        else:
            part += character
    if part.strip():
        yield part.strip()
