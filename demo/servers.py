"""The three servers of the demo: what each is started with, and how one sees that it is up."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from demo.home import REPOSITORY, DemoError, Home, port_is_free
from demo.keys import Keys
from demo.processes import Server, log_tail, running, start, stop_all

__all__ = ["Service", "airflow_password", "listens", "services", "start_all", "wait_until", "warehouse_options"]

SOURCE_FOLDERS = ("airflow_provider_integrations", "dags", "plugins", "include")


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
    plain = _plain_environment()
    sftp, warehouse = home.port("sftp"), home.port("warehouse")
    site = str(home / "partner" / "site")
    return [
        Service("sftp", (python, "-m", "demo.partner_server", str(home / "keys.json"), site, str(sftp)), plain, sftp),
        Service(
            "warehouse",
            (python, "-m", "demo.warehouse_server", str(home / "warehouse"), str(warehouse)),
            plain,
            warehouse,
        ),
        Service(
            "airflow",
            (str(home / "bin" / "airflow"), "standalone"),
            _airflow_environment(home, keys),
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
        _write_airflow_command(home)
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


def warehouse_options(home: Home) -> dict[str, object]:
    """Arguments for `snowflake.connector.connect`."""
    return {
        "account": "demo",
        "user": "demo",
        "password": "demo",
        "host": "127.0.0.1",
        "port": home.port("warehouse"),
        "protocol": "http",
        "database": "INTEGRATIONS",
        "schema": "PUBLIC",
        "session_parameters": {"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
    }


def airflow_password(home: Home) -> str | None:
    """The password that Airflow made for `admin`, once it has."""
    path = home / "airflow" / "simple_auth_manager_passwords.json.generated"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["admin"])
    except (FileNotFoundError, ValueError, KeyError):
        return None


def _plain_environment() -> dict[str, str]:
    """This process's environment without what would turn our servers into somebody else's."""
    unwanted = ("AIRFLOW", "PYTHON", "SNOWFLAKE", "OPENLINEAGE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
    local = "127.0.0.1,localhost"
    return {**kept, "PATH": path, "PYTHONPATH": str(REPOSITORY), "NO_PROXY": local, "no_proxy": local}


def _airflow_environment(home: Home, keys: Keys) -> dict[str, str]:
    port = home.port("airflow")
    url = f"http://127.0.0.1:{port}"
    plain = _plain_environment()
    settings = {
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "3",
        "CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__BASE_URL": url,
        "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(
            [
                {
                    "name": "airflow-provider-integrations",
                    "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                    "kwargs": {"path": str(REPOSITORY / "dags")},
                }
            ]
        ),
        # Only the demo's own runs: a scheduled one would take the files before the progress bar can show it.
        "SCHEDULER__USE_JOB_SCHEDULE": "False",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
        "OPENLINEAGE__DISABLED": "True",
        "INTEGRATIONS__LANDING_ROOT": str(home / "landing"),
        "INTEGRATIONS__INCLUDE_FOLDER": str(REPOSITORY / "include"),
    }
    return {
        **plain,
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
        **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in _connections(home, keys).items()},
        "AIRFLOW_HOME": str(home / "airflow"),
        # `airflow standalone` finds its components on PATH: ours keep their log servers off the network.
        "PATH": f"{home / 'bin'}{os.pathsep}{plain['PATH']}",
        "INTEGRATIONS_DEMO_SOURCES": _sources_digest(),
    }


def _connections(home: Home, keys: Keys) -> dict[str, dict[str, object]]:
    options = warehouse_options(home)
    return {
        "sftp_pgp_acme": {
            "conn_type": "sftp_pgp",
            "host": "127.0.0.1",
            "port": home.port("sftp"),
            "login": "acme",
            "extra": {
                "host_key": keys.sftp_host_public,
                "private_key": keys.sftp_client_secret,
                "pgp_private_key": keys.our_secret,
                "pgp_passphrase": keys.our_passphrase,
                "pgp_certificates": keys.partner_certificate,
                "pgp_signers": keys.partner_fingerprint,
            },
        },
        "integrations_ledger": {"conn_type": "sqlite", "host": str(home / "ledger.sqlite")},
        "integrations_warehouse": {
            "conn_type": "snowflake",
            "login": "demo",
            "password": "demo",
            "schema": "PUBLIC",
            "extra": {name: options[name] for name in ("account", "host", "port", "protocol", "database")},
        },
    }


def _sources_digest() -> str:
    """Changes with any source file: workers keep modules in memory and must then be started anew."""
    found = hashlib.sha256()
    for folder in SOURCE_FOLDERS:
        for path in sorted((REPOSITORY / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                found.update(f"{path} {path.stat().st_mtime_ns}\n".encode())
    return found.hexdigest()


def _write_airflow_command(home: Home) -> None:
    """The `airflow` of the demo: scheduler and triggerer would open log servers on every interface, so they do not."""
    airflow = shutil.which("airflow", path=str(Path(sys.executable).parent))
    if airflow is None:
        raise DemoError("there is no `airflow` beside this Python: run `make setup`.")
    target = home / "bin" / "airflow"
    target.parent.mkdir(exist_ok=True)
    target.write_text(
        "#!/bin/sh\n"
        'case "$1" in\n'
        f'    scheduler | triggerer) exec "{airflow}" "$@" --skip-serve-logs ;;\n'
        f'    *) exec "{airflow}" "$@" ;;\n'
        "esac\n",
        encoding="utf-8",
    )
    target.chmod(0o700)
