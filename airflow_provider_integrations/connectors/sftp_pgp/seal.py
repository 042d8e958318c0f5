"""Seals outgoing files: encrypted to certificates that hold, signed by us, in place whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from airflow_provider_integrations.connectors.sftp_pgp.gnupg_certificates import Certificate, read_listing
from airflow_provider_integrations.connectors.sftp_pgp.gnupg_process import GnuPgProcess
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["Sealed", "write_sealed"]

_OPTIONS: Final = (
    *("--batch", "--no-armor", "--no-encrypt-to", "--no-throw-keyids", "--set-filename", "", "--compress-level", "3"),
    *("--personal-cipher-preferences", "AES256 AES192 AES", "--personal-digest-preferences", "SHA512 SHA384 SHA256"),
    *("--personal-compress-preferences", "ZLIB ZIP Uncompressed", "--cert-digest-algo", "SHA512"),
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A message that was written: its bytes, who can open it and who signed it."""

    size: int
    recipients: tuple[str, ...]
    signer: str | None


def write_sealed(
    run: Callable[..., GnuPgProcess],
    home: Path,
    source: BinaryIO,
    target: Path,
    *,
    recipients: Sequence[str],
    signer: str | None,
) -> Sealed:
    """Encrypt `source` to `recipients` and put the message at `target`.

    Args:
        run: Starts GnuPG with arguments in the engine's home.
        home: That home; certificates stand there while it runs, so that none is mixed with those that verify.
        source: The content.
        target: The message's place.
        recipients: Armoured certificates.
        signer: Fingerprint of the key that signs, or None.

    Raises:
        ConfigError: for a certificate that cannot be used, or when GnuPG fails.
    """
    if not recipients:
        raise ConfigError("a message needs a recipient", next_step="Give the partner's certificate.")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=home)))
        arguments, encrypted_to = [*_OPTIONS], []
        for number, certificate in enumerate(recipients):
            path = folder / f"{number}.asc"
            path.write_text(certificate)
            encrypted_to += [_check(one) for one in _look(run, path)]
            arguments += ["--recipient-file", str(path)]
        if signer:
            arguments += ["--local-user", f"{signer}!", "--sign"]
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
        partial = Path(name)
        stack.callback(partial.unlink, missing_ok=True)
        stack.callback(os.close, descriptor)
        with run(*arguments, "--encrypt", source=source, output=descriptor, secret=signer is not None) as process:
            summary = process.finish()
            if process.exit_code:
                raise ConfigError(
                    "GnuPG could not seal the file", errors=summary.errors, said=_last(process.diagnostics)
                )
        os.fsync(descriptor)
        size = os.fstat(descriptor).st_size
        partial.replace(target)
    return Sealed(size, tuple(encrypted_to), signer)


def _look(run: Callable[..., GnuPgProcess], path: Path) -> list[Certificate]:
    """The certificates in a file, without importing them."""
    with run("--batch", "--with-colons", "--show-keys", str(path), secret=False) as process:
        text, buffer = b"", bytearray(65536)
        while taken := process.read_into(memoryview(buffer)):
            text += buffer[:taken]
        process.finish()
    certificates = read_listing(text.decode(errors="replace"))
    if len(certificates) != 1:
        raise ConfigError(
            "a recipient's certificate must hold exactly one key",
            found=len(certificates),
            next_step="Give one for each.",
        )
    return certificates


def _check(certificate: Certificate) -> str:
    """The fingerprint of the key that encrypts; GnuPG takes an expired one from a file without a word."""
    key = certificate.usable_for("e")
    if key is None:
        raise ConfigError(
            "a recipient's certificate cannot encrypt",
            fingerprint=certificate.primary.fingerprint,
            key_for_encryption=certificate.why_unusable("e"),
            next_step="Ask the recipient for a renewed certificate.",
        )
    return key.fingerprint


def _last(diagnostics: str) -> str:
    lines = diagnostics.strip().splitlines()
    return lines[-1][:200] if lines else ""
