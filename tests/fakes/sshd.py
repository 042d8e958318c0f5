"""OpenSSH's own `sshd` as the partner's server: started on a free port with its own keys, stopped by its own pid.

Run as root it lets root in, run by a user that user: no account is made and no file outside the test's folder is
read, save `/run/sshd`, which sshd insists on when it is root.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from airflow_provider_integrations.connectors.sftp_pgp.settings import SftpSettings

__all__ = ["Sshd", "start_sshd"]

_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_ed25519
HostKey {folder}/host_rsa
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PubkeyAuthentication yes
PermitRootLogin prohibit-password
PermitUserEnvironment no
AllowTcpForwarding no
X11Forwarding no
PrintMotd no
MaxStartups 200
LogLevel VERBOSE
Subsystem sftp internal-sftp {sftp_options}
{extra}
"""


@dataclass(frozen=True)
class Sshd:
    """One running server.

    Args:
        port: On 127.0.0.1.
        user: Who may log in.
        private_key: OpenSSH PEM text of the key that it takes.
        host_key: The ed25519 public key line to pin.
        rsa_host_key: Its other host key.
        root: The partner's folder on disk, which is also the path on the server.
        log: What sshd wrote.
        pid: Of the listening process.
    """

    port: int
    user: str
    private_key: str
    host_key: str
    rsa_host_key: str
    root: Path
    log: Path
    pid: int

    def settings(self, **extras: Any) -> SftpSettings:
        """Settings that reach it, jailed in `root`."""
        given = {"host_key": self.host_key, "private_key": self.private_key, "root": str(self.root), **extras}
        return SftpSettings.from_connection("127.0.0.1", self.port, self.user, None, given)


@contextlib.contextmanager
def start_sshd(folder: Path, *, sftp_options: str = "", extra: str = "") -> Iterator[Sshd]:
    """Run an sshd whose keys and log are in `folder`; `sftp_options` go to internal-sftp, e.g. `-P posix-rename`."""
    program = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("OpenSSH's server is missing: install the Debian package openssh-server")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    root = folder / "partner"
    root.mkdir(parents=True, exist_ok=True)
    host_key = _write_key(folder / "host_ed25519", "ssh-ed25519")
    rsa_host_key = _write_key(folder / "host_rsa", "ssh-rsa", key_size=2048)
    user_key = asyncssh.generate_private_key("ssh-ed25519")
    (folder / "authorized_keys").write_bytes(user_key.export_public_key())
    for _ in range(5):
        port = _free_port()
        config = folder / "sshd_config"
        config.write_text(_CONFIG.format(port=port, folder=folder, sftp_options=sftp_options, extra=extra))
        log = folder / "sshd.log"
        with log.open("wb") as output:
            process = subprocess.Popen([program, "-D", "-e", "-f", str(config)], stdout=output, stderr=output)
        if _listens(port, process):
            break
    else:
        raise RuntimeError(f"sshd does not start: {log.read_text(errors='replace')[-2000:]}")
    try:
        yield Sshd(
            port=port,
            user=getpass.getuser(),
            private_key=user_key.export_private_key().decode(),
            host_key=host_key,
            rsa_host_key=rsa_host_key,
            root=root,
            log=log,
            pid=process.pid,
        )
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _write_key(path: Path, algorithm: str, **options: int) -> str:
    key = asyncssh.generate_private_key(algorithm, **options)
    path.write_bytes(key.export_private_key())
    path.chmod(0o600)
    return key.export_public_key().decode().strip()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Whether it is up within 10 s; False when it ended, which happens when another test took the port."""
    for _ in range(200):
        if process.poll() is not None:
            return False
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A server for the whole session; tests make their own folders under `sshd.root`."""
    with start_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def sshd_with(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Sshd]]:
    """Starts servers with options of their own: `sshd_with(sftp_options="-P posix-rename")`."""
    with contextlib.ExitStack() as running:

        def start(**options: str) -> Sshd:
            return running.enter_context(start_sshd(tmp_path_factory.mktemp("sshd"), **options))

        yield start
