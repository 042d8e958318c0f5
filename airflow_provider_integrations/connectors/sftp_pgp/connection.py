"""Opens the SSH connection: the host key comes first, and nothing of the user's own SSH set-up is read."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncssh

from airflow_provider_integrations.connectors.sftp_pgp.failures import DRIVER_ERRORS, translate
from airflow_provider_integrations.connectors.sftp_pgp.host_keys import Pins, no_pin_error, pins, wrong_key_error
from airflow_provider_integrations.connectors.sftp_pgp.settings import SftpSettings

__all__ = ["open_connection"]

_HOST_KEYS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""No certificates, as no authority is trusted, and no SHA-1."""

_SIGNED_BY = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}

_CIPHERS = (
    "aes128-gcm@openssh.com",  # the fastest by far where the processor has AES
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
)

_KEEPALIVE = 15  # seconds; below the idle limits that firewalls and servers commonly have


class _PinnedClient(asyncssh.SSHClient):
    """Accepts a pinned host key and remembers the one that was shown."""

    def __init__(self, wanted: Pins | None) -> None:
        self._wanted = wanted
        self.seen: asyncssh.SSHKey | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.seen = key
        return self._wanted is not None and self._wanted.accept(key.public_data)


async def open_connection(settings: SftpSettings) -> asyncssh.SSHClientConnection:
    """Connect, prove the host key, log in.

    A fingerprint does not say of which kind its key is; so when the server shows another key, it is asked for its keys of
    the other kinds before it counts as wrong.

    Raises:
        HostKeyError: when nothing is pinned, with the server's keys to compare; and when no key of the server is pinned.
        IntegrationError: as `failures.translate` says.
    """
    wanted = None if settings.host_key is None else pins(settings.host_key, settings.host, settings.port)
    algorithms = list((wanted and wanted.algorithms) or _HOST_KEYS)
    seen: list[str] = []
    values = {"host": settings.host, "port": settings.port, "login": settings.login}
    while algorithms:
        client = _PinnedClient(wanted)
        try:
            options = _options(settings, client, algorithms)
            async with asyncio.timeout(settings.connect_timeout):
                return await asyncssh.connect(settings.host, settings.port, **options)
        except asyncssh.HostKeyNotVerifiable:
            if client.seen is None:
                break
            seen.append(client.seen.export_public_key().decode().strip())
            shown_by = _SIGNED_BY.get(client.seen.get_algorithm(), (client.seen.get_algorithm(),))
            algorithms = [name for name in algorithms if name not in shown_by]
        except (asyncssh.KeyExchangeFailed, asyncssh.ConnectionLost, ConnectionResetError) as error:
            # A server without a key of the kinds asked for fails the key exchange or just hangs up.
            if seen:
                break
            if wanted is None or not wanted.algorithms:
                raise translate(error, "connecting", **values) from error
            # The pinned kind may not be offered at all: look which keys there are, so that the message can show them.
            algorithms = [name for name in _HOST_KEYS if name not in algorithms]
            wanted = Pins(wanted.fingerprints)
        except DRIVER_ERRORS as error:
            raise translate(error, "connecting", **values) from error
    if wanted is None:
        raise no_pin_error(settings.host, settings.port, tuple(seen))
    raise wrong_key_error(settings.host, settings.port, wanted, tuple(seen))


def _options(settings: SftpSettings, client: _PinnedClient, algorithms: list[str]) -> dict[str, Any]:
    keys = None
    if settings.private_key is not None:
        keys = [asyncssh.import_private_key(settings.private_key, settings.private_key_passphrase)]
    ways = (["publickey"] if keys else []) + (["password", "keyboard-interactive"] if settings.password else [])
    return {
        "client_factory": lambda: client,
        "username": settings.login,
        "password": settings.password,
        "client_keys": keys,
        "preferred_auth": ways,
        "known_hosts": ([], [], []),  # trusts nothing by itself: _PinnedClient decides
        "server_host_key_algs": algorithms,
        "config": None,
        "agent_path": None,
        "agent_forwarding": False,
        "gss_host": None,
        "x509_trusted_certs": None,
        "compression_algs": ["none"],  # what comes is encrypted or compressed already
        "encryption_algs": list(_CIPHERS),
        "connect_timeout": settings.connect_timeout,
        "login_timeout": settings.connect_timeout,
        "keepalive_interval": min(_KEEPALIVE, settings.idle_timeout / 3),
        "keepalive_count_max": 3,
    }
