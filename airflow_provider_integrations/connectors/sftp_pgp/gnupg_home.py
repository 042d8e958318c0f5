"""The throw-away home that GnuPG works in: made for one engine, gone with it.

It holds our private key as the agent keeps it, so it is private (0700) and stands in memory (`/dev/shm`) where that is
to be had. A process that is killed leaves its home and the agent behind: each home is held by a file lock, which the
kernel lets go with the process, and the next engine sweeps homes that nobody holds.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Final, Self

from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["GnuPgHome", "private_folder_parent", "sweep_stale_homes"]

_PREFIX: Final = "openpgp-"
_LOCK: Final = "held"
# The path of a Unix socket has 107 bytes at most (unix(7)), and the agent's longest socket name has 24.
_LONGEST_PATH: Final = 80
# The agent derives its key from the passphrase anew for each message. GnuPG calibrates that to 0.1 s and more; this
# home lives no longer than the process, which holds the passphrase anyway, so that the smallest count is enough.
_AGENT_OPTIONS: Final = (
    "s2k-count 65536\ndefault-cache-ttl 0\nmax-cache-ttl 0\nallow-loopback-pinentry\n"
    "no-allow-external-cache\ndisable-scdaemon\n"
)


def private_folder_parent() -> Path:
    """A folder for homes: in memory if the system has such a place, otherwise the temporary folder."""
    memory = Path("/dev/shm")  # noqa: S108 the folder made in it is private and of an unguessable name
    usable = memory.is_dir() and os.access(memory, os.W_OK | os.X_OK)
    return memory if usable else Path(tempfile.gettempdir())


class GnuPgHome:
    """A private folder that is locked while in use; leaving the context ends the agent and removes it.

    Args:
        parent: Where to make it; its path must be short.

    Raises:
        ConfigError: when the path is too long for the agent's socket.
    """

    def __init__(self, parent: Path | None = None) -> None:
        parent = parent or private_folder_parent()
        sweep_stale_homes(parent)
        self._owner = os.getpid()
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        if len(os.fsencode(self.path)) > _LONGEST_PATH:
            self.path.rmdir()
            raise ConfigError(
                "the temporary folder's path is too long for GnuPG's socket",
                folder=str(parent),
                next_step=f"Set TMPDIR to a folder of fewer than {_LONGEST_PATH - 20} characters.",
            )
        self._lock = _lock(self.path / _LOCK, create=True)
        (self.path / "gpg-agent.conf").write_text(_AGENT_OPTIONS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()

    def remove(self) -> None:
        """End the agent and remove the folder; in a forked child this does nothing, as the home is the parent's."""
        if self._lock is None or os.getpid() != self._owner:
            return
        _destroy(self.path)
        os.close(self._lock)
        self._lock = None


def sweep_stale_homes(parent: Path) -> list[Path]:
    """Remove homes of ours whose process is gone; those that were removed come back."""
    swept = []
    for path in parent.glob(_PREFIX + "*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
                continue
            lock = _lock(path / _LOCK, create=False)
            if lock is not None:
                _destroy(path)
                os.close(lock)
                swept.append(path)
    return swept


def _lock(path: Path, *, create: bool) -> int | None:
    """An exclusive lock, or None when another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | (os.O_CREAT | os.O_EXCL if create else 0), 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _destroy(path: Path) -> None:
    if (path / "S.gpg-agent").exists():
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(
                ["gpgconf", "--homedir", str(path), "--kill", "gpg-agent"],
                check=False,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=10,
            )
    shutil.rmtree(path, ignore_errors=True)
