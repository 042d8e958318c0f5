"""The service as an httpx transport without a socket: thousands of rounds in the time of some over HTTPS.

with httpx.Client(transport=Direct(graph)) as client:
    client.get(f"{graph.base}/v1.0/users/delta", headers={"Authorization": f"Bearer {graph.token}"})
"""

from __future__ import annotations

import httpx

from tests.fakes.graph.messages import Request
from tests.fakes.graph.service import GraphService

__all__ = ["Direct"]


class Direct(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Hands requests to a service; a cut or an answer later than the client waits is the error that a socket gives.

    `strangers` counts requests to other hosts, which are refused as an unknown host is.
    """

    def __init__(self, graph: GraphService) -> None:
        self._graph, self.strangers = graph, list[str]()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._answer(request, request.read())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self._answer(request, await request.aread())

    def _answer(self, request: httpx.Request, body: bytes) -> httpx.Response:
        if not str(request.url).startswith(f"{self._graph.base}/"):
            self.strangers.append(request.url.host)
            raise httpx.ConnectError("Name or service not known", request=request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = self._graph.answer(Request(request.method, str(request.url), headers, body))
        waits = request.extensions.get("timeout", {}).get("read")
        if waits is not None and answer.delay > waits:
            raise httpx.ReadTimeout("The read operation timed out", request=request)
        if answer.cut is not None:
            raise httpx.RemoteProtocolError("peer closed connection", request=request)
        told = {"content-type": "application/json", **answer.headers}
        return httpx.Response(answer.status, headers=told, content=answer.content(), request=request)
