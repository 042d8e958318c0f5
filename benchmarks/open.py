"""Opening, decoding and landing a signed, encrypted, compressed CSV, beside its two halves each alone.

    python benchmarks/open.py --mb 1000 --runs 3 --out benchmarks/results/open.json

The halves are `gpg --decrypt` to a file, as a script would do it, and our own decode of the plain CSV. Both cores can
work, so the whole should take little more than its slower half. The runs go in turns, each in a fresh process; medians
are compared.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median as middle
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.decode import CONTRACT, apart, median, ours, write_csv
from tests.fakes.gnupg import Party, end_agent, make_party

GOAL = 1.15


def gpg_to_file(message: Path, own: Party) -> dict[str, Any]:
    """What a script does: `gpg --decrypt` into a file."""
    target = message.parent / "decrypted.csv"
    command = ["gpg", "--homedir", str(own.home), "--batch", "--quiet", "--yes", "--trust-model", "always"]
    command += ["--pinentry-mode", "loopback", "--passphrase", own.passphrase, "--output", str(target)]
    started, before = time.perf_counter(), os.times()
    subprocess.run([*command, "--decrypt", str(message)], check=True, capture_output=True)
    seconds, after = time.perf_counter() - started, os.times()
    target.unlink()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"rows": 0, "rejected": 0, "seconds": seconds, "cpu": cpu}


def whole(message: Path, keys: Any, land: bool) -> dict[str, Any]:
    """Open and read, or open, decode and land."""
    import airflow_provider_integrations.formats.delimited
    import airflow_provider_integrations.landing.bronze  # noqa: F401 loaded before the clock runs, as in the halves
    from airflow_provider_integrations.connectors.sftp_pgp.gnupg import GnuPgEngine
    from airflow_provider_integrations.core.source import OpenPgpPolicy

    started, before = time.perf_counter(), os.times()
    rows = rejected = 0
    with tempfile.TemporaryDirectory(dir=message.parent) as name, GnuPgEngine(keys) as engine:
        with engine.open(message, OpenPgpPolicy()) as content:
            if land:
                rows, rejected = _decode_and_land(message, content, Path(name))
            else:
                while content.read(1 << 20):
                    pass
            content.verify()
        seconds, after = time.perf_counter() - started, os.times()
    return {"rows": rows, "rejected": rejected, "seconds": seconds, "cpu": sum(after[:4]) - sum(before[:4])}


def _decode_and_land(message: Path, content: Any, folder: Path) -> tuple[int, int]:
    from airflow_provider_integrations.core.contract import Contract
    from airflow_provider_integrations.core.manifest import Manifest
    from airflow_provider_integrations.formats.delimited import decode
    from airflow_provider_integrations.landing.bronze import promote

    stage = folder / "stage"
    stage.mkdir()
    batch, version = "b" * 24, "2025-11-05/0000000023/0000"
    decoded = decode(content, Contract.from_mapping(CONTRACT), stage, batch_id=batch, version=version)
    proof = content.verify()
    (stage / "original.pgp").hardlink_to(message)
    with message.open("rb") as file:
        ciphertext = hashlib.file_digest(file, "sha256").hexdigest()
    manifest = Manifest(
        batch_id=batch, source="bench", item_id="i" * 32, received_at="2025-11-05T06:00:00+00:00",
        ingest_date="2025-11-05", original="bench.csv.gpg", version=version, contract="bench_customers",
        contract_version="1.0.0", contract_digest="0" * 64, ciphertext_sha256=ciphertext,
        plaintext_sha256=proof.plaintext_sha256, signers=proof.signers, rows_read=decoded.rows_read,
        rows_landed=decoded.rows_landed, rows_rejected=decoded.rows_rejected,
        rejects_by_rule=dict(decoded.rejects_by_rule), files=decoded.files,
    )  # fmt: skip
    promote(stage, folder / "root", manifest)
    return decoded.rows_read, decoded.rows_rejected


def main() -> None:
    """Write the message, run in turns, say and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--mb", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        own, partner = make_party(folder, "own", rsa=True), make_party(folder, "partner")
        try:
            result = _measure(folder, own, partner.knows(own), args.mb, args.runs)
        finally:
            end_agent(own.home)
            end_agent(partner.home)
    text = json.dumps(result, indent=2)
    print(text)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text + "\n")


def _measure(folder: Path, own: Party, partner: Party, mb: int, runs: int) -> dict[str, Any]:
    from airflow_provider_integrations.connectors.sftp_pgp.settings import OpenPgpKeys

    own.knows(partner)
    keys = OpenPgpKeys(own.private_key, own.passphrase, partner.certificate, (partner.fingerprint,))
    plain, message = folder / "plain.csv", folder / "message.gpg"
    write_csv(plain, mb, "clean")
    options = ["--trust-model", "always", "--sign", "--encrypt", "--recipient", own.fingerprint]
    partner.gpg(*options, "--output", str(message), str(plain))  # GnuPG's own defaults: compressed by ZIP, level 6
    works: dict[str, tuple[Any, ...]] = {
        "gpg_decrypt_to_file": (gpg_to_file, message, own),
        "decode_plain": (ours, plain),
        "open_and_read": (whole, message, keys, False),
        "open_decode_land": (whole, message, keys, True),
    }
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            found[name].append(apart(*work))
    size = plain.stat().st_size
    result: dict[str, Any] = {"mb": mb, "message_mb": message.stat().st_size // 1_000_000, "cores": os.cpu_count()}
    for name, each in found.items():
        result[name] = median(each) | {"mb_per_s": round(size / 1e6 / middle(run["seconds"] for run in each))}
    slower = max(result["gpg_decrypt_to_file"]["seconds"], result["decode_plain"]["seconds"])
    result["times_the_slower_half"] = round(result["open_decode_land"]["seconds"] / slower, 2)
    result["goal"] = GOAL
    return result


if __name__ == "__main__":
    main()
