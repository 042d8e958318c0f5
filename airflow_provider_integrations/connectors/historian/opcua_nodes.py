"""Nodes of a server: by name, by pattern, and what their states are called."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors._base import UaError

from airflow_provider_integrations.connectors.historian.model import Tag
from airflow_provider_integrations.connectors.historian.opcua_values import PageMaker
from airflow_provider_integrations.connectors.historian.opcua_wire import standard_node
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["find_history", "page_maker", "parse_node"]

_HISTORY_READ = 1 << 2  # Of the attribute AccessLevel (OPC 10000-3, 8.57).
_AT_ONCE = 100  # Nodes in one request; servers have limits (OperationLimits), seldom lower ones.
_MOST = 1_000_000
_FORMS = ("ns=", "nsu=", "i=", "s=", "g=", "b=")


@dataclass(frozen=True, slots=True)
class _Found:
    path: str
    node: ua.NodeId
    variable: bool


def parse_node(address: str, spaces: Sequence[str]) -> ua.NodeId:
    """A NodeId from text: `ns=2;i=3`, or `nsu=urn:plant;s=Level`, whose namespace keeps its name when its index changes.

    Raises:
        ConfigError: it is none, or the server has no such namespace.
    """
    text = address.strip()
    if text.startswith("nsu="):
        uri, _, rest = text[4:].partition(";")
        uri = uri.replace("%3B", ";").replace("%25", "%")
        if uri not in spaces:
            raise ConfigError(
                "the server has no such namespace",
                namespace=uri,
                address=address,
                next_step="Look it up in the server.",
            )
        text = f"ns={spaces.index(uri)};{rest}"
    try:
        node = ua.NodeId.from_string(text)
    except (UaError, ValueError, TypeError):
        node = None
    if node is None or type(node) is not ua.NodeId:
        raise ConfigError("no NodeId", address=address, next_step="Write it like ns=2;i=3 or nsu=urn:plant;s=Level.")
    return node


async def page_maker(client: Client, node: ua.NodeId) -> PageMaker:
    """What this node's states are called: an enumeration's names, a discrete item's, or none.

    Sources: OPC 10000-8, 5.3.3 (EnumStrings, TrueState, FalseState); OPC 10000-3, 8.40 (EnumValues).
    """
    names = await _properties(client, node)
    if not names:
        try:
            kind = await client.get_node(node).read_data_type()
        except UaError:
            return PageMaker()
        if isinstance(kind, ua.NodeId) and not (kind.NamespaceIndex == 0 and int(str(kind.Identifier)) < 26):
            names = await _properties(client, kind)
    states = dict(enumerate(_texts(names.get("EnumStrings"))))
    for each in names.get("EnumValues") or []:
        if isinstance(each, ua.EnumValueType):
            states[int(each.Value)] = each.DisplayName.Text or str(each.Value)
    [true, *_] = [*_texts(names.get("TrueState")), "true"]
    [false, *_] = [*_texts(names.get("FalseState")), "false"]
    return PageMaker(states, true, false)


async def find_history(client: Client, patterns: Sequence[str]) -> list[Tag]:
    """Variables that keep history, by patterns of their browse path below Objects, e.g. `Plant/Unit*/Level`; sorted.

    A pattern that is a NodeId is a tag of that name. Addresses carry the namespace's name, not its index.

    Raises:
        ConfigError: a pattern matches nothing.
    """
    spaces = [str(each) for each in await client.get_namespace_array()]
    direct = [pattern for pattern in patterns if pattern.startswith(_FORMS)]
    globs = [pattern for pattern in patterns if pattern not in direct]
    found = {pattern: Tag(pattern, pattern) for pattern in direct}
    unused = set(globs)
    for part in _parts([each for each in await _browse(client) if globs and each.variable]):
        for each in await _historized(client, part):
            hits = {glob for glob in globs if fnmatch.fnmatchcase(each.path, glob)}
            if hits:
                found.setdefault(each.path, Tag(each.path, _address(each.node, spaces)))
                unused -= hits
    if unused:
        raise ConfigError(
            "no variable with history has such a name",
            patterns=sorted(unused),
            next_step="Patterns are of browse paths below Objects, e.g. Plant/*; or give NodeIds.",
        )
    return [found[name] for name in sorted(found)]


async def _browse(client: Client) -> list[_Found]:
    """All that hangs below Objects, by the way that was found first; the server's own objects are left out."""
    level = [_Found("", standard_node(ObjectIds.ObjectsFolder), variable=False)]
    seen = {level[0].node, standard_node(ObjectIds.Server)}
    found: list[_Found] = []
    while level:
        following: list[_Found] = []
        for part in _parts(level):
            for parent, reference in await _references(client, part):
                node = ua.NodeId(
                    reference.NodeId.Identifier, reference.NodeId.NamespaceIndex, reference.NodeId.NodeIdType
                )
                elsewhere = isinstance(reference.NodeId, ua.ExpandedNodeId) and bool(reference.NodeId.ServerIndex)
                if node in seen or elsewhere:
                    continue
                seen.add(node)
                path = f"{parent.path}/{reference.BrowseName.Name}".lstrip("/")
                following.append(_Found(path, node, reference.NodeClass == ua.NodeClass.Variable))
        found += following
        if len(found) > _MOST:
            raise ConfigError("too many nodes to look through", nodes=len(found), next_step="Give NodeIds.")
        level = following
    return found


