"""Rounds of change tracking: opaque tokens bound to their query, and pages that may repeat, shuffle or be empty.

A round covers what changed after its beginning's version and not after its plan's; what changes while it is paged is
told as it stands when its page is read, and again in the next round, which the documentation calls a replay.

Source: https://learn.microsoft.com/graph/delta-query-overview (state tokens, token duration, replays, reset).
"""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tests.fakes.graph.query import Query
from tests.fakes.graph.rendering import relevant, render
from tests.fakes.graph.things import Collection, Flavour
from tests.fakes.graph.world import World

__all__ = ["Entry", "Manner", "Page", "Rounds", "Token"]


@dataclass(frozen=True)
class Entry:
    """One occurrence in a round where an id alone does not say all.

    Args:
        part: Which part of a long relation it tells.
        stale: Whether it tells the state before the last change; a later one tells the present.
    """

    id: str
    part: int = 0
    stale: bool = False


@dataclass
class Manner:
    """How the server pages; changed while it runs, it holds for the next pages or rounds.

    Args:
        page_size: Items of a page where none was asked for.
        most: Items that a page never exceeds.
        part_size: Links of a long relation that one occurrence tells (Get incremental changes for groups,
            "Paging through members in a large group").
        empty_pages: Empty pages that follow each page, all but the last with a nextLink.
        repeat: How many items of each round occur twice; the first time as they were before.
        shuffle: Seed by which a round's order is mixed; children then come before their parents.
        lenient_top: Take `$top` for directory objects, which the overview calls unsupported.
        bare: Answer a Dataverse deltaLink with an empty JSON object if nothing changed, as its page says.
        life: How long a delta token is good for: seven days for directory objects.
        page_life: How long a skip token is good for.
    """

    page_size: int = 200
    most: int = 1000
    part_size: int = 100
    empty_pages: int = 0
    repeat: int = 0
    shuffle: int | None = None
    lenient_top: bool = False
    bare: bool = False
    life: timedelta = timedelta(days=7)
    page_life: timedelta = timedelta(hours=24)


@dataclass(frozen=True)
class Token:
    """What stands behind an opaque token: of a nextLink within a round (`entries`), or of a deltaLink."""

    query: Query
    since: int
    until: int
    issued: datetime
    entries: Sequence[str | Entry] | None = None
    at: int = 0
    blanks: int = 0


@dataclass(frozen=True)
class Page:
    """A page, and the token of what follows it."""

    items: list[dict[str, Any]]
    following: str
    last: bool


