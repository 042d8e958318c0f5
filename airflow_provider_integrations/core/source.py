"""A source file, `include/sources/*.yaml`: where files come from, and every policy that applies to them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from airflow_provider_integrations.core.declared import Declared
from airflow_provider_integrations.core.verdict import GateMode

__all__ = [
    "CompletenessPolicy",
    "Delivery",
    "FileLimits",
    "FileSource",
    "GatePolicy",
    "LoadPolicy",
    "NamePolicy",
    "OpenPgpPolicy",
    "RemoteFolders",
    "Schedule",
]

MIB = 1024 * 1024


class RemoteFolders(Declared):
    """Folders on the partner's server, relative to the connection's root."""

    inbox: str
    archive: str
    quarantine: str


class CompletenessPolicy(Declared):
    """How a partner says that a file is whole.

    `rename`: it is uploaded under a name that ends in one of `temporary_suffixes` and renamed when whole.
    `companion`: a file of the same name plus `companion_suffix` (`.done`, `.sha256`) follows it, or `manifest` names
    it with its digest. `stable`: size and mtime stayed the same over `looks` listings at least `seconds_apart` apart
    (a heuristic: a client that allocates first shows the final size at once).
    """

    kind: Literal["rename", "companion", "stable"] = "rename"
    temporary_suffixes: tuple[str, ...] = (".part", ".filepart", ".tmp", ".uploading")
    companion_suffix: str = ".done"
    manifest: str | None = None
    looks: int = Field(default=3, ge=2)
    seconds_apart: float = Field(default=10, ge=0)


class NamePolicy(Declared):
    """The naming contract.

    `pattern` has fields in braces: `{system}`, `{entity}`, `{date}` (ISO), `{sequence}`, `{checksum}`, as in
    `acme_customers_{date}_seq-{sequence}_crc32-{checksum}.csv.gpg`. `checksum` names the algorithm of the checksum
    and what it is of. `reuse` says what a known name with other bytes is: a new version, or refused.
    """

    pattern: str
    checksum: Literal["crc32", "md5", "sha256"] | None = None
    checksum_of: Literal["ciphertext", "plaintext"] = "ciphertext"
    reuse: Literal["new_version", "refuse"] = "refuse"


class FileLimits(Declared):
    """Limits that hold before anything is opened; `types` are known by their magic bytes."""

    max_bytes: int = Field(default=5 * 1024 * MIB, gt=0)
    max_files: int = Field(default=10_000, gt=0)
    types: tuple[Literal["openpgp"], ...] = ("openpgp",)
    scanner: tuple[str, ...] = ()
    scanner_timeout: float = Field(default=300, gt=0)


class OpenPgpPolicy(Declared):
    """What a message must prove.

    `required_signers` are full fingerprints; without them the connection's `pgp_signers` are required. `signers` says
    whether all of them or any must have signed. `max_ratio` holds past the first MiB of content.
    """

    require_encryption: bool = True
    require_signature: bool = True
    required_signers: tuple[str, ...] = ()
    signers: Literal["all", "any"] = "all"
    refused_algorithms: tuple[str, ...] = ("MD5", "SHA1", "RIPEMD160", "IDEA", "3DES", "CAST5", "BLOWFISH")
    allow_text_mode: bool = False
    max_content_bytes: int = Field(default=20 * 1024 * MIB, gt=0)
    max_ratio: float = Field(default=100, gt=1)


class GatePolicy(Declared):
    """Which suites a batch must hold, beyond what the contract implies, and what happens when it does not."""

    mode: GateMode = GateMode.BLOCK
    suites: tuple[str, ...] = ()


class LoadPolicy(Declared):
    """Where a batch goes in the warehouse; `scd` 1 keeps the latest version of a key, 2 keeps the history."""

    connection: str = "integrations_warehouse"
    database: str = "INTEGRATIONS"
    table: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    scd: Literal[1, 2] = 1


class Schedule(Declared):
    """When a delivery is due: working days of `country`, before `cut_off` (HH:MM) in `zone`."""

    country: str = "US"
    subdivision: str | None = None
    cut_off: str = Field(default="06:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    zone: str = "UTC"


class Delivery(Declared):
    """What all files of partners have, whatever is in them: where they lie, how they are named and sealed, when they are due."""

    source: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=80)
    description: str = ""
    owner: str = "data-engineering"
    connection: str
    folders: RemoteFolders
    names: NamePolicy
    completeness: CompletenessPolicy = CompletenessPolicy()
    limits: FileLimits = FileLimits()
    openpgp: OpenPgpPolicy = OpenPgpPolicy()
    schedule: Schedule | None = None
    files_per_task: int = Field(default=8, ge=1, le=1000)


class FileSource(Delivery):
    """One source of partner files that hold rows."""

    kind: Literal["sftp_pgp"]
    contract: str
    gate: GatePolicy = GatePolicy()
    load: LoadPolicy
