"""Quarantine: the original bytes of what was refused, why, and how to take it up again.

::

    <root>/quarantine/<source>/<item_id>/
        original.pgp  rejects.jsonl  reason.json

`reason.json` is written last and is the proof that the rest is whole. A release runs every check again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from upath import UPath

from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.work_item import WorkItem
from airflow_provider_integrations.landing.durable import replace_durably

__all__ = ["REASON", "Kept", "keep", "original_of", "read_kept"]

REASON = "reason.json"
_SAFE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]*$")


@dataclass(frozen=True, slots=True)
class Kept:
    """What `reason.json` says.

    Args:
        item_id, source, file: Which item, from where, under which name.
        reason, meaning, next_step: The code, and what it means.
        detail: The message; holds no payload.
        refused_at: Instant (ISO 8601, UTC).
        original, original_sha256: Name of the kept bytes in this folder and their digest; none if none were fetched.
        commands: What to type to release or to replay it, or to look at it.
        earlier: Refusals of the same item before a release, oldest first.
    """

    item_id: str
    source: str
    file: str
    reason: str
    meaning: str
    next_step: str
    detail: str
    refused_at: str
    original: str | None
    original_sha256: str | None
    commands: dict[str, str]
    earlier: tuple[dict[str, Any], ...] = ()


def keep(
    root: UPath | Path | str,
    item: WorkItem,
    reason: Reason,
    *,
    detail: str,
    at: datetime,
    original: Path | UPath | None = None,
    rejects: Path | UPath | None = None,
) -> str:
    """Keep an item's bytes and the reason; gives the folder, below the root.

    Repeating it for the same reason and bytes changes nothing, also after a kill at any point. A second refusal, after
    a release and with something else to say, is added; bytes that differ from the ones kept get a name of their own,
    since nothing is replaced.

    Raises:
        ConfigError: if the source or the item's id could leave the root.
    """
    key = _key(item)
    folder = UPath(root) / key
    folder.mkdir(parents=True, exist_ok=True)
    before = read_kept(folder) if (folder / REASON).exists() else None
    name, digest = _keep_bytes(folder, original) if original is not None and original.exists() else (None, None)
    if before and name is None:
        name, digest = before.original, before.original_sha256
    if before and (before.reason, before.detail, before.original_sha256) == (reason.value, detail, digest):
        return key
    if rejects is not None and rejects.exists():
        _copy(rejects, folder / "rejects.jsonl")
    earlier = (
        (*before.earlier, {"reason": before.reason, "detail": before.detail, "refused_at": before.refused_at})
        if before
        else ()
    )
    kept = Kept(
        item_id=item.id,
        source=item.source,
        file=item.name,
        reason=reason.value,
        meaning=reason.meaning,
        next_step=reason.next_step,
        detail=detail,
        refused_at=at.isoformat(),
        original=name,
        original_sha256=digest,
        commands=_commands(item),
        earlier=earlier,
    )
    data = (json.dumps(asdict(kept), sort_keys=True, indent=2) + "\n").encode()
    if _is_local(folder):
        replace_durably(Path(folder.path) / REASON, data)
    else:
        (folder / REASON).write_bytes(data)
    return key


def read_kept(folder: UPath | Path | str) -> Kept:
    """What was kept of an item.

    Raises:
        StateConflictError: if nothing whole was kept there.
    """
    try:
        raw = json.loads((UPath(folder) / REASON).read_text(encoding="utf-8"))
        return Kept(**{**raw, "earlier": tuple(raw["earlier"])})
    except (FileNotFoundError, ValueError, TypeError, KeyError) as error:
        raise StateConflictError(
            "nothing whole is kept there",
            folder=str(folder),
            error=type(error).__name__,
            next_step="Fetch the file again.",
        ) from None


def original_of(folder: UPath | Path | str) -> UPath:
    """The kept bytes, checked against the digest with which they were kept.

    Raises:
        StateConflictError: if there are none or they were changed.
    """
    kept = read_kept(folder)
    if kept.original is None:
        raise StateConflictError("no bytes were kept, since none were fetched", item=kept.item_id)
    path = UPath(folder) / kept.original
    if not path.exists() or _sha256(path) != kept.original_sha256:
        raise StateConflictError(
            "the kept original is missing or was changed",
            item=kept.item_id,
            next_step="Ask the partner to send it again.",
        )
    return path


def _commands(item: WorkItem) -> dict[str, str]:
    commands = {
        "look": f"integrations ledger show {item.id}",
        "release": f'integrations ledger release {item.id} --why "..."',
    }
    if "plan" in item.facts:  # Rows that were asked for have no original: the next run asks for them again.
        return {**commands, "again": f"airflow dags trigger odbc_extract__{item.source}"}
    if "round" in item.facts:  # So have changes, of which the service tells the present alone.
        resync = "airflow dags trigger graph_delta__" + item.source.partition("__")[0]
        return {**commands, "again": f"{resync} --conf '{{\"resync\": true}}'"}
    day = item.discovered_at.date().isoformat()
    # Rows of a document come of it, and go by the name of its source and table.
    source = item.source.partition("__")[0] if "parent" in item.facts else item.source
    return {**commands, "replay": f"integrations ledger replay {source} --from {day} --to {day}"}


def _key(item: WorkItem) -> str:
    for name, value in (("source", item.source), ("item", item.id)):
        if not _SAFE.match(value):
            raise ConfigError("not usable in a path", **{name: value[:80]}, next_step="Use letters, digits, _ and -.")
    return f"quarantine/{item.source}/{item.id}"


def _keep_bytes(folder: UPath, original: Path | UPath) -> tuple[str, str]:
    digest = _sha256(original)
    for name in ("original.pgp", f"original-{digest[:16]}.pgp"):
        target = folder / name
        if not target.exists():
            _copy(original, target)
            return name, digest
        if _sha256(target) == digest:
            return name, digest
    raise StateConflictError("a kept original was changed", folder=str(folder), sha256=digest)


def _copy(source: Path | UPath, target: UPath) -> None:
    """A copy and never a second name of the file: the source may lie in a scratch folder that others write to."""
    part = target.with_name(f".{target.name}.part") if _is_local(target) else target
    with source.open("rb") as reader, part.open("wb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
    if part != target:
        with Path(part.path).open("rb") as written:
            os.fsync(written.fileno())
        Path(part.path).chmod(0o600)
        Path(part.path).replace(target.path)


def _is_local(path: UPath) -> bool:
    return path.protocol in ("", "file")


def _sha256(path: Path | UPath) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
