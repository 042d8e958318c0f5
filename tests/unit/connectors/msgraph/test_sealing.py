"""Links at rest: the first key writes, each reads, and none is ever shown."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from airflow_provider_integrations.connectors.msgraph.sealing import Sealing
from airflow_provider_integrations.core.errors import ConfigError

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_the_first_key_writes_and_each_reads() -> None:
    sealed = Sealing([OLD]).seal("canary")
    assert "canary" not in sealed
    both = Sealing([NEW, OLD])
    assert both.open(sealed) == "canary"
    assert Sealing([NEW]).open(both.seal("canary")) == "canary"
    assert Sealing([NEW]).open(both.seal("canary").encode()) == "canary"
    with pytest.raises(ConfigError, match="no key opens"):
        Sealing([OLD]).open(both.seal("canary"))


@pytest.mark.parametrize("keys", [[], [""], [OLD, "canary"], ["canary"]], ids=["none", "empty", "second", "first"])
def test_what_is_no_key_is_refused_and_not_shown(keys: list[str]) -> None:
    with pytest.raises(ConfigError, match="not a key") as refused:
        Sealing(keys)
    assert "canary" not in str(refused.value)
    assert refused.value.__cause__ is refused.value.__context__ is None


@pytest.mark.parametrize("sealed", ["", "gAAAA", b"\xff", "é"], ids=["empty", "cut", "bytes", "no base64"])
def test_what_was_never_sealed_does_not_open(sealed: str | bytes) -> None:
    with pytest.raises(ConfigError, match="no key opens"):
        Sealing([OLD]).open(sealed)
