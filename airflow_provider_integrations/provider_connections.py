"""Fields of connection forms, and the forms of historians; it imports nothing, like `get_provider_info`."""

from __future__ import annotations

from typing import Any

__all__ = ["field", "historian_connections", "secret", "text"]


def field(label: str, description: str, *, kind: str = "string", **schema: Any) -> dict[str, Any]:
    """A field of one JSON type, which may be left empty."""
    return {"label": label, "description": description, "schema": {"type": [kind, "null"], **schema}}


def secret(label: str, description: str) -> dict[str, Any]:
    """One that is shown as a password."""
    return field(label, description, format="password")


def text(label: str, description: str) -> dict[str, Any]:
    """One of several lines."""
    return field(label, description, format="multiline")


def historian_connections(module: str) -> list[dict[str, Any]]:
    """The forms of PI Web API and of OPC UA Historical Access."""
    return [_pi_web_api(module), _opcua_ha(module)]


def _pi_web_api(module: str) -> dict[str, Any]:
    return {
        "connection-type": "pi_web_api",
        "hook-class-name": f"{module}.PIWebApiHook",
        "hook-name": "PI Web API",
        "ui-field-behaviour": {
            "hidden-fields": ["extra"],
            "relabeling": {
                "host": "Host or URL",
                "schema": "Scheme (https without one)",
                "login": "User (basic authentication)",
                "password": "Password, or token of a bearer",
            },
            "placeholders": {"host": "https://pi.example.com/piwebapi", "port": "443"},
        },
        "conn-fields": {
            "auth": field("Authentication", "basic, bearer, kerberos or anonymous; without one what is given says it."),
            "token": secret("Token", "Of a bearer, instead of the password."),
            "token_file": field("Token file", "On the workers; read again for each token that is asked for."),
            "delegate": field(
                "Delegate",
                "Whether a Kerberos ticket may be passed on, for a service that asks its archive as the user.",
                kind="boolean",
            ),
            "path": field("Path", "Of the service, where the host is no URL; piwebapi without one."),
            "trusted_hosts": field("Trusted hosts", "Hosts that the URL may have, where it is not the host itself."),
            "ca": field("CA bundle", "PEM file on the workers of the authorities to trust; the system's without one."),
            "timeout": field(
                "Timeout", "Seconds for a connection and for each part of an answer; 100 without one.", kind="number"
            ),
            "budget": field(
                "Budget", "Seconds that one wait after another for a busy service may take; 900 without.", kind="number"
            ),
            "read_by": field("Read by", "batch, streamset or stream: how streams are asked for; batch without one."),
            "page_size": field(
                "Page size",
                "maxCount of a page, which adapts to what the service gives; 20,000 without.",
                kind="integer",
            ),
            "values_at_once": field(
                "Values at once", "Of all streams of one request; 100,000 without one.", kind="integer"
            ),
            "streams_at_once": field("Streams at once", "In one request; 100 without one.", kind="integer"),
            "requests_at_once": field(
                "Requests at once", "Under way beside each other; 3 without one.", kind="integer"
            ),
            "largest_answer": field(
                "Largest answer", "Megabytes that one answer may have; 256 without one.", kind="integer"
            ),
        },
    }


def _opcua_ha(module: str) -> dict[str, Any]:
    return {
        "connection-type": "opcua_ha",
        "hook-class-name": f"{module}.OpcUaHistoryHook",
        "hook-name": "OPC UA Historical Access",
        "ui-field-behaviour": {
            "hidden-fields": ["extra"],
            "relabeling": {"host": "Host, or URL of the endpoint", "schema": "Path of the endpoint", "login": "User"},
            "placeholders": {"host": "opc.tcp://plant1:4840/historian", "port": "4840"},
        },
        "conn-fields": {
            "security_policy": field(
                "Security policy",
                "None, Basic256Sha256, Aes128Sha256RsaOaep or Aes256Sha256RsaPss; None without one.",
            ),
            "security_mode": field("Security mode", "Sign or SignAndEncrypt; the latter where there is a policy."),
            "certificate_path": field("Client certificate", "PEM or DER file on the workers."),
            "private_key_path": field("Client key file", "PEM or DER file on the workers."),
            # A password field would drop the line breaks of a key; Airflow masks it by its name.
            "private_key": text("Client key", "PEM text, instead of the file."),
            "private_key_password": secret("Password of the client key", "Empty if the key has none."),
            "server_certificate_path": field(
                "Server certificate", "The one that the server must have; required with a security policy."
            ),
            "user_certificate_path": field("User certificate", "PEM or DER file, instead of a user and a password."),
            "user_private_key_path": field("User key file", "Of that certificate."),
            "user_private_key_password": secret("Password of the user key", "Empty if the key has none."),
            "plain_password": field(
                "Plain password",
                "Whether the password may go over the wire as it is, where nothing is encrypted; no without a word.",
                kind="boolean",
            ),
            "timeout": field("Timeout", "Seconds that an answer may take; 60 without one.", kind="number"),
            "connect_timeout": field(
                "Connect timeout", "Seconds that opening a session may take; 12 without one.", kind="number"
            ),
            "reconnect_for": field(
                "Reconnect for", "Seconds that a lost server is tried again; 120 without one.", kind="number"
            ),
            "session_lifetime": field(
                "Session lifetime", "Seconds that a session lives between two requests; 3600 without.", kind="number"
            ),
            "channel_lifetime": field(
                "Channel lifetime", "Seconds after which the channel's keys are renewed; 3600 without.", kind="number"
            ),
            "values_per_page": field(
                "Values per page", "To ask for; 0 leaves it to the server, 20,000 without one.", kind="integer"
            ),
            "tags_at_once": field("Tags at once", "Read beside each other; 4 without one.", kind="integer"),
        },
    }
