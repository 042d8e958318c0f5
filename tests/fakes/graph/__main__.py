"""Run the Graph server by hand: `python -m tests.fakes.graph --users 5000`.

It prints one line of JSON: where it is, what to trust, and how to get in. Each line of its input is a command:
`change N`, `delete N`, `expire`; its end stops the server.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.fakes.graph.certificates import Authority
from tests.fakes.graph.people import furnish
from tests.fakes.graph.server import GraphServer, serve
from tests.fakes.graph.things import populated_id


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.graph", description=__doc__)
    for name, number in (
        ("users", 1000),
        ("groups", 10),
        ("devices", 0),
        ("files", 0),
        ("port", 0),
        ("page-size", 200),
    ):
        parser.add_argument(f"--{name}", type=int, default=number)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        graph = GraphServer(Authority.make(Path(folder)))
        furnish(graph.world, asked.users, asked.groups, asked.devices, asked.files)
        graph.manner.page_size = asked.page_size
        certificate, public = graph.authority.client()
        app = graph.identity.app
        app.certificates.append(public)
        with serve(graph, asked.port):
            told = {
                "base_url": graph.url, "authority": graph.base, "ca": str(graph.authority.ca), "token": graph.token,
                "tenant": app.tenant, "client_id": app.client_id, "client_secret": app.secret,
                "client_certificate": str(certificate),
            }  # fmt: skip
            print(json.dumps(told), flush=True)
            for line in sys.stdin:
                print(json.dumps(obey(graph, line.split(), asked.users)), flush=True)


def obey(graph: GraphServer, words: list[str], users: int) -> dict[str, object]:
    """Do what one line says; the users that are changed or deleted are the first ones."""
    verb, number = words[0] if words else "", int(words[1]) if len(words) > 1 else 0
    if verb == "change":
        for index in range(min(number, users)):
            graph.world.change("users", populated_id(index), jobTitle=f"Changed {graph.world.version}")
    elif verb == "delete":
        for index in range(min(number, users)):
            graph.world.soft_delete("users", populated_id(index))
    elif verb == "expire":
        graph.rounds.expire()
    return {"done": verb, "version": graph.world.version, "requests": len(graph.log)}


if __name__ == "__main__":
    main()
