"""The other end of PGP: partners and ourselves, each with a GnuPG home of their own.

`pgp` holds the parties that most tests need. Messages that GnuPG would not write are put together in `openpgp_packets`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.sftp_pgp.gnupg import GnuPgEngine
from airflow_provider_integrations.connectors.sftp_pgp.openpgp import Proof
from airflow_provider_integrations.connectors.sftp_pgp.settings import OpenPgpKeys
from airflow_provider_integrations.core.errors import RejectedError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.source import OpenPgpPolicy

__all__ = ["Party", "PgpWorld", "make_party", "pgp"]

LONG_AGO = "20220101T000000!"  # so that messages can be written at a time gone by
CANARY_PASSPHRASE = "canary-passphrase-7f3a"


@dataclass(frozen=True)
class Party:
    """Somebody with keys: fingerprints of the primary key and of the subkeys, by what they do."""

    name: str
    home: Path
    fingerprint: str
    signing: str
    encryption: str
    passphrase: str = CANARY_PASSPHRASE

    def gpg(self, *arguments: str, data: bytes = b"", at: str | None = None) -> bytes:
        return run_gpg(self.home, self.passphrase, *arguments, data=data, at=at)

    @cached_property
    def certificate(self) -> str:
        return self.gpg("--armor", "--export", self.fingerprint).decode()

    @cached_property
    def private_key(self) -> str:
        return self.gpg("--armor", "--export-secret-keys", self.fingerprint).decode()

    def knows(self, *others: Party) -> Party:
        for other in others:
            self.gpg("--import", data=other.certificate.encode())
        return self

    def write(
        self,
        content: bytes,
        *to: Party,
        sign: bool = True,
        options: tuple[str, ...] = (),
        at: str | None = None,
        signers: tuple[str, ...] = (),
    ) -> bytes:
        """A message to `to`, signed unless told otherwise; `at` is a faked system time."""
        command = [*options]
        for one in to:
            command += ["--recipient", one.encryption + "!"]
        for one in signers or (self.signing,) if sign else ():
            command += ["--local-user", one + "!"]
        command += ["--sign"] if sign else []
        command += ["--encrypt"] if to else []
        return self.gpg("--trust-model", "always", *command, data=content, at=at)

    def revoke(self, subkey: str | None = None) -> str:
        """The certificate after the revocation of a subkey, or of the whole."""
        home = Path(tempfile.mkdtemp(prefix="pgpr-"))
        try:
            copy = replace(self, home=home)
            copy.gpg("--import", data=self.private_key.encode())
            if subkey is None:
                text = (self.home / "openpgp-revocs.d" / f"{self.fingerprint}.rev").read_text()
                copy.gpg("--import", data=text.replace(":-----", "-----").encode())
            else:
                answers = f"key {subkey}\nrevkey\ny\n1\n\ny\nsave\n"
                copy.gpg("--command-fd", "0", "--no-tty", "--edit-key", self.fingerprint, data=answers.encode())
            return copy.gpg("--armor", "--export", self.fingerprint).decode()
        finally:
            end_agent(home)


@dataclass(frozen=True)
class PgpWorld:
    """We (`own`), the partner, and a stranger whose certificate nobody pinned."""

    own: Party
    partner: Party
    stranger: Party

    @property
    def keys(self) -> OpenPgpKeys:
        """What a connection to the partner holds."""
        return OpenPgpKeys(
            private_key=self.own.private_key,
            passphrase=self.own.passphrase,
            certificates=self.partner.certificate,
            signers=(self.partner.fingerprint,),
        )


def run_gpg(home: Path, passphrase: str, *arguments: str, data: bytes = b"", at: str | None = None) -> bytes:
    # Output goes to the pipe, never to a named device: GnuPG removes its output file when it fails.
    command = [
        "gpg",
        "--homedir",
        str(home),
        "--quiet",
        "--yes",
        "--pinentry-mode",
        "loopback",
        "--passphrase",
        passphrase,
    ]
    command += [] if "--command-fd" in arguments else ["--batch"]
    command += ["--faked-system-time", at] if at else []
    done = subprocess.run([*command, *arguments], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def make_party(
    parent: Path,
    name: str,
    *,
    rsa: bool = False,
    at: str | None = None,
    until: str = "5y",
    signing_until: str | None = None,
    encryption_until: str | None = None,
    passphrase: str = CANARY_PASSPHRASE,
) -> Party:
    """Make keys; `at` is when they were made, `until` how long they hold, the subkeys perhaps shorter."""
    home = parent / name
    home.mkdir(mode=0o700)
    (home / "gpg-agent.conf").write_text("s2k-count 65536\ndisable-scdaemon\nallow-loopback-pinentry\n")
    sign, encrypt = ("rsa2048", "rsa2048") if rsa else ("ed25519", "cv25519")

    def gpg(*arguments: str) -> str:
        return run_gpg(home, passphrase, *arguments, at=at).decode()

    gpg("--quick-gen-key", f"{name} <{name}@example.org>", sign, "cert", until)
    primary = _fingerprints(gpg)[0]
    gpg("--quick-add-key", primary, sign, "sign", signing_until or until)
    gpg("--quick-add-key", primary, encrypt, "encr", encryption_until or until)
    _, signing, encryption = _fingerprints(gpg)
    return Party(name, home, primary, signing, encryption, passphrase)


def _fingerprints(gpg: object) -> list[str]:
    assert callable(gpg)
    listing = gpg("--list-keys", "--with-colons")
    return [line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr")]


def end_agent(home: Path) -> None:
    if home.exists():
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"], capture_output=True, check=False)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def pgp_homes() -> Iterator[Path]:
    """A folder with a short path, as the agents' sockets need it; each home made in it is ended with the session."""
    if shutil.which("gpg") is None:
        pytest.skip("GnuPG is missing: install the Debian package gnupg")
    parent = Path(tempfile.mkdtemp(prefix="pgp-", dir="/tmp" if os.access("/tmp", os.W_OK) else None))
    yield parent
    for home in parent.iterdir():
        end_agent(home)
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture(scope="session")
def pgp(pgp_homes: Path) -> PgpWorld:
    """We, a partner and a stranger, who all know each other's certificates."""
    own = make_party(pgp_homes, "own", rsa=True, at=LONG_AGO, until="30y")
    partner = make_party(pgp_homes, "partner", at=LONG_AGO, until="30y")
    stranger = make_party(pgp_homes, "stranger", at=LONG_AGO, until="30y")
    return PgpWorld(own.knows(partner, stranger), partner.knows(own, stranger), stranger.knows(own, partner))


