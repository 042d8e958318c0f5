"""What one look into a folder showed: regular files with safe names, and everything else with the reason why not. Pure."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_integrations.connectors.sftp_pgp.paths import from_wire, is_safe_name, shown
from airflow_provider_integrations.connectors.sftp_pgp.protocol import Attributes
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.work_item import RemoteFile

__all__ = ["Listing", "Skipped", "classify", "kind_of"]


@dataclass(frozen=True, slots=True)
class Skipped:
    """An entry that is not taken.

    Args:
        name: Escaped, fit for a log.
        what: `folder`, `symlink`, `special`, `unknown` or `unsafe name`.
        reason: The code that goes with it; None for what is merely no file.
    """

    name: str
    what: str
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """One look at a folder.

    Args:
        folder: Path of the folder under the connection's root.
        files: Regular files with safe names, each name once.
        at: When the look began.
        skipped: What was left out, at most `MOST_SKIPPED`; `skipped_count` counts all.
        texts: Content of the companion files that were read with this look, by path.
    """

    folder: str
    files: tuple[RemoteFile, ...]
    at: datetime | None = None
    skipped: tuple[Skipped, ...] = ()
    skipped_count: int = 0
    texts: Mapping[str, str] = field(default_factory=dict)

    def named(self) -> dict[str, RemoteFile]:
        """The files by name."""
        return {file.name: file for file in self.files}


MOST_SKIPPED = 1000
"""So many skipped entries are kept with a listing: a hostile folder must not fill the memory."""


def classify(folder: str, name: bytes, attributes: Attributes, long_name: bytes = b"") -> RemoteFile | Skipped | None:
    """Say what one directory entry is; None for the folder itself and its parent.

    Raises:
        ValueError: if the server gave no size or time for a regular file; the caller asks for them (LSTAT).
    """
    if name in (b".", b".."):
        return None
    text = from_wire(name)
    if not is_safe_name(text):
        return Skipped(shown(text), "unsafe name", Reason.NAME_UNSAFE)
    kind = kind_of(attributes, long_name)
    if kind != "file":
        return Skipped(text, kind)
    if attributes.size is None or attributes.mtime is None:
        raise ValueError("the entry lacks size or time")
    return RemoteFile(f"{folder.rstrip('/')}/{text}", attributes.size, attributes.mtime)


def kind_of(attributes: Attributes, long_name: bytes = b"") -> str:
    """`file`, `folder`, `symlink`, `special` or `unknown`.

    SFTP v3 tells the type in the permission bits; servers that leave them out show it in the `ls -l` line.
    """
    bits = stat.S_IFMT(attributes.mode or 0)
    if bits:
        known = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "symlink"}
        return known.get(bits, "special")
    return {b"-": "file", b"d": "folder", b"l": "symlink"}.get(
        long_name[:1], "special" if long_name[:1].isalpha() else "unknown"
    )
