"""One session with a server, opened anew when it is lost; a request that met the loss is answered by a fault."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto import security_policies, uacrypto
from asyncua.crypto.uacrypto import CertProperties
from cryptography import x509

from airflow_provider_integrations.connectors.historian.opcua_binary import GarbledError
from airflow_provider_integrations.connectors.historian.opcua_failures import (
    CONNECTION_CLOSED,
    connecting_failed,
    status_of,
)
from airflow_provider_integrations.connectors.historian.opcua_model import Fault, Release, Request, Response
from airflow_provider_integrations.connectors.historian.opcua_nodes import parse_node
from airflow_provider_integrations.connectors.historian.opcua_settings import OpcUaSettings
from airflow_provider_integrations.connectors.historian.opcua_status import Meaning, meaning_of, shown
from airflow_provider_integrations.connectors.historian.opcua_variables import Variable, read_variables
from airflow_provider_integrations.connectors.historian.opcua_wire import history_request, read_response
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    SystemicError,
    TransientError,
)

__all__ = ["OpcUaSession"]

_URI = "urn:airflow-provider-integrations:historian"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_LEAST = 1.0  # Seconds for an attempt, however little time is left.


class OpcUaSession:
    """A session that is opened at the first request and after each loss.

    Args:
        settings: The server, and who reads it.
    """

    def __init__(self, settings: OpcUaSettings) -> None:
        self._settings = settings
        self._client: Client | None = None
        self._opening = asyncio.Lock()
        self._was_there = False
        self._spaces: list[str] = []
        self._nodes: dict[str, ua.NodeId] = {}
        self.crowded = False
        """Whether the server ran out of continuation points: fewer tags at once then."""

    async def client(self) -> Client:
        """asyncua's client with an active session.

        Raises:
            ConnectionLostError: no server answered for as long as the settings allow.
            ConfigError: the server refuses this client.
        """
        async with self._opening:
            if self._client is None:
                self._client = await self._open()
                self._spaces = []
                self._nodes = {}
            return self._client

    async def node(self, address: str) -> ua.NodeId:
        """A node as the server numbers it in this session: indexes of namespaces change when a server starts anew.

        Raises:
            ConfigError: it is no NodeId, or its namespace is not there.
        """
        client = await self.client()
        if address not in self._nodes:
            if address.startswith("nsu=") and not self._spaces:
                self._spaces = [str(each) for each in await client.get_namespace_array()]
            self._nodes[address] = parse_node(address, self._spaces)
        return self._nodes[address]

    async def ask(self, request: Request) -> Response | Fault:
        """One page; whatever comes instead of it is a fault."""
        client: Client | None = None
        try:
            client = await self.client()
            node = await self.node(request.address)
            body = await self._send(client, history_request(request, node))
            response = read_response(body)
        except (ConfigError, TransientError, SystemicError) as error:
            return Fault(CONNECTION_CLOSED, error)
        except GarbledError as error:
            why = str(error)
            return Fault(
                CONNECTION_CLOSED,
                SystemicError("an answer that cannot be read", why=why, next_step="Ask the server's operator."),
            )
        except Exception as error:
            response = Fault(status_of(error))
        meaning = meaning_of(response.status)
        self.crowded |= meaning is Meaning.POINT_LOST
        if meaning is Meaning.SESSION_LOST and client is not None:
            await self._drop(client)
        return response

    async def variables(self, addresses: Sequence[str]) -> list[Variable]:
        """What the server says of nodes, in their order; a session that is lost on the way is opened anew.

        Raises:
            ConnectionLostError: the session is lost again and again.
            TransientError: the server does not say.
            ConfigError: it refuses this client.
        """
        for last in (False, False, True):
            client = await self.client()
            try:
                nodes, refused = await self._known(addresses)
                found = dict(zip(nodes, await read_variables(client, list(nodes.values())), strict=True))
                return [refused.get(address) or found[address] for address in addresses]
            except IntegrationError:
                raise
            except Exception as error:
                status = status_of(error)
            lost = meaning_of(status) is Meaning.SESSION_LOST
            if lost:
                await self._drop(client)
            if last or not lost:
                break
        raise (ConnectionLostError if lost else TransientError)(
            "the server does not say whether it has the nodes", status=shown(status), next_step="Try again later."
        )

    async def _known(self, addresses: Sequence[str]) -> tuple[dict[str, ua.NodeId], dict[str, Variable]]:
        """Addresses as nodes, and those that cannot be any."""
        nodes: dict[str, ua.NodeId] = {}
        refused: dict[str, Variable] = {}
        for address in addresses:
            try:
                nodes[address] = await self.node(address)
            except ConfigError as error:
                refused[address] = Variable(error)
        return nodes, refused

    async def release(self, release: Release) -> None:
        """Give a point back; a server that does not take it will forget it with the session."""
        with contextlib.suppress(Exception):
            client, node = await self.client(), await self.node(release.address)
            await self._send(client, history_request(release.request, node, release=True))

    async def close(self) -> None:
        """End the session."""
        async with self._opening:
            client, self._client = self._client, None
        if client is not None:
            await _end(client)

    async def _send(self, client: Client, request: Any) -> bytes:
        protocol = client.uaclient.protocol
        if protocol is None:
            raise ConnectionError
        buffer = await protocol.send_request(request, self._settings.timeout)
        return bytes(buffer.read(len(buffer)))

    async def _drop(self, client: Client) -> None:
        async with self._opening:
            if self._client is client:
                self._client = None
                await _end(client)

    async def _open(self) -> Client:
        """Connect, again and again within the time that the settings give."""
        began, pause, left = time.monotonic(), _FIRST_PAUSE, self._patience()
        patience = left
        while True:
            try:
                found = await self._connect(min(self._settings.connect_timeout, max(left, _LEAST)))
            except Exception as error:
                failed = connecting_failed(error, self._settings.url)
            else:
                self._was_there = True
                return found
            left = patience - (time.monotonic() - began)
            if not isinstance(failed, ConnectionLostError) or left <= 0:
                raise failed from None
            await asyncio.sleep(min(pause, left))
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _patience(self) -> float:
        """Seconds to try: a server that was there comes back, one that never was is likelier an address that is wrong."""
        first = 1.5 * self._settings.connect_timeout
        return self._settings.reconnect_for if self._was_there else min(self._settings.reconnect_for, first)

    async def _connect(self, within: float) -> Client:
        settings = self._settings
        # asyncua probes the server in this interval, and takes a slow answer for a loss.
        client = _Client(settings.url, settings.timeout, settings.timeout)
        client.plain_password = settings.plain_password
        client.session_timeout = int(settings.session_lifetime * 1000)
        client.secure_channel_timeout = int(settings.channel_lifetime * 1000)
        client.application_uri, client.name = _URI, "airflow-provider-integrations"
        client.description = client.name
        await _secure(client, settings)
        if settings.user:
            client.set_user(settings.user)
            client.set_password(settings.password)
        # What asyncua logs at lower levels holds whole requests, the password's among them; its warnings tell what we asked for.
        for name in ("asyncua.client.client", "asyncua.client.ua_client", "asyncua.client.ua_session"):
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            await asyncio.wait_for(client.connect(), within)
        except BaseException:
            with contextlib.suppress(Exception):
                client.disconnect_socket()
            raise
        return client


class _Client(Client):
    """asyncua's client; it sends no password that others can read."""

    plain_password = False

    def _add_user_auth(self, params: ua.ActivateSessionParameters, username: str | None, password: str | None) -> None:
        policy = self.server_policy(ua.UserTokenType.UserName)
        bare = not policy.SecurityPolicyUri or policy.SecurityPolicyUri == security_policies.SecurityPolicyNone.URI
        hidden = not bare or self.security_policy.Mode == ua.MessageSecurityMode.SignAndEncrypt
        if password and not hidden and not self.plain_password:
            raise ConfigError(
                "the password would go over the wire for all to read",
                next_step="Use a security policy, or set plain_password where the network is trusted.",
            )
        super()._add_user_auth(params, username, password)


