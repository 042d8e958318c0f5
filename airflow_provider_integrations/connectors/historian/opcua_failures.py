"""What asyncua raises, as errors of this package; the one place where they are told apart, and none has a secret."""

from __future__ import annotations

from asyncua.ua.uaerrors._base import UaError, UaStatusCodeError

from airflow_provider_integrations.connectors.historian.opcua_status import Meaning, meaning_of, shown
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    HostKeyError,
    IntegrationError,
    TransientError,
)

__all__ = ["CONNECTION_CLOSED", "connecting_failed", "status_of"]

CONNECTION_CLOSED = 0x80AE0000
_TIMEOUT = 0x800A0000
_UNEXPECTED = 0x80010000
# From BadCertificateTimeInvalid to BadCertificateIssuerRevoked, of the chain, and BadSecurityModeRejected and -PolicyRejected.
_CERTIFICATE = {*range(0x8012, 0x801F), 0x810D, 0x810E, 0x8114}
_SECURITY = {0x8054, 0x8055}


def status_of(error: BaseException) -> int:
    """A code for what was raised in place of an answer."""
    if isinstance(error, UaStatusCodeError):
        return int(error.code or _UNEXPECTED)
    if isinstance(error, TimeoutError):
        return _TIMEOUT
    # What is left: the connection went away, or what came could not be read and asyncua closed it.
    return CONNECTION_CLOSED


def connecting_failed(error: BaseException, url: str) -> IntegrationError:
    """Why there is no session; of class ConnectionLostError where it may be there later.

    asyncua's messages are not repeated but for those that are known to hold no secret.
    """
    if isinstance(error, IntegrationError):
        return error
    if isinstance(error, UaStatusCodeError):
        code = int(error.code or _UNEXPECTED)
        if code >> 16 in _CERTIFICATE:
            return ConfigError(
                "the server refuses this client's certificate, or asyncua the server's", url=url, status=shown(code),
                next_step="Let the server trust the certificate of this client; compare both, and their clocks.",
            )  # fmt: skip
        if code >> 16 in _SECURITY or meaning_of(code) is Meaning.DENIED:
            return ConfigError(
                "the server refuses the session", url=url, status=shown(code),
                next_step="Check user, password and security policy.",
            )  # fmt: skip
        kind = ConnectionLostError if meaning_of(code) is Meaning.SESSION_LOST else TransientError
        return kind("the server opens no session", url=url, status=shown(code), next_step="Try again later.")
    if isinstance(error, UaError):
        text = str(error)
        if "certificate mismatch" in text:
            return HostKeyError(
                "the server is not the one whose certificate was given", url=url,
                next_step="Ask its operator whether the certificate was renewed; then give the new one.",
            )  # fmt: skip
        if "No matching endpoints" in text:
            return ConfigError(
                "the server has no endpoint with this security", url=url,
                next_step="Choose a policy and mode that it offers.",
            )  # fmt: skip
    if isinstance(error, FileNotFoundError | PermissionError):
        return ConfigError(
            "a certificate or key cannot be read", path=str(error.filename), next_step="Check the path and its rights."
        )
    if isinstance(error, ValueError | TypeError) and not isinstance(error, UnicodeError):
        return ConfigError(
            "a certificate or key is not usable", why=type(error).__name__,
            next_step="Give PEM or DER, and the password of the key if it has one.",
        )  # fmt: skip
    return ConnectionLostError(
        "no OPC UA server answers", url=url, why=type(error).__name__, next_step="Check host, port and network."
    )