@pytest.fixture(scope="module")
def pgp_engine(pgp: PgpWorld) -> Iterator[GnuPgEngine]:
    """Ours, with the certificates of the partner and of the stranger, of whom the partner must sign."""
    keys = replace(pgp.keys, certificates=pgp.partner.certificate + pgp.stranger.certificate)
    with GnuPgEngine(keys) as engine:
        yield engine


@pytest.fixture
def pgp_open(pgp_engine: GnuPgEngine, tmp_path: Path) -> Callable[..., tuple[bytes, Proof]]:
    """Opens bytes: the content and the proof."""

    def opened(
        message: bytes, policy: OpenPgpPolicy | None = None, by: GnuPgEngine = pgp_engine
    ) -> tuple[bytes, Proof]:
        path = tmp_path / "message.gpg"
        path.write_bytes(message)
        with by.open(path, policy or OpenPgpPolicy()) as opened:
            return opened.read(), opened.verify()

    return opened


@pytest.fixture
def pgp_refused(pgp_open: Callable[..., tuple[bytes, Proof]]) -> Callable[..., Reason]:
    """The reason why bytes are refused; no error may show a passphrase or content."""

    def reason(message: bytes, policy: OpenPgpPolicy | None = None, **more: GnuPgEngine) -> Reason:
        with pytest.raises(RejectedError) as caught:
            pgp_open(message, policy, **more)
        assert CANARY_PASSPHRASE not in str(caught.value)
        assert "name 7919" not in str(caught.value)
        return caught.value.reason

    return reason
