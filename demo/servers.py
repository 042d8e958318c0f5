"""The servers of the demo: what each is started with, and how one sees that it is up."""

from __future__ import annotations

import hashlib
import json
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from demo.environment import airflow_environment, plain_environment, write_airflow_command
from demo.home import REPOSITORY, DemoError, Home, port_is_free
from demo.keys import Keys
from demo.processes import Server, log_tail, running, start, stop_all

__all__ = ["Service", "listens", "services", "start_all", "wait_until"]


@dataclass(frozen=True, slots=True)
class Service:
    """A server to be kept up: its command, its environment, and its port."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    port: int

    @property
    def digest(self) -> str:
        """Changes when the server would have to be started anew to be right."""
        ours = sorted(item for item in self.environment.items() if item[0].startswith(("AIRFLOW", "INTEGRATIONS")))
        settings = json.dumps([self.command, self.port, ours])
        return hashlib.sha256(settings.encode()).hexdigest()


def services(home: Home, keys: Keys) -> list[Service]:
    """All servers, in the order in which they are started."""
    python = sys.executable
    plain = plain_environment()
    sftp, warehouse, graph, plant = (home.port(name) for name in ("sftp", "warehouse", "graph", "plant"))
    site = str(home / "partner" / "site")
    return [
        Service("sftp", (python, "-m", "demo.partner_server", str(home / "keys.json"), site, str(sftp)), plain, sftp),
        Service(
            "warehouse",
            (python, "-m", "demo.warehouse_server", str(home / "warehouse"), str(warehouse)),
            plain,
            warehouse,
        ),
        Service("graph", (python, "-m", "demo.graph_server", str(home / "graph"), str(graph)), plain, graph),
        Service(
            "plant",
            (python, "-m", "demo.plant_server", str(REPOSITORY / "include"), str(home / "plant"), str(plant)),
            plain,
            plant,
        ),
        Service(
            "airflow",
            (str(home / "bin" / "airflow"), "standalone"),
            airflow_environment(home, keys),
            home.port("airflow"),
        ),
    ]


def _ensure(home: Home, service: Service) -> tuple[Server, bool]:
    """The server, running with these very settings; the second value says whether it had to be started."""
    server = running(home, service.name)
    if server and server.digest == service.digest:
        return server, False
    # Half of it may still be alive: children of a parent that died, or one with settings of yesterday.
    stop_all(home, names=[service.name])
    if not port_is_free(service.port):
        home.forget_port(service.name)
        raise _PortTakenError(service.port)
    if service.name == "airflow":
        write_airflow_command(home)
    return start(home, service.name, service.command, service.environment, digest=service.digest), True


class _PortTakenError(DemoError):
    """Somebody else sits on a port of ours: take new ones and start again."""

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} is taken by another program.")


def start_all(home: Home, keys: Keys) -> list[str]:
    """Bring every server up; names those that had to be started.

    Raises:
        DemoError: if ports are taken away as fast as they are found.
    """
    for _ in range(5):
        started = []
        try:
            for service in services(home, keys):
                if _ensure(home, service)[1]:
                    started.append(service.name)
        except _PortTakenError:
            continue
        return started
    raise DemoError("no loopback port stays free long enough.")


def wait_until(home: Home, name: str, is_up: Callable[[], bool], *, seconds: float) -> None:
    """Wait for a server, as long as it lives.

    Raises:
        DemoError: with the end of its log, if it died or did not come up in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_up():
            return
        if not running(home, name):
            raise DemoError(f"the {name} server has ended:\n{log_tail(home, name)}")
        time.sleep(0.3)
    raise DemoError(f"the {name} server is not up after {seconds:.0f} s:\n{log_tail(home, name)}")


def listens(port: int) -> bool:
    """Whether something answers on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
