"""What is kept of a source between its rounds: the link, what it was made for, its age, and a round that is under way.

The state changes in this order, and is kept durably after each: `begin`, then `landed` for each page and `restarted` as it
comes, then `sealed`, then all of the round is loaded, then `committed`. A run that finds a sealed round loads what was landed,
under the same batch ids, and asks nothing again: asked again, the old link would bring other rows and a newer link under the
batch ids that are loaded already, and the changes between would be lost.

The links are secrets: they are encrypted where they rest, and no `repr` shows them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_integrations.connectors.msgraph.fingerprint import (
    Fingerprint,
    check_fingerprint,
    differences,
    fingerprint_of,
)
from airflow_provider_integrations.connectors.msgraph.model import LinkKind, Page, Restart, RoundEnd, RoundStart
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError

__all__ = ["ALARM_AGE", "ASKED", "TOKEN_LIFE", "DeltaState", "Progress", "TokenAge"]

TOKEN_LIFE = timedelta(days=7)
"""Of directory and education objects, and Dataverse's default; Outlook's has no fixed limit (delta-query-overview, "Token
duration"; Dataverse, `ExpireChangeTrackingInDays`)."""

ALARM_AGE = timedelta(days=5)

ASKED = "asked for"
"""Why everything is enumerated again, where a person wants it."""

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class TokenAge:
    """How old the kept link is."""

    age: timedelta
    alarm: bool
    expired: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """A round that is under way.

    Args:
        start: Where it goes on, with what was landed of the attempt.
        fingerprint: Of the options that it was begun with.
        resync: Why a full enumeration is made again, as names of changed options or codes; empty in a first round.
        restarts: Reasons for which it began anew.
        end_link: Of the next round, once all pages are landed: the round is sealed then.
        sealed_at: When that was.
    """

    start: RoundStart
    fingerprint: Fingerprint
    resync: tuple[str, ...] = ()
    restarts: tuple[str, ...] = ()
    end_link: str = field(default="", repr=False)
    sealed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeltaState:
    """Where a source stands.

    Args:
        fingerprint: Of the options that the link was made with; None before the first round has ended.
        link: Of the next round; empty before that.
        obtained_at: When this link was first sent.
        rounds: How many rounds were loaded.
        progress: The round that is under way.
    """

    fingerprint: Fingerprint | None = None
    link: str = field(default="", repr=False)
    obtained_at: datetime | None = None
    rounds: int = 0
    progress: Progress | None = None

    def begin(self, query: Query, *, resync: bool = False, latest: bool = False, anew: bool = False) -> DeltaState:
        """Begin the next round, or go on with the one that is under way; a sealed one stays as it is, to be loaded.

        Args:
            query: What is tracked.
            resync: A person wants a full enumeration, or has changed the options and knows that it takes one.
            latest: Only in the first round: begin with what changes from now on.
            anew: A round that is under way begins anew, as when its link was damaged.

        Raises:
            StateConflictError: the options are not those of the link, or a sealed round has others.
        """
        progress = self.progress
        if progress is not None:
            begun = differences(progress.fingerprint, fingerprint_of(query))
            # Before anything was loaded, another resource or host is the correction of a wrong one, which would never answer.
            first = not (self.rounds or self.link or progress.resync)
            if begun and (progress.end_link or (any(each.whose for each in begun) and not first)):
                raise StateConflictError(
                    "a round with other options waits to be loaded"
                    if progress.end_link
                    else "a round of another source",
                    changed=tuple(each.name for each in begun),
                    next_step="Put the options back until that round is loaded, then plan the resync.",
                )
            asked_anew = anew or (resync and not progress.start.full)
            if progress.end_link or not (begun or asked_anew):
                return self
        number = self.rounds + 1
        # Attempts are counted on: pages of one that is thrown away must not be taken for those of the next.
        attempt = progress.start.attempt + 1 if progress is not None else 0
        changed = () if self.fingerprint is None else check_fingerprint(self.fingerprint, query, resync=resync)
        reasons = changed or ((ASKED,) if resync and self.link else ())
        if self.link and not reasons:
            start = RoundStart(number, False, self.link, LinkKind.DELTA, origin=self.link, attempt=attempt)
        else:
            newest = latest and not self.link
            url = query.initial_url(latest=newest)
            start = RoundStart(number, not newest, url, LinkKind.INITIAL, latest=newest, attempt=attempt)
        return replace(self, progress=Progress(start, fingerprint_of(query), resync=reasons))

    def landed(self, page: Page) -> DeltaState:
        """After a page is landed. The last page leaves the link as it is: `sealed` follows, or the page is asked for again."""
        progress = self._under_way()
        if not page.next_link:
            return self
        start = replace(
            progress.start,
            link=page.next_link,
            kind=LinkKind.NEXT,
            pages=page.number,
            items=page.first - 1 + len(page.items),
        )
        return replace(self, progress=replace(progress, start=start))

    def restarted(self, restart: Restart) -> DeltaState:
        """The round begins anew: pages of earlier attempts do not count any more."""
        progress = self._under_way()
        start = replace(
            progress.start,
            full=restart.full,
            link=restart.link,
            kind=restart.kind,
            origin="" if restart.full else progress.start.origin,
            latest=progress.start.latest and not restart.full,
            attempt=restart.attempt,
            pages=0,
            items=0,
        )
        known = restart.full and not progress.start.full
        resync = (*progress.resync, restart.reason) if known else progress.resync
        changed = replace(progress, start=start, resync=resync, restarts=(*progress.restarts, restart.reason))
        return replace(self, progress=changed)

    def sealed(self, end: RoundEnd, *, at: datetime) -> DeltaState:
        """All pages are landed; nothing is asked for until they are loaded."""
        progress = self._under_way()
        if (end.round, end.attempt) != (progress.start.round, progress.start.attempt):
            raise StateConflictError(
                "another attempt of the round has ended",
                kept=(progress.start.round, progress.start.attempt),
                ended=(end.round, end.attempt),
                next_step="Two runs work on one source; let one of them end.",
            )
        start = replace(progress.start, pages=end.pages, items=end.items)
        return replace(self, progress=replace(progress, start=start, end_link=end.link, sealed_at=at))

    def committed(self) -> DeltaState:
        """All of the sealed round is loaded: its link is the one to go on from, and never before.

        Raises:
            StateConflictError: no round is sealed.
        """
        progress = self._under_way()
        if not progress.end_link:
            raise StateConflictError("the round has not ended", round=self.rounds + 1, next_step="Read it to its end.")
        # A server that sends the same link again has not made it younger.
        same = progress.end_link == self.link
        return DeltaState(
            fingerprint=progress.fingerprint,
            link=progress.end_link,
            obtained_at=self.obtained_at if same else progress.sealed_at,
            rounds=self.rounds + 1,
        )

    def age(self, now: datetime, *, life: timedelta = TOKEN_LIFE, alarm: timedelta = ALARM_AGE) -> TokenAge | None:
        """How old the link is that the next round needs, be it one that waits for its round to be loaded; None without one."""
        sealed = self.progress is not None and self.progress.end_link not in ("", self.link)
        since = self.progress.sealed_at if self.progress is not None and sealed else self.obtained_at
        if since is None:
            return None
        age = now - since
        return TokenAge(age, alarm=age >= alarm, expired=age >= life)

    def to_json(self) -> str:
        """All of it, links included: for an encrypted place alone."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, default=datetime.isoformat, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> DeltaState:
        """What `to_json` wrote.

        Raises:
            ConfigError: it is not such a text; a damaged state is never read as a beginning.
        """
        try:
            state = _state(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError):
            state = None
        if state is None:
            raise ConfigError(
                "not the state of a delta source",
                next_step="Restore the state, or remove it and begin anew with a reason.",
            )
        return state

    def _under_way(self) -> Progress:
        if self.progress is None:
            raise StateConflictError("no round is under way", next_step="Begin one first.")
        return self.progress


def _state(content: dict[str, Any]) -> DeltaState | None:
    """The state; None or an error where a part is missing, is too many, or contradicts another."""
    if content.pop("format") != _FORMAT or content.keys() != _names(DeltaState):
        return None
    if (progress := content["progress"]) is not None:
        start = progress["start"]
        if progress.keys() != _names(Progress) or start.keys() != _names(RoundStart):
            return None
        content["progress"] = Progress(
            start=RoundStart(**{**start, "kind": LinkKind(start["kind"])}),
            fingerprint=_fingerprint(progress["fingerprint"]),
            resync=tuple(progress["resync"]),
            restarts=tuple(progress["restarts"]),
            end_link=progress["end_link"],
            sealed_at=_maybe(progress["sealed_at"], datetime.fromisoformat),
        )
    content["fingerprint"] = _maybe(content["fingerprint"], _fingerprint)
    content["obtained_at"] = _maybe(content["obtained_at"], datetime.fromisoformat)
    state = DeltaState(**content)
    # A link that was lost is no beginning, but for the full enumeration that finds out what was missed.
    kept = (bool(state.link), state.fingerprint is not None, state.obtained_at is not None)
    anew = not any(kept) and state.progress is not None and state.progress.start.full
    return state if kept == (state.rounds > 0,) * 3 or anew else None


def _names(kind: type) -> set[str]:
    return {each.name for each in fields(kind)}


def _fingerprint(content: dict[str, Any]) -> Fingerprint:
    return Fingerprint(tuple((str(name), str(value)) for name, value in content["parts"]))


def _maybe(value: Any, read: Callable[[Any], Any]) -> Any:
    return None if value is None else read(value)
