"""What a connection to Microsoft Graph or Dataverse may say, read by an allow-list into frozen values.

>>> settings = GraphSettings.from_connection(None, None, "app", "canary", {"tenant_id": "contoso.com"})
>>> settings.endpoint.url, settings.resource_scope, "canary" in repr(settings)
('https://graph.microsoft.com/v1.0', 'https://graph.microsoft.com/.default', False)
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_integrations.connectors.msgraph.auth import (
    Auth,
    Certificate,
    ClientSecret,
    ManagedIdentity,
    Registration,
    WorkloadIdentity,
    token_source,
)
from airflow_provider_integrations.connectors.msgraph.hosts import CLOUDS, Cloud, Endpoint, cloud_named, endpoint
from airflow_provider_integrations.connectors.msgraph.provider_fields import of_provider
from airflow_provider_integrations.connectors.msgraph.reach import Reach
from airflow_provider_integrations.connectors.msgraph.throttle import AppScope
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.settings import read_extras

__all__ = ["GraphExtras", "GraphSettings"]

_VERSIONS = {"graph": "v1.0", "dataverse": "api/data/v9.2"}


class GraphExtras(BaseModel):
    """The extras of a connection; `get_provider_info` says what each means."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    tenant_id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$")
    auth: Literal["", "secret", "certificate", "workload_identity", "managed_identity"] = ""
    private_key: str = Field(default="", repr=False)
    certificate_path: str = ""
    token_file: str = ""
    cloud: Literal["", "global", "gcc_high", "dod", "china"] = ""
    service: Literal["", "graph", "dataverse"] = ""
    api_version: str = Field(default="", pattern=r"^[A-Za-z0-9._/-]*$")
    authority: str = ""
    scope: str = Field(default="", pattern=r"^[!-~]*$")
    trusted_hosts: str = ""
    ca: str = ""
    proxy: str = Field(default="", repr=False, pattern=r"^(https?://[!-~]+)?$")
    no_proxy: str = ""
    environment_proxies: bool = True
    timeout: float = Field(default=100, gt=0, le=3600)
    largest_answer: int = Field(default=64, ge=1, le=1024)


@dataclass(frozen=True, slots=True)
class GraphSettings:
    """One tenant's service, and who asks it.

    Args:
        endpoint: The service root, and where its links may lead.
        cloud: Name of the cloud.
        tenant: Directory whose data it is.
        client_id: Application id of the app registration; empty where the machine says it.
        auth: How the app authenticates.
        registration: Where its tokens are asked for.
        resource_scope: What a token is asked for.
        reach: How the service is reached.
    """

    endpoint: Endpoint
    cloud: str
    tenant: str
    client_id: str
    auth: Auth
    registration: Registration
    resource_scope: str
    reach: Reach

    @property
    def scope(self) -> AppScope:
        """Whose requests Microsoft counts together."""
        return AppScope(self.cloud, self.tenant, self.client_id or type(self.auth).__name__)

    @property
    def secrets(self) -> list[str]:
        """Every text that no log, error or XCom may show."""
        proxies = {self.reach.proxy, self.registration.reach.proxy}
        quoted = {urlsplit(proxy).password or "" for proxy in proxies}
        passwords = quoted | {unquote(each) for each in quoted}
        return [*self.auth.secrets, *sorted(each for each in passwords if each)]

    def token(self) -> Callable[[bool], str]:
        """The source of access tokens, whose cache the whole process shares; nothing is asked for yet."""
        return token_source(self.registration, self.auth, self.resource_scope)

    @classmethod
    def from_connection(
        cls,
        host: str | None,
        port: int | None,
        login: str | None,
        password: str | None,
        extras: Mapping[str, Any] | None = None,
        conn_type: str = "msgraph_delta",
        schema: str | None = None,
    ) -> GraphSettings:
        """Read what an Airflow connection gives, of type `msgraph_delta` or the Microsoft provider's `msgraph`.

        Kebab-case and snake_case names are the same; empty values count as not given, as forms in a UI send them.

        Args:
            host: Host, service root or URL of a Dataverse environment; the cloud's Graph without one.
            port: Where it is not in the host.
            login: Application (client) id.
            password: The client secret, or the password of the certificate's key.
            extras: As `GraphExtras`; for `msgraph` as that provider names them.
            conn_type: Which of the two.
            schema: Of the URL, where a connection of type `msgraph` names its host alone.

        Raises:
            ConfigError: names every unknown, missing or wrong extra; never a value.
        """
        named = {str(key).strip().lower().replace("-", "_"): value for key, value in (extras or {}).items()}
        given = {name: value for name, value in named.items() if value not in (None, "")}
        if conn_type == "msgraph":
            host, given = of_provider(host, schema, given)
        read = read_extras(GraphExtras, given, "the Microsoft Graph connection")
        url = _url(host, port, read)
        cloud = _cloud(url, read)
        dataverse = _is_dataverse(url, read, cloud)
        root = endpoint(_root(url, read, dataverse), cloud=cloud.name, named=_names(read.trusted_hosts))
        reach = _reach(read, urlsplit(root.url).hostname or "")
        authority, known = _authority(read, cloud)
        client = (login or "").strip()
        app = Registration(read.tenant_id, client, authority, known, _reach(read, authority.partition(":")[0]))
        auth = _auth(read, password or "", client)
        where = f"{root.url.split('/')[2]}" if dataverse else cloud.graph
        asked = read.scope or f"https://{where.removesuffix(':443')}/.default"
        return cls(root, cloud.name, read.tenant_id, client, auth, app, asked, reach)


