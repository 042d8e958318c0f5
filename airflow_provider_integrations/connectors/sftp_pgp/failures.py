"""The one place where errors of asyncssh, SFTP and sockets become errors of this package."""

from __future__ import annotations

import socket
from typing import Any

import asyncssh

from airflow_provider_integrations.connectors.sftp_pgp.paths import shown
from airflow_provider_integrations.connectors.sftp_pgp.protocol import ProtocolError, Status, StatusError
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    PermanentError,
    RejectedError,
    StalledError,
    SystemicError,
    TransientError,
)
from airflow_provider_integrations.core.reasons import Reason

__all__ = ["DRIVER_ERRORS", "is_missing", "translate"]

DRIVER_ERRORS = (
    asyncssh.Error,
    asyncssh.KeyImportError,
    asyncssh.KeyEncryptionError,
    ProtocolError,
    StatusError,
    TimeoutError,
    OSError,
    EOFError,
)
"""What a call on the connection may raise."""

_TRY_AGAIN = "It is tried again; if it stays, ask the partner."
_GONE = {Status.NO_SUCH_FILE, Status.NO_SUCH_PATH}
_LOST = {Status.NO_CONNECTION, Status.CONNECTION_LOST}
_FULL = {Status.NO_SPACE, Status.QUOTA_EXCEEDED}


def is_missing(error: BaseException) -> bool:
    """Whether the server said that there is no such file or folder."""
    return isinstance(error, StatusError) and error.code in _GONE


def translate(error: BaseException, doing: str, **values: Any) -> IntegrationError:
    """The error of this package that a driver's error is.

    Args:
        error: What was raised.
        doing: What was being done, as a clause that follows "while", e.g. "reading".
        values: What it was done with; `path` is shown escaped. No secrets.
    """
    if isinstance(error, IntegrationError):
        return error
    if "path" in values:
        values["path"] = shown(str(values["path"]))
    if isinstance(error, StatusError):
        return _of_status(error, doing, values)
    said = {"error": type(error).__name__, "said": str(error)[:200], **values}
    if isinstance(error, ProtocolError):
        return ConnectionLostError(f"the server broke the SFTP protocol while {doing}", next_step=_TRY_AGAIN, **said)
    if isinstance(error, TimeoutError):
        return StalledError(f"no answer in time while {doing}", next_step=_TRY_AGAIN, **values)
    if isinstance(error, asyncssh.PermissionDenied):
        return ConfigError(
            f"the server refused the login while {doing}",
            next_step="Check login, key or password with the partner.",
            **values,
        )
    if isinstance(error, (asyncssh.KeyImportError, asyncssh.KeyEncryptionError)):
        return ConfigError(
            "the private key cannot be read",
            next_step="Give PEM or OpenSSH text as private_key, and its passphrase if it has one.",
        )
    if isinstance(error, (asyncssh.KeyExchangeFailed, asyncssh.ProtocolNotSupported)):
        return ConfigError(
            f"client and server have no algorithm in common while {doing}",
            next_step="Ask the partner which key exchange, ciphers and host keys the server offers.",
            **said,
        )
    if isinstance(error, (asyncssh.Error, socket.gaierror, ConnectionError, EOFError)):
        return ConnectionLostError(f"the connection failed while {doing}", next_step=_TRY_AGAIN, **said)
    if isinstance(error, OSError) and error.filename is None and error.errno not in _LOCAL:
        return ConnectionLostError(f"the connection failed while {doing}", next_step=_TRY_AGAIN, **said)
    return SystemicError(f"this machine failed while {doing}", next_step="Look at its disk and its rights.", **said)


_LOCAL = {5, 12, 13, 24, 27, 28, 30, 122}  # EIO ENOMEM EACCES EMFILE EFBIG ENOSPC EROFS EDQUOT: not the network's fault


def _of_status(error: StatusError, doing: str, values: dict[str, Any]) -> IntegrationError:
    said = {"status": error.code, "said": error.message, **values}
    if error.code in _GONE:
        return RejectedError(Reason.VANISHED, f"the server has no such file or folder while {doing}", **values)
    if error.code in _LOST:
        return ConnectionLostError(f"the server lost its connection while {doing}", next_step=_TRY_AGAIN, **said)
    if error.code in (Status.PERMISSION_DENIED, Status.WRITE_PROTECT):
        return PermanentError(
            f"the server does not permit {doing}", next_step="Ask the partner for the right on this path.", **said
        )
    if error.code in _FULL:
        return SystemicError(f"the partner's server is full while {doing}", next_step="Ask the partner.", **said)
    if error.code == Status.OP_UNSUPPORTED:
        return PermanentError(f"the server does not support {doing}", next_step="Ask the partner.", **said)
    return TransientError(f"the server failed while {doing}", next_step=_TRY_AGAIN, **said)
