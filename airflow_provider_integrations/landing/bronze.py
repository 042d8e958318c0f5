"""Bronze: where verified batches lie, written once and never half.

::

    <root>/bronze/<source>/ingest_date=YYYY-MM-DD/batch=<batch_id>/
        part-*.parquet  rejects.jsonl  deleted.arrow  original.pgp  _manifest.json

A batch is there when its manifest is. On a local file system the whole folder appears by one rename; on an object
store, which has none, the manifest is written last. Landing the same batch twice changes nothing.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from upath import UPath

from airflow_provider_integrations.core.errors import ConfigError, ReconciliationError, StateConflictError
from airflow_provider_integrations.core.manifest import DataFile, Manifest
from airflow_provider_integrations.landing.attempts import attempt_folder, remove_abandoned
from airflow_provider_integrations.landing.durable import copy_durably, sync_folder, write_durably

__all__ = ["DELETED", "MANIFEST", "ORIGINAL", "batch_key", "local_folder", "promote", "read_manifest", "verify_files"]

MANIFEST = "_manifest.json"
DELETED = "deleted.arrow"
ORIGINAL = "original.pgp"
REJECTS = "rejects.jsonl"

_SAFE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.=-]*$")
_ATTEMPT = ".landing-"


def batch_key(manifest: Manifest) -> str:
    """Where a batch lies below a landing root; the ledger keeps this, so that a root can move.

    Raises:
        ConfigError: if the source, the batch id or the date could leave the root.
    """
    for name, value in (("source", manifest.source), ("batch_id", manifest.batch_id)):
        if not _SAFE.match(value) or ".." in value:
            raise ConfigError("not usable in a path", **{name: value[:80]}, next_step="Use letters, digits, _ and -.")
    day = date.fromisoformat(manifest.ingest_date).isoformat()
    return f"bronze/{manifest.source}/ingest_date={day}/batch={manifest.batch_id}"


def promote(stage: Path, root: UPath | Path | str, manifest: Manifest) -> UPath:
    """Land what a private folder holds; gives the batch's folder.

    The stage is only read, so that a landing that failed can be tried again. Safe to repeat, also after a kill at any
    point: what a dead attempt left is swept.

    Args:
        stage: Local folder with the manifest's files, `original.pgp`, and `rejects.jsonl` if rows were rejected,
            and `deleted.arrow` if keys were deleted.
        root: Root of all landings; a path or a URL that fsspec knows.
        manifest: What the batch is; its digests are checked against the stage first.

    Raises:
        ReconciliationError: if the stage is not what the manifest says.
        StateConflictError: if the batch is there already with other content.
    """
    folder = UPath(root) / batch_key(manifest)
    verify_files(stage, manifest)
    _verify_original(stage, manifest)
    if _already_there(folder, manifest):
        return folder
    names = [file.name for file in manifest.files]
    names += [name for name in (REJECTS, DELETED, ORIGINAL) if (stage / name).exists()]
    if folder.protocol in ("", "file"):
        _promote_local(stage, Path(folder.path), manifest, names)
    else:
        _promote_object_store(stage, folder, manifest, names)
    return folder


def read_manifest(folder: UPath | Path | str) -> Manifest:
    """The manifest of a landed batch.

    Raises:
        StateConflictError: if there is no whole landing, or the manifest is of another batch than the folder.
        ReconciliationError: if the manifest contradicts itself.
    """
    folder = UPath(folder)
    try:
        manifest = Manifest.from_json((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StateConflictError("there is no landed batch", folder=str(folder), next_step="Replay the item.") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateConflictError(
            "a manifest cannot be read", folder=str(folder), error=type(error).__name__, next_step="Replay the item."
        ) from None
    if folder.name != f"batch={manifest.batch_id}":
        raise StateConflictError("a manifest is of another batch", folder=str(folder), batch_id=manifest.batch_id)
    rows = sum(file.rows for file in manifest.files)
    if rows != manifest.rows_landed or manifest.rows_read != manifest.rows_landed + manifest.rows_rejected:
        raise ReconciliationError(
            "a manifest's counts disagree",
            batch_id=manifest.batch_id,
            rows_read=manifest.rows_read,
            rows_landed=manifest.rows_landed,
            rows_rejected=manifest.rows_rejected,
            rows_in_files=rows,
        )
    return manifest


def verify_files(folder: UPath | Path, manifest: Manifest, files: Iterable[DataFile] | None = None) -> None:
    """Check size and SHA-256 of a batch's files, so that what is gated or loaded is what was landed.

    Args:
        folder: Where the files lie.
        manifest: The batch.
        files: Which files; those of the manifest if not given (the gate publishes others).

    Raises:
        StateConflictError: if a file is missing or is another one than it was.
    """
    for file in manifest.files if files is None else files:
        path = folder / file.name
        if ".." in Path(file.name).parts or Path(file.name).is_absolute():
            raise StateConflictError("a manifest names a file outside its batch", batch_id=manifest.batch_id)
        try:
            found = (path.stat().st_size, _sha256(path))
        except FileNotFoundError:
            found = (-1, "")
        if found != (file.size, file.sha256):
            raise StateConflictError(
                "a file of a batch is missing or was changed after it was written",
                batch_id=manifest.batch_id,
                file=file.name,
                size=found[0],
                expected_size=file.size,
                sha256=found[1],
                expected_sha256=file.sha256,
                next_step="Find out who changed it, then replay the item.",
            )


@contextmanager
def local_folder(folder: UPath | Path | str, *, files: Iterable[str] | None = None) -> Iterator[Path]:
    """A landed batch's folder as a local path, for engines that read local files.

    A local folder is given as it is. From an object store the manifest and `files` are fetched (those of the manifest
    if not given; the gate publishes others); what was written beside them is put back when the block ends without an
    error.

    Raises:
        StateConflictError: if a file of the batch is missing in the object store.
    """
    folder = UPath(folder)
    if folder.protocol in ("", "file"):
        yield Path(folder.path)
        return
    with tempfile.TemporaryDirectory(prefix="batch-") as name:
        local = Path(name)
        fetched = {MANIFEST, *(files if files is not None else (file.name for file in read_manifest(folder).files))}
        for relative in fetched:
            (local / relative).parent.mkdir(parents=True, exist_ok=True)
            try:
                with (folder / relative).open("rb") as source, (local / relative).open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
            except FileNotFoundError:
                raise StateConflictError(
                    "a file of a batch is missing", folder=str(folder), file=relative, next_step="Replay the item."
                ) from None
        yield local
        for path in sorted(local.rglob("*")):
            relative = path.relative_to(local).as_posix()
            if path.is_file() and relative not in fetched:
                with path.open("rb") as source, (folder / relative).open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)


def _verify_original(stage: Path, manifest: Manifest) -> None:
    original = stage / ORIGINAL
    if not manifest.ciphertext_sha256:
        return  # Rows that were asked for have no original: the source can be asked again.
    if not original.exists():
        if manifest.replay_of is None:
            raise ReconciliationError("the original is missing, so that nothing could be replayed", stage=stage.name)
        return
    if (found := _sha256(original)) != manifest.ciphertext_sha256:
        raise ReconciliationError(
            "the original is not the one that was verified", sha256=found, expected=manifest.ciphertext_sha256
        )


def _already_there(folder: UPath, manifest: Manifest) -> bool:
    if not (folder / MANIFEST).exists():
        return False
    landed = read_manifest(folder)
    if _identity(landed) != _identity(manifest):
        raise StateConflictError(
            "another content was landed under this batch id",
            batch_id=manifest.batch_id,
            landed_files=[file.sha256 for file in landed.files],
            files=[file.sha256 for file in manifest.files],
            next_step="Bronze is written once: release the item, which gives it a new batch id.",
        )
    return True


def _identity(manifest: Manifest) -> tuple[object, ...]:
    return (manifest.files, manifest.ciphertext_sha256, manifest.plaintext_sha256, manifest.contract_digest)


def _promote_local(stage: Path, folder: Path, manifest: Manifest, names: list[str]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f"{_ATTEMPT}{manifest.batch_id}-"
    remove_abandoned(folder.parent.glob(f"{prefix}*"))
    with attempt_folder(folder.parent, prefix) as attempt:
        for name in names:
            # A second name and no copy: whoever made the stage never opens a file of it for writing again.
            copy_durably(stage / name, attempt / name, link=True)
        write_durably(attempt / MANIFEST, manifest.to_json().encode())
        sync_folder(attempt)
        try:
            attempt.rename(folder)
        except OSError:
            # Another attempt was first: a folder with content is never replaced. It must say the same.
            if not _already_there(UPath(folder), manifest):
                raise
        sync_folder(folder.parent)


def _promote_object_store(stage: Path, folder: UPath, manifest: Manifest, names: list[str]) -> None:
    for name in names:
        with (stage / name).open("rb") as source, (folder / name).open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        if (folder / name).stat().st_size != (stage / name).stat().st_size:
            raise ReconciliationError("the object store holds another size than was written", file=name)
    # Last, and where the store can, only if none is there: a second writer that was slower must not replace it.
    try:
        folder.fs.pipe_file((folder / MANIFEST).path, manifest.to_json().encode(), mode="create")
    except FileExistsError:
        _already_there(folder, manifest)


def _sha256(path: UPath | Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
