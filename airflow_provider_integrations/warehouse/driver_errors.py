"""Maps what the Snowflake driver raises to the project's error tree, in one place.

Messages of the server may quote values of rows: only codes and the query id are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    PermanentError,
    RateLimitedError,
    TransientError,
)

__all__ = ["is_unknown_form", "map_driver_error", "translated"]

_LOST = {
    "BadGatewayError",
    "GatewayTimeoutError",
    "HttpError",
    "InterfaceError",
    "OtherHTTPRetryableError",
    "RequestExceedMaxRetryError",
    "RequestTimeoutError",
    "ServiceUnavailableError",
    "TokenExpiredError",
}
# Server codes by what a caller can do: https://docs.snowflake.com/en/developer-guide/snowflake-rest-api/troubleshooting
_AGAIN = {
    604: "the statement was cancelled",
    625: "the statement was aborted: another transaction waited for the same rows",
    630: "the statement reached its timeout",
    8000: "the server was busy",
    390114: "the session ran out",
    390195: "the session was lost",
}
_CONFLICT = {625, 200001, 8507}
_SETTINGS = {
    2003: "an object does not exist, or the role may not see it",
    3001: "the role lacks a privilege",
    1003: "the SQL is not valid here",
    606: "no warehouse is chosen in the session",
    90105: "no database is chosen in the session",
    390100: "the user name or the password is wrong",
    390144: "the key-pair token is not valid",
    250001: "the server did not let us in",
}


def map_driver_error(error: Exception, doing: str) -> IntegrationError:
    """The error of this project that says the same.

    Args:
        error: From `snowflake.connector`, or from the socket below it.
        doing: What was being done, e.g. `COPY`.
    """
    names = {cls.__name__ for cls in type(error).__mro__}
    errno = int(getattr(error, "errno", None) or -1)
    values: dict[str, Any] = {
        "doing": doing,
        "errno": errno,
        "sqlstate": getattr(error, "sqlstate", None),
        "query_id": getattr(error, "sfqid", None),
    }
    if "TooManyRequests" in names:
        return RateLimitedError("the warehouse asked for a pause", retry_after=30, **values)
    if names & _LOST or isinstance(error, OSError):
        return ConnectionLostError("the link to the warehouse broke", next_step="The load may run again.", **values)
    if errno in _AGAIN or errno in _CONFLICT or "InternalServerError" in names:
        what = _AGAIN.get(errno, "the warehouse could not finish the statement")
        return TransientError(what, next_step="The load may run again.", **values)
    if errno in _SETTINGS:
        return ConfigError(
            _SETTINGS[errno],
            next_step="Look at the query in the warehouse's history; create the object or grant the privilege.",
            **values,
        )
    if "OperationalError" in names:
        return ConnectionLostError("the warehouse cannot be reached", next_step="The load may run again.", **values)
    return PermanentError(
        "the warehouse refused the statement", next_step="Look at the query in its history.", **values
    )


def is_unknown_form(error: Exception) -> bool:
    """Whether only the emulator says this: it does not know a statement, or FILES on an internal stage."""
    errno, message = getattr(error, "errno", None), str(getattr(error, "msg", "") or error)
    return errno == 9999 or (errno == 1011 and "invalid URL prefix found in: '/" in message)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise only errors of this project from the block."""
    try:
        yield
    except IntegrationError:
        raise
    except Exception as error:
        if not (type(error).__module__.startswith("snowflake.connector") or isinstance(error, OSError)):
            raise
        # The message of the server may quote values of rows, so it does not travel along.
        raise map_driver_error(error, doing) from None
