"""What a response says: a page of objects with its link, or which error.

Sources: learn.microsoft.com/graph/delta-query-overview; learn.microsoft.com/graph/errors.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from airflow_provider_integrations.connectors.msgraph.model import Item, Response
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    RateLimitedError,
    SystemicError,
    TransientError,
)

__all__ = [
    "EXPIRED",
    "RESYNC",
    "THROTTLED",
    "UNAVAILABLE",
    "PageBody",
    "error_codes",
    "fail",
    "is_expired",
    "read_page",
]

EXPIRED = frozenset(
    {
        "syncstatenotfound",  # errors, "Code property": the delta token is expired
        "directory_expiredpagetoken",  # a skip token of directory objects (msgraph-sdk-dotnet#2254)
        "0x80044352",  # Dataverse's ExpiredVersionStamp: "perform a full sync" (power-apps, cache-schema-data)
    }
)
"""Codes of a token that is no longer known, in small letters."""

RESYNC = frozenset(
    {
        "resyncrequired",  # errors, "Code property": the app must reset the sync state
        "resyncapplydifferences",
        "resyncuploaddifferences",
        "resyncchangesapplydifferences",  # driveitem-delta
        "resyncchangesuploaddifferences",
    }
)
"""Codes that ask for a full enumeration, whatever link was followed."""

THROTTLED = frozenset({429, 503, 504, 509})
"""What may name a time to come back at (errors, "HTTP status codes")."""

UNAVAILABLE = frozenset({408, 500, 502})
"""What may work later and names no time."""

_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class PageBody:
    """The objects of a page, and one link; both links are empty where Dataverse answers that nothing changed."""

    items: tuple[Item, ...] = field(repr=False)
    next_link: str = field(repr=False)
    end_link: str = field(repr=False)


def read_page(response: Response, *, may_be_bare: bool = False) -> PageBody:
    """Read an answer of 200.

    "A page can't contain both @odata.deltaLink and @odata.nextLink" and has one of them: what has none would end a round in
    its middle with no word.

    Args:
        response: With the status 200.
        may_be_bare: No objects and no link mean that nothing changed: "an empty JSON response is returned if no table
            changes have occurred" (Dataverse, use-change-tracking-synchronize-data-external-systems).

    Raises:
        ConnectionLostError: the body is no JSON, as when it was cut.
        SystemicError: it is JSON and no page.
    """
    body = _json(response)
    if body is None and not (may_be_bare and not response.body.strip()):
        raise ConnectionLostError("an answer that is no JSON", size=len(response.body), next_step="Try again.")
    if body is None:
        body = {}
    if not isinstance(body, dict):
        _broken("an answer that is no object")
    following, ending = body.get("@odata.nextLink"), body.get("@odata.deltaLink")
    value = body.get("value", [] if may_be_bare else None)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        _broken("an answer without a list of objects")
    if any(link is not None and not (isinstance(link, str) and link) for link in (following, ending)):
        _broken("an answer whose link is no text")
    if following and ending:
        _broken("an answer with both a nextLink and a deltaLink")
    if not following and not ending and not (may_be_bare and not value):
        _broken("an answer with neither a nextLink nor a deltaLink", items=len(value))
    return PageBody(tuple(value), following or "", ending or "")


def error_codes(response: Response) -> tuple[str, ...]:
    """The codes of an error, the outermost first.

    "Apps should loop through all the error codes available and use the most detailed one that they understand"; messages
    "can change at any time" and are not read (errors, "Code property").
    """
    body = _json(response)
    return tuple(_codes(body.get("error") if isinstance(body, dict) else None))


def is_expired(codes: tuple[str, ...]) -> bool:
    """Whether the codes say that a link is no longer known."""
    return any(code.lower() in EXPIRED for code in codes)


def fail(response: Response, resource: str) -> NoReturn:
    """Raise what an answer means that is no page and asks for no restart; no link and no message of the server is shown."""
    status, codes = response.status, error_codes(response)
    # Both are what Microsoft's support asks for (learn.microsoft.com/graph/best-practices-concept).
    seen = {"resource": resource, "status": status, "codes": codes, "request_id": response.header("request-id")}
    if status == 429:
        raise RateLimitedError("Microsoft asks for a pause", retry_after=0.0, **seen, next_step="Try again later.")
    if status in THROTTLED | UNAVAILABLE:
        raise TransientError("the service cannot answer now", **seen, next_step="Try again later.")
    if status in (401, 403):
        raise ConfigError("access is denied", **seen, next_step="Check the credentials and the permissions granted.")
    if status == 404:
        raise ConfigError("there is no such resource", **seen, next_step="Check its path and the tenant.")
    if 300 <= status < 400:
        raise SystemicError("a redirect, which is not followed", **seen, next_step="Look at what stands in between.")
    raise SystemicError(
        "the service refuses the request",
        **seen,
        next_step="The kept link stays as it is and nothing began anew. Look at the codes; if the link is damaged, resync.",
    )


def _json(response: Response) -> Any:
    try:
        # Floats would cut amounts of money.
        return json.loads(response.body, parse_float=Decimal)
    except (ValueError, RecursionError, InvalidOperation):  # The last of a number that no Decimal holds.
        return None


def _codes(error: object) -> Iterator[str]:
    for _ in range(_DEEPEST):
        if not isinstance(error, dict):
            return
        if isinstance(code := error.get("code"), str) and code:
            yield code[:100]
        error = error.get("innererror", error.get("innerError"))


def _broken(what: str, **values: object) -> NoReturn:
    raise SystemicError(
        what, **values, next_step="Nothing of it is used. Look at what stands between here and the server."
    )
