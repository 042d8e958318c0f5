"""What companions and manifests say: names with digests, in the forms that `sha256sum`, BSD tools and JSON use. Pure.

>>> announcement("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  a.gpg\\n")[0].name
'a.gpg'
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

__all__ = ["AnnouncedFile", "announcement", "digest_suffix"]

_BY_LENGTH = {8: "crc32", 32: "md5", 64: "sha256"}
_SUFFIXES = {".sha256": "sha256", ".sha256sum": "sha256", ".md5": "md5", ".md5sum": "md5", ".crc32": "crc32"}
_BSD = re.compile(r"^(SHA256|MD5|CRC32) ?\((?P<name>.+)\) ?= ?(?P<digest>[0-9A-Fa-f]+)$")
_GNU = re.compile(r"^\\?(?P<digest>[0-9A-Fa-f]{8,64})(?:[ \t]+\*?(?P<name>\S.*?))?$")
_TABLE = re.compile(r"^(?P<name>[^,;\t]+)[,;\t](?:(?P<size>\d+)[,;\t])?(?P<digest>[0-9A-Fa-f]{8,64})$")


@dataclass(frozen=True, slots=True)
class AnnouncedFile:
    """One file that a companion or manifest speaks of; `digest` is in small hexadecimal letters."""

    name: str
    algorithm: str
    digest: str
    size: int | None = None


def digest_suffix(suffix: str) -> str | None:
    """The algorithm that a companion's suffix promises; None for a bare marker like `.done`."""
    return _SUFFIXES.get(suffix.lower())


def announcement(text: str, *, default_name: str = "", default_algorithm: str | None = None) -> list[AnnouncedFile]:
    """Read a companion or manifest; what is not understood announces nothing, so that its file is not taken.

    Understood are lines `DIGEST  NAME` (coreutils, text and binary), `SHA256 (NAME) = DIGEST` (BSD), `NAME,DIGEST` and
    `NAME,SIZE,DIGEST` (comma, semicolon or tab), a bare digest (with `default_name`), and JSON: a list, or an object
    with `files`, of objects with `name` and `sha256`, `md5` or `crc32` and perhaps `size`. A name with a folder counts
    by its last part only if that folder is `.`.
    """
    stripped = text.lstrip("\ufeff").strip()
    if stripped[:1] in ("[", "{"):
        return _from_json(stripped)
    found: list[AnnouncedFile] = []
    for line in stripped.splitlines():
        match = _BSD.match(line.strip()) or _TABLE.match(line.strip()) or _GNU.match(line.strip())
        if match is None:
            continue
        parts = match.groupdict()
        digest = parts["digest"].lower()
        algorithm = _BY_LENGTH.get(len(digest))
        name = (parts.get("name") or default_name).strip().removeprefix("./")
        if not name or algorithm is None or (default_algorithm and algorithm != default_algorithm):
            continue
        size = parts.get("size")
        found.append(AnnouncedFile(name, algorithm, digest, int(size) if size else None))
    return found


def _from_json(text: str) -> list[AnnouncedFile]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return []  # perhaps still being written
    rows: Any = read.get("files") if isinstance(read, dict) else read
    found: list[AnnouncedFile] = []
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict) or not isinstance(row.get("name"), str):
            continue
        for length, algorithm in sorted(_BY_LENGTH.items(), reverse=True):
            digest = row.get(algorithm)
            if isinstance(digest, str) and re.fullmatch(rf"[0-9A-Fa-f]{{{length}}}", digest):
                size = row.get("size")
                found.append(
                    AnnouncedFile(row["name"], algorithm, digest.lower(), size if isinstance(size, int) else None)
                )
                break
    return found
