"""Puts OpenPGP messages together by hand (RFC 9580), for those that no honest program writes."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import zlib
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from tests.fakes.gnupg import Party

__all__ = ["Session", "armour", "boundaries", "compressed", "literal", "new_session", "packet", "split_packets"]


def packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body


def partial_packet(tag: int, body: bytes, power: int = 9) -> bytes:
    """The same in chunks of partial length."""
    chunk, out = 1 << power, bytes([0xC0 | tag])
    while len(body) > chunk:
        out, body = out + bytes([0xE0 | power]) + body[:chunk], body[chunk:]
    return out + b"\xff" + len(body).to_bytes(4, "big") + body


def literal(content: bytes, *, kind: bytes = b"b", name: bytes = b"") -> bytes:
    return packet(11, kind + bytes([len(name)]) + name + bytes(4) + content)


def armour(message: bytes) -> bytes:
    body = base64.encodebytes(message)
    return b"-----BEGIN PGP MESSAGE-----\n\n" + body + b"-----END PGP MESSAGE-----\n"


def compressed(packets: bytes) -> bytes:
    return packet(8, b"\2" + zlib.compress(packets, 9))


def split_packets(message: bytes) -> list[tuple[int, bytes]]:
    """Tag and raw bytes of each packet of the outermost layer; an indeterminate length goes to the end."""
    found, position = [], 0
    while position < len(message):
        start, first = position, message[position]
        position += 1
        if first & 0x40:
            tag, more = first & 0x3F, True
            while more:
                length, position, more = _length(message, position)
                position += length
        else:
            tag, octets = first >> 2 & 0x0F, (1, 2, 4, 0)[first & 3]
            length = int.from_bytes(message[position : position + octets], "big") if octets else len(message) - position
            position += octets + length
        found.append((tag, message[start:position]))
    return found


def boundaries(message: bytes) -> list[int]:
    """Where each packet but the last one ends."""
    ends, position = [], 0
    for _, raw in split_packets(message):
        position += len(raw)
        ends.append(position)
    return ends[:-1]


def _length(data: bytes, at: int) -> tuple[int, int, bool]:
    first = data[at]
    if first < 192:
        return first, at + 1, False
    if first < 224:
        return (first - 192 << 8) + data[at + 1] + 192, at + 2, False
    if first < 255:
        return 1 << (first & 0x1F), at + 1, True
    return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5, False


@dataclass(frozen=True)
class Session:
    """A session key that a recipient can open: `packets` carry it."""

    packets: bytes
    key: bytes

    def seal(self, packets: bytes) -> bytes:
        """Encrypted with integrity protection (tag 18, version 1)."""
        prefix = os.urandom(16)
        body = prefix + prefix[-2:] + packets + b"\xd3\x14"
        body += hashlib.sha1(body).digest()
        return self.packets + packet(18, b"\1" + self._encrypt(bytes(16), body))

    def seal_without_integrity(self, packets: bytes) -> bytes:
        """Encrypted in the old way (tag 9), with the resynchronisation of RFC 4880, section 13.9."""
        prefix = os.urandom(16)
        head = self._encrypt(bytes(16), prefix + prefix[-2:])
        return self.packets + packet(9, head + self._encrypt(head[2:18], packets))

    def _encrypt(self, iv: bytes, data: bytes) -> bytes:
        encryptor = Cipher(algorithms.AES(self.key), CFB(iv)).encryptor()
        return encryptor.update(data) + encryptor.finalize()


def new_session(sender: Party, *to: Party) -> Session:
    """Let GnuPG make a session key, and ask the first recipient what it is."""
    message = sender.write(b"x", *to, sign=False)
    first = to[0]
    opening = ["gpg", "--homedir", str(first.home), "--batch", "--pinentry-mode", "loopback"]
    opening += ["--passphrase", first.passphrase, "--show-session-key", "--decrypt"]
    told = subprocess.run(opening, input=message, capture_output=True, check=True)
    key = re.search(rb"session key: '9:([0-9A-F]+)'", told.stderr)
    assert key
    keys = b"".join(raw for tag, raw in split_packets(message) if tag == 1)
    return Session(keys, bytes.fromhex(key[1].decode()))
