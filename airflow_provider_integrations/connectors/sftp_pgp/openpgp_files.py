"""Opens and seals whole files, for the command line and for scripts.

Content that is not proved yet stands in a file without a name (`O_TMPFILE`, open(2)), so that not even SIGKILL leaves
it behind; it gets its name after the proof. Where the file system has no such files, a private file beside the target
is used and removed on any error, interrupt or SIGTERM.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from airflow_provider_integrations.connectors.sftp_pgp.gnupg import GnuPgEngine
from airflow_provider_integrations.connectors.sftp_pgp.openpgp import Proof
from airflow_provider_integrations.connectors.sftp_pgp.seal import Sealed
from airflow_provider_integrations.connectors.sftp_pgp.settings import OpenPgpKeys
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.source import MIB, OpenPgpPolicy
from airflow_provider_integrations.system import interrupted_by_sigterm

__all__ = ["open_file", "seal_file"]


def open_file(source: Path, target: Path, keys: OpenPgpKeys, policy: OpenPgpPolicy | None = None) -> Proof:
    """Open a message into a file of mode 0600 that appears only when everything is proved.

    A file that stands at `target` from an earlier run is removed first, so that after a refusal none is there to be
    taken for the content.

    Raises:
        RejectedError: with the reason; there is no file at `target` then.
        ConfigError: for keys or paths that cannot be used.
    """
    _check_paths(source, target)
    target.unlink(missing_ok=True)
    with (
        GnuPgEngine(keys) as engine,
        engine.open(source, policy or OpenPgpPolicy()) as message,
        _nameless(target) as content,
    ):
        while data := message.read(MIB):
            _write(content, data)
        proof = message.verify()
        os.fsync(content)
        _give_name(content, target)
    return proof


def seal_file(source: Path, target: Path, keys: OpenPgpKeys, *, recipients: Sequence[str], sign: bool = True) -> Sealed:
    """Encrypt a file to certificates, and sign it; the message appears at `target` whole or not at all.

    Raises:
        ConfigError: for keys, certificates or paths that cannot be used.
    """
    _check_paths(source, target)
    with GnuPgEngine(keys) as engine, source.open("rb") as content:
        return engine.seal(content, target, recipients=recipients, sign=sign)


def _check_paths(source: Path, target: Path) -> None:
    if not source.is_file():
        raise ConfigError("there is no such file", path=str(source))
    if not target.parent.is_dir():
        raise ConfigError("the target's folder does not exist", path=str(target.parent))
    if target.is_symlink() or target.exists():
        # Never a device, a pipe or a link: the target is replaced, and as root that would take /dev/null away.
        if not stat.S_ISREG(target.lstat().st_mode):
            raise ConfigError("the target is no ordinary file", path=str(target), next_step="Give another path.")
        if target.samefile(source):
            raise ConfigError("the target is the source", path=str(target), next_step="Give another path.")


@contextmanager
def _nameless(target: Path) -> Iterator[int]:
    """An open file without a name in the target's folder, or one that is removed on the way out."""
    try:
        descriptor = os.open(target.parent, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except (OSError, AttributeError):  # an old kernel or a file system without it
        with _removed_at_the_end(target) as descriptor:
            yield descriptor
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _removed_at_the_end(target: Path) -> Iterator[int]:
    path = _beside(target)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        with interrupted_by_sigterm():
            yield descriptor
    finally:
        os.close(descriptor)
        path.unlink(missing_ok=True)


def _give_name(descriptor: int, target: Path) -> None:
    """Link the open file into the target's folder and rename it into place (linkat(2), the way of open(2))."""
    path = _beside(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=folder, follow_symlinks=True)
        path.replace(target)
        os.fsync(folder)
    finally:
        os.close(folder)


def _beside(target: Path) -> Path:
    return target.parent / f".{target.name[:100]}.{secrets.token_hex(8)}.part"


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
