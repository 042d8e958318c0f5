"""`integrations pgp open|seal`."""

from __future__ import annotations

import os
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
    return file.readline().rstrip("\r\n") if file else os.environ.get(_PASSPHRASE)


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
        from airflow_provider_integrations.connectors.sftp_pgp.openpgp_files import certificate_text, fingerprints, open_file
        from airflow_provider_integrations.connectors.sftp_pgp.settings import OpenPgpKeys
        from airflow_provider_integrations.core.source import OpenPgpPolicy

        certificates = tuple(certificate_text(path) for path in signer)
        keys = OpenPgpKeys(
            private_key=certificate_text(key),
            passphrase=_passphrase(passphrase_file),
            certificates=certificates,
            signers=fingerprints(certificates),
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
        from airflow_provider_integrations.connectors.sftp_pgp.openpgp_files import certificate_text, seal_file
        from airflow_provider_integrations.connectors.sftp_pgp.settings import OpenPgpKeys

        keys = OpenPgpKeys(
            private_key=certificate_text(sign_with),
            passphrase=_passphrase(passphrase_file),
            certificates=(),
            signers=(),
        )
        seal_file(file, out, keys, recipients=[certificate_text(path) for path in recipient])
        say({"file": str(file), "out": str(out), "bytes": out.stat().st_size})
