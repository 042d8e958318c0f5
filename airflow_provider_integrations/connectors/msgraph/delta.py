"""One round of changes as a conversation: it yields requests and pages, is sent responses, and returns the next link.

The driver lands each `Page` and keeps its `next_link` before it goes on; it keeps a `Restart` likewise, and nothing that was
landed before one may ever be applied. The link of the `RoundEnd` replaces the kept one when all of the round is loaded.

    conversation = run_round(start, query)
    step = next(conversation)  # a Request
    step = conversation.send(response)  # a Page, a Restart, or an error

Source of all that is not named otherwise: learn.microsoft.com/graph/delta-query-overview.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from airflow_provider_integrations.connectors.msgraph.answers import RESYNC, error_codes, fail, is_expired, read_page
from airflow_provider_integrations.connectors.msgraph.model import (
    Conversation,
    LinkKind,
    Page,
    Protocol,
    Request,
    Response,
    Restart,
    RoundEnd,
    RoundStart,
)
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.core.errors import ConfigError, StalledError, SystemicError

__all__ = ["run_round"]


def run_round(start: RoundStart, query: Query, *, restarts: int = 5, empty_pages: int = 10_000) -> Conversation:
    """Ask for all pages of a round.

    Args:
        start: Where it begins, or goes on.
        query: What is tracked.
        restarts: How often it may begin anew before it gives up.
        empty_pages: How many pages without objects may follow each other.

    Raises:
        SystemicError: the server broke the protocol, sent a link to another place or one that comes again, or refused the
            request as malformed: nothing begins anew.
        StalledError: the round began anew too often, or pages stay empty for ever.
        ConfigError: access is denied, there is no such resource, it has no latest link, or the server cuts the enumeration.
        TransientError: the service cannot answer now.
    """
    at, empty = start, 0
    reasons: list[str] = []
    seen: set[bytes] = set()  # Digests of the attempt's links: a million objects are some thousand pages.
    while True:
        seen.add(_digest(at.link))
        response = yield Request(query.endpoint.check(at.link), query.headers(at.kind, full=at.full))
        assert isinstance(response, Response), "a request is answered by a response"
        if response.status != 200:
            at, reason = _begin_anew(at, query, response)
            reasons.append(reason)
            if len(reasons) > restarts:
                raise StalledError(
                    "the server ends the round again and again",
                    resource=query.resource,
                    reasons=tuple(reasons),
                    next_step="Try again later; a smaller $select or a larger page makes a round shorter.",
                )
            yield Restart(at.attempt, at.full, reason, at.link, at.kind)
            seen, empty = set(), 0
            continue
        bare = query.protocol is Protocol.DATAVERSE and at.kind is LinkKind.DELTA
        body = read_page(response, may_be_bare=bare)
        next_link, end_link = body.next_link, body.end_link
        if not next_link and not end_link:
            end_link = at.link  # Nothing changed: the link that was followed stays good.
        if at.latest and body.items:
            # "The response contains a deltaLink and no resource data."
            raise ConfigError(
                "the resource has no latest link", resource=query.resource, next_step="Begin with all objects."
            )
        query.endpoint.check(next_link or end_link)
        if next_link and _digest(next_link) in seen:
            raise SystemicError(
                "a nextLink that comes again",
                resource=query.resource,
                pages=at.pages + 1,
                next_step="The round would never end, or end with part of the data. Try again; then ask Microsoft.",
            )
        # A page may be empty and yet not be the last one.
        empty = 0 if body.items else empty + 1
        if empty > empty_pages:
            raise StalledError("pages stay empty", resource=query.resource, pages=empty, next_step="Try again later.")
        at = replace(at, pages=at.pages + 1)
        yield Page(
            at.round, at.attempt, at.pages, at.full, at.items + 1, body.items, next_link=next_link, end_link=end_link
        )
        at = replace(at, items=at.items + len(body.items), link=next_link, kind=LinkKind.NEXT)
        del response, body  # What is landed is not held while the next page is waited for.
        if end_link and at.full and query.most is not None and at.items >= query.most:
            raise ConfigError(
                "an enumeration that the server cuts",
                resource=query.resource,
                items=at.items,
                most=query.most,
                next_step="Leave out the filter: with it Microsoft brings no more, and the others would count as deleted.",
            )
        if end_link:
            return RoundEnd(at.round, at.attempt, at.full, at.pages, at.items, tuple(reasons), link=end_link)


def _begin_anew(at: RoundStart, query: Query, response: Response) -> tuple[RoundStart, str]:
    """Where the round goes on after an answer that is no page, and why; raises where it does not.

    - 410 with a Location, "containing a request URL": that is followed, and enumerates everything.
    - 410 without one, or a code that asks for a resync: everything is enumerated from our own first request.
    - A code of an expired token, with 400, 410 or any other 4xx ("a 40X-series error with error codes such as
      syncStateNotFound"): a delta link is lost, so everything is enumerated. A nextLink is lost, so this round alone begins
      anew, by the link that it began with; if that is lost too, its own answer says so.
    - Any other refusal is an error. A 400 that names no such code may be a damaged link or a wrong option, which no restart
      mends and which a full enumeration would only hide.
    """
    codes = error_codes(response)
    resync = any(code.lower() in RESYNC for code in codes)
    expired = is_expired(codes)
    if not (response.status == 410 or (400 <= response.status < 500 and (resync or expired))):
        fail(response, query.resource)
    reason = next((code for code in codes if is_expired((code,)) or code.lower() in RESYNC), str(response.status))
    location = response.header("location") if response.status == 410 else None
    anew = replace(at, attempt=at.attempt + 1, pages=0, items=0)
    if location:
        fresh = query.endpoint.check(query.fresh_url(query.endpoint.check(location, base=at.link)))
        return replace(anew, full=True, link=fresh, kind=LinkKind.FRESH, origin="", latest=False), reason
    if at.kind is LinkKind.NEXT and at.origin and expired and not resync:
        return replace(anew, link=at.origin, kind=LinkKind.DELTA), reason
    first = query.initial_url(latest=at.latest)
    return replace(anew, full=not at.latest, link=first, kind=LinkKind.INITIAL, origin=""), reason


def _digest(link: str) -> bytes:
    return hashlib.blake2b(link.encode(), digest_size=16).digest()
