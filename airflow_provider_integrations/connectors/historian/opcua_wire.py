"""Requests about history as asyncua sends them, and answers taken apart here: its own reader takes some 20 µs for each value.

Instants keep their ticks of 100 ns; asyncua's go through `datetime`, which drops the last digit.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import nodeid_to_binary

from airflow_provider_integrations.connectors.historian.opcua_binary import EPOCH, Cursor, GarbledError
from airflow_provider_integrations.connectors.historian.opcua_decode import (
    Values,
    no_values,
    read_modified,
    read_values,
)
from airflow_provider_integrations.connectors.historian.opcua_model import Fault, Request
from airflow_provider_integrations.connectors.historian.opcua_status import is_bad

__all__ = ["WireResponse", "history_request", "read_response", "standard_node"]

_RESPONSE, _DATA, _MODIFIED = "i=667", "i=658", "i=11227"  # Of HistoryReadResponse, HistoryData, HistoryModifiedData.
_NULL = "i=0"


@dataclass(frozen=True, slots=True)
class WireResponse:
    """One node's answer; its values are read when they are asked for.

    Args:
        status: Code of this node's answer.
        point: Its continuation point.
        body: The whole answer.
        begin: Where its history begins.
        end: Where that ends.
        modified: Whether it tells what was done to each value.
    """

    status: int
    point: bytes | None
    body: bytes
    begin: int
    end: int
    modified: bool

    def values(self) -> Values:
        """What it holds.

        Raises:
            GarbledError: the bytes are not what the encoding says.
        """
        if self.begin == self.end:
            return no_values()
        cursor = Cursor(self.body, self.begin, self.end)
        return read_modified(cursor) if self.modified else read_values(cursor)


def history_request(request: Request, node: ua.NodeId, *, release: bool = False) -> ua.HistoryReadRequest:
    """As asyncua sends it.

    Args:
        request: What is asked.
        node: Its node as the server numbers it now.
        release: Give its continuation point back instead.
    """
    value_id = ua.HistoryReadValueId()
    value_id.NodeId, value_id.IndexRange, value_id.ContinuationPoint = node, None, request.point
    found = ua.HistoryReadRequest()
    found.Parameters.HistoryReadDetails = _details(request)
    found.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    found.Parameters.ReleaseContinuationPoints = release
    found.Parameters.NodesToRead = [value_id]
    return found


def read_response(body: bytes) -> WireResponse | Fault:
    """Take an answer to a request about one node apart, up to its values.

    Raises:
        GarbledError: it is not what the encoding says, or no answer about one node.
    """
    cursor = Cursor(body)
    if (kind := cursor.node_id()) != _RESPONSE:
        raise GarbledError(f"an answer of another kind: {kind}")
    cursor.skip(12)  # Time and handle.
    service = cursor.unsigned()
    cursor.diagnostics()
    for _ in range(cursor.count()):
        cursor.octets()
    cursor.extension()
    if is_bad(service):
        return Fault(service)
    if (results := cursor.count()) != 1:
        raise GarbledError(f"{results} answers about one node")
    status, point = cursor.unsigned(), cursor.octets()
    kind, encoding = cursor.node_id(), cursor.byte()
    length = cursor.signed() if encoding == 1 else 0
    begin = cursor.skip(max(length, 0))
    if length and kind not in (_DATA, _MODIFIED):
        raise GarbledError(f"history of another kind: {kind}")
    return WireResponse(status, point or None, body, begin, cursor.at, kind == _MODIFIED)


def standard_node(number: int) -> ua.NodeId:
    """A node that every server has under the same number."""
    return ua.NodeId(ua.Int32(number))


def _details(request: Request) -> ua.ExtensionObject:
    """The details, encoded here (OPC 10000-11, 6.5.3.1; OPC 10000-13, 5.2.2)."""
    reading = request.reading
    begin, end = EPOCH + request.span.begin // 100, EPOCH - (-request.span.end // 100)
    if reading.aggregate:
        # The server's own configuration of the aggregate: its defaults (UseServerCapabilitiesDefaults).
        body = struct.pack("<qqd", begin, end, reading.interval) + struct.pack("<i", 1)
        body += nodeid_to_binary(ua.NodeId.from_string(reading.aggregate)) + struct.pack(
            "<??BB?", True, False, 0, 0, False
        )
        return ua.ExtensionObject(
            standard_node(ObjectIds.ReadProcessedDetails_Encoding_DefaultBinary), ua.ByteString(body)
        )
    body = struct.pack("<?qqI?", reading.modified, begin, end, request.page, reading.bounds)
    return ua.ExtensionObject(
        standard_node(ObjectIds.ReadRawModifiedDetails_Encoding_DefaultBinary), ua.ByteString(body)
    )
