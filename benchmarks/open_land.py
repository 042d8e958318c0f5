"""Opening, decoding and landing a signed, encrypted, compressed CSV, beside its two halves each alone.

The halves are `gpg --decrypt` to a file, as a script would do it, and our own decode of the plain CSV. Both cores can
work, so the whole should take little more than its slower half. The whole is `land` as the intake calls it, with its
ledger entries, the proof, the check of what was written, and the syncs to disk. `open_only` reads the content and
proves it. Memory is measured on a quarter of the size too.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.sftp_pgp.settings import OpenPgpKeys, SftpSettings
from benchmarks.customers import CONTRACT, write_csv
from benchmarks.decode import ours as decode_plain
from benchmarks.machine import Goal, Options, apart, clock, in_turns, main, medians, save
from benchmarks.world import parties
from tests.fakes.gnupg import Party

__all__ = ["measure"]

FULL = {"megabytes": 1000, "rounds": 5}
QUICK = {"megabytes": 50, "rounds": 1}
NAME = "bench_customers_2025-11-05_seq-00001.csv.gpg"
SOURCE = {
    "source": "bench_customers",
    "kind": "sftp_pgp",
    "connection": "none",
    "contract": "bench_customers",
    "folders": {"inbox": "/inbox", "archive": "/archive", "quarantine": "/quarantine"},
    "names": {"pattern": "bench_customers_{date}_seq-{sequence}.csv.gpg"},
    "load": {"table": "CUSTOMERS"},
}


def measure(options: Options) -> dict[str, Any]:
    """Rounds of the whole and of its halves."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, parties() as (own, partner):
        folder = Path(name)
        keys = OpenPgpKeys(own.private_key, own.passphrase, partner.certificate, (partner.fingerprint,))
        plain, message = _write(folder / "whole", options["megabytes"], own, partner)
        _, smaller = _write(folder / "quarter", max(1, options["megabytes"] // 4), own, partner)
        runs = in_turns(
            {
                "gpg_decrypt_to_file": (gpg_to_file, message, own),
                "decode_plain": (decode_plain, plain),
                "open_only": (opened, message, keys),
                "open_decode_land": (landed, message, keys),
            },
            options["rounds"],
        )
        figures = {way: medians(each) for way, each in runs.items()}
        figures["open_decode_land_quarter_size"] = medians([apart(landed, smaller, keys)])
        size = plain.stat().st_size / 1e6
    for way in runs:
        figures[way]["mb_per_s"] = round(size / figures[way]["seconds"])
    slower = max(figures["gpg_decrypt_to_file"]["seconds"], figures["decode_plain"]["seconds"])
    memory = figures["open_decode_land"]["peak_mb"] / figures["open_decode_land_quarter_size"]["peak_mb"]
    goals = [
        Goal("times the slower half", figures["open_decode_land"]["seconds"] / slower, most=1.15),
        Goal("times the memory of a quarter of the file", memory, most=1.25),
    ]
    return save("open_land", goals, figures, options)


def gpg_to_file(message: Path, own: Party) -> dict[str, Any]:
    """What a script does: `gpg --decrypt` into a file."""
    target = message.parent / "decrypted.csv"
    command = ["gpg", "--homedir", str(own.home), "--batch", "--quiet", "--yes", "--trust-model", "always"]
    command += ["--pinentry-mode", "loopback", "--passphrase", own.passphrase, "--output", str(target)]
    with clock() as spent:
        subprocess.run([*command, "--decrypt", str(message)], check=True, capture_output=True)
    target.unlink()
    return dict(spent)


def opened(message: Path, keys: OpenPgpKeys) -> dict[str, Any]:
    """Open, read and prove; nothing is decoded."""
    from airflow_provider_integrations.connectors.sftp_pgp.gnupg import GnuPgEngine
    from airflow_provider_integrations.core.source import OpenPgpPolicy

    with clock() as spent, GnuPgEngine(keys) as engine, engine.open(message, OpenPgpPolicy()) as content:
        while content.read(1 << 20):
            pass
        content.verify()
    return dict(spent)


def landed(message: Path, keys: OpenPgpKeys) -> dict[str, Any]:
    """Open, decode and land as the intake does, from the fetched original on."""
    from upath import UPath

    from airflow_provider_integrations.connectors.sftp_pgp.gnupg import GnuPgEngine
    from airflow_provider_integrations.connectors.sftp_pgp.job import IntakeJob
    from airflow_provider_integrations.connectors.sftp_pgp.land import land
    from airflow_provider_integrations.connectors.sftp_pgp.original import Original
    from airflow_provider_integrations.core.contract import Contract
    from airflow_provider_integrations.core.source import FileSource
    from airflow_provider_integrations.core.work_item import RemoteFile
    from airflow_provider_integrations.ledger.ledger import Ledger

    with tempfile.TemporaryDirectory(dir=message.parent) as name:
        root = Path(name)
        ledger = Ledger.connect(f"sqlite:///{root / 'ledger.db'}")
        ledger.migrate()
        file = RemoteFile(f"/inbox/{NAME}", message.stat().st_size, 0)
        [item] = ledger.items.discover("bench_customers", [file], listed_at=datetime.now(UTC))
        folder = root / "scratch" / item.id
        folder.mkdir(parents=True)
        original = folder / "original.pgp"
        original.hardlink_to(message)
        with message.open("rb") as stream:
            # The fetch computes it on the way.
            digests = {"sha256": hashlib.file_digest(stream, "sha256").hexdigest()}
        job = IntakeJob(
            source=FileSource.from_mapping(SOURCE),
            contract=Contract.from_mapping(CONTRACT),
            settings=SftpSettings.from_connection("127.0.0.1", 22, "nobody", "unused", {}),
            ledger=ledger,
            root=UPath(root / "landing"),
            scratch=root / "scratch",
            owner="bench",
        )
        with clock() as spent, GnuPgEngine(keys) as engine:
            found = land(job, engine, item, Original(original, digests), folder, {})
        ledger.close()
    return {"rows": found.manifest.rows_read, "rejected": found.manifest.rows_rejected, **spent}


def _write(folder: Path, megabytes: int, own: Party, partner: Party) -> tuple[Path, Path]:
    """The plain file, and the message by GnuPG's own defaults: compressed by ZIP, level 6."""
    folder.mkdir()
    plain, message = folder / "plain.csv", folder / "message.gpg"
    write_csv(plain, megabytes)
    options = ["--trust-model", "always", "--sign", "--encrypt", "--recipient", own.fingerprint]
    partner.gpg(*options, "--output", str(message), str(plain))
    return plain, message


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK, doc=__doc__)