@dataclass
class Rounds:
    """All tokens given, and the way on from each."""

    world: World
    now: Callable[[], datetime]
    seed: str = "graph"
    manner: Manner = field(default_factory=Manner)
    tokens: dict[str, Token] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    _given: int = 0

    def begin(self, query: Query) -> Token:
        """The first page's token of a full enumeration."""
        return Token(query, 0, self.world.version, self.now(), self._plan(query, 0, self.world.version))

    def resume(self, token: Token) -> Token:
        """The first page's token of the round that a deltaLink begins."""
        since, until = token.until, self.world.version
        return Token(token.query, since, until, self.now(), self._plan(token.query, since, until))

    def latest(self, query: Query) -> str:
        """A delta token of now, with no data before it."""
        return self.give(Token(query, self.world.version, self.world.version, self.now()))

    def find(self, text: str) -> Token | None:
        """What stands behind a token; nothing behind one that was never given."""
        return self.tokens.get(text)

    def expired(self, text: str) -> bool:
        token = self.tokens[text]
        life = self.manner.life if token.entries is None else self.manner.page_life
        return text in self.dead or self.now() - token.issued > life

    def expire(self, *, pages: bool = True, deltas: bool = True) -> None:
        """Let every token given so far expire."""
        self.dead.update(text for text, token in self.tokens.items() if (deltas if token.entries is None else pages))

    def page(self, token: Token, size: int, *, minimal: bool = False) -> Page:
        """One page of a round."""
        assert token.entries is not None
        if token.blanks:
            return self._followed([], replace(token, blanks=token.blanks - 1))
        collection = self.world.collections[token.query.path]
        entries = token.entries[token.at : token.at + size]
        told = (self._told(collection, entry, token, minimal) for entry in entries)
        items = [item for item in told if item is not None]
        return self._followed(items, replace(token, at=token.at + len(entries), blanks=self.manner.empty_pages))

    def _told(self, collection: Collection, entry: str | Entry, token: Token, minimal: bool) -> dict[str, Any] | None:
        if isinstance(entry, str) and token.since == 0 and entry not in collection.things:
            properties = collection.made(entry)  # Never touched: nothing can be removed or linked.
            if collection.flavour is not Flavour.DATAVERSE:
                select = token.query.select
                kept = properties if select is None else {n: properties[n] for n in select if n in properties}
                return {collection.key: entry, **kept}
        each = Entry(entry) if isinstance(entry, str) else entry
        thing = collection.find(each.id)
        if thing is None or not relevant(thing, token.query, token.since):
            return None
        part = (each.part, self.manner.part_size)
        return render(collection, thing, token.query, token.since, minimal=minimal, part=part, stale=each.stale)

    def _followed(self, items: list[dict[str, Any]], token: Token) -> Page:
        assert token.entries is not None
        if token.at >= len(token.entries) and not token.blanks:
            ended = Token(token.query, token.until, token.until, self.now())
            return Page(items, self.give(ended), last=True)
        return Page(items, self.give(replace(token, issued=self.now())), last=False)

    def give(self, token: Token) -> str:
        """The text by which a client names a token."""
        self._given += 1
        text = self.opaque(str(self._given))
        self.tokens[text] = token
        return text

    def opaque(self, what: str) -> str:
        """A long text that says nothing."""
        digest = hashlib.blake2b(f"{self.seed}:{what}".encode(), digest_size=60).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def _plan(self, query: Query, since: int, until: int) -> Sequence[str | Entry]:
        collection = self.world.collections[query.path]
        ids: Sequence[str] = collection.ids() if since == 0 else collection.touched(since, until)
        if query.ids is not None:
            ids = [each for each in ids if each in query.ids]
        if since and collection.flavour is Flavour.DRIVE and query.parents:
            ids = _with_parents(collection, ids)
        if (
            collection.flavour is Flavour.DATAVERSE
        ):  # "all new or updated records first ... followed by deleted records"
            ids = sorted(ids, key=lambda each: (thing := collection.find(each)) is None or thing.removed is not None)
        manner = self.manner
        if not query.relations and not manner.repeat and manner.shuffle is None:
            return ids
        entries = [entry for each in ids for entry in self._parts(collection, each, query)]
        if manner.shuffle is not None:
            random.Random(f"{manner.shuffle}:{until}").shuffle(entries)
        for place in range(min(manner.repeat, len(entries))):
            repeated = _id(entries[(place + 1) * len(entries) // (manner.repeat + 1)])
            first = next(at for at, entry in enumerate(entries) if _id(entry) == repeated)
            entries.insert(first // 2, Entry(repeated, stale=True))
        return entries

    def _parts(self, collection: Collection, thing_id: str, query: Query) -> list[str | Entry]:
        thing = collection.things.get(thing_id)
        links = max((len(thing.links.get(name, ())) for name in query.relations), default=0) if thing else 0
        return [thing_id, *(Entry(thing_id, part) for part in range(1, -(-links // self.manner.part_size)))]


def _id(entry: str | Entry) -> str:
    return entry if isinstance(entry, str) else entry.id


def _with_parents(collection: Collection, ids: Sequence[str]) -> list[str]:
    """The ids and those of the folders above them, which are told too unless `deltaExcludeParent` is sent."""
    found = dict.fromkeys(ids)
    for each in list(ids):
        thing = collection.find(each)
        while thing is not None and thing.removed is None:
            found.setdefault(thing.id)
            thing = collection.find((thing.properties.get("parentReference") or {}).get("id", ""))
    return list(found)
