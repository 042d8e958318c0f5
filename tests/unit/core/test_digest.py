"""Digests in one pass."""

from __future__ import annotations

import hashlib
import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.core.digest import Digests, digest_stream, verify_announced
from airflow_provider_integrations.core.errors import ConfigError, RejectedError
from airflow_provider_integrations.core.reasons import Reason


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


def test_a_short_read_is_not_the_end() -> None:
    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(1)

    assert digest_stream(Trickle(b"hello")).hex("crc32") == "3610a686"


def test_an_empty_stream_has_digests() -> None:
    assert digest_stream(io.BytesIO(), ["crc32"]).all() == {"crc32": "00000000"}


def test_an_announced_digest_matches_in_any_case() -> None:
    digests = digest_stream(io.BytesIO(b"hello"))
    verify_announced({"crc32": " 3610A686\n", "sha256": digests.hex("sha256").upper()}, digests, of="ciphertext")
    verify_announced({}, digests, of="ciphertext")


@pytest.mark.parametrize("announced", ["00000000", "", "3610a68", "3610a6861", "zzzzzzzz", "٣610a686"])
def test_another_or_malformed_digest_is_a_mismatch(announced: str) -> None:
    with pytest.raises(RejectedError) as caught:
        verify_announced({"crc32": announced}, digest_stream(io.BytesIO(b"hello")), of="ciphertext")
    assert caught.value.reason is Reason.CHECKSUM_MISMATCH


def test_what_is_not_computed_or_not_known_is_a_mistake_of_ours() -> None:
    with pytest.raises(ConfigError, match="was not computed"):
        verify_announced({"md5": "x"}, Digests(["crc32"]), of="ciphertext")
    with pytest.raises(ConfigError, match="unknown digest"):
        Digests(["sha1"])
    with pytest.raises(KeyError):
        Digests(["md5"]).hex("crc32")
