"""What a connection to an OPC UA server with history may say, read by an allow-list into frozen values.

>>> settings = OpcUaSettings.from_url("opc.tcp://reader:canary@plant1:4840/historian")
>>> settings.url, settings.user, "canary" in repr(settings)
('opc.tcp://plant1:4840/historian', 'reader', False)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.settings import read_extras

__all__ = ["OpcUaExtras", "OpcUaSettings"]

_PORT = 4840  # Registered for opc.tcp.
Policy = Literal["None", "Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"]


class OpcUaExtras(BaseModel):
    """The extras of a connection; `get_provider_info` says what each means."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    security_policy: Policy = "None"
    security_mode: Literal["", "Sign", "SignAndEncrypt"] = ""
    certificate_path: str = ""
    private_key_path: str = ""
    private_key: str = Field(default="", repr=False)
    private_key_password: str = Field(default="", repr=False)
    server_certificate_path: str = ""
    user_certificate_path: str = ""
    user_private_key_path: str = ""
    user_private_key_password: str = Field(default="", repr=False)
    plain_password: bool = False
    timeout: float = Field(default=60, gt=0, le=3600)
    connect_timeout: float = Field(default=12, gt=0, le=600)
    reconnect_for: float = Field(default=120, ge=0, le=86_400)
    session_lifetime: float = Field(default=3600, ge=1, le=86_400)
    channel_lifetime: float = Field(default=3600, ge=1, le=86_400)
    values_per_page: int = Field(default=20_000, ge=0, le=1_000_000)
    tags_at_once: int = Field(default=4, ge=1, le=64)


@dataclass(frozen=True, slots=True)
class OpcUaSettings:
    """One server, and who reads it.

    Args:
        url: Its endpoint, without anybody's name or password.
        user: User name; empty is anonymous, or a certificate's.
        password: The user's.
        policy: Security policy by its short name, `None` for none.
        mode: `None`, `Sign` or `SignAndEncrypt`.
        certificate_path: Certificate of this client, PEM or DER.
        private_key_path: Its key, PEM or DER.
        private_key: The key itself in PEM, instead of a path.
        private_key_password: Of the key.
        server_certificate_path: The certificate that the server has to have.
        user_certificate_path: Certificate of the user.
        user_private_key_path: Its key.
        user_private_key_password: Of that key.
        plain_password: Whether the password may go over the wire as it is, where neither channel nor token is encrypted.
        timeout: Seconds that an answer may take.
        connect_timeout: Seconds that opening a session may take; a server that never was there is given up after half as
            much again.
        reconnect_for: Seconds that a lost server is tried again.
        session_lifetime: Seconds that a session is asked to live between two requests.
        channel_lifetime: Seconds after which the channel's keys are renewed.
        page: Values to ask for in one page; 0 leaves it to the server.
        tags_at_once: How many tags are read side by side.
    """

    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    policy: str = "None"
    mode: str = "None"
    certificate_path: str = ""
    private_key_path: str = ""
    private_key: str = field(default="", repr=False)
    private_key_password: str = field(default="", repr=False)
    server_certificate_path: str = ""
    user_certificate_path: str = ""
    user_private_key_path: str = ""
    user_private_key_password: str = field(default="", repr=False)
    plain_password: bool = False
    timeout: float = 60
    connect_timeout: float = 12
    reconnect_for: float = 120
    session_lifetime: float = 3600
    channel_lifetime: float = 3600
    page: int = 20_000
    tags_at_once: int = 4

    @property
    def secrets(self) -> list[str]:
        """Every text that no log, error or XCom may show."""
        kept = (self.password, self.private_key, self.private_key_password, self.user_private_key_password)
        return [each for each in kept if each]

    @classmethod
    def from_url(cls, url: str, extras: Mapping[str, Any] | None = None) -> OpcUaSettings:
        """Read a URL, as the command line has it: `opc.tcp://user:password@host:port/path`.

        Raises:
            ConfigError: it is no such URL, or an extra is unknown or wrong; never with a value of a secret.
        """
        return cls.from_connection(url, None, None, None, extras)

    @classmethod
    def from_connection(
        cls,
        host: str | None,
        port: int | None,
        login: str | None,
        password: str | None,
        extras: Mapping[str, Any] | None = None,
        schema: str | None = None,
    ) -> OpcUaSettings:
        """Read what an Airflow connection of type `opcua_ha` gives.

        Kebab-case and snake_case names are the same; empty values count as not given, as forms in a UI send them.

        Args:
            host: Host, or the whole URL of the endpoint.
            port: Where it is not in the host; 4840 without one.
            login: User name.
            password: The user's.
            extras: As `OpcUaExtras`.
            schema: Path of the endpoint.

        Raises:
            ConfigError: names every unknown, missing or wrong extra; never a value.
        """
        named = {str(key).strip().lower().replace("-", "_"): value for key, value in (extras or {}).items()}
        given = {name: value for name, value in named.items() if value not in (None, "")}
        read = read_extras(OpcUaExtras, given, "the OPC UA connection")
        url, user, secret = _endpoint(host, port, schema)
        settings = cls(
            url=url,
            user=(login or user).strip(),
            password=password or secret,
            policy=read.security_policy,
            mode=read.security_mode or ("None" if read.security_policy == "None" else "SignAndEncrypt"),
            page=read.values_per_page,
            **{name: value for name, value in read.model_dump().items() if name in _AS_THEY_ARE},
        )
        _check(settings)
        return settings


