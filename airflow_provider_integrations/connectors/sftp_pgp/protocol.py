"""SFTP version 3 (draft-ietf-secsh-filexfer-02) as bytes: requests are built, answers are read. Pure, no sockets.

Only what this package needs. Everything that comes from the server is checked against the packet's own length: a
server that lies gets `ProtocolError`, never an IndexError or a huge allocation.

    >>> request(Kind.REMOVE, 7, string(b"/a"))
    b'\\x00\\x00\\x00\\x0b\\r\\x00\\x00\\x00\\x07\\x00\\x00\\x00\\x02/a'
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "Attributes",
    "Entry",
    "Frames",
    "Kind",
    "ProtocolError",
    "Reader",
    "Status",
    "StatusError",
    "read_attributes",
    "read_names",
    "read_status",
    "read_version",
    "request",
    "string",
    "u32",
    "u64",
]

LARGEST_PACKET = 4 * 1024 * 1024
"""Bytes; far above what any server sends for what is asked here, and little enough to hold."""


class Kind(IntEnum):
    """Packet types."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    REALPATH = 16
    RENAME = 18
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class Status(IntEnum):
    """Codes of STATUS answers; the later ones are of newer versions, and some servers send them all the same."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    NO_CONNECTION = 6
    CONNECTION_LOST = 7
    OP_UNSUPPORTED = 8
    INVALID_HANDLE = 9
    NO_SUCH_PATH = 10
    FILE_ALREADY_EXISTS = 11
    WRITE_PROTECT = 12
    NO_SPACE = 14
    QUOTA_EXCEEDED = 15


class ProtocolError(Exception):
    """The server sent something that SFTP does not allow."""


class StatusError(Exception):
    """The server answered with a status other than OK."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"status {code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the server says of a file; None where it says nothing. `mode` holds type and permission bits."""

    size: int | None = None
    mode: int | None = None
    mtime: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of a NAME answer, with its `ls -l` line."""

    name: bytes
    long_name: bytes
    attributes: Attributes


def u32(number: int) -> bytes:
    """Four bytes, big end first."""
    return struct.pack(">I", number)


def u64(number: int) -> bytes:
    """Eight bytes, big end first."""
    return struct.pack(">Q", number)


def string(data: bytes) -> bytes:
    """Length and bytes."""
    return u32(len(data)) + data


def request(kind: Kind, number: int, *fields: bytes) -> bytes:
    """One whole request; `number` is the request's id (INIT: the version)."""
    body = b"".join(fields)
    return struct.pack(">IBI", len(body) + 5, kind, number) + body


class Frames:
    """Cuts the byte stream of a channel into packets, with one copy of each byte at most."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[memoryview]:
        """The packets that are whole now, without their length.

        Raises:
            ProtocolError: for a length that no answer has.
        """
        self._held += data
        start, end = 0, len(self._held)
        whole: list[tuple[int, int]] = []
        while end - start >= 4:
            length = int.from_bytes(self._held[start : start + 4], "big")
            if not 5 <= length <= LARGEST_PACKET:
                raise ProtocolError(f"a packet of {length} bytes")
            if end - start < 4 + length:
                break
            whole.append((start + 4, start + 4 + length))
            start += 4 + length
        if not whole:
            return
        # The packets keep the old buffer alive as views; what is left over moves into a fresh one.
        buffer = memoryview(self._held)
        self._held = bytearray(buffer[start:])
        for first, after in whole:
            yield buffer[first:after]


class Reader:
    """Takes fields from a packet's body, never beyond its end."""

    def __init__(self, packet: memoryview | bytes) -> None:
        self._packet = memoryview(packet)
        self._at = 0

    def view(self, length: int) -> memoryview:
        """The next bytes without a copy."""
        end = self._at + length
        if end > len(self._packet):
            raise ProtocolError("a packet ends before its fields do")
        part = self._packet[self._at : end]
        self._at = end
        return part

    def u8(self) -> int:
        """One byte."""
        return self.view(1)[0]

    def u32(self) -> int:
        """A number of four bytes."""
        return int.from_bytes(self.view(4), "big")

    def u64(self) -> int:
        """A number of eight bytes."""
        return int.from_bytes(self.view(8), "big")

    def text(self) -> bytes:
        """A string field."""
        return bytes(self.view(self.u32()))

    def data(self) -> memoryview:
        """A string field without a copy."""
        return self.view(self.u32())

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._packet) - self._at


def read_attributes(reader: Reader) -> Attributes:
    """The ATTRS structure of version 3."""
    flags = reader.u32()
    size = mode = mtime = None
    if flags & 0x1:
        size = reader.u64()
    if flags & 0x2:
        reader.view(8)  # user and group
    if flags & 0x4:
        mode = reader.u32()
    if flags & 0x8:
        reader.u32()  # time of last access
        mtime = reader.u32()
    if flags & 0x80000000:
        for _ in range(reader.u32()):
            reader.data()
            reader.data()
    return Attributes(size, mode, mtime)


def read_names(reader: Reader) -> Iterator[Entry]:
    """The entries of a NAME answer, one by one."""
    for _ in range(reader.u32()):
        yield Entry(reader.text(), reader.text(), read_attributes(reader))


def read_status(reader: Reader) -> StatusError | None:
    """The error of a STATUS answer, None for OK. Old servers leave the text out."""
    code = reader.u32()
    if code == Status.OK:
        return None
    message = bytes(reader.data()[:200]).decode("utf-8", "replace") if reader.left >= 4 else ""
    return StatusError(code, "".join(letter if letter.isprintable() else "?" for letter in message))


def read_version(reader: Reader) -> tuple[int, dict[bytes, bytes]]:
    """Version and extensions of a VERSION answer."""
    version = reader.u32()
    extensions: dict[bytes, bytes] = {}
    while reader.left:
        name = reader.text()
        extensions[name] = reader.text()
    return version, extensions