def _url(host: str | None, port: int | None, read: GraphExtras) -> str:
    text = (host or "").strip().rstrip("/")
    if not text:
        text = cloud_named(read.cloud or "global").graph
        if read.service == "dataverse":
            raise ConfigError(
                "Dataverse has a host of its own", next_step="Give the URL of the environment as the host."
            )
    if "://" not in text:
        text = f"https://{text}"
    scheme, _, rest = text.partition("://")
    place, slash, path = rest.partition("/")
    if port is not None and re.search(r":[0-9]+$", place) is None and (scheme, port) != ("https", 443):
        place = f"{place}:{port}"
    return f"{scheme}://{place}{slash}{path}"


def _cloud(url: str, read: GraphExtras) -> Cloud:
    if read.cloud:
        return cloud_named(read.cloud)
    host = _host(url)
    return next((cloud for cloud in CLOUDS if cloud.has(host)), CLOUDS[0])


def _is_dataverse(url: str, read: GraphExtras, cloud: Cloud) -> bool:
    host = _host(url)
    return read.service == "dataverse" or (not read.service and cloud.has(host) and host != cloud.graph)


def _root(url: str, read: GraphExtras, dataverse: bool) -> str:
    """A URL with a path is a service root as it stands."""
    if url.partition("://")[2].partition("/")[2]:
        return url
    version = read.api_version.strip("/")
    if dataverse and version and "/" not in version:
        version = f"api/data/{version}"
    return f"{url}/{version or _VERSIONS['dataverse' if dataverse else 'graph']}"


def _authority(read: GraphExtras, cloud: Cloud) -> tuple[str, bool]:
    """Host of the token endpoint, and whether it is Microsoft's; the client's secret goes there, so it is read strictly."""
    text = read.authority.strip().rstrip("/") or cloud.login
    host = text.removeprefix("https://").lower()
    if re.fullmatch(r"[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?", host) is None:
        raise ConfigError("not the host of an authority", next_step="Give a host such as login.microsoftonline.com.")
    return host, host in {each.login for each in CLOUDS}


def _reach(read: GraphExtras, host: str) -> Reach:
    reach = Reach(
        ca=Path(read.ca) if read.ca else None,
        timeout=read.timeout,
        proxy=_proxy(read.proxy),
        environment=read.environment_proxies,
        largest=read.largest_answer * 1_048_576,
    )
    apart = [name.removeprefix("*").lstrip(".").lower() for name in _names(read.no_proxy)]
    if any(name in ("", host.lower()) or host.lower().endswith(f".{name}") for name in apart):  # A star is every host.
        return replace(reach, proxy="", environment=False)
    return reach


def _proxy(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = not text or (parts.hostname is not None and (parts.port or 1) > 0)  # The port is read here.
    except ValueError:
        good = False
    if not good:
        raise ConfigError(
            "not the URL of a proxy",
            next_step="Give it as http://user:password@host:port, what is special in the password percent-encoded.",
        )
    return text


def _auth(read: GraphExtras, password: str, client_id: str) -> Auth:
    certificate = bool(read.private_key or read.certificate_path)
    kind = read.auth or ("certificate" if certificate else "secret" if password else "")
    lacking = [
        name
        for name, there in (
            ("login (the client id)", client_id or kind in ("workload_identity", "managed_identity")),
            ("password (the client secret)", password or kind != "secret"),
            ("private_key or certificate_path", certificate or kind != "certificate"),
            ("auth, or a client secret, or a certificate", kind),
        )
        if not there
    ]
    if lacking:
        raise ConfigError(
            f"the Microsoft Graph connection lacks {' and '.join(lacking)}",
            next_step="Give it; a workload or managed identity needs no secret: set auth to workload_identity or"
            " managed_identity.",
        )
    if kind == "secret":
        return ClientSecret(password)
    if kind == "workload_identity":
        return WorkloadIdentity(read.token_file)
    if kind == "managed_identity":
        return ManagedIdentity()
    if read.private_key and read.certificate_path:
        raise ConfigError(
            "the Microsoft Graph connection has two certificates",
            next_step="Keep one of private_key and certificate_path.",
        )
    return Certificate(_certificate(read.private_key), read.certificate_path, password)


def _certificate(text: str) -> bytes:
    """PEM as it is; anything else is a PFX file in base64."""
    if not text or "-----BEGIN" in text:
        return text.encode()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        pass
    raise ConfigError("private_key is neither PEM nor base64", next_step="Give PEM text, or a PFX file in base64.")


def _names(text: str) -> tuple[str, ...]:
    return tuple(part for part in re.split(r"[\s,]+", text) if part)


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:  # `endpoint` says what is wrong with it.
        return ""
