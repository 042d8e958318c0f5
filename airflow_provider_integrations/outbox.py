"""What waits to be sent to a partner: bytes written once below the landing root, and a work item that says where they go.

::

    enqueue ──> discovered ──(deliver)──> loaded ──(settled by whoever enqueued it)──> archived

    <root>/outbox/<source>/YYYY-MM-DD/<name>

A document is enqueued before anything of it goes out, and its name and bytes are the same at every run. So a process that
dies anywhere sends at worst the same bytes under the same name again. The name is its identity, whatever folder it goes to: a
folder that is changed sends nothing a second time, and what waits goes to where it was to go.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from upath import UPath

from airflow_provider_integrations.core.edi_source import Outbox, outbox_name
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.core.work_item import RemoteFile, State, WorkItem
from airflow_provider_integrations.landing.once import write_once
from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["Outgoing", "delivered", "destination", "enqueue", "enqueue_once", "enqueued", "kept_bytes"]

_SAFE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.=-]{0,199}$")
_OURS = ("sha256", "kept", "seal", "to")
_NO_TIME = 0
"""Time of the file: it is ours, and two runs give the same item."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One file for a partner.

    Args:
        name: Its name on the partner's server; with the source it names it once.
        data: Its bytes, as they are before they are sealed.
        facts: What whoever settles it must know when it is delivered; no payload.
        identity: What it is, where two may call it otherwise at once: it is entered under the first name alone.
        sealed_suffix: What its name on the partner's server has behind it where it goes out sealed.
    """

    name: str
    data: bytes = field(repr=False)
    facts: Mapping[str, Any] = field(default_factory=dict)
    identity: str = ""
    sealed_suffix: str = ""


def enqueue(
    ledger: Ledger,
    root: UPath | Path | str,
    source: str,
    outbox: Outbox,
    outgoing: Outgoing,
    *,
    at: datetime,
    first_stands: bool = False,
) -> WorkItem:
    """Keep a file durably and enter it as a work item of the source's outbox.

    The same call again, also after a kill at any point or on another day, gives the same item.

    Args:
        ledger: Where the item goes.
        root: Landing root; a path or a URL that fsspec knows.
        source: Whose outbox.
        outbox: Where it goes on the partner's server, and whether sealed.
        outgoing: The file.
        at: When; its day (UTC) names the folder.
        first_stands: Bytes that were kept under the name go out, also where they are others: for what may be said in
            several ways, and once.

    Returns:
        The item; its facts hold `sha256` (of the bytes that go out), `kept` (where they are, below the root), `to` (path
        on the partner's server), `seal`, and those of `outgoing`.

    Raises:
        StateConflictError: when other bytes have the name and the first do not stand; nothing is replaced, nothing is
            entered.
        ConfigError: when the name could leave its folder, or a fact has a name of ours.
    """
    return enqueue_once(ledger, root, source, outbox, outgoing, at=at, first_stands=first_stands)[0]


def enqueue_once(
    ledger: Ledger,
    root: UPath | Path | str,
    source: str,
    outbox: Outbox,
    outgoing: Outgoing,
    *,
    at: datetime,
    first_stands: bool = False,
) -> tuple[WorkItem, bool]:
    """As `enqueue`; also gives whether it was this call that entered the item."""
    _check(source, outgoing)
    item, is_new = enqueued(ledger, source, outgoing.name), False
    if item is None:
        data, kept = outgoing.data, f"outbox/{source}/{at.astimezone(UTC).date().isoformat()}/{outgoing.name}"
        if not write_once(UPath(root) / kept, data):
            there = (UPath(root) / kept).read_bytes()
            if not first_stands:
                _expect_same(source, outgoing, _sha256(there), kept)
            data = there
        to = f"{outbox.folder.rstrip('/')}/{outgoing.name}{outgoing.sealed_suffix if outbox.seal else ''}"
        facts = {**outgoing.facts, "sha256": _sha256(data), "kept": kept, "seal": outbox.seal, "to": to}
        file = RemoteFile(outgoing.name, len(data), _NO_TIME)
        item, is_new = ledger.items.enter_once(outbox_name(source), file, facts=facts, identity=outgoing.identity)
    if not first_stands:
        # Another one may have been faster, with other bytes.
        _expect_same(source, outgoing, str(item.facts.get("sha256")), item.id)
    return item, is_new


def enqueued(ledger: Ledger, source: str, name: str) -> WorkItem | None:
    """The item of a name, in whatever state and for whatever folder; None if nothing was enqueued under it."""
    return ledger.items.latest(outbox_name(source), name)


def destination(item: WorkItem) -> str:
    """Where an item goes on the partner's server."""
    return str(item.facts["to"])


def delivered(ledger: Ledger, source: str) -> list[WorkItem]:
    """What the partner has and nobody has settled yet, the oldest first."""
    return ledger.items.list(outbox_name(source), (State.LOADED,), limit=None)[::-1]


def kept_bytes(root: UPath | Path | str, key: str, sha256: str) -> bytes:
    """Bytes that were kept below the root, proved to be those that were written.

    Raises:
        StateConflictError: if they are gone or were changed.
    """
    try:
        data = (UPath(root) / key).read_bytes()
    except FileNotFoundError:
        data = None
    found = None if data is None else _sha256(data)
    if data is None or found != sha256:
        raise StateConflictError(
            "what was kept to be sent is gone or was changed",
            kept=key,
            sha256=found,
            recorded=sha256,
            next_step="Somebody changed the landing root: find out who, and restore it. Nothing was sent.",
        )
    return data


def _check(source: str, outgoing: Outgoing) -> None:
    for what, value in (("source", source), ("name", outgoing.name)):
        if not _SAFE.match(value) or ".." in value:
            raise ConfigError(
                "not usable as a file's name", **{what: value[:80]}, next_step="Use letters, digits, '_', '.' and '-'."
            )
    if taken := sorted(set(_OURS) & set(outgoing.facts)):
        raise ConfigError("facts of these names are the outbox's own", names=taken, next_step="Call them otherwise.")


def _expect_same(source: str, outgoing: Outgoing, found: str, where: str) -> None:
    if found != (sha256 := _sha256(outgoing.data)):
        raise StateConflictError(
            "other bytes wait or went out under this name",
            source=source,
            name=outgoing.name,
            where=where,
            sha256=found,
            new_sha256=sha256,
            next_step="A name stands for one document: find out why it was made twice, or give the new one another name.",
        )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