async def _secure(client: Client, settings: OpcUaSettings) -> None:
    if settings.user_certificate_path:
        user = _file(settings.user_certificate_path)
        key = _file(settings.user_private_key_path)
        client.user_certificate = await uacrypto.load_certificate(user.path_or_content, user.extension)
        client.user_private_key = await uacrypto.load_private_key(
            key.path_or_content, settings.user_private_key_password or None, key.extension
        )
    if settings.policy == "None":
        return
    certificate = _file(settings.certificate_path)
    client.application_uri = _uri_of(certificate)
    key = (
        CertProperties(settings.private_key.encode(), "pem")
        if settings.private_key
        else _file(settings.private_key_path)
    )
    await client.set_security(
        getattr(security_policies, f"SecurityPolicy{settings.policy}"),
        certificate,
        CertProperties(key.path_or_content, key.extension, settings.private_key_password or None),
        server_certificate=_file(settings.server_certificate_path),
        mode=ua.MessageSecurityMode[settings.mode],
    )


def _file(path: str) -> CertProperties:
    content = Path(path).read_bytes()
    return CertProperties(content, "pem" if b"-----BEGIN" in content else "der")


def _uri_of(certificate: CertProperties) -> str:
    """The application's URI as its certificate tells it: a server compares both (OPC 10000-4, 6.1.3)."""
    content = bytes(certificate.path_or_content)  # type: ignore[arg-type]
    pem = certificate.extension == "pem"
    read = x509.load_pem_x509_certificate(content) if pem else x509.load_der_x509_certificate(content)
    try:
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return _URI
    return next(iter(names.get_values_for_type(x509.UniformResourceIdentifier)), _URI)


async def _end(client: Client) -> None:
    """Close what is left of it; a server that is gone answers nothing."""
    with contextlib.suppress(Exception):
        await asyncio.wait_for(client.disconnect(), 5)
    with contextlib.suppress(Exception):
        client.disconnect_socket()
