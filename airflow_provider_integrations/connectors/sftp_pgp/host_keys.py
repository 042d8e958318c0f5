"""Which host keys are pinned, and whether a server's key is one of them. Pure.

Only what the connection pins counts: neither the user's `known_hosts` nor certificates of an authority are looked at.

    >>> pins("SHA256:uNiVztksCsDhcc0u9e8BrYoWmk8jnSPmNxAphfHc7Z0", "sftp.example.org", 22).fingerprints
    frozenset({'SHA256:uNiVztksCsDhcc0u9e8BrYoWmk8jnSPmNxAphfHc7Z0'})
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from airflow_provider_integrations.core.errors import ConfigError, HostKeyError

__all__ = ["Pins", "fingerprint", "no_pin_error", "pins", "wrong_key_error"]

_FINGERPRINT = re.compile(r"^SHA256:[A-Za-z0-9+/]{43}=?$")
_ALGORITHM = re.compile(r"^(ssh-(ed25519|rsa|ed448)|ecdsa-sha2-nistp(256|384|521)|sk-[a-z0-9@.-]+)$")
_SIGNATURES = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}
_WHAT_TO_GIVE = "Give lines like `ssh-ed25519 AAAA...` or `SHA256:...`, as the partner tells you by another way."


@dataclass(frozen=True, slots=True)
class Pins:
    """What a server may prove to be.

    Args:
        fingerprints: SHA-256 fingerprints in OpenSSH's form, without padding.
        algorithms: Signature algorithms to ask the server for; empty when only fingerprints are known.
    """

    fingerprints: frozenset[str]
    algorithms: tuple[str, ...] = ()

    def accept(self, key: bytes) -> bool:
        """Whether the key, as the blob of RFC 4253 (6.6), is pinned."""
        return fingerprint(key) in self.fingerprints


def fingerprint(key: bytes) -> str:
    """What `ssh-keygen -l` shows for a public key blob."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def pins(text: str, host: str, port: int) -> Pins:
    """Read pins, one for each line.

    Raises:
        ConfigError: for a line that is neither, and for a `known_hosts` line of another host: a key that was copied
            from elsewhere proves nothing here.
    """
    found: set[str] = set()
    algorithms: list[str] = []
    only_fingerprints = False
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if _FINGERPRINT.match(words[0]):
            found.add(words[0].rstrip("="))
            only_fingerprints = True
            continue
        if len(words) >= 3 and _ALGORITHM.match(words[1]):
            _check_host(words[0], host, port)
            words = words[1:]
        blob = _blob(words)
        found.add(fingerprint(blob))
        algorithms += [name for name in _SIGNATURES.get(words[0], (words[0],)) if name not in algorithms]
    if not found:
        raise ConfigError("host_key holds no key", next_step=_WHAT_TO_GIVE)
    return Pins(frozenset(found), () if only_fingerprints else tuple(algorithms))


def no_pin_error(host: str, port: int, seen: tuple[str, ...]) -> HostKeyError:
    """What to say when nothing is pinned: the keys that the server showed, as lines."""
    return HostKeyError(
        "no host key is pinned, so that any server could pose as the partner's",
        host=host,
        port=port,
        fingerprint=_shown(seen),
        host_key=list(seen),
        next_step="Compare the fingerprint with the partner's by another way, then set the extra `host-key` to it.",
    )


def wrong_key_error(host: str, port: int, wanted: Pins, seen: tuple[str, ...]) -> HostKeyError:
    """What to say when the server shows other keys than those pinned."""
    return HostKeyError(
        "the server's host key is not the pinned one",
        host=host,
        port=port,
        pinned=sorted(wanted.fingerprints),
        fingerprint=_shown(seen),
        host_key=list(seen),
        next_step="Ask the partner whether the key was changed; only then change `host-key`. It may be another server.",
    )


def _shown(seen: tuple[str, ...]) -> str:
    return ", ".join(fingerprint(_blob(line.split())) for line in seen)


def _check_host(patterns: str, host: str, port: int) -> None:
    wanted = {host, f"[{host}]:{port}"} if port == 22 else {f"[{host}]:{port}"}
    if not wanted & set(patterns.split(",")):
        raise ConfigError(
            "host_key holds a line of another host",
            line_is_of=patterns[:100],
            host=host,
            port=port,
            next_step="Take the line of this host and port, or leave the host out and give the key alone.",
        )


def _blob(words: list[str]) -> bytes:
    """The key's bytes; they must name the same algorithm as the line does."""
    try:
        algorithm, text = words[0], words[1]
        blob = base64.b64decode(text, validate=True)
    except (IndexError, binascii.Error):
        raise ConfigError("host_key holds a line that is no public key", next_step=_WHAT_TO_GIVE) from None
    named = blob[4 : 4 + int.from_bytes(blob[:4], "big")] if len(blob) > 4 else b""
    if not _ALGORITHM.match(algorithm) or named != algorithm.encode():
        raise ConfigError("host_key holds a key of no known kind", kind=algorithm[:40], next_step=_WHAT_TO_GIVE)
    return blob
