"""Reads GnuPG's machine-readable key listing (GnuPG, doc/DETAILS, "Format of the colon listings")."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

__all__ = ["Certificate", "Key", "read_listing"]

_EXPIRED, _REVOKED, _UNUSABLE = {"e"}, {"r"}, {"e", "r", "i", "d", "n"}


@dataclass(frozen=True, slots=True)
class Key:
    """A primary key or a subkey.

    Args:
        fingerprint: In full.
        validity: GnuPG's letter; `e` is expired, `r` revoked.
        capabilities: Of this key alone: `e` encrypts, `s` signs, `c` certifies.
        secret: Whether its secret part is here and not a stub.
        created, expires: Seconds since the epoch; 0 for never.
    """

    fingerprint: str = ""
    validity: str = ""
    capabilities: str = ""
    secret: bool = False
    created: int = 0
    expires: int = 0

    @property
    def usable(self) -> bool:
        """Whether it is neither expired nor revoked, disabled or invalid."""
        return self.validity not in _UNUSABLE


@dataclass(frozen=True, slots=True)
class Certificate:
    """A primary key with its subkeys, the primary one first."""

    keys: tuple[Key, ...]

    @property
    def primary(self) -> Key:
        """The primary key."""
        return self.keys[0]

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Of all keys in it."""
        return tuple(key.fingerprint for key in self.keys)

    def usable_for(self, capability: str) -> Key | None:
        """The newest key that can do it now, if the primary key holds."""
        able = [key for key in self.keys if capability in key.capabilities and key.usable]
        return max(able, key=lambda key: key.created) if able and self.primary.usable else None

    def why_unusable(self, capability: str) -> str:
        """Why `usable_for` finds none: `expired`, `revoked` or `missing`."""
        letters = {key.validity for key in self.keys if capability in key.capabilities} | {self.primary.validity}
        return "revoked" if letters & _REVOKED else "expired" if letters & _EXPIRED else "missing"


def read_listing(text: str) -> list[Certificate]:
    """Certificates of `--with-colons` output."""
    certificates: list[list[Key]] = []
    for fields in _records(text.splitlines()):
        match fields[0]:
            case "pub" | "sec":
                certificates.append([_key(fields)])
            case "sub" | "ssb" if certificates:
                certificates[-1].append(_key(fields))
            case "fpr" if certificates and not certificates[-1][-1].fingerprint:
                certificates[-1][-1] = replace(certificates[-1][-1], fingerprint=fields[9])
    return [Certificate(tuple(keys)) for keys in certificates]


def _records(lines: Iterable[str]) -> Iterable[list[str]]:
    for line in lines:
        fields = line.split(":")
        yield fields + [""] * (16 - len(fields))


def _key(fields: list[str]) -> Key:
    return Key(
        validity=fields[1],
        # Capital letters speak of the whole certificate.
        capabilities="".join(letter for letter in fields[11] if letter.islower()),
        secret=fields[0] in {"sec", "ssb"} and fields[14] != "#",
        created=int(fields[5] or 0),
        expires=int(fields[6] or 0),
    )
