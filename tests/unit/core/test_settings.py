"""Extras by allow-list."""

from __future__ import annotations

import traceback
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.settings import read_extras

CANARY = "c4n4ry-s3cr3t"


class Extras(BaseModel):
    model_config = ConfigDict(frozen=True)

    host_key: str
    private_key: SecretStr = Field(alias="private-key")
    timeout: int = 30
    mode: Literal["a", "b"] = "a"
    short: SecretStr = Field(default=SecretStr(""), max_length=3)


def test_what_is_allowed_is_read() -> None:
    extras = read_extras(Extras, {"host_key": "k", "private-key": CANARY, "timeout": 5}, "connection x")
    assert (extras.timeout, extras.private_key.get_secret_value()) == (5, CANARY)
    assert CANARY not in repr(extras)


def test_unknown_missing_and_wrong_keys_are_listed_together_without_a_value() -> None:
    given = {"hostkey": CANARY, "timeout": CANARY, "mode": CANARY, "short": CANARY, "private_key": CANARY}
    with pytest.raises(ConfigError) as caught:
        read_extras(Extras, given, "connection x")
    said = str(caught.value)
    assert said.startswith("connection x is not usable: unknown: hostkey (did you mean host_key?), private_key")
    assert "missing: host_key, private-key" in said
    for name in ("timeout:", "mode:", "short:"):
        assert name in said
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_an_unknown_key_alone_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown: proxy"):
        read_extras(Extras, {"host_key": "k", "private-key": "x", "proxy": 1}, "connection x")
