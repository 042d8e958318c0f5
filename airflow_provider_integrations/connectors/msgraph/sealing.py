"""Links rest encrypted: by Fernet, the first key writes and each of them reads, so that keys can be rotated.

text = Sealing(keys).seal('{"link": ...}')
Sealing(("new", *keys)).open(text)
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["Sealing"]


class Sealing:
    """Keys of Fernet.

    Args:
        keys: The one that writes first.

    Raises:
        ConfigError: one is no key, or there is none.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            found = [Fernet(key) for key in keys]
        except ValueError:
            found = []
        if not found:
            raise ConfigError(
                "not a key of Fernet", next_step="Make one: cryptography.fernet.Fernet.generate_key()."
            ) from None
        self._fernet = MultiFernet(found)

    def seal(self, text: str) -> str:
        """The text, encrypted; in ASCII."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str | bytes) -> str:
        """What was sealed by one of the keys.

        Raises:
            ConfigError: none of the keys opens it.
        """
        try:
            return self._fernet.decrypt(sealed).decode()
        except (InvalidToken, ValueError):
            raise ConfigError(
                "no key opens the state", next_step="Give the key it was written with, behind the new one."
            ) from None
