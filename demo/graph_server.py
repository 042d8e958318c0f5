"""The tenant of the demo, a process of its own: `python -m demo.graph_server FOLDER PORT`.

It is the Graph server that the tests use, with 3,000 users and 40 groups. What the demo does to it (`POST /demo/<step>`) is kept
in a journal and done again when it is started anew; it does not know the links of its former life, and answers 410 to them.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

from tests.fakes.graph.certificates import Authority
from tests.fakes.graph.delta import delta_path
from tests.fakes.graph.faults import gone
from tests.fakes.graph.messages import Refused, Request, Response, graph_error
from tests.fakes.graph.people import furnish
from tests.fakes.graph.server import GraphServer, serve

__all__ = ["Tenant", "digest_of", "main"]

USERS, GROUPS = 3_000, 40


class Tenant(GraphServer):
    """A tenant with a memory.

    Args:
        authority: Of its certificate.
        journal: Where the steps are kept.
        token: What a step must be asked for with.
    """

    def __init__(self, authority: Authority, journal: Path, token: str) -> None:
        super().__init__(authority)
        self._journal, self._token, self._forgotten = journal, token, set[str]()
        furnish(self.world, USERS, GROUPS)
        self._steps: list[str] = []
        for step in journal.read_text(encoding="ascii").split() if journal.exists() else ():
            self._do(step)

    def _route(self, request: Request) -> Response:
        if request.path.startswith("/demo/"):
            return self._demo(request)
        options = request.options()
        token = options.get("skiptoken") or options.get("deltatoken")
        if token and delta_path(request.path) and (token in self._forgotten or self.rounds.find(token) is None):
            raise Refused(gone().response)
        return super()._route(request)

    def _demo(self, request: Request) -> Response:
        if request.headers.get("x-demo-token") != self._token:
            return graph_error(401, "InvalidAuthenticationToken", "That is for the demo alone.")
        if request.method == "POST":
            step = request.path.rpartition("/")[2]
            self._do(step)
            with self._journal.open("a", encoding="ascii") as file:
                file.write(f"{step}\n")
        return Response(body=self._truth())

    def _do(self, step: str) -> None:
        """The same steps in the same order give the same tenant."""
        self._steps.append(step)
        chance = random.Random(" ".join(self._steps))  # noqa: S311 it makes no secrets
        if step == "day":
            self._day(chance)
        elif step == "reset":
            tokens = self.rounds.tokens.items()
            self._forgotten.update(text for text, token in tokens if token.query.path == "users")
            # Nobody tells of these any more: only that they are missing from everything shows it.
            for user in chance.sample(self._users(), 4):
                self.world.hard_delete("users", user)

    def _day(self, chance: random.Random) -> None:
        """A day's work: people move, come and go."""
        world, day = self.world, self._steps.count("day")
        for user in chance.sample(self._users(), 30):
            world.change("users", user, jobTitle=f"Grade {chance.randrange(7)}, day {day}")
        for user in chance.sample(self._users(), 3):
            world.clear("users", user, "department")
        for number in range(5):
            name = f"day{day}.{number}@contoso.test"
            properties = {"displayName": f"New {number} of day {day}", "userPrincipalName": name, "mail": name}
            user = world.add("users", **properties, accountEnabled=True, department="Sales")
            world.join(chance.choice(self._groups()), user)
        leaving = chance.sample(self._users(), 4)
        for user in leaving[:3]:
            world.soft_delete("users", user)
        world.hard_delete("users", leaving[3])
        held = chance.choice([group for group in self._groups() if world.linked("groups", group, "members")])
        world.leave(held, min(world.linked("groups", held, "members")))
        world.hard_delete("groups", chance.choice([group for group in self._groups() if group != held]))
        world.add("groups", displayName=f"Project of day {day}", mailEnabled=False, securityEnabled=True)

    def _users(self) -> list[str]:
        return sorted(self.world.truth("users", ()))

    def _groups(self) -> list[str]:
        return sorted(self.world.truth("groups", ()))

    def _truth(self) -> dict[str, object]:
        """How many users, groups and memberships there are, and the digest of each."""
        users, groups = self.world.truth("users"), self.world.truth("groups")
        told: dict[str, list[tuple[str | None, ...]]] = {
            "users": [(name, *(each.get(p) for p in ("userPrincipalName", "jobTitle", "department")))
                      for name, each in users.items()],
            "groups": [(name, each.get("displayName")) for name, each in groups.items()],
            "members": [(name, member) for name in groups for member in self.world.linked("groups", name, "members")],
        }  # fmt: skip
        return {name: [len(rows), digest_of(rows)] for name, rows in told.items()}


def digest_of(rows: Iterable[tuple[str | None, ...]]) -> str:
    """The same for the same rows, in whatever order they come."""
    lines = sorted(json.dumps(row) for row in map(list, rows))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def main() -> None:
    """Serve until ended; the token of the demo is a file in its state folder."""
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    token = (folder.parent / "token").read_text(encoding="ascii")
    tenant = Tenant(Authority.make(folder), folder / "journal.txt", token)
    with serve(tenant, port):
        print(f"the tenant is at {tenant.url}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
