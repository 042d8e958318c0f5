"""A local file that is written and digested by a thread of its own, while the network goes on.

The digests are computed once, over all bytes in order; what was there before (a partial file) is read first.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import zlib
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["ALGORITHMS", "DigestingFile"]

ALGORITHMS = ("sha256", "crc32", "md5")

_PIECE = 1024 * 1024
"""Bytes that are read, or handed to the thread, at once: waking it more often costs the network its turn."""


class DigestingFile:
    """Appends to a file and digests it.

    Args:
        path: The file; its present content is kept and digested first.
        algorithms: Which digests to compute.
    """

    def __init__(self, path: Path, algorithms: Collection[str]) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        self.start = os.fstat(self._descriptor).st_size
        self.size = self.start
        self._hashes = {
            name: hashlib.new(name, usedforsecurity=False) for name in algorithms if name in ("sha256", "md5")
        }
        self._crc = 0 if "crc32" in algorithms else None
        self._pieces: queue.SimpleQueue[list[memoryview | bytes] | None] = queue.SimpleQueue()
        self._gathered: list[memoryview | bytes] = []
        self._gathered_bytes = 0
        self._given = self.start
        self._dealt = self.start
        self.error: OSError | None = None
        self._thread = threading.Thread(target=self._work, name="digesting-file", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def put(self, data: memoryview | bytes) -> None:
        """Append; it returns at once.

        Raises:
            OSError: that an earlier write met, e.g. a full disk.
        """
        if self.error is not None:
            raise self.error
        self._given += len(data)
        self._gathered.append(data)
        self._gathered_bytes += len(data)
        if self._gathered_bytes >= _PIECE:
            self._hand_over()

    def backlog(self) -> int:
        """Bytes that were put and are not written yet."""
        return self._given - self._dealt

    def close(self) -> None:
        """Wait until all is written, and close; safe to call twice. Blocks for as long as the disk takes."""
        if self._descriptor < 0:
            return
        self._hand_over()
        self._pieces.put(None)
        self._thread.join()
        os.close(self._descriptor)
        self._descriptor = -1

    def digests(self) -> dict[str, str]:
        """Hexadecimal digests by algorithm, in small letters; after `close`.

        Raises:
            OSError: if a write failed.
        """
        if self.error is not None:
            raise self.error
        found = {name: digest.hexdigest() for name, digest in self._hashes.items()}
        if self._crc is not None:
            found["crc32"] = f"{self._crc:08x}"
        return found

    def _hand_over(self) -> None:
        if self._gathered:
            self._pieces.put(self._gathered)
            self._gathered, self._gathered_bytes = [], 0

    def _work(self) -> None:
        try:
            self._digest_present()
            while (pieces := self._pieces.get()) is not None:
                for data in pieces:
                    self._write(data)
                    self._digest(data)
                    self.size += len(data)
                    self._dealt += len(data)
        except OSError as error:
            self.error = error
            while self._pieces.get() is not None:
                pass  # until close

    def _digest_present(self) -> None:
        at = 0
        while at < self.start:
            piece = os.pread(self._descriptor, min(_PIECE, self.start - at), at)
            if not piece:
                raise OSError(f"the partial file ended at byte {at} of {self.start} while it was read")
            self._digest(piece)
            at += len(piece)

    def _write(self, data: memoryview | bytes) -> None:
        at = self.size
        left = memoryview(data)
        while left:
            written = os.pwrite(self._descriptor, left, at)
            at += written
            left = left[written:]

    def _digest(self, data: memoryview | bytes) -> None:
        for digest in self._hashes.values():
            digest.update(data)
        if self._crc is not None:
            self._crc = zlib.crc32(data, self._crc)
