"""A server of groups with members, in memory: what Microsoft's pages say of deltas, with every liberty that they leave.

A token names the state that it was given for. Objects on a page are as they are when it is asked for; what is written meanwhile
comes again in the next round. Sources: learn.microsoft.com/graph/delta-query-overview, delta-query-groups, user-delta, errors,
throttling; whatever chance decides here, a real server may decide as well.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

from airflow_provider_integrations.connectors.msgraph.model import Response

PROPERTIES = ("displayName", "mail", "description")
ROOT = "https://graph.microsoft.com/v1.0/groups/delta"


@dataclass(slots=True)
class Thing:
    """An object: its values with the version that each was written at, and how it was removed, if it was."""

    values: dict[str, str | None] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    created: int = 0
    touched: int = 0
    removed: str = ""


@dataclass(slots=True)
class Token:
    """What a link stands for.

    Args:
        since: Changes after this version are wanted; None for everything.
        until: The version at which the round began that it is of; what was created later is not known to the client.
        left: What the next pages bring: an object, with some of its members.
        told: Objects that earlier pages brought whole.
    """

    since: int | None
    until: int = 0
    left: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    told: frozenset[str] = frozenset()


@dataclass(slots=True)
class Server:
    """The state, its clock of versions, and the tokens that it gave."""

    random: Random
    faults: float = 0.0
    """Share of the requests that meet one."""
    version: int = 0
    things: dict[str, Thing] = field(default_factory=dict)
    members: dict[tuple[str, str], tuple[bool, int]] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)
    """Faults and liberties that were met, so that a test can see that each was."""

    # What happens at the server.

    def change(self) -> None:
        """Something is created, written, cleared, removed, restored, joins or leaves."""
        self.version += 1
        live = [name for name, thing in self.things.items() if not thing.removed]
        soft = [name for name, thing in self.things.items() if thing.removed == "changed"]
        what = self.random.choice(
            ("create", "write", "write", "clear", "remove", "purge", "restore", "join", "join", "leave")
        )
        if what == "create" or not live:
            name = f"g{self.version}"
            self.things[name] = Thing(created=self.version)
            for each in self.random.sample(PROPERTIES, self.random.randint(0, 3)):
                self._write(name, each, f"v{self.version}")
            self._touch(name)
        elif what in ("write", "clear"):
            name, each = self.random.choice(live), self.random.choice(PROPERTIES)
            # What was never set cannot be cleared.
            if what == "write" or each in self.things[name].values:
                self._write(name, each, f"v{self.version}" if what == "write" else None)
                self._touch(name)
        elif what in ("remove", "purge"):
            name = self.random.choice([*live, *soft] if what == "purge" else live)
            self.things[name].removed = "deleted" if what == "purge" else "changed"
            self._touch(name)
            for owner, member in list(self.members):
                if name == member or (name == owner and what == "purge"):
                    self._relate(owner, member, False)
        elif what == "restore" and soft:
            name = self.random.choice(soft)
            self.things[name].removed = ""
            self._touch(name)
            # It is told whole again, members included.
            for each in self.things[name].written:
                self.things[name].written[each] = self.version
            for (owner, member), (there, _) in list(self.members.items()):
                if owner == name:
                    self._relate(owner, member, there)
        elif what == "join":
            self._relate(self.random.choice(live), self.random.choice(live), True)
        elif what == "leave" and self.members:
            owner, member = self.random.choice(list(self.members))
            if not self.things[owner].removed:
                self._relate(owner, member, False)

    def objects(self) -> dict[str, dict[str, str]]:
        """All objects that are there, without empty properties."""
        return {
            name: {each: value for each, value in thing.values.items() if value is not None}
            for name, thing in self.things.items()
            if not thing.removed
        }

    def relations(self) -> set[tuple[str, str]]:
        """Who is a member of what is there."""
        return {pair for pair, (there, _) in self.members.items() if there and not self.things[pair[0]].removed}

    def _write(self, name: str, each: str, value: str | None) -> None:
        self.things[name].values[each] = value
        self.things[name].written[each] = self.version

    def _touch(self, name: str) -> None:
        self.things[name].touched = self.version

    def _relate(self, owner: str, member: str, there: bool) -> None:
        self.members[owner, member] = (there, self.version)
        self._touch(owner)

    # What it answers.

    def respond(self, url: str, prefer: str, at: datetime) -> Response:
        """Answer a request."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query, keep_blank_values=True).items()}
        given = query.get("$skiptoken") or query.get("$deltatoken")
        if self.random.random() < self.faults and (refused := self._fault(given, at)):
            return refused
        if given is None:
            token = self._begin(Token(None))
        elif given not in self.tokens:
            # It is gone for good, whichever it was.
            return self._error(400, at, self.random.choice(("syncStateNotFound", "Directory_ExpiredPageToken")))
        else:
            token = self.tokens[given]
            if "$deltatoken" in query:
                token = self._begin(token)
        return self._page(token, "return=minimal" in prefer, at)

    def _fault(self, given: str | None, at: datetime) -> Response | None:
        kind = self.random.choice(
            ("429", "429", "503", "504", "500", "410", "location", "empty location", "expired", "cut")
        )
        if kind in ("429", "503", "504", "500"):
            self.met.add(kind)
            after = self.random.choice((None, "0", "30", "Wed, 05 Nov 2025 12:00:30 GMT", "nonsense"))
            return self._error(
                int(kind), at, "activityLimitReached", **({} if after is None else {"Retry-After": after})
            )
        if kind == "cut":
            self.met.add(kind)
            return Response(200, {}, b'{"value": [', at)
        if given is None:
            return None
        self.met.add(kind)
        if kind == "expired":
            self.tokens.pop(given, None)
            return None
        if kind == "410":
            return self._error(410, at, self.random.choice(("resyncRequired", "SyncStateNotFound")))
        fresh = f"{ROOT}?$deltatoken=" if kind == "empty location" else f"{ROOT}?$deltatoken={self._keep(Token(None))}"
        return self._error(410, at, "resyncRequired", Location=fresh)

    def _begin(self, asked: Token) -> Token:
        """A round: what is to be told, in no order, large groups in parts, some twice."""
        token = Token(asked.since, self.version)
        for name, thing in self.things.items():
            if asked.since is None:
                wanted = not thing.removed or self.random.random() < 0.1
            else:
                wanted = thing.touched > asked.since
                if thing.created > asked.until and thing.removed == "deleted" and self.random.random() < 0.5:
                    self.met.add("never told of")
                    wanted = False
            if wanted:
                told = [
                    member
                    for (owner, member), (there, when) in self.members.items()
                    if owner == name and (when > asked.since if asked.since is not None else there)
                ]
                self.random.shuffle(told)
                size = self.random.choice((1, 2, 10))
                token.left += [(name, tuple(told[at : at + size])) for at in range(0, len(told), size)] or [(name, ())]
        token.left += self.random.sample(token.left, len(token.left) // 5)
        self.random.shuffle(token.left)
        return token

    def _page(self, token: Token, minimal: bool, at: datetime) -> Response:
        size = self.random.choice((0, 1, 2, 5, 50))
        here, left = token.left[:size], token.left[size:]
        items, told = [], token.told
        for name, members in here:
            items.append(self._item(name, members, token, name in told, minimal))
            told = told - {name} if self.things[name].removed else told | {name}
        body: dict[str, Any] = {"@odata.context": f"{ROOT}/$metadata", "value": items}
        if left or self.random.random() < 0.1:
            body["@odata.nextLink"] = f"{ROOT}?$skiptoken={self._keep(Token(token.since, token.until, left, told))}"
        else:
            # "The same change appears in subsequent responses."
            since = max(token.until - self.random.choice((0, 0, 0, 3)), 0)
            body["@odata.deltaLink"] = f"{ROOT}?$deltatoken={self._keep(Token(since, token.until))}"
        return Response(200, {}, json.dumps(body).encode(), at)

    def _item(self, name: str, told: tuple[str, ...], token: Token, again: bool, minimal: bool) -> dict[str, Any]:
        thing = self.things[name]
        if thing.removed:
            return {"id": name, "@removed": {"reason": thing.removed}}
        item: dict[str, Any] = {"id": name}
        # What changed while everything is told may come again as a change: "at least the properties that have been updated".
        part = token.since is None and again and self.random.random() < 0.5
        for each, value in thing.values.items():
            # In full: what is set; what was cleared, as null or not at all. Else: what changed, and perhaps the rest.
            if part:
                sent = thing.written[each] > token.until
            elif token.since is None:
                sent = value is not None or (again and thing.written[each] > token.until) or self.random.random() < 0.5
            else:
                sent = thing.written[each] > token.since or not minimal
            if sent:
                item[each] = value
        self.met |= {"told in part"} if part and len(item) < len(thing.values) else set()
        if told:
            item["members@delta"] = [
                {"id": member} if self.members[name, member][0] else {"id": member, "@removed": {"reason": "deleted"}}
                for member in told
            ]
        return item

    def _keep(self, token: Token) -> str:
        name = f"t{len(self.tokens)}-{self.random.getrandbits(32):08x}"
        self.tokens[name] = token
        return name

    def _error(self, status: int, at: datetime, code: str, **headers: str) -> Response:
        body = {"error": {"code": "UnknownError", "message": "", "innerError": {"code": code}}}
        return Response(status, headers, json.dumps(body).encode(), at)
