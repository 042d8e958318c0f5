"""All keys of the demo, made once with GnuPG and asyncssh: the partner's, ours, and those of the SFTP connection."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncssh

from demo.home import DemoError, Home, write_whole

__all__ = ["GnuPg", "Keys", "make_keys"]


@dataclass(frozen=True, slots=True)
class Keys:
    """Armoured OpenPGP keys and OpenSSH keys; `*_secret` ones never leave `.demo/keys.json`."""

    partner_secret: str
    partner_certificate: str
    partner_fingerprint: str
    stranger_secret: str
    our_secret: str
    our_passphrase: str
    our_certificate: str
    our_fingerprint: str
    sftp_client_secret: str
    sftp_client_public: str
    sftp_host_secret: str
    sftp_host_public: str


class GnuPg:
    """A throw-away GnuPG home under the system's temporary folder: agent sockets must have short paths."""

    def __init__(self, home: Path) -> None:
        self.home = home

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[GnuPg]:
        """A fresh home, removed at the end together with its agent."""
        folder = Path(tempfile.mkdtemp(prefix="demo-gpg-"))
        try:
            yield cls(folder)
        finally:
            subprocess.run(["gpgconf", "--homedir", str(folder), "--kill", "all"], capture_output=True, check=False)
            shutil.rmtree(folder, ignore_errors=True)

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Standard output of one gpg command.

        Raises:
            DemoError: with what gpg said.
        """
        command = ["gpg", "--homedir", str(self.home), "--batch", "--no-tty", "--quiet", "--trust-model", "always"]
        done = subprocess.run(
            [*command, *arguments], input=stdin, capture_output=True, check=False, env={**os.environ, "LC_ALL": "C"}
        )
        if done.returncode:
            raise DemoError(f"gpg {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def make_key(self, name: str, passphrase: str = "") -> tuple[str, str, str]:
        """A signing key with an encryption subkey: armoured secret, armoured certificate, fingerprint."""
        locked = ("--pinentry-mode", "loopback", "--passphrase", passphrase)
        self.run(*locked, "--quick-generate-key", name, "ed25519", "sign", "never")
        listing = self.run("--with-colons", "--list-secret-keys", name).decode()
        fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr"))
        self.run(*locked, "--quick-add-key", fingerprint, "cv25519", "encr", "never")
        secret = self.run(*locked, "--armor", "--export-secret-keys", fingerprint).decode()
        return secret, self.run("--armor", "--export", fingerprint).decode(), fingerprint

    def take(self, armoured: str) -> None:
        """Import a key or certificate."""
        self.run("--import", stdin=armoured.encode())

    def seal(self, content: bytes, *, sign_with: str | None, encrypt_to: Sequence[str]) -> bytes:
        """One message: compressed, signed if `sign_with` names a key, encrypted if `encrypt_to` names any."""
        options = ["--output", "-", "--digest-algo", "SHA256"]
        for recipient in encrypt_to:
            options += ["--recipient", recipient]
        if encrypt_to:
            options.append("--encrypt")
        if sign_with:
            options += ["--local-user", sign_with, "--sign"]
        return self.run(*options, stdin=content)

    def open(self, message: bytes, *, signed_by: str) -> bytes:
        """What is in a message that was signed by the key with this fingerprint, and by no other.

        Raises:
            DemoError: if it cannot be opened, or is not signed so.
        """
        target = self.home / "opened"
        target.unlink(missing_ok=True)
        status = self.run("--status-fd", "1", "--output", str(target), "--decrypt", stdin=message).decode()
        signers = [line.split()[-1] for line in status.splitlines() if line.startswith("[GNUPG:] VALIDSIG ")]
        if signers != [signed_by]:
            raise DemoError(f"the message is signed by {signers or 'nobody'}, not by {signed_by}.")
        return target.read_bytes()


def make_keys(home: Home) -> Keys:
    """The demo's keys: those of the last time, or new ones."""
    path = home / "keys.json"
    if path.exists():
        return Keys(**json.loads(path.read_text(encoding="utf-8")))
    passphrase = secrets.token_hex(18)
    with GnuPg.opened() as gnupg:
        partner = gnupg.make_key("ACME Exports <exports@acme.example>")
        stranger = gnupg.make_key("Somebody Else <else@stranger.example>")
        ours = gnupg.make_key("Integrations Demo <intake@ours.example>", passphrase)
    client, host = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    keys = Keys(
        partner_secret=partner[0],
        partner_certificate=partner[1],
        partner_fingerprint=partner[2],
        stranger_secret=stranger[0],
        our_secret=ours[0],
        our_passphrase=passphrase,
        our_certificate=ours[1],
        our_fingerprint=ours[2],
        sftp_client_secret=client.export_private_key().decode(),
        sftp_client_public=client.export_public_key().decode(),
        sftp_host_secret=host.export_private_key().decode(),
        sftp_host_public=host.export_public_key().decode(),
    )
    write_whole(path, json.dumps(asdict(keys), indent=2))
    return keys