async def _references(client: Client, parents: Sequence[_Found]) -> list[tuple[_Found, Any]]:
    """What lies below some nodes; answers that the server cut are followed to their end."""
    parameters = ua.BrowseParameters()
    parameters.RequestedMaxReferencesPerNode = 0
    for each in parents:
        wanted = ua.BrowseDescription()
        wanted.NodeId, wanted.BrowseDirection = each.node, ua.BrowseDirection.Forward
        wanted.ReferenceTypeId, wanted.IncludeSubtypes = standard_node(ObjectIds.HierarchicalReferences), True
        wanted.NodeClassMask, wanted.ResultMask = ua.NodeClass.Object | ua.NodeClass.Variable, ua.BrowseResultMask.All
        parameters.NodesToBrowse.append(wanted)
    found: list[tuple[_Found, Any]] = []
    waiting = list(zip(parents, await client.uaclient.session.browse(parameters), strict=True))
    while waiting:
        points: list[tuple[_Found, bytes]] = []
        for parent, result in waiting:
            found += [(parent, reference) for reference in result.References or []]
            if result.ContinuationPoint:
                points.append((parent, result.ContinuationPoint))
        if not points:
            break
        following = ua.BrowseNextParameters()
        following.ReleaseContinuationPoints = False
        following.ContinuationPoints = [point for _, point in points]
        results = await client.uaclient.session.browse_next(following)
        waiting = [(parent, result) for (parent, _), result in zip(points, results, strict=True)]
        if len(found) > _MOST:
            raise ConfigError("too many nodes to look through", nodes=len(found), next_step="Give NodeIds.")
    return found


async def _historized(client: Client, variables: Sequence[_Found]) -> list[_Found]:
    nodes = [each.node for each in variables]
    levels = await client.uaclient.session.read_attributes(nodes, AttributeIds.AccessLevel)
    return [
        each
        for each, level in zip(variables, levels, strict=True)
        if level.Value is not None and isinstance(level.Value.Value, int) and level.Value.Value & _HISTORY_READ
    ]


async def _properties(client: Client, node: ua.NodeId) -> dict[str, Any]:
    """The properties that name states, as far as there are some."""
    wanted = {"EnumStrings", "EnumValues", "TrueState", "FalseState"}
    found: dict[str, Any] = {}
    try:
        for each in await client.get_node(node).get_properties():
            name = (await each.read_browse_name()).Name
            if name in wanted:
                found[name] = await each.read_value()
    except UaError:
        return {}  # Names are help; whether the node can be read, its history says.
    return found


def _texts(found: Any) -> list[str]:
    return [
        each.Text or ""
        for each in (found if isinstance(found, list) else [found])
        if isinstance(each, ua.LocalizedText)
    ]


def _address(node: ua.NodeId, spaces: Sequence[str]) -> str:
    text = str(node.to_string())
    if not node.NamespaceIndex or node.NamespaceIndex >= len(spaces):
        return text
    uri = spaces[node.NamespaceIndex].replace("%", "%25").replace(";", "%3B")
    return f"nsu={uri};{text.partition(';')[2]}"


def _parts(nodes: Sequence[_Found]) -> Iterator[Sequence[_Found]]:
    return (nodes[begin : begin + _AT_ONCE] for begin in range(0, len(nodes), _AT_ONCE))
