"""What a person declares in a YAML file: frozen values, nothing unknown, and every problem told in one message."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["Declared", "model_error"]


class Declared(BaseModel):
    """Base of all that is declared: contracts, sources and their parts."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    noun: ClassVar[str] = "source"

    @classmethod
    def from_mapping(cls, data: Any, *, where: str = "") -> Self:
        """Check a mapping, e.g. from YAML.

        Raises:
            ConfigError: with every problem in one message; `where` says which file it is in, or else what it is.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise model_error(error, where or cls.noun) from None


def model_error(error: ValidationError, where: str) -> ConfigError:
    """One `ConfigError` that lists all that pydantic found, without the values."""
    problems = [f"{'.'.join(str(part) for part in found['loc']) or 'file'}: {found['msg']}" for found in error.errors()]
    return ConfigError(
        f"{where} is not valid: {'; '.join(problems)}", next_step="Correct it; nothing was read or changed."
    )
