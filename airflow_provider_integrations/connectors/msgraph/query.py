"""What is tracked: a resource with its options, as the first request and as the headers of every one.

>>> from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
>>> query = Query(endpoint("https://graph.microsoft.com/v1.0"), "users", select=("id", "displayName"))
>>> query.initial_url()
'https://graph.microsoft.com/v1.0/users/delta?$select=id,displayName'
>>> query.initial_url(latest=True)
'https://graph.microsoft.com/v1.0/users/delta?$select=id,displayName&$deltatoken=latest'
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

from airflow_provider_integrations.connectors.msgraph.hosts import Endpoint
from airflow_provider_integrations.connectors.msgraph.model import LinkKind, Protocol
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["MINIMAL", "Query"]

MINIMAL = "return=minimal"
_TRACK = "odata.track-changes"
_RESOURCE = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@-]+(?:/[A-Za-z0-9._~!$&'()*+,;=:@-]+)*")
_OWN = {"$select", "$filter", "$expand", "$deltatoken", "$skiptoken", "token"}
_NOT_TRACKED = ("$filter", "$expand", "$orderby", "$top")


@dataclass(frozen=True, slots=True)
class Query:
    """A resource whose changes are tracked.

    Options are sent with the first request alone: the links carry them (learn.microsoft.com/graph/delta-query-overview,
    "Optional query parameters").

    Args:
        endpoint: The service root.
        resource: Path below it, without `/delta`, e.g. `users`, `drives/ID/root`, `me/mailFolders/ID/messages`, `accounts`.
        select: Properties that are wanted; none asks for the server's own choice.
        filter, expand: As OData has them, unescaped.
        prefer: Preferences of the header, e.g. `return=minimal`, `odata.maxpagesize=200`.
        options: Further parameters of the first request, e.g. `startDateTime` and `endDateTime` of a calendar view.
        protocol: Graph's or Dataverse's.
        key: Name of the property that identifies an object: `id`, or a Dataverse table's own, e.g. `accountid`.
        tenant: Whose data it is; no part of any URL.

    Raises:
        ConfigError: something that cannot be tracked was asked for.
    """

    endpoint: Endpoint
    resource: str
    select: tuple[str, ...] = ()
    filter: str = ""
    expand: str = ""
    prefer: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    protocol: Protocol = Protocol.GRAPH
    key: str = "id"
    tenant: str = ""

    def __post_init__(self) -> None:
        if _RESOURCE.fullmatch(self.resource) is None or {".", ".."} & set(self.resource.split("/")):
            raise ConfigError(
                "not the path of a resource",
                resource=self.resource,
                next_step="Give the path below the service root, with no options, e.g. users.",
            )
        if taken := sorted(name for name, _ in self.options if name.lower() in _OWN):
            raise ConfigError("an option that has a setting of its own", options=taken, next_step="Use that setting.")
        if any(re.fullmatch(r"[A-Za-z0-9_.@/-]+", name) is None for name in self.select):
            raise ConfigError("not the name of a property", select=self.select, next_step="Give names alone.")
        if any(re.search(r"[^ -~]|,", text) for text in self.prefer):
            raise ConfigError("not a preference", prefer=self.prefer, next_step="Give one preference in each entry.")
        if self.protocol is Protocol.DATAVERSE:
            self._check_dataverse()

    def _check_dataverse(self) -> None:
        # "System query options $filter, $orderby, $expand and $top aren't supported": learn.microsoft.com/power-apps/
        # developer/data-platform/use-change-tracking-synchronize-data-external-systems
        used = {"$filter": self.filter, "$expand": self.expand, **dict(self.options)}
        if refused := sorted(name for name in _NOT_TRACKED if used.get(name)):
            raise ConfigError(
                "Dataverse tracks no changes with these options", options=refused, next_step="Remove them."
            )
        if self.key == "id":
            raise ConfigError(
                "a Dataverse table has a key of its own",
                resource=self.resource,
                next_step="Name the column that identifies a row, e.g. accountid.",
            )

    @property
    def most(self) -> int | None:
        """How many objects an enumeration brings at most, where the server cuts it without a word; None where it does not.

        "Applying $filter in a delta query returns only up to 5,000 messages" (learn.microsoft.com/graph/delta-query-messages).
        """
        return 5_000 if self.filter and self.resource.split("/")[-1].lower() == "messages" else None

    def initial_url(self, *, latest: bool = False) -> str:
        """The first request: a full enumeration, or the latest link with no objects.

        Directory objects take `$deltatoken=latest`, drives and lists `token=latest` (delta-query-overview; driveitem-delta,
        "Retrieving the current deltaLink").

        Raises:
            ConfigError: Dataverse has no latest link, or objects that were never read whole would come in part.
        """
        path = self.resource
        if self.protocol is Protocol.GRAPH and not re.search(r"(^|[/.])delta(\(\))?$", path):
            path = f"{path}/delta"
        parts = self._options()
        if latest and self.protocol is Protocol.DATAVERSE:
            raise ConfigError("Dataverse begins with all rows", next_step="Do not ask for the latest link.")
        if latest and any(_plain(each) == MINIMAL for each in self.prefer):
            raise ConfigError(
                "changes alone of objects that were never read",
                prefer=MINIMAL,
                next_step="Begin with all objects, or do without the preference: rows would be half filled.",
            )
        if latest:
            parts.append(("token" if self._is_drive() else "$deltatoken", "latest"))
        return f"{self.endpoint.url}/{path}{_encoded('?', parts)}"

    def fresh_url(self, location: str) -> str:
        """The Location of a 410, as it is to be requested.

        A Location may be "a request URL with an empty $deltaToken (same as the initial query)" (delta-query-overview,
        "Synchronization reset"). Such a one carries no options in its token: those of ours that it lacks are added, or rows
        would come without the properties that were selected.
        """
        there = {name.lower(): value for name, value in parse_qsl(urlsplit(location).query, keep_blank_values=True)}
        if there.get("$skiptoken") or "(token=" in location or there.get("token") or there.get("$deltatoken"):
            return location
        lacking = [(name, value) for name, value in self._options() if name.lower() not in there]
        return location + _encoded("&" if "?" in location else "?", lacking)

    def headers(self, kind: LinkKind, *, full: bool) -> dict[str, str]:
        """Headers of a request, without what authenticates it."""
        headers = {"Accept": "application/json"}
        # A full enumeration must give whole objects, so that what is missing in one is known to be empty.
        prefer = [each for each in self.prefer if not (full and _plain(each) == MINIMAL)]
        if self.protocol is Protocol.DATAVERSE:
            headers |= {"OData-Version": "4.0", "OData-MaxVersion": "4.0"}
            # The header asks for a delta link; a delta link is followed without it, as in Microsoft's example.
            if full and kind is not LinkKind.DELTA:
                prefer.append(_TRACK)
        if prefer:
            headers["Prefer"] = ", ".join(prefer)
        return headers

    def _options(self) -> list[tuple[str, str]]:
        named = [("$select", ",".join(self.select)), ("$filter", self.filter), ("$expand", self.expand)]
        return [*((name, value) for name, value in named if value), *self.options]

    def _is_drive(self) -> bool:
        parts = set(self.resource.split("/"))
        return bool(parts & {"drive", "drives"}) or {"sites", "lists"} <= parts


def _plain(preference: str) -> str:
    return re.sub(r"\s+", "", preference).lower()


def _encoded(before: str, parts: list[tuple[str, str]]) -> str:
    text = "&".join(f"{quote(name, safe='$')}={quote(value, safe='$,()/:;@=*' + chr(39))}" for name, value in parts)
    return f"{before}{text}" if text else ""
