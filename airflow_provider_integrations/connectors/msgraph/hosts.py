"""Where requests may go: the clouds, and the one origin that a link of an endpoint may lead to.

A link comes from a server's answer, and an access token goes with the request for it. So a link is followed only to the
scheme, host and port of the endpoint itself; the endpoint must be one of its cloud, be named by a person, or be this machine.
Links are parsed by one strict pattern: what two parsers could read in two ways is refused, not followed.

>>> endpoint("https://graph.microsoft.com/v1.0").check("https://graph.microsoft.com/v1.0/users/delta?$skiptoken=x")
'https://graph.microsoft.com/v1.0/users/delta?$skiptoken=x'
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import urljoin

from airflow_provider_integrations.core.errors import ConfigError, SystemicError

__all__ = ["CLOUDS", "Cloud", "Endpoint", "cloud_named", "endpoint"]

# Scheme, host, port: no user, no escapes, no names beyond ASCII. Path and query: visible ASCII and spaces, no backslash.
_URL = re.compile(
    r"(?P<scheme>[A-Za-z]+)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<rest>(?:/[ -\[\]-~]*)?(?:\?[ -\[\]-~]*)?)"
)
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Cloud:
    """A national cloud.

    Sources: learn.microsoft.com/graph/deployments ("service root endpoints", "App registration and token service root
    endpoints"); learn.microsoft.com/power-platform/admin/new-datacenter-regions for Dataverse.

    Args:
        name: What settings call it.
        graph: Host of Microsoft Graph.
        login: Host that gives tokens.
        dataverse: What the host of an environment ends with, after the environment's own name, as a pattern.
    """

    name: str
    graph: str
    login: str
    dataverse: str

    def has(self, host: str) -> bool:
        """Whether the host serves Graph or Dataverse in this cloud."""
        return host == self.graph or re.fullmatch(rf"[a-z0-9-]+(\.api)?\.{self.dataverse}", host) is not None


CLOUDS = (
    # GCC uses the worldwide endpoints; its Dataverse is crm9.
    Cloud("global", "graph.microsoft.com", "login.microsoftonline.com", r"crm[0-9]{0,2}\.dynamics\.com"),
    Cloud("gcc_high", "graph.microsoft.us", "login.microsoftonline.us", r"crm\.microsoftdynamics\.us"),
    Cloud("dod", "dod-graph.microsoft.us", "login.microsoftonline.us", r"crm\.appsplatform\.us"),
    Cloud("china", "microsoftgraph.chinacloudapi.cn", "login.chinacloudapi.cn", r"crm\.dynamics\.cn"),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A service root, e.g. `https://graph.microsoft.com/v1.0`, and the origin that its links must have.

    Args:
        url: Without a slash at its end.
        origins: Scheme, host and port that a link may have.
    """

    url: str
    origins: frozenset[tuple[str, str, int]] = field(repr=False)

    def check(self, link: str, *, base: str = "") -> str:
        """The link as it is, if it may be followed.

        Args:
            link: From an answer.
            base: The request that was answered, where the link may be relative to it (a Location, RFC 9110, section 10.2.2).

        Raises:
            SystemicError: it leads elsewhere or cannot be read in one way alone; the link itself is not shown.
        """
        if base and _readable(link) and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", link):
            link = urljoin(base, link)
        origin = _origin(link)
        if origin is None:
            raise SystemicError(
                "the server sent a link that is no plain URL",
                endpoint=self.url,
                next_step="Nothing was requested by it. Look at what stands between here and the server.",
            )
        if origin not in self.origins:
            scheme, host, port = origin
            raise SystemicError(
                "the server sent a link to another place",
                to=f"{scheme}://{host}:{port}",
                endpoint=self.url,
                next_step="Nothing was requested by it. Look at what stands between here and the server.",
            )
        return link


def cloud_named(name: str) -> Cloud:
    """The cloud that a setting names.

    Raises:
        ConfigError: there is none of that name.
    """
    found = next((cloud for cloud in CLOUDS if cloud.name == name), None)
    if found is None:
        raise ConfigError(
            "unknown cloud", cloud=name, next_step=f"Use one of {', '.join(cloud.name for cloud in CLOUDS)}."
        )
    return found


def endpoint(url: str, *, cloud: str = "global", named: tuple[str, ...] = ()) -> Endpoint:
    """Check a service root.

    Args:
        url: With the version of the API, e.g. `https://graph.microsoft.com/v1.0`.
        cloud: Whose hosts it may have.
        named: Hosts that a person has named besides, e.g. a gateway.

    Raises:
        ConfigError: the host is none of these, or a token would travel unencrypted to another machine.
    """
    hosts = cloud_named(cloud)
    root = url.rstrip("/")
    origin = _origin(root)
    if origin is None or re.search(r"[ ?#]|/\.{1,2}(/|$)", root):
        raise ConfigError("not a service root", next_step="Use a URL such as https://graph.microsoft.com/v1.0.")
    scheme, host, port = origin
    here = _is_loopback(host)
    if not here and host not in {name.lower() for name in named} and not hosts.has(host):
        raise ConfigError(
            "a host that the cloud does not have",
            host=host,
            cloud=cloud,
            next_step="Correct the URL or the cloud, or name the host among the trusted ones.",
        )
    if scheme == "http" and not here:
        raise ConfigError("plain HTTP to another machine", host=host, next_step="Use https.")
    origins = {origin}
    if hosts.has(host) and host != hosts.graph:
        # An environment answers under both its names (learn.microsoft.com/power-apps/developer/data-platform/webapi).
        name, _, rest = host.partition(".")
        origins |= {(scheme, f"{name}.{rest.removeprefix('api.')}", port)}
        origins |= {(scheme, f"{name}.api.{rest.removeprefix('api.')}", port)}
    return Endpoint(root, frozenset(origins))


def _readable(link: str) -> bool:
    return re.fullmatch(r"[ -\[\]-~]+", link) is not None


def _origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None where the URL is not plain."""
    match = _URL.fullmatch(url)
    if match is None or match["scheme"].lower() not in _PORTS:
        return None
    scheme, host = match["scheme"].lower(), match["host"].lower()
    port = int(match["port"]) if match["port"] else _PORTS[scheme]
    if not 0 < port < 65_536 or host.startswith((".", "-")) or host.endswith(".") or ".." in host:
        return None
    return scheme, host, port


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
