"""Errors of azure-identity become ours in this one place; none keeps a secret, and none has the driver's as its cause.

Source: learn.microsoft.com/entra/identity-platform/reference-error-codes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    RateLimitedError,
    TransientError,
)

__all__ = ["token_error"]

_SAID = {
    16000: "The account or the app is not of this tenant.",
    53003: "A conditional access policy keeps the app out: have it let in.",
    70011: "Correct the scope.",
    90002: "Correct the tenant, or the cloud.",
    500011: "The service is not in this tenant: correct the scope, or add its application.",
    700016: "Correct the client id, or the tenant.",
    700027: "Register this certificate's public part with the app, or give the one that is registered.",
    700213: "No federated credential of the app fits the token's subject: correct one of them.",
    7000112: "The app is disabled: enable it.",
    7000215: "Give the secret's value, and not its id.",
    7000222: "The secret has expired: make a new one.",
}
_THROTTLED = 90055
_BUSY = {90024, 90033, 90090, 90091}
"""Codes that the page calls transient."""


def token_error(error: Exception, status: int, pause: float, how: Mapping[str, str]) -> IntegrationError:
    """What an error of azure-identity means; its codes and statuses alone go over, for its text may quote a key.

    Args:
        error: As it was raised.
        status: Of the last answer that the token endpoint gave, 0 for none.
        pause: Seconds that this answer asked for.
        how: Who asked whom, for the reader.
    """
    from azure.core.exceptions import AzureError, ServiceRequestError, ServiceResponseError
    from azure.identity import CredentialUnavailableError

    chain = _chain(error)
    if lost := next((each for each in chain if isinstance(each, ServiceRequestError | ServiceResponseError)), None):
        if any("CERTIFICATE_VERIFY_FAILED" in str(each) for each in chain):
            return ConfigError(
                "the certificate of the token endpoint is not trusted",
                next_step="Name the certificates of its authority, or correct the host.",
                **how,
            )
        return ConnectionLostError(
            "the token endpoint cannot be reached",
            error=type(lost).__name__,
            next_step="Check the network, the proxy and the host, and try again.",
            **how,
        )
    if isinstance(error, CredentialUnavailableError) and status < 429:
        return ConfigError(
            "this machine has no such identity",
            next_step="Assign the identity to it, or authenticate in another way.",
            **how,
        )
    if not isinstance(error, AzureError):
        return _unusable(error, how)
    codes = [int(found[1]) for each in chain if (found := re.search(r"AADSTS([0-9]{4,9})", str(each)))]
    code = codes[0] if codes else 0
    told = {"code": f"AADSTS{code}"} if code else {"status": status}
    if status == 429 or code == _THROTTLED:
        return RateLimitedError("the token endpoint asks for a pause", retry_after=max(pause, 1.0), **told, **how)
    if status >= 500 or code in _BUSY:
        return TransientError("the token endpoint is busy", next_step="Try again later.", **told, **how)
    hint = _SAID.get(code, "Look the code up in Microsoft's list of AADSTS codes, or in the app's sign-in logs.")
    return ConfigError("the app is refused an access token", next_step=hint, **told, **how)


def _unusable(error: Exception, how: Mapping[str, str]) -> ConfigError:
    """What azure-identity could not even begin with."""
    step = {
        "Certificate": "Give a certificate with its private RSA key, as PEM or PFX, and the password of the key.",
        "WorkloadIdentity": "Name the file with the federated token and the client id, here or in the worker's environment.",
    }.get(how.get("by", ""), "Give what this way to authenticate needs.")
    return ConfigError("no access token can be asked for", error=type(error).__name__, next_step=step, **how)


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in found:
        found.append(at)
        at = at.__cause__ or at.__context__
    return found
