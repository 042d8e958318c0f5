"""One round of a source into a folder, without Airflow and without a ledger: what `integrations graph delta` does.

A round's file appears in the folder when all of it is there, and the link moves after it. All files, applied in the order of
`_round` and `_seq` to an empty table, give the server's state.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.msgraph.changes import Op
from airflow_provider_integrations.connectors.msgraph.client import Landing, Reach, Token, drive, open_client
from airflow_provider_integrations.connectors.msgraph.delta import run_round
from airflow_provider_integrations.connectors.msgraph.known_rows import KnownRows
from airflow_provider_integrations.connectors.msgraph.model import Page, Restart, RoundStart
from airflow_provider_integrations.connectors.msgraph.page_files import columns_of, page_path, write_page
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.connectors.msgraph.resync import GONE_SHARE
from airflow_provider_integrations.connectors.msgraph.round_files import PLACES, RoundFiles, file_name
from airflow_provider_integrations.connectors.msgraph.state import DeltaState
from airflow_provider_integrations.connectors.msgraph.state_file import StateFile
from airflow_provider_integrations.connectors.msgraph.throttle import AppScope, Pace, paced
from airflow_provider_integrations.core.errors import ConfigError, IntegrationError, StateConflictError
from airflow_provider_integrations.landing.durable import copy_durably, sync_files, sync_folder
from airflow_provider_integrations.system import utc_now

__all__ = ["Order", "delta_once"]

_KEEP = 1.0
"""Seconds between states that are kept while pages come."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for on the command line.

    Args:
        query: What is tracked, with the properties that are wanted.
        out: Folder of the files.
        resync: Enumerate everything again; a round that is under way begins anew.
        share: Of the known objects, what a resync may delete unasked.
        approved: Digest of what a person agreed to delete.
        budget: Seconds that the run may spend waiting.
        relations: Of the selected properties, those that are relations, e.g. `members`; each is written as files of its own.

    Raises:
        ConfigError: a file would have a column twice.
    """

    query: Query
    out: Path
    resync: bool = False
    share: float = GONE_SHARE
    approved: str = ""
    budget: float = 600.0
    relations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [name.casefold() for name in columns_of(self.query)]
        if twice := sorted({name for name in names if name in PLACES or names.count(name) > 1}):
            raise ConfigError(
                "columns that a file would have twice",
                names=twice,
                next_step="Select each property once; _op, _round and _seq are of the file itself.",
            )


def delta_once(
    order: Order, kept: StateFile, reach: Reach, token: Token, *, boundary: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Run one round, or finish the one that was begun; gives the report as JSON values.

    Args:
        order: What is wanted.
        kept: The state.
        reach: How the server is reached.
        token: Gives access tokens.
        boundary: Called between the steps; tests kill the process there.

    Raises:
        IntegrationError: the link stays where it was.
    """
    began = time.monotonic()
    order.out.mkdir(parents=True, exist_ok=True)
    with kept.locked(), KnownRows.open(kept.path.with_name(f"{kept.path.name}.known")) as known:
        run = _Run(order, kept, known, boundary)
        resumed = run.state.progress is not None
        warnings = run.begin()
        run.read(reach, token)
        report = run.load()
        return {**report, "resumed": resumed, "warnings": warnings, "seconds": round(time.monotonic() - began, 3)}


