"""The one error tree; what may be tried again is a property of the class.

::

    IntegrationError
    ├── TransientError            the same call may work later: back off and try again
    │   ├── ConnectionLostError   the other side went away in the middle
    │   ├── StalledError          no progress within the time allowed
    │   ├── RateLimitedError      told to wait; `retry_after` seconds
    │   └── ClaimLostError        another worker holds the item now; this one must not write
    ├── PermanentError            the same input gives the same answer: fail at once
    │   ├── ConfigError           a setting is missing, unknown or wrong
    │   └── RejectedError         a file or batch is refused, with a `Reason`; it goes to quarantine
    └── SystemicError             no item's fault and no retry mends it: stop and call a person
        ├── HostKeyError          the server is not the one that was pinned
        ├── StateConflictError    the ledger holds something else than the caller believed
        ├── WatermarkLostError    a source that had a position has none
        └── ReconciliationError   two counts of the same rows disagree

Every error says what happened, with which values, and what to do next; the values stay readable as `error.values`.

    >>> str(ConfigError("unknown setting", name="hostt", next_step="Remove it or correct its name."))
    "unknown setting (name='hostt'). Remove it or correct its name."
"""

from __future__ import annotations

from typing import Any, Self

from airflow_provider_integrations.core.reasons import Reason

__all__ = [
    "ClaimLostError",
    "ConfigError",
    "ConnectionLostError",
    "HostKeyError",
    "IntegrationError",
    "PermanentError",
    "RateLimitedError",
    "ReconciliationError",
    "RejectedError",
    "StalledError",
    "StateConflictError",
    "SystemicError",
    "TransientError",
    "WatermarkLostError",
]


class IntegrationError(Exception):
    """Base of all errors of this package.

    Args:
        what: What happened, as a clause without a full stop.
        next_step: What the reader can do about it, as a sentence.
        values: The values it happened with; never a secret, never a payload.
    """

    def __init__(self, what: str, *, next_step: str = "", **values: Any) -> None:
        self.what = what
        self.next_step = next_step
        self.values = values
        shown = ", ".join(f"{name}={value!r}" for name, value in values.items())
        message = f"{what} ({shown})" if shown else what
        super().__init__(f"{message}. {next_step}" if next_step else message)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by keywords, so that an error crosses process boundaries whole."""
        return _rebuild, (type(self), (self.what,), {"next_step": self.next_step, **self.values})


def _rebuild(cls: type[IntegrationError], args: tuple[Any, ...], kwargs: dict[str, Any]) -> IntegrationError:
    return cls(*args, **kwargs)


class TransientError(IntegrationError):
    """The same call may work later."""


class ConnectionLostError(TransientError):
    """The other side went away in the middle."""


class StalledError(TransientError):
    """No progress within the time allowed."""


class RateLimitedError(TransientError):
    """The other side asked for a pause of `retry_after` seconds."""

    def __init__(self, what: str, *, retry_after: float, next_step: str = "", **values: Any) -> None:
        super().__init__(what, next_step=next_step, retry_after=retry_after, **values)
        self.retry_after = retry_after


class ClaimLostError(TransientError):
    """The claim ran out and another worker took the item: this one must not write any more."""


class PermanentError(IntegrationError):
    """The same input gives the same answer."""


class ConfigError(PermanentError):
    """A setting is missing, unknown or wrong."""


class RejectedError(PermanentError):
    """A file or a batch is refused; `reason` is the code that the ledger, the quarantine and the partner see."""

    def __init__(self, reason: Reason, what: str = "", *, next_step: str = "", **values: Any) -> None:
        super().__init__(what or reason.meaning, next_step=next_step or reason.next_step, **values)
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), (self.reason, self.what), {"next_step": self.next_step, **self.values})

    def with_values(self, **values: Any) -> Self:
        """The same refusal with more values, for a caller that knows more."""
        return type(self)(self.reason, self.what, next_step=self.next_step, **{**self.values, **values})


class SystemicError(IntegrationError):
    """No item's fault, and no retry mends it."""


class HostKeyError(SystemicError):
    """The server is not the one that was pinned, or none was pinned."""


class StateConflictError(SystemicError):
    """The ledger holds something else than the caller believed."""


class WatermarkLostError(SystemicError):
    """A source that had a position has none."""


class ReconciliationError(SystemicError):
    """Two counts of the same rows disagree."""
