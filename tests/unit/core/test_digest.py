"""Digests in one pass."""

from __future__ import annotations

import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.core.digest import Digests
from airflow_provider_integrations.core.errors import ConfigError


@given(st.lists(st.binary()))
def test_pieces_give_the_digests_of_the_whole(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    digests = Digests()
    for piece in pieces:
        digests.update(memoryview(piece))
    assert digests.size == len(whole)
    assert digests.all() == {
        "crc32": f"{zlib.crc32(whole):08x}",
        "md5": hashlib.md5(whole, usedforsecurity=False).hexdigest(),
        "sha256": hashlib.sha256(whole).hexdigest(),
    }


def test_nothing_has_digests() -> None:
    assert Digests(["crc32"]).all() == {"crc32": "00000000"}


def test_what_is_not_computed_or_not_known_is_a_mistake_of_ours() -> None:
    with pytest.raises(ConfigError, match="unknown digest"):
        Digests(["sha1"])
    with pytest.raises(KeyError):
        Digests(["md5"]).hex("crc32")