class _Run:
    """One round, and the state that it moves."""

    def __init__(self, order: Order, kept: StateFile, known: KnownRows, boundary: Callable[[str], None]) -> None:
        self.order, self.kept, self.known, self.boundary = order, kept, known, boundary
        self.state = self._kept_state = kept.read()
        self._unsynced: list[Path] = []
        self._kept_at = -_KEEP  # The first page is kept at once.
        # Beside the state, so that two sources with one folder never share pages.
        self._pages = kept.path.with_name(f"{kept.path.name}.pages")
        self._agree()

    @property
    def folder(self) -> Path:
        """Where the round's pages stand until it is loaded."""
        return self._pages / f"round-{self.state.rounds + 1:06d}"

    def begin(self) -> list[str]:
        """Begin the round, or go on with it; gives what a person should know."""
        age = self.state.age(utc_now())
        warnings = self._mend()
        begun = self.state.begin(self.order.query, resync=self.order.resync, anew=self.order.resync)
        self._save(begun)
        # Left by a run that died after its link had moved.
        shutil.rmtree(self._pages / f"round-{self.state.rounds:06d}", ignore_errors=True)
        self._pages.mkdir(mode=0o700, exist_ok=True)
        self.folder.mkdir(exist_ok=True)
        sync_folder(self._pages)
        self.boundary("begun")
        if age is not None and age.alarm:
            warnings.append(f"the kept link was {age.age.days} days old; most live 7 days")
        return warnings

    def read(self, reach: Reach, token: Token) -> None:
        """Land all pages that are not there yet."""
        progress = self.state.progress
        assert progress is not None, "a round was begun"
        if progress.end_link:
            return
        conversation = paced(
            run_round(progress.start, self.order.query),
            AppScope("command", self.order.query.endpoint.url, ""),
            random=random.random,
            pace=Pace(budget=self.order.budget),
        )
        with open_client(reach) as client:
            try:
                end = drive(conversation, client, Landing(self._land, self._restart), token=token)
            except IntegrationError:
                self._save(self.state)  # What was landed is not asked for again.
                raise
        self._save(self.state.sealed(end, at=utc_now()))
        self.boundary("sealed")

    def load(self) -> dict[str, Any]:
        """Apply the sealed round, give its files the place, and move the link."""
        progress, order = self.state.progress, self.order
        assert progress is not None, "a round was begun"
        assert progress.end_link, "it was read to its end"
        start, done = progress.start, self.folder
        if self.known.round < start.round:
            self._apply(start)
            self.boundary("applied")
        counts = self.known.summary(start.round)
        changed = {"": _reported(counts), **{name: _reported(each) for name, each in counts["relations"].items()}}
        names = [
            file_name(order.query.resource, start.round, name) for name, each in changed.items() if any(each.values())
        ]
        files = [self._publish(done / name) for name in names]
        self.boundary("published")
        self._save(self.state.committed())
        self.boundary("link moved")
        shutil.rmtree(done, ignore_errors=True)
        return {
            "round": start.round,
            "full": start.full,
            "resync": bool(progress.resync),
            "resync_reasons": list(progress.resync),
            "restarts": list(progress.restarts),
            "pages": start.pages,
            **changed.pop(""),
            "relations": changed,
            "files": files,
        }

    def _apply(self, start: RoundStart) -> None:
        """Bring the known rows to the end of the round, and its files into its folder."""
        order = self.order
        columns = tuple(name for name in columns_of(order.query) if name not in order.relations)
        pages = (page_path(self.folder, start.attempt, number).read_bytes() for number in range(1, start.pages + 1))
        with (
            self.known.applying(start, pages, share=order.share, approved=order.approved) as changes,
            RoundFiles(self.folder, order.query.resource, start.round, columns) as out,
        ):
            for change in changes:
                out.add(change)

    def _agree(self) -> None:
        """Whether state, known rows and folder belong together."""
        sealed = self.state.progress is not None and bool(self.state.progress.end_link)
        if self.known.round not in (self.state.rounds, self.state.rounds + sealed):
            raise StateConflictError(
                "the state and the known rows beside it are of different rounds",
                state=self.state.rounds,
                known=self.known.round,
                next_step="Restore both; to begin anew, remove both and give an empty folder.",
            )
        if self.state == DeltaState() and self._has_files():
            raise StateConflictError(
                "there are files and no state",
                folder=str(self.order.out),
                state=str(self.kept.path),
                next_step="Give the state file's path, or an empty folder to begin anew.",
            )

    def _mend(self) -> list[str]:
        """Begin a round anew whose landed pages are lost, by the link that it began with: nothing of it was applied."""
        progress = self.state.progress
        if progress is None or self.known.round == progress.start.round:
            return []
        start = progress.start
        lost = [n for n in range(1, start.pages + 1) if not page_path(self.folder, start.attempt, n).exists()]
        if not lost:
            return []
        opened = replace(self.state, progress=replace(progress, end_link="", sealed_at=None))
        planned = self.order.resync or bool(progress.resync)
        self._save(opened.begin(self.order.query, resync=planned, anew=True))
        return [f"{len(lost)} landed pages were lost: the round began anew"]

    def _has_files(self) -> bool:
        return any(self.order.out.glob(file_name(self.order.query.resource, 0).replace("-000000.", "-*.")))

    def _land(self, page: Page) -> None:
        path = write_page(self.folder, page, self.order.query, relations=self.order.relations)
        self.boundary("page landed")
        self._unsynced.append(path)
        self.state = self.state.landed(page)
        # A kill costs the pages of a moment, which are asked for again; a sync after each costs as much as reading it.
        if time.monotonic() - self._kept_at >= _KEEP:
            self._save(self.state)
            self._kept_at = time.monotonic()
        self.boundary("page kept")

    def _restart(self, restart: Restart) -> None:
        before = self.state.progress
        self._save(self.state.restarted(restart))
        self.boundary("restarted")
        if before is not None:
            shutil.rmtree(page_path(self.folder, before.start.attempt, 1).parent, ignore_errors=True)

    def _save(self, state: DeltaState) -> None:
        """Keep a state, and before it the pages that it counts."""
        sync_files(self._unsynced)
        self._unsynced.clear()
        if state != self._kept_state or not self.kept.path.exists():
            self.kept.write(state)
        self.state = self._kept_state = state

    def _publish(self, file: Path) -> str:
        """A second name of the round's file, or a copy; what stands there already must be the same."""
        target = self.order.out / file.name
        if not file.exists() and not target.exists():
            raise StateConflictError(
                "a round was applied to the known rows, and its file is lost",
                file=str(file),
                next_step="Restore the folder of the pages; to begin anew, remove state and known rows and empty the folder.",
            )
        if not file.exists():
            return target.name
        if target.exists() and not target.samefile(file) and target.read_bytes() != file.read_bytes():
            raise StateConflictError(
                "another source has a file of this name",
                file=str(target),
                next_step="Give each source a folder of its own.",
            )
        if not target.exists():
            fresh = target.with_name(f".{target.name}.new")
            fresh.unlink(missing_ok=True)
            copy_durably(file, fresh, link=True)
            fresh.replace(target)
            sync_folder(self.order.out)
        return target.name


def _reported(counts: dict[str, Any]) -> dict[str, int]:
    soft, hard = counts[Op.REMOVE_SOFT], counts[Op.REMOVE_HARD]
    return {"upserts": counts[Op.UPSERT], "removals": soft + hard, "removals_soft": soft, "removals_hard": hard}
