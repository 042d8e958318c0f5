"""Whether a server has the nodes that are to be read: some answer "Good" and nothing for a node that is not there.

asyncua's own history in SQLite does so (2.1.0, `HistorySQLite.read_node_history`), and a typing error would pass for an empty
archive. So the server is asked for the node's attributes first, once for each tag.

Sources: OPC 10000-3, 5.6.2 (NodeClass, Historizing, AccessLevel, UserAccessLevel) and 8.57; OPC 10000-4, 5.11.2 (Read).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.uaerrors._base import UaStatusCodeError

from airflow_provider_integrations.connectors.historian.opcua_status import Meaning, is_bad, meaning_of, shown
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["Variable", "read_variables"]

_ATTRIBUTES = (AttributeIds.NodeClass, AttributeIds.AccessLevel, AttributeIds.UserAccessLevel)
_HISTORY_READ = 1 << 2
_AT_ONCE = 100  # Nodes in one request; servers have limits (OperationLimits), seldom lower ones.


@dataclass(frozen=True, slots=True)
class Variable:
    """What a server says of a node.

    Args:
        refused: Why its history cannot be read; none where nothing speaks against it.
        keeps_history: Whether it says so itself, to this user.
    """

    refused: ConfigError | None = None
    keeps_history: bool = True


async def read_variables(client: Client, nodes: Sequence[ua.NodeId]) -> list[Variable]:
    """What a server says of these nodes, in their order."""
    found: list[Variable] = []
    for begin in range(0, len(nodes), _AT_ONCE):
        part = nodes[begin : begin + _AT_ONCE]
        try:
            found += await _read(client, part)
        except UaStatusCodeError as error:
            if meaning_of(int(error.code or 0)) is not Meaning.TOO_LARGE:
                raise
            for node in part:
                found += await _read(client, [node])
    return found


async def _read(client: Client, nodes: Sequence[ua.NodeId]) -> list[Variable]:
    parameters = ua.ReadParameters()
    for node in nodes:
        for attribute in _ATTRIBUTES:
            wanted = ua.ReadValueId()
            wanted.NodeId, wanted.AttributeId = node, attribute
            parameters.NodesToRead.append(wanted)
    values = await client.uaclient.session.read(parameters) or []
    step = len(_ATTRIBUTES)
    return [_variable(*values[at * step : at * step + step]) for at in range(len(nodes))]


def _variable(*told: Any) -> Variable:
    if len(told) != len(_ATTRIBUTES):
        return Variable()  # Fewer answers than questions: its history will say more.
    kind, level, own = told
    status = int(kind.StatusCode.value) if kind.StatusCode is not None else 0
    if is_bad(status):
        # A gateway may not reach what it stands for; only what is for good is believed.
        denied = meaning_of(status) is Meaning.DENIED
        return Variable(
            _refusal("the server has no such node, or not for this user", shown(status)) if denied else None
        )
    if (number := _number(kind)) is not None and number != int(ua.NodeClass.Variable):
        return Variable(_refusal("the node is no variable, and has no values", _name(number)))
    says = [each for each in (_number(own), _number(level)) if each is not None]
    return Variable(keeps_history=not says or bool(says[0] & _HISTORY_READ))


def _refusal(what: str, why: str) -> ConfigError:
    return ConfigError(what, status=why, next_step="Check the NodeId: namespace, identifier and its type.")


def _number(told: Any) -> int | None:
    """A whole number, also where it is one of an enumeration."""
    value = told.Value.Value if told.Value is not None else None
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _name(number: int) -> str:
    try:
        return str(ua.NodeClass(number).name)
    except ValueError:
        return f"class {number}"
