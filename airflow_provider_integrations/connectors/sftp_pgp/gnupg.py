"""OpenPGP by GnuPG 2.2 or later, as a subprocess.

    with GnuPgEngine(keys) as engine:
        with engine.open(path, policy) as message:
            while chunk := message.read(1 << 20):
                ...                       # into a private place
            proof = message.verify()      # only now is any of it to be believed

Content goes through pipes and never to disk. One engine imports the keys once, opens many messages, also at the same
time, and leaves nothing behind.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Self

from airflow_provider_integrations.connectors.sftp_pgp.armor import Dearmored
from airflow_provider_integrations.connectors.sftp_pgp.gnupg_certificates import Certificate, read_listing
from airflow_provider_integrations.connectors.sftp_pgp.gnupg_home import GnuPgHome
from airflow_provider_integrations.connectors.sftp_pgp.gnupg_message import GnuPgMessage
from airflow_provider_integrations.connectors.sftp_pgp.gnupg_process import GnuPgProcess, Readable
from airflow_provider_integrations.connectors.sftp_pgp.gnupg_status import StatusSummary
from airflow_provider_integrations.connectors.sftp_pgp.openpgp import normalize_fingerprint
from airflow_provider_integrations.connectors.sftp_pgp.packets import (
    HEAD_BYTES,
    BytesReader,
    FileReader,
    inspect_message,
)
from airflow_provider_integrations.connectors.sftp_pgp.seal import Sealed, write_sealed
from airflow_provider_integrations.connectors.sftp_pgp.settings import OpenPgpKeys
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.source import OpenPgpPolicy

__all__ = ["GnuPgEngine"]

_OPTIONS: Final = (
    # No configuration of the machine, no question, no network, no web of trust: what counts is the pinned fingerprint.
    *("--no-options", "--no-tty", "--no-greeting", "--no-permission-warning", "--display-charset", "utf-8"),
    *("--disable-dirmngr", "--no-auto-key-retrieve", "--no-auto-key-locate", "--trust-model", "always"),
    *("--no-auto-check-trustdb", "--no-random-seed-file", "--exit-on-status-write-error"),
)
# Opening writes nothing into the home, so that messages need not wait for each other. There is no --batch: with it
# GnuPG leaves at a bad signature, before it has said whether the message is whole.
_OPENING: Final = ("--lock-never", "--decrypt")


class GnuPgEngine:
    """Opens and seals with one set of keys; entering imports them, leaving removes every trace.

    Args:
        keys: Our private key, the partners' certificates and the signers that are required by default. Without any
            fingerprint there, each certificate must have signed.
        program: GnuPG, by name or path.
        home_parent: Where the throw-away home is made; by default in memory.
        stall_timeout: Seconds without progress after which a run is given up.

    Raises:
        ConfigError: on entering, for a missing program, a key that cannot be imported or a wrong passphrase.
    """

    def __init__(
        self,
        keys: OpenPgpKeys,
        *,
        program: str = "gpg",
        home_parent: Path | None = None,
        stall_timeout: float = 120.0,
    ) -> None:
        if keys.passphrase is not None and set(keys.passphrase) & {"\n", "\r", "\0"}:
            raise ConfigError("the passphrase has a line break in it", next_step="Correct it in the connection.")
        self._keys = keys
        self._program = program
        self._home_parent = home_parent
        self._stall_timeout = stall_timeout
        self._home: GnuPgHome | None = None
        self._certificates: list[Certificate] = []
        self._secret: list[Certificate] = []

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._home = undo.enter_context(GnuPgHome(self._home_parent))
            if self._keys.private_key:
                self._import(self._keys.private_key, "our private key")
                self._secret = self._list("--list-secret-keys")
                self._unlock()
            partners: list[str] = []
            for text in _texts(self._keys.certificates):
                partners += self._import(text, "a certificate")
            self._certificates = [one for one in self._list("--list-keys") if one.primary.fingerprint in partners]
            undo.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._home:
            self._home.remove()
            self._home = None

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """The partners' certificates as GnuPG sees them now."""
        return tuple(self._certificates)

    @contextmanager
    def open(self, source: Path | BinaryIO, policy: OpenPgpPolicy) -> Iterator[GnuPgMessage]:
        """Begin to open a message; GnuPG is ended on leaving, whatever was read.

        Raises:
            RejectedError: at once for what the framing shows; from the message for the rest.
            ConfigError: when the keys cannot do what the policy asks for.
        """
        required = self._required_signers(policy)
        ours = {
            key.fingerprint[-16:] for one in self._secret for key in one.keys if key.secret and "e" in key.capabilities
        }
        if policy.require_encryption and not ours:
            raise ConfigError(
                "our private key cannot decrypt", next_step="Give one with a subkey for encryption in the connection."
            )
        with ExitStack() as stack:
            data: int | Readable
            if isinstance(source, Path):
                opened = stack.enter_context(source.open("rb", buffering=0))
                data, size = opened.fileno(), os.fstat(opened.fileno()).st_size
                shape = inspect_message(FileReader(data), require_encryption=policy.require_encryption)
                if shape.dearmor:
                    data = Dearmored(opened)
            else:
                head = source.read(HEAD_BYTES)
                shape = inspect_message(BytesReader(head, whole=False), require_encryption=policy.require_encryption)
                data, size = _Rejoined(head, source), None
                if shape.dearmor:
                    data = Dearmored(data)
            process = stack.enter_context(self._run(*_OPENING, source=data))
            message = GnuPgMessage(process, policy, required=required, our_keys=frozenset(ours), size=size)
            yield stack.enter_context(message)

    def seal(self, source: BinaryIO, target: Path, *, recipients: Sequence[str], sign: bool = True) -> Sealed:
        """Encrypt to certificates, sign with our key, and put the message in place under its name at once.

        Args:
            source: The content.
            target: Where the message goes; it appears there whole or not at all.
            recipients: Armoured certificates; each must hold a usable key for encryption.
            sign: Whether to sign.

        Raises:
            ConfigError: for a certificate that is expired, revoked or cannot encrypt, or a key of ours that cannot
                sign.
        """
        signer = None
        if sign:
            able = [key for one in self._secret if (key := one.usable_for("s")) and key.secret]
            if not able:
                raise ConfigError("our private key cannot sign", next_step="Give one that is valid and signs.")
            signer = able[0].fingerprint
        return write_sealed(self._run, self.home, source, target, recipients=recipients, signer=signer)

    @property
    def home(self) -> Path:
        """GnuPG's home while the engine is entered."""
        if self._home is None:
            raise ConfigError("the engine is used outside of its context", next_step="Use it in a `with` statement.")
        return self._home.path

    def recipients(self) -> list[str]:
        """The partners' certificates that can encrypt now, armoured, one text for each.

        Certificates that only sign, or have run out beside a renewed one, are left out.

        Raises:
            ConfigError: when none is left.
        """
        able = [one for one in self._certificates if one.usable_for("e")]
        if not able:
            found = {one.primary.fingerprint: one.why_unusable("e") for one in self._certificates}
            raise ConfigError(
                "no certificate of the connection can encrypt now",
                key_for_encryption=found,
                next_step="Ask the partner for a valid certificate and put it in the connection.",
            )
        return [self._read("--batch", "--armor", "--export", one.primary.fingerprint) for one in able]

    def _run(
        self, *arguments: str, source: int | Readable | None = None, output: int | None = None, secret: bool = True
    ) -> GnuPgProcess:
        return GnuPgProcess(
            [self._program, "--homedir", str(self.home), *_OPTIONS, *arguments],
            home=self.home,
            source=source,
            passphrase=(self._keys.passphrase or "") if secret else None,
            output=output,
            stall_timeout=self._stall_timeout,
        )

    def _import(self, text: str, what: str) -> tuple[str, ...]:
        arguments = ("--batch", "--import-options", "self-sigs-only", "--import")
        with self._run(*arguments, source=io.BytesIO(text.encode())) as process:
            imported = process.finish().imported
        if not imported:
            raise ConfigError(
                f"{what} could not be imported",
                next_step="Give it in armour, from `-----BEGIN PGP` to its END line, in the connection.",
            )
        return imported

    def _list(self, command: str) -> list[Certificate]:
        return read_listing(self._read("--batch", "--with-colons", command))

    def _read(self, *arguments: str) -> str:
        with self._run(*arguments, secret=False) as process:
            text = b""
            buffer = bytearray(65536)
            while taken := process.read_into(memoryview(buffer)):
                text += buffer[:taken]
            process.finish()
        return text.decode(errors="replace")

    def _unlock(self) -> None:
        """Let the agent open each secret key once: it proves the passphrase, and is slow only this first time."""
        fingerprints = [one.primary.fingerprint for one in self._secret]
        if not fingerprints:
            raise ConfigError(
                "the private key holds no secret part", next_step="Give the output of --export-secret-keys."
            )
        with self._run("--batch", "--export-secret-keys", *fingerprints) as process:
            summary: StatusSummary = process.finish()
        if summary.bad_passphrase:
            raise ConfigError(
                "our private key does not open with the passphrase given",
                keys=fingerprints,
                next_step="Correct the passphrase in the connection.",
            )

    def _required_signers(self, policy: OpenPgpPolicy) -> tuple[str, ...]:
        """The signers that this message must have, each known by a certificate that holds now."""
        if not policy.require_signature:
            return ()
        named = policy.required_signers or self._keys.signers
        required = tuple(normalize_fingerprint(one) for one in named)
        required = required or tuple(one.primary.fingerprint for one in self._certificates)
        if not required:
            raise ConfigError("no signer is required", next_step="Give the signers' fingerprints in the connection.")
        known = {print_: one for one in self._certificates for print_ in one.fingerprints}
        missing = sorted(set(required) - set(known))
        if missing:
            raise ConfigError(
                "a required signer is not among the certificates",
                signers=missing,
                next_step="Add the certificate, or correct the fingerprint, in the connection.",
            )
        expired = sorted(one for one in set(required) if known[one].primary.validity == "e")
        if expired and (policy.signers == "all" or len(expired) == len(set(required))):
            raise ConfigError(
                "the certificate of a required signer has expired",
                signers=expired,
                next_step="Ask the partner for a renewed certificate and put it in the connection.",
            )
        return required


class _Rejoined:
    """A stream whose beginning was read already."""

    def __init__(self, head: bytes, rest: Readable) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int, /) -> bytes:
        head, self._head = self._head, b""
        return head or self._rest.read(size)


def _texts(certificates: str | Sequence[str] | None) -> tuple[str, ...]:
    return (certificates,) if isinstance(certificates, str) else tuple(certificates or ())
