"""What a connection to PI Web API may say, read by an allow-list into frozen values.

>>> settings = PiSettings.from_url("https://anna:canary@pi.example.com/piwebapi")
>>> settings.root, settings.auth, "canary" in repr(settings)
('https://pi.example.com/piwebapi', Basic(user='anna'), False)
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_integrations.connectors.historian.pi_auth import Anonymous, Auth, Basic, Bearer, Kerberos
from airflow_provider_integrations.connectors.historian.pi_model import Limits, Way
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.settings import read_extras

__all__ = ["PiExtras", "PiSettings"]

# Scheme, user, host, port, path: no query, no escapes but those of the user, no names beyond ASCII.
_URL = re.compile(
    r"(?P<scheme>https?)://(?:(?P<user>[^:@/?#]*)(?::(?P<password>[^@/?#]*))?@)?"
    r"(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?P<path>(?:/[A-Za-z0-9._~-]+)*)/*",
    re.IGNORECASE,
)
_MEGABYTE = 1_048_576


class PiExtras(BaseModel):
    """The extras of a connection; `get_provider_info` says what each means."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    auth: Literal["", "basic", "bearer", "kerberos", "anonymous"] = ""
    token: str = Field(default="", repr=False)
    token_file: str = ""
    delegate: bool = False
    path: str = Field(default="piwebapi", pattern=r"^[A-Za-z0-9._~/-]*$")
    trusted_hosts: str = ""
    ca: str = ""
    timeout: float = Field(default=100, gt=0, le=3600)
    budget: float = Field(default=900, gt=0, le=86_400)
    read_by: Literal["", "batch", "streamset", "stream"] = ""
    page_size: int = Field(default=20_000, ge=1, le=2_147_483_647)
    values_at_once: int = Field(default=100_000, ge=1, le=10_000_000)
    streams_at_once: int = Field(default=100, ge=1, le=1_000)
    requests_at_once: int = Field(default=3, ge=1, le=16)
    largest_answer: int = Field(default=256, ge=1, le=2048)


@dataclass(frozen=True, slots=True)
class PiSettings:
    """One service, and who asks it.

    Args:
        root: URL of the service without a slash at its end; its scheme, host and port are the only ones that are asked.
        auth: Who asks.
        ca: PEM file of the authorities to trust; the system's without one.
        timeout: Seconds for a connection, and for each part of an answer.
        budget: Seconds that may be lost by waiting for a busy service, one wait after another.
        way: How streams are asked for.
        limits: How much is asked for at once.
        requests: How many requests may be under way.
        largest: Bytes that an answer may have.
    """

    root: str
    auth: Auth = field(default_factory=Anonymous)
    ca: Path | None = None
    timeout: float = 100.0
    budget: float = 900.0
    way: Way = Way.BATCH
    limits: Limits = field(default_factory=lambda: Limits(""))
    requests: int = 3
    largest: int = 256 * _MEGABYTE

    @property
    def secrets(self) -> list[str]:
        """Every text that no log, error or XCom may show."""
        return self.auth.secrets

    @classmethod
    def from_url(
        cls, url: str, extras: Mapping[str, Any] | None = None, *, user: str = "", password: str = ""
    ) -> PiSettings:
        """Read a URL, in which there may be a user and a password; whoever types a host has named it.

        Args:
            url: Of the service, with its path, which is `/piwebapi` by default.
            extras: As `PiExtras`.
            user: Where the URL has none.
            password: Of the user.

        Raises:
            ConfigError: it is no such URL, or a password would travel unencrypted to another machine; never with a value.
        """
        read = read_extras(PiExtras, dict(extras or {}), "the PI Web API")
        parts = _URL.fullmatch(url.strip())
        if parts is None:
            raise ConfigError(
                "not the URL of a PI Web API", next_step="Use one such as https://pi.example.com/piwebapi."
            )
        return _settings(
            parts, unquote(parts["user"] or "") or user, unquote(parts["password"] or "") or password, read
        )

    @classmethod
    def from_connection(
        cls,
        host: str | None,
        port: int | None,
        login: str | None,
        password: str | None,
        extras: Mapping[str, Any] | None = None,
        schema: str | None = None,
    ) -> PiSettings:
        """Read what an Airflow connection of type `pi_web_api` gives.

        Kebab-case and snake_case names are the same; empty values count as not given, as forms in a UI send them.

        Args:
            host: Host, or the URL of the service; a host alone gets the path of the extra `path`.
            port: Where it is not in the host.
            login: User for basic authentication.
            password: Of the user; or the token where `auth` is `bearer`.
            extras: As `PiExtras`.
            schema: Scheme of the URL, https without one.

        Raises:
            ConfigError: names every unknown, missing or wrong extra; never a value.
        """
        named = {str(key).strip().lower().replace("-", "_"): value for key, value in (extras or {}).items()}
        given = {name: value for name, value in named.items() if value not in (None, "")}
        read = read_extras(PiExtras, given, "the PI Web API connection")
        text = (host or "").strip().rstrip("/")
        if not text:
            raise ConfigError(
                "the PI Web API connection lacks host", next_step="Give the host, or the URL, of the service."
            )
        typed = "://" in text  # A URL is the root as it is typed.
        text = text if typed else f"{schema or 'https'}://{text}"
        scheme, _, rest = text.partition("://")
        place, _, path = rest.partition("/")
        if port is not None and re.search(r":[0-9]+$", place) is None:
            place = f"{place}:{port}"
        path = path or ("" if typed else read.path.strip("/"))
        parts = _URL.fullmatch(f"{scheme}://{place}/{path}")
        if parts is None or parts["user"] is not None:
            raise ConfigError(
                "not the host of a PI Web API", next_step="Use a host, or https://pi.example.com/piwebapi."
            )
        return _settings(parts, login or "", password or "", read)


