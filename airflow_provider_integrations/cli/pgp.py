"""`integrations pgp open|seal`."""

from __future__ import annotations

import base64
import os
import textwrap
from pathlib import Path
from typing import Annotated

import typer

from airflow_provider_integrations.cli.output import reporting, say

__all__ = ["pgp_app"]

pgp_app = typer.Typer(no_args_is_help=True, help="Open and seal OpenPGP messages (GnuPG 2.2 or later).")

_PASSPHRASE = "INTEGRATIONS_PGP_PASSPHRASE"  # noqa: S105 the name of a variable

Passphrase = Annotated[
    typer.FileText | None,
    typer.Option("--passphrase-file", help=f"Holds the key's passphrase; else ${_PASSPHRASE} does, if it has one."),
]


def _passphrase(file: typer.FileText | None) -> str | None:
    if file is None:
        return os.environ.get(_PASSPHRASE)
    try:
        return file.readline().rstrip("\r\n")
    except UnicodeDecodeError:
        from airflow_provider_integrations.core.errors import ConfigError

        raise ConfigError("the passphrase file is no text", path=file.name, next_step="Give another file.") from None


def _key_text(path: Path) -> str:
    """A key as armored text; one in binary form (RFC 9580, 4) is armored on the way."""
    data = path.read_bytes()
    if data[:1] < b"\x80":
        return data.decode("ascii", "replace")
    tag = data[0] & 0x3F if data[0] & 0x40 else (data[0] & 0x3C) >> 2
    kind = "PRIVATE" if tag == 5 else "PUBLIC"
    lines = textwrap.wrap(base64.b64encode(data).decode(), 64)
    return "\n".join([f"-----BEGIN PGP {kind} KEY BLOCK-----", "", *lines, f"-----END PGP {kind} KEY BLOCK-----", ""])


@pgp_app.command("open")
def open_message(
    file: Annotated[Path, typer.Argument(help="The OpenPGP message.")],
    key: Annotated[Path, typer.Option(help="Our private key, armored or binary.")],
    signer: Annotated[list[Path], typer.Option(help="Certificate of a signer; all that are named must have signed.")],
    out: Annotated[Path, typer.Option(help="Where the content goes once everything is proved.")],
    passphrase_file: Passphrase = None,
) -> None:
    """Decrypt and verify. After a failure no plaintext file exists."""
    with reporting():
        from airflow_provider_integrations.connectors.sftp_pgp.openpgp_files import open_file
        from airflow_provider_integrations.connectors.sftp_pgp.settings import OpenPgpKeys
        from airflow_provider_integrations.core.source import OpenPgpPolicy

        # Without fingerprints every certificate that is named must have signed.
        keys = OpenPgpKeys(
            private_key=_key_text(key),
            passphrase=_passphrase(passphrase_file),
            certificates="\n".join(_key_text(path) for path in signer),
        )
        proof = open_file(file, out, keys, OpenPgpPolicy())
        say(
            {
                "file": str(file),
                "out": str(out),
                "bytes": proof.size,
                "plaintext_sha256": proof.plaintext_sha256,
                "signers": list(proof.signers),
            }
        )


@pgp_app.command("seal")
def seal_message(
    file: Annotated[Path, typer.Argument(help="What to send.")],
    recipient: Annotated[list[Path], typer.Option(help="Certificate of a recipient.")],
    sign_with: Annotated[Path, typer.Option(help="Our private key.")],
    out: Annotated[Path, typer.Option(help="Where the message goes.")],
    passphrase_file: Passphrase = None,
) -> None:
    """Encrypt and sign."""
    with reporting():
        from airflow_provider_integrations.connectors.sftp_pgp.openpgp_files import seal_file
        from airflow_provider_integrations.connectors.sftp_pgp.settings import OpenPgpKeys

        keys = OpenPgpKeys(private_key=_key_text(sign_with), passphrase=_passphrase(passphrase_file))
        seal_file(file, out, keys, recipients=[_key_text(path) for path in recipient])
        say({"file": str(file), "out": str(out), "bytes": out.stat().st_size})
