"""The path jail: every path that is asked for lies under the connection's root. Pure.

What a partner names is attacker's data: `..`, NUL, control characters and backslashes never reach the server.

    >>> Jail("/data").inside("/outbound//x.gpg")
    '/data/outbound/x.gpg'
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from airflow_provider_integrations.core.errors import RejectedError
from airflow_provider_integrations.core.reasons import Reason

__all__ = ["Jail", "folder_of", "from_wire", "is_safe_name", "last_part", "shown", "to_wire"]

LONGEST_NAME = 255  # bytes; what file systems take for one part


@dataclass(frozen=True, slots=True)
class Jail:
    """The root that no path leaves; `root` is absolute and normalised, as the server itself resolved it."""

    root: str

    def inside(self, path: str) -> str:
        """The path on the server; an absolute path counts from the root.

        Raises:
            RejectedError: `NAME_UNSAFE`, for a path that could lead elsewhere.
        """
        parts = [part for part in path.split("/") if part not in ("", ".")]
        for part in parts:
            if not is_safe_name(part):
                raise RejectedError(Reason.NAME_UNSAFE, path=shown(path))
        return "/".join([self.root.rstrip("/"), *parts]) or "/"

    def contains(self, resolved: str) -> bool:
        """Whether a path that the server resolved (REALPATH) is the root or under it."""
        root = self.root.rstrip("/")
        return resolved in (self.root, root) or resolved.startswith(root + "/")


def is_safe_name(name: str) -> bool:
    """Whether one part of a path is what it seems.

    Refused are `.` and `..`, separators of any system, control and format characters (newlines, NUL, right-to-left
    overrides that show `gpg.exe` as `exe.gpg`), bytes that are no UTF-8, blanks at the ends and overlong names.
    """
    if name in ("", ".", "..") or "/" in name or "\\" in name or name != name.strip():
        return False
    try:
        if len(name.encode()) > LONGEST_NAME:
            return False
    except UnicodeEncodeError:
        return False  # a lone surrogate: the server's bytes were no UTF-8
    return not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in name)


def to_wire(path: str) -> bytes:
    """The exact bytes that the server used for a name or path; composed and decomposed letters stay what they were."""
    return path.encode("utf-8", "surrogateescape")


def from_wire(path: bytes) -> str:
    """The text of the server's bytes; bytes that are no UTF-8 survive the way there and back."""
    return path.decode("utf-8", "surrogateescape")


def shown(name: str) -> str:
    """A name fit for a log: control characters and broken bytes escaped, at most 200 characters."""
    return ascii(name)[1:-1][:200] if not is_safe_name(name.replace("/", "_") or "_") else name[:200]


def last_part(path: str) -> str:
    """The name at the end of a path."""
    return path.rsplit("/", 1)[-1]


def folder_of(path: str) -> str:
    """The folder that a path's last part lies in."""
    return path.rsplit("/", 1)[0] or "/"