def _settings(parts: re.Match[str], user: str, password: str, read: PiExtras) -> PiSettings:
    scheme, host = parts["scheme"].lower(), parts["host"].lower()
    port = int(parts["port"]) if parts["port"] else None
    if port is not None and not 0 < port < 65_536:
        raise ConfigError("not a port", port=port, next_step="Use one from 1 to 65535.")
    if scheme == "http" and not _is_loopback(host):
        raise ConfigError("plain HTTP to another machine", host=host, next_step="Use https.")
    allowed = re.split(r"[\s,]+", read.trusted_hosts.strip().lower()) if read.trusted_hosts.strip() else [host]
    if host not in allowed:
        raise ConfigError(
            "a host that is not among the trusted ones", host=host, next_step="Correct the host, or trusted_hosts."
        )
    root = f"{scheme}://{host}{f':{port}' if port else ''}{parts['path']}"
    return PiSettings(
        root,
        _auth(read, user, password),
        Path(read.ca) if read.ca else None,
        read.timeout,
        read.budget,
        Way(read.read_by or "batch"),
        Limits(root, largest=read.page_size, at_once=read.values_at_once, streams=read.streams_at_once),
        read.requests_at_once,
        read.largest_answer * _MEGABYTE,
    )


def _auth(read: PiExtras, user: str, password: str) -> Auth:
    kind = read.auth or ("bearer" if read.token or read.token_file else "basic" if user else "anonymous")
    if kind == "basic":
        if not (user and password):
            raise ConfigError("basic authentication lacks a user or a password", next_step="Give login and password.")
        return Basic(user, password)
    if kind == "bearer":
        token = read.token or password
        if bool(token) == bool(read.token_file):
            raise ConfigError(
                "a bearer needs one token", next_step="Give either token (or the password) or token_file."
            )
        if token and re.fullmatch(r"[!-~]+", token) is None:
            raise ConfigError("not an access token", next_step="Give the token alone, without spaces or line ends.")
        return Bearer(token, read.token_file)
    return Kerberos(read.delegate) if kind == "kerberos" else Anonymous()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
