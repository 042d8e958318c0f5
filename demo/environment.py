"""What the servers of the demo are told: Airflow's settings and connections, all by environment variables."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

from cryptography.fernet import Fernet

from demo.home import REPOSITORY, DemoError, Home, write_whole
from demo.keys import Keys
from tests.fakes.graph.identity import App

__all__ = ["airflow_environment", "airflow_password", "plain_environment", "warehouse_options", "write_airflow_command"]

SOURCE_FOLDERS = ("airflow_provider_integrations", "dags", "plugins", "include")


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


def plain_environment() -> dict[str, str]:
    """This process's environment without what would turn our servers into somebody else's."""
    unwanted = ("AIRFLOW", "PYTHON", "SNOWFLAKE", "OPENLINEAGE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
    local = "127.0.0.1,localhost"
    return {**kept, "PATH": path, "PYTHONPATH": str(REPOSITORY), "NO_PROXY": local, "no_proxy": local}


def airflow_environment(home: Home, keys: Keys) -> dict[str, str]:
    """Airflow with this checkout as its DAG bundle, on loopback, with the demo's connections."""
    port = home.port("airflow")
    url = f"http://127.0.0.1:{port}"
    plain = plain_environment()
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
        "INTEGRATIONS__GRAPH_STATE_KEY": _state_key(home),
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
        "msgraph_entra": _tenant(home),
        "plant1": {"conn_type": "opcua_ha", "host": "127.0.0.1", "port": home.port("plant"), "schema": "plant1"},
        "odbc_erp": {"conn_type": "odbc_keyset", "schema": str(home / "erp.sqlite"), "extra": {"driver": "SQLite3"}},
        "integrations_ledger": {"conn_type": "integrations_ledger", "extra": {"path": str(home / "ledger.sqlite")}},
        "integrations_warehouse": {
            "conn_type": "snowflake",
            "login": "demo",
            "password": "demo",
            "schema": "PUBLIC",
            "extra": {name: options[name] for name in ("account", "host", "port", "protocol", "database")},
        },
    }


def _tenant(home: Home) -> dict[str, object]:
    """The tenant of the demo: its own authority, and the app that the server knows."""
    app, place = App(), f"127.0.0.1:{home.port('graph')}"
    return {
        "conn_type": "msgraph_delta",
        "host": f"https://{place}",
        "login": app.client_id,
        "password": app.secret,
        "extra": {
            "tenant_id": app.tenant,
            "authority": place,
            "trusted_hosts": "127.0.0.1",
            "ca": str(home / "graph" / "ca.pem"),
            "environment_proxies": False,
        },
    }


def _state_key(home: Home) -> str:
    """By which delta links rest encrypted in the ledger; made once."""
    path = home / "graph_state.key"
    if not path.exists():
        write_whole(path, Fernet.generate_key())
    return path.read_text(encoding="ascii")


def _sources_digest() -> str:
    """Changes with any source file: workers keep modules in memory and must then be started anew."""
    found = hashlib.sha256()
    for folder in SOURCE_FOLDERS:
        for path in sorted((REPOSITORY / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                found.update(f"{path} {path.stat().st_mtime_ns}\n".encode())
    return found.hexdigest()


def write_airflow_command(home: Home) -> None:
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
