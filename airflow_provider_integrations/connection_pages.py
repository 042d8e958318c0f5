"""Writes `docs/connections/*.md` from the provider info, so that the pages cannot drift from the forms.

python -m airflow_provider_integrations.connection_pages docs/connections
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from airflow_provider_integrations.get_provider_info import get_provider_info

__all__ = ["connection_page", "connection_pages"]

_STANDARD = ("host", "port", "login", "password", "schema")
_EXAMPLES: dict[str, dict[str, Any]] = {
    "sftp_pgp": {
        "conn_type": "sftp_pgp",
        "host": "sftp.partner.example",
        "port": 22,
        "login": "acme",
        "extra": {
            "host_key": "SHA256:0p5NKx0sQ...",
            "private_key": "-----BEGIN OPENSSH PRIVATE KEY-----\n...",
            "pgp_private_key": "-----BEGIN PGP PRIVATE KEY BLOCK-----\n...",
            "pgp_passphrase": "...",
            "pgp_certificates": "-----BEGIN PGP PUBLIC KEY BLOCK-----\n...",
            "pgp_signers": "0123456789ABCDEF0123456789ABCDEF01234567",
        },
    },
    "odbc_keyset": {
        "conn_type": "odbc_keyset",
        "host": "db.example.org",
        "port": 5432,
        "login": "airflow_reader",
        "password": "...",
        "schema": "erp",
        "extra": {"driver": "PostgreSQL Unicode", "statement_timeout": 3600},
    },
    "msgraph_delta": {
        "conn_type": "msgraph_delta",
        "login": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
        "password": "...",
        "extra": {"tenant_id": "11111111-2222-4333-8444-555555555555"},
    },
    "pi_web_api": {
        "conn_type": "pi_web_api",
        "host": "https://pi.example.com/piwebapi",
        "login": "airflow_reader",
        "password": "...",
        "extra": {"auth": "basic"},
    },
    "opcua_ha": {
        "conn_type": "opcua_ha",
        "host": "opc.tcp://plant1.example:4840/historian",
        "login": "airflow_reader",
        "password": "...",
        "extra": {
            "security_policy": "Basic256Sha256",
            "certificate_path": "/etc/opcua/airflow.der",
            "private_key_path": "/etc/opcua/airflow.pem",
            "server_certificate_path": "/etc/opcua/plant1.der",
        },
    },
    "integrations_ledger": {
        "conn_type": "integrations_ledger",
        "host": "db.example",
        "port": 5432,
        "login": "ledger",
        "password": "...",
        "schema": "ledger",
        "extra": {"sslmode": "verify-full"},
    },
}

_OTHERS = {
    "odbc_keyset": "Further extras are keywords of the driver, such as `sslmode`; one that the driver's list does not have is"
    " refused by its name.",
    "msgraph_delta": "An extra that is not in this table is refused by its name. A connection of the Microsoft provider's type"
    " `msgraph` works too, with the extras of that provider: `tenant_id`, `api_version`, `authority`, `certificate_path`,"
    " `certificate_data`, `scopes`, `allowed_hosts`, `proxies`, `verify`, `trust_env`, `base_url`. Its certificates are always"
    " checked: `verify` may name a PEM file, but not be off.",
}


def connection_pages() -> dict[str, str]:
    """File name and content of each page."""
    return {
        f"{connection['connection-type']}.md": connection_page(connection)
        for connection in get_provider_info()["connection-types"]
    }


def connection_page(connection: dict[str, Any]) -> str:
    """One page in Markdown: the fields, then the same as an environment variable."""
    kind, behaviour = connection["connection-type"], connection["ui-field-behaviour"]
    hidden, names = behaviour["hidden-fields"], behaviour["relabeling"]
    lines = [f"# {connection['hook-name']} (`{kind}`)", "", "Made from the provider info; do not edit by hand.", ""]
    lines += ["## Standard fields", "", "| field | in the form | example |", "| --- | --- | --- |"]
    for field in (field for field in _STANDARD if field not in hidden):
        example = behaviour["placeholders"].get(field, "")
        lines.append(f"| `{field}` | {names.get(field, field.capitalize())} | {f'`{example}`' if example else ''} |")
    lines += ["", "## Extras", "", "| extra | in the form | secret | meaning |", "| --- | --- | --- | --- |"]
    for name, field in connection["conn-fields"].items():
        is_key = "private_key" in name and not name.endswith("_path")
        secret = "yes" if is_key or field["schema"].get("format") == "password" else ""
        lines.append(f"| `{name}` | {field['label']} | {secret} | {field['description']} |")
    others = _OTHERS.get(kind, "An extra that is not in this table is refused by its name.")
    lines += ["", others, "", "## As an environment variable", ""]
    example = json.dumps(_EXAMPLES[kind], indent=2)
    lines += ["```sh", f"export AIRFLOW_CONN_<ID>='{example}'", "```", ""]
    return "\n".join(lines)


def main(folder: Path) -> None:
    """Write every page below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in connection_pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
