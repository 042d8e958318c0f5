"""What a connection of type `sftp_pgp` may say, read by an allow-list into frozen values.

>>> settings = SftpSettings.from_connection("sftp.example.org", None, "acme", "pw", {"idle-timeout": 20})
>>> settings.port, settings.idle_timeout, "pw" in repr(settings)
(22, 20.0, False)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from airflow_provider_integrations.core.declared import model_error
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["EXTRAS", "OpenPgpKeys", "SftpSettings"]

DEFAULT_PORT = 22


@dataclass(frozen=True, slots=True)
class OpenPgpKeys:
    """The keys that open and seal messages.

    Args:
        private_key: Armored private key of ours.
        passphrase: Of that key; None if it has none.
        certificates: Armored public keys of the partner, one text that may hold several.
        signers: Fingerprints of the keys that must have signed, 40 or 64 hexadecimal digits.
    """

    private_key: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)
    certificates: str | None = field(default=None, repr=False)
    signers: tuple[str, ...] = ()


class SftpSettings(BaseModel):
    """One partner's server and how to get in.

    Args:
        host, port, login, password: As in the Airflow connection.
        host_key: What the server must prove to be: public key lines as in `ssh_host_ed25519_key.pub`, lines of
            `ssh-keyscan`, or fingerprints (`SHA256:...`), one for each line; several while a partner changes keys.
            Without it connecting fails and prints what to put here.
        private_key, private_key_passphrase: PEM or OpenSSH text of our login key.
        root: Folder on the server that no path leaves.
        connect_timeout: Seconds until connected and logged in.
        idle_timeout: Seconds without progress after which an answer is given up.
        pgp: Keys for the messages themselves.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = Field(min_length=1)
    port: int = Field(default=DEFAULT_PORT, ge=1, le=65535)
    login: str = Field(min_length=1)
    password: str | None = Field(default=None, repr=False)
    host_key: str | None = None
    private_key: str | None = Field(default=None, repr=False)
    private_key_passphrase: str | None = Field(default=None, repr=False)
    root: str = "/"
    connect_timeout: float = Field(default=30, gt=0, le=600)
    idle_timeout: float = Field(default=60, gt=0, le=3600)
    pgp: OpenPgpKeys = Field(default=OpenPgpKeys(), repr=False)

    @field_validator("root")
    @classmethod
    def _absolute(cls, root: str) -> str:
        if not root.startswith("/") or ".." in root.split("/") or not root.isprintable():
            raise ValueError("must be an absolute path on the server without '..'")
        return "/" + "/".join(part for part in root.split("/") if part not in ("", "."))

    @property
    def secrets(self) -> list[str]:
        """Every text that no log, error or XCom may show."""
        held = (
            self.password,
            self.private_key,
            self.private_key_passphrase,
            self.pgp.private_key,
            self.pgp.passphrase,
        )
        return [secret for secret in held if secret]

    @classmethod
    def from_connection(
        cls,
        host: str | None,
        port: int | None,
        login: str | None,
        password: str | None,
        extras: Mapping[str, Any] | None = None,
    ) -> SftpSettings:
        """Read what an Airflow connection or a command line gives; kebab-case and snake_case names are the same.

        Empty values count as not given, as forms in a UI send them.

        Raises:
            ConfigError: names every unknown extra, or lists together everything that is missing or wrong.
        """
        given = _allowed_extras(extras or {})
        signers = given.pop("pgp_signers", ())
        keys = OpenPgpKeys(
            private_key=given.pop("pgp_private_key", None),
            passphrase=given.pop("pgp_passphrase", None),
            certificates=_joined(given.pop("pgp_certificates", None)),
            signers=_fingerprints(signers),
        )
        missing = [name for name, value in (("host", host), ("login", login)) if not value]
        if not password and "private_key" not in given:
            missing.append("private_key or password")
        if missing:
            raise ConfigError(
                f"the SFTP connection lacks {', '.join(missing)}", next_step="Fill it in where the connection is kept."
            )
        try:
            return cls(
                host=host or "",
                port=port or DEFAULT_PORT,
                login=login or "",
                password=password or None,
                pgp=keys,
                **given,
            )
        except ValidationError as error:
            raise model_error(error, "the SFTP connection") from None


EXTRAS = (
    "connect_timeout",
    "host_key",
    "idle_timeout",
    "pgp_certificates",
    "pgp_passphrase",
    "pgp_private_key",
    "pgp_signers",
    "private_key",
    "private_key_passphrase",
    "root",
)
"""Every extra that a connection may hold, in snake_case."""


def _allowed_extras(extras: Mapping[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    unknown: list[str] = []
    for key, value in extras.items():
        name = str(key).replace("-", "_")
        if name not in EXTRAS:
            unknown.append(str(key))
        elif value not in (None, "", [], ()):
            if name in given and given[name] != value:
                raise ConfigError("an extra is given twice with different values", name=name)
            given[name] = value
    if unknown:
        known = ", ".join(name.replace("_", "-") for name in EXTRAS)
        raise ConfigError(
            "the SFTP connection has unknown extras", names=sorted(unknown), next_step=f"Known are: {known}."
        )
    return given


def _joined(texts: Any) -> str | None:
    if isinstance(texts, (list, tuple)):
        return "\n".join(str(text) for text in texts)
    return str(texts) if texts else None


def _fingerprints(given: Any) -> tuple[str, ...]:
    """Full fingerprints in capitals; short key ids are refused, as they can be forged."""
    texts = given.replace(",", "\n").splitlines() if isinstance(given, str) else [str(text) for text in given]
    prints = tuple("".join(text.split()).upper().removeprefix("0X") for text in texts if text.strip())
    wrong = [text for text in prints if len(text) not in (40, 64) or set(text) - set("0123456789ABCDEF")]
    if wrong:
        raise ConfigError(
            "pgp_signers holds something that is no full fingerprint",
            signers=wrong,
            next_step="Give the 40 or 64 hexadecimal digits that `gpg --fingerprint` shows.",
        )
    return prints
