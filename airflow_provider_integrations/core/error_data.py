"""An error as plain data, for where none can be raised: a trigger tells of it by an event, and the operator raises it again.

So a retry policy sees the class that it would have seen without the detour, and a person the same message.

    >>> data = error_to_data(errors.ConfigError("unknown setting", name="hostt", next_step="Correct it."))
    >>> str(error_from_data(data))
    "unknown setting (name='hostt'). Correct it."
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_integrations.core import errors
from airflow_provider_integrations.core.errors import IntegrationError, RejectedError, SystemicError
from airflow_provider_integrations.core.reasons import Reason

__all__ = ["error_from_data", "error_to_data"]

_OUTSIDE = (ConnectionError, TimeoutError)
"""Those from outside the tree that a retry policy knows; of any other the class says nothing."""


class _Shown:
    """A value that JSON cannot hold: only what it looked like in the message is kept."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def error_to_data(error: Exception) -> dict[str, Any]:
    """What JSON can hold of an error.

    Of one from outside the tree only the name of its class is told: nobody vouches for what its message holds.
    """
    if not isinstance(error, IntegrationError):
        outside = next((each.__name__ for each in _OUTSIDE if isinstance(error, each)), "")
        return {"outside": outside, "error": type(error).__name__}
    known = next(each.__name__ for each in type(error).__mro__ if each.__name__ in errors.__all__)
    data = {
        "class": known,
        "what": error.what,
        "next_step": error.next_step,
        "values": {name: _data_of(value) for name, value in error.values.items()},
    }
    return {**data, "reason": error.reason.value} if isinstance(error, RejectedError) else data


def error_from_data(data: Mapping[str, Any]) -> Exception:
    """The error that `error_to_data` told of; never raises one itself."""
    if "class" not in data:
        message = f"an unexpected error: {data.get('error', 'unknown')}. The log of the triggerer has it."
        outside = {each.__name__: each for each in _OUTSIDE}
        return outside.get(str(data.get("outside")), RuntimeError)(message)
    reasons = {each.value: each for each in Reason}
    if data["class"] not in errors.__all__ or data.get("reason", "") not in {"", *reasons}:
        return SystemicError("an error of another version of this package", error=data["class"], said=data["what"])
    kind: type[IntegrationError] = getattr(errors, data["class"])
    values = {name: _value_of(value) for name, value in data["values"].items()}
    first = reasons[data["reason"]] if issubclass(kind, RejectedError) else data["what"]
    more = {"what": data["what"]} if issubclass(kind, RejectedError) else {}
    made: Any = kind  # Each class has its own further arguments, which are among its values.
    again: IntegrationError = made(first, next_step=data["next_step"], **more, **values)
    return again


def _data_of(value: object) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) in (list, tuple):
        return {type(value).__name__: [_data_of(each) for each in value]}  # type: ignore[attr-defined]
    if type(value) is dict and all(type(name) is str for name in value):
        return {"dict": {name: _data_of(each) for name, each in value.items()}}
    return {"shown": repr(value)}


def _value_of(data: Any) -> Any:
    if not isinstance(data, dict):
        return data
    [(kind, content)] = data.items()
    if kind == "shown":
        return _Shown(content)
    if kind == "dict":
        return {name: _value_of(each) for name, each in content.items()}
    values = [_value_of(each) for each in content]
    return tuple(values) if kind == "tuple" else values
