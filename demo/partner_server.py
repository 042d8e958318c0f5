"""The partner's SFTP server, a process of its own: `python -m demo.partner_server KEYS SITE PORT`.

Only the demo's key may log in, as `acme`, and it sees the partner's folder as the root.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import asyncssh

__all__ = ["main"]


class _Server(asyncssh.SSHServer):
    """Takes nobody but `acme`."""

    def begin_auth(self, username: str) -> bool:
        """Every login must prove itself; the authorised key is only looked at for `acme`."""
        if username != "acme":
            raise asyncssh.PermissionDenied("no such user")
        return True


async def _serve(keys: dict[str, str], site: Path, port: int) -> None:
    server = await asyncssh.create_server(
        _Server,
        host="127.0.0.1",
        port=port,
        server_host_keys=[asyncssh.import_private_key(keys["sftp_host_secret"])],
        authorized_client_keys=asyncssh.import_authorized_keys(keys["sftp_client_public"]),
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(site).encode()),
        allow_scp=False,
        process_factory=None,
    )
    print(f"the partner's SFTP server listens on 127.0.0.1:{port}", flush=True)
    await server.wait_closed()


def main() -> None:
    """Serve until ended."""
    keys, site, port = sys.argv[1:]
    asyncio.run(_serve(json.loads(Path(keys).read_text(encoding="utf-8")), Path(site), int(port)))


if __name__ == "__main__":
    main()