_AS_THEY_ARE = set(OpcUaSettings.__dataclass_fields__) & set(OpcUaExtras.model_fields)


def _endpoint(host: str | None, port: int | None, schema: str | None) -> tuple[str, str, str]:
    """The URL, and a user and password that stood in it."""
    text = (host or "").strip()
    text = text if "://" in text else f"opc.tcp://{text}"
    try:
        parts = urlsplit(text)
        name, own_port = parts.hostname or "", parts.port
    except ValueError:
        name, own_port = "", None
    else:
        if parts.scheme != "opc.tcp" or parts.query or parts.fragment:
            name = ""
    if not name or re.fullmatch(r"[A-Za-z0-9._:%-]+", name) is None:
        raise ConfigError("not the URL of an OPC UA endpoint", next_step="Give it as opc.tcp://host:4840/path.")
    path = parts.path if parts.path not in ("", "/") else f"/{schema.strip('/')}" if schema else parts.path
    place = f"[{name}]" if ":" in name else name
    user, secret = unquote(parts.username or ""), unquote(parts.password or "")
    return f"opc.tcp://{place}:{own_port or port or _PORT}{path}", user, secret


def _check(settings: OpcUaSettings) -> None:
    key = settings.private_key or settings.private_key_path
    secured = settings.policy != "None"
    lacking = [
        name
        for name, there in (
            ("certificate_path", settings.certificate_path or not secured),
            ("private_key_path or private_key", key or not secured),
            # Without it anybody who answers would be believed, and be given the password.
            ("server_certificate_path", settings.server_certificate_path or not secured),
            ("login", settings.user or not settings.password or settings.user_certificate_path),
            ("user_private_key_path", settings.user_private_key_path or not settings.user_certificate_path),
        )
        if not there
    ]
    if lacking:
        raise ConfigError(
            f"the OPC UA connection lacks {' and '.join(lacking)}",
            next_step="Give it; a secured channel needs this client's certificate and key, and the server's certificate.",
        )
    if settings.private_key and settings.private_key_path:
        raise ConfigError(
            "the OPC UA connection has two keys", next_step="Keep one of private_key and private_key_path."
        )
    if (settings.mode == "None") == secured:
        raise ConfigError(
            "a security mode that does not fit the policy",
            policy=settings.policy, mode=settings.mode, next_step="With the policy None there is no mode; all others have one.",
        )  # fmt: skip
