"""Reads the extras of a connection by allow-list: what a model does not name is refused, not passed on to a driver.

Secrets are declared as `pydantic.SecretStr`; no value of any key, secret or not, is ever part of an error.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["read_extras"]

Model = TypeVar("Model", bound=BaseModel)


def read_extras(model: type[Model], mapping: Mapping[str, Any], where: str) -> Model:
    """Make a settings model from a mapping, e.g. the extras of an Airflow connection.

    Args:
        model: The allow-list: its fields (by alias, if they have one) are the keys there may be.
        mapping: What was written down.
        where: What the reader has to look at, e.g. `connection acme_sftp`.

    Raises:
        ConfigError: with every unknown, missing and wrong key at once; it holds names and never values.
    """
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    unknown = sorted(str(key) for key in mapping if key not in fields)
    missing = sorted(key for key, field in fields.items() if field.is_required() and key not in mapping)
    problems = []
    if unknown:
        problems.append(f"unknown: {', '.join(_with_guess(key, list(fields)) for key in unknown)}")
    if missing:
        problems.append(f"missing: {', '.join(missing)}")
    made: Model | None = None
    try:
        made = model.model_validate({key: value for key, value in mapping.items() if key in fields})
    except ValidationError as error:
        problems += _wrong(error, set(missing))
    if made is None or problems:
        raise ConfigError(
            f"{where} is not usable: {'; '.join(problems)}",
            next_step=f"It may have: {', '.join(sorted(fields)) or 'no extras'}.",
        )
    return made


def _with_guess(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"{key} (did you mean {close[0]}?)" if close else key


def _wrong(error: ValidationError, missing: set[str]) -> list[str]:
    found = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        name = ".".join(str(part) for part in problem["loc"]) or "settings"
        if not (problem["type"] == "missing" and name in missing):
            found.append(f"{name}: {problem['msg']}")
    return found
