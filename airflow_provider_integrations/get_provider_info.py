"""What Airflow reads about this provider when it starts: it imports nothing, so that it costs nothing.

Connection forms are declared here and not on the hooks, so that the UI shows them without importing a driver.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_integrations.provider_connections import field, historian_connections, secret, text

__all__ = ["get_provider_info"]

_PACKAGE = "airflow_provider_integrations"
_SFTP_PGP, _ODBC, _EDI, _GATE = "SFTP with OpenPGP", "ODBC by keyset", "EDI", "Quality gate"
_GRAPH, _WAREHOUSE, _LEDGER = "Microsoft Graph delta", "Snowflake load", "Integrations ledger"
_HISTORIAN = "Plant historians"


def get_provider_info() -> dict[str, Any]:
    """The provider's data, in the shape of Airflow's `provider_info.schema.json`."""
    sftp, odbc = f"{_PACKAGE}.connectors.sftp_pgp", f"{_PACKAGE}.connectors.odbc"
    graph, warehouse = f"{_PACKAGE}.connectors.msgraph", f"{_PACKAGE}.warehouse"
    historian = f"{_PACKAGE}.connectors.historian"
    return {
        "package-name": "airflow-provider-integrations",
        "name": "Integrations",
        "description": "Lands, verifies and loads enterprise data without losing or doubling a row.",
        "integrations": [
            {"integration-name": name, "tags": tags}
            for name, tags in (
                (_SFTP_PGP, ["protocol"]),
                (_ODBC, ["protocol"]),
                (_EDI, ["protocol"]),
                (_GRAPH, ["service"]),
                (_HISTORIAN, ["protocol"]),
                (_GATE, ["software"]),
                (_WAREHOUSE, ["service"]),
                (_LEDGER, ["software"]),
            )
        ],
        # Only what imports with any one extra: the warehouse's hook needs Snowflake's provider, whose connection it uses.
        "hooks": [
            _modules(_SFTP_PGP, f"{sftp}.hook"),
            _modules(_ODBC, f"{odbc}.hook"),
            _modules(_GRAPH, f"{graph}.hook"),
            _modules(_HISTORIAN, f"{historian}.hook"),
            _modules(_LEDGER, f"{_PACKAGE}.ledger.hook"),
        ],
        "operators": [
            _modules(_SFTP_PGP, f"{sftp}.operators"),
            _modules(_ODBC, f"{odbc}.operators"),
            _modules(_EDI, f"{_PACKAGE}.connectors.edi.operators"),
            _modules(_GRAPH, f"{graph}.operators"),
            _modules(_HISTORIAN, f"{historian}.operators"),
            _modules(_GATE, f"{_PACKAGE}.expectations.operators"),
            _modules(_WAREHOUSE, f"{warehouse}.operators"),
        ],
        "sensors": [
            _modules(_SFTP_PGP, f"{sftp}.sensors"),
            _modules(_ODBC, f"{odbc}.sensors"),
            _modules(_GRAPH, f"{graph}.sensors"),
            _modules(_HISTORIAN, f"{historian}.sensors"),
        ],
        "triggers": [
            _modules(_SFTP_PGP, f"{sftp}.triggers"),
            _modules(_ODBC, f"{odbc}.triggers"),
            _modules(_GRAPH, f"{graph}.triggers"),
            _modules(_HISTORIAN, f"{historian}.triggers"),
        ],
        "notifications": [f"{_PACKAGE}.notifier.AlertNotifier"],
        "extra-links": [
            f"{_PACKAGE}.links.{name}" for name in ("LedgerItemLink", "DataDocsLink", "HistorianProgressLink")
        ],
        "connection-types": [
            _sftp_pgp_connection(f"{sftp}.hook"),
            _odbc_connection(f"{odbc}.hook"),
            _graph_connection(f"{graph}.hook"),
            *historian_connections(f"{historian}.hook"),
            _ledger_connection(),
        ],
        "config": {"integrations": {"description": "Where this deployment keeps its data.", "options": _options()}},
    }


def _modules(name: str, module: str) -> dict[str, Any]:
    return {"integration-name": name, "python-modules": [module]}


def _sftp_pgp_connection(module: str) -> dict[str, Any]:
    return {
        "connection-type": "sftp_pgp",
        "hook-class-name": f"{module}.SftpPgpHook",
        "hook-name": _SFTP_PGP,
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "extra"],
            "relabeling": {"login": "User", "password": "Password (if there is no private key)"},
            "placeholders": {"host": "sftp.partner.example", "port": "22", "host_key": "SHA256:..."},
        },
        # A password field would drop the line breaks of a key; Airflow masks the keys by their names.
        "conn-fields": {
            "host_key": text(
                "Host key",
                "Required: the public key or SHA256 fingerprint that the server must have, one on each line."
                " Without it the connection test fails and prints the fingerprint to pin.",
            ),
            "private_key": text("Private key", "PEM or OpenSSH text of the login key."),
            "private_key_passphrase": secret("Private key passphrase", "Empty if the key has none."),
            "root": field("Root folder", "Folder on the server that no path leaves; / without one."),
            "pgp_private_key": text("OpenPGP private key", "Armored; opens what comes and signs what is sent."),
            "pgp_passphrase": secret("OpenPGP passphrase", "Empty if the key has none."),
            "pgp_certificates": text(
                "Partner's OpenPGP certificates",
                "Armored public keys; what is sent is sealed to each that can encrypt.",
            ),
            "pgp_signers": text("Required signers", "Full fingerprints, one on each line; short ids are refused."),
            "connect_timeout": field(
                "Connect timeout", "Seconds until connected and logged in; 30 without one.", kind="number"
            ),
            "idle_timeout": field(
                "Idle timeout", "Seconds without progress after which to give up; 60 without one.", kind="number"
            ),
        },
    }


def _odbc_connection(module: str) -> dict[str, Any]:
    return {
        "connection-type": "odbc_keyset",
        "hook-class-name": f"{module}.OdbcKeysetHook",
        "hook-name": _ODBC,
        "ui-field-behaviour": {
            "hidden-fields": [],
            "relabeling": {"schema": "Database", "login": "User", "extra": "Further keywords of the driver"},
            "placeholders": {"host": "db.example.org", "port": "5432", "extra": '{"sslmode": "verify-full"}'},
        },
        "conn-fields": {
            "driver": field("Driver", "Name in odbcinst.ini, e.g. PostgreSQL Unicode; or give a DSN."),
            "dsn": field("DSN", "Name in odbc.ini, instead of a driver."),
            "login_timeout": field("Login timeout", "Seconds; 30 without one.", kind="integer"),
            "statement_timeout": field(
                "Statement timeout", "Seconds after which the server ends a statement; none without one.", kind="number"
            ),
        },
    }


def _graph_connection(module: str) -> dict[str, Any]:
    return {
        "connection-type": "msgraph_delta",
        "hook-class-name": f"{module}.MSGraphDeltaHook",
        "hook-name": _GRAPH,
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "extra"],
            "relabeling": {
                "host": "Service root (Graph of the cloud without one)",
                "login": "Client ID",
                "password": "Client secret, or password of the certificate's key",
            },
            "placeholders": {"host": "https://org.crm.dynamics.com", "port": "443", "tenant_id": "contoso.com"},
        },
        "conn-fields": {
            "tenant_id": field("Tenant", "Required: id or domain of the directory whose data it is."),
            "auth": field(
                "Authentication",
                "secret, certificate, workload_identity or managed_identity; without one what is given says it.",
            ),
            # A password field would drop the line breaks of a key; Airflow masks it by its name.
            "private_key": text(
                "Certificate with private key", "PEM text of both, or a PFX file in base64; the key is an RSA key."
            ),
            "certificate_path": field("Certificate file", "PEM or PFX file on the workers, instead of the text."),
            "token_file": field(
                "Federated token file", "For workload_identity; AZURE_FEDERATED_TOKEN_FILE of the worker without one."
            ),
            "cloud": field("Cloud", "global, gcc_high, dod or china; the one that the host is of without one."),
            "service": field("Service", "graph or dataverse; the one that the host is of without one."),
            "api_version": field("API version", "v1.0 or beta; of Dataverse v9.2 without one."),
            "authority": field("Authority", "Host that gives tokens; the cloud's without one."),
            "scope": field("Scope", "What a token is asked for; the service's /.default without one."),
            "trusted_hosts": field(
                "Trusted hosts", "Hosts beyond the cloud's that the token may be sent to, e.g. a gateway."
            ),
            "ca": field("CA bundle", "PEM file on the workers of the authorities to trust; the system's without one."),
            "proxy": field("Proxy", "URL, e.g. http://user:password@proxy.example:3128.", format="password"),
            "no_proxy": field("No proxy for", "Hosts or domains that are reached without any proxy."),
            "environment_proxies": field(
                "Proxies of the environment",
                "Whether HTTPS_PROXY of the workers is used where no proxy is given; yes without a word.",
                kind="boolean",
            ),
            "timeout": field(
                "Timeout", "Seconds for a connection and for each part of an answer; 100 without one.", kind="number"
            ),
            "largest_answer": field(
                "Largest answer", "Megabytes that one page may have; 64 without one.", kind="integer"
            ),
        },
    }


def _ledger_connection() -> dict[str, Any]:
    return {
        "connection-type": "integrations_ledger",
        "hook-class-name": f"{_PACKAGE}.ledger.hook.LedgerHook",
        "hook-name": _LEDGER,
        "ui-field-behaviour": {
            "hidden-fields": ["extra"],
            "relabeling": {"schema": "Database", "login": "User"},
            "placeholders": {"host": "PostgreSQL server", "port": "5432", "path": "/var/lib/airflow/ledger.db"},
        },
        "conn-fields": {
            "path": field("SQLite file", "Absolute path; instead of a host, where all workers share one disk."),
            "sslmode": field("SSL mode", "As in libpq, e.g. verify-full."),
            "sslrootcert": field("SSL root certificate", "File on the workers that holds the authority's certificate."),
            "connect_timeout": field("Connect timeout", "Seconds; 10 without one.", kind="integer"),
        },
    }


def _options() -> dict[str, Any]:
    def option(description: str, default: str, example: str | None = None, **more: Any) -> dict[str, Any]:
        return {
            "description": description,
            "version_added": "0.1.0",
            "type": "string",
            "example": example,
            "default": default,
            **more,
        }

    return {
        "landing_root": option(
            "Folder or object store under which bronze, quarantine and data docs are written.",
            "{AIRFLOW_HOME}/integrations",
            "s3://aws_default@company-landing/integrations",
        ),
        "include_folder": option(
            "Folder that holds sources, contracts and expectations.", "{AIRFLOW_HOME}/include", "/opt/airflow/include"
        ),
        "ledger_connection": option("Id of the ledger's connection.", "integrations_ledger"),
        # Sensitive: no page of the UI shows it, and `_CMD` and `_SECRET` give it as well.
        "graph_state_key": option(
            "Fernet keys that delta links rest encrypted by, with commas between; the first one writes. Airflow's fernet_key"
            " without one.",
            "",
            sensitive=True,
        ),
    }
