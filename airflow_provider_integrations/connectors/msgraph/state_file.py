"""The state of a delta source without a ledger: one file for its owner alone, replaced whole, and a lock beside it.

It holds links, which are secrets: with a key it is encrypted by Fernet, and a state that was written without one is encrypted
when it is written next.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_provider_integrations.connectors.msgraph.sealing import Sealing
from airflow_provider_integrations.connectors.msgraph.state import DeltaState
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.landing.durable import replace_durably

__all__ = ["StateFile"]


class StateFile:
    """One state file.

    Args:
        path: Where it is, or will be.
        key: Of Fernet, or several with commas between, the first of which writes; empty leaves the file unencrypted.

    Raises:
        ConfigError: the key is none.
    """

    def __init__(self, path: Path, key: str = "") -> None:
        self.path, self._sealing = path, Sealing(key.split(",")) if key else None

    def read(self) -> DeltaState:
        """What is kept; a new state if there is no file.

        Raises:
            ConfigError: it is no state, or the key is not its own.
        """
        if not self.path.exists():
            return DeltaState()
        content = self.path.read_bytes()
        try:
            text = content.decode() if content.startswith(b"{") else self._opened(content)
        except UnicodeDecodeError:
            text = ""
        return DeltaState.from_json(text)

    def write(self, state: DeltaState) -> None:
        """Replace it durably, with the mode 0600; a process that dies leaves the old one or the new one."""
        text = state.to_json()
        replace_durably(self.path, (self._sealing.seal(text) if self._sealing else text).encode())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the state against a second run; the kernel lets go when this process ends.

        Raises:
            ConfigError: the path is of something else than a file.
            StateConflictError: another run is at work.
        """
        if self.path.exists() and not self.path.is_file():
            raise ConfigError("the state is no file", path=str(self.path), next_step="Name a file.")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.path.with_name(f".{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StateConflictError(
                    "another run is at work on this state", state=str(self.path), next_step="Wait until it has ended."
                ) from None
            yield
        finally:
            os.close(lock)

    def _opened(self, content: bytes) -> str:
        if self._sealing is None:
            raise ConfigError(
                "the state is encrypted, or damaged", path=str(self.path), next_step="Give the key it was written with."
            )
        return self._sealing.open(content)
