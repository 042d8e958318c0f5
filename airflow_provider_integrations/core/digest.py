"""Several digests in one pass over the bytes.

>>> digests = Digests()
>>> digests.update(b"hello")
>>> digests.hex("crc32"), digests.size
('3610a686', 5)
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable

from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["ALGORITHMS", "Digests"]

ALGORITHMS = {"crc32": 8, "md5": 32, "sha256": 64}
"""What can be computed, with the length of its hexadecimal text. MD5 and CRC-32 find accidents, never intent."""


class Digests:
    """Running digests of one stream.

    Args:
        algorithms: Names out of `ALGORITHMS`.

    Raises:
        ConfigError: for an algorithm that is not known.
    """

    def __init__(self, algorithms: Iterable[str] = ("sha256", "crc32", "md5")) -> None:
        wanted = sorted(set(algorithms))
        if unknown := [name for name in wanted if name not in ALGORITHMS]:
            raise ConfigError("unknown digest", names=unknown, next_step=f"Use one of {', '.join(sorted(ALGORITHMS))}.")
        self._hashes = {name: hashlib.new(name, usedforsecurity=False) for name in wanted if name != "crc32"}
        self._crc: int | None = 0 if "crc32" in wanted else None
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes seen so far."""
        return self._size

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes."""
        for running in self._hashes.values():
            running.update(data)
        if self._crc is not None:
            self._crc = zlib.crc32(data, self._crc)
        self._size += memoryview(data).nbytes

    def hex(self, algorithm: str) -> str:
        """The digest of the bytes so far, in lower case with leading zeros; KeyError if it is not computed here."""
        if algorithm == "crc32" and self._crc is not None:
            return f"{self._crc:08x}"
        return self._hashes[algorithm].hexdigest()

    def all(self) -> dict[str, str]:
        """Every digest computed here, by algorithm."""
        names = sorted([*self._hashes, *(["crc32"] if self._crc is not None else [])])
        return {name: self.hex(name) for name in names}
