"""One backfill into a folder, without Airflow and without a ledger: what `integrations historian backfill` does.

One Parquet file a tag appears in the folder when everything is read. Until then the parts beside the state hold what there is,
and a run that was killed goes on from them; a run after the end changes nothing.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.historian.backfill import Limits, Order, plan_of, run_backfill
from airflow_provider_integrations.connectors.historian.model import HistoryReader, Tag, to_iso
from airflow_provider_integrations.connectors.historian.parts import Parts
from airflow_provider_integrations.connectors.historian.progress import Progress
from airflow_provider_integrations.connectors.historian.state_file import MadeFile, State, read_state, write_state
from airflow_provider_integrations.connectors.historian.tag_files import changed, file_name, publish_file, write_file
from airflow_provider_integrations.core.errors import IntegrationError, StateConflictError, TransientError
from airflow_provider_integrations.landing.durable import sync_folder
from airflow_provider_integrations.landing.parquet import ROW_GROUP
from airflow_provider_integrations.system import go_on

__all__ = ["Request", "backfill_once", "plan_once"]

Connect = Callable[[], AbstractAsyncContextManager[HistoryReader]]

_AT_ONCE = 2
"""Files that are written at a time; each has some row groups in memory."""
_SHOWN = 100
"""Windows that a dry run or an error lists."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for on the command line.

    Args:
        order: Tags and span.
        source: The server's address, without credentials.
        out: Folder of the files.
        state: The state; its name with `.parts` instead of `.json` is the folder of what is read so far.
        limits: How much at once.
    """

    order: Order
    source: str
    out: Path
    state: Path
    limits: Limits

    @property
    def parts(self) -> Path:
        """Where what is read so far stands."""
        stem = self.state.stem if self.state.suffix == ".json" else self.state.name
        return self.state.with_name(f"{stem}.parts")


def backfill_once(
    request: Request, connect: Connect, *, progress: Callable[[Progress], None] = lambda _: None,
    boundary: Callable[[str], None] = go_on,
) -> dict[str, Any]:  # fmt: skip
    """Read everything that is not read yet, and make the files; gives the report as JSON values.

    Args:
        request: What is wanted.
        connect: Opens the reader; it is not called where nothing is left to read.
        progress: Told now and then how far it is.
        boundary: Called between the steps; tests kill the process there.

    Raises:
        IntegrationError: something is unread, and `unread` of its `values` lists what; what was read is kept.
    """
    began = time.monotonic()
    request.out.mkdir(parents=True, exist_ok=True)
    with Parts(request.parts) as parts:
        run = _Run(request, parts, boundary)
        before = run.begin()
        if run.state.files is None:
            read = run.read(connect, progress)
            files = run.publish()
        else:
            read, files = 0, run.check_files(run.state.files)
        parts.clear()
    return {
        "samples": sum(file.rows for file in files),
        "samples_read": read,
        "resumed": before,
        "from": run.state.begin,
        "to": run.state.end,
        "files": [{"tag": tag.name, "file": made.name, "rows": made.rows} for tag, made in run.made(files)],
        "parts_read_again": list(run.damaged),
        "seconds": round(time.monotonic() - began, 3),
    }


def plan_once(request: Request) -> dict[str, Any]:
    """The windows that a run would ask for if nothing changed their width; no server is asked, and no file is written."""
    parts = Parts(request.parts)
    state = read_state(request.state, State.of(request.order, request.source))
    if state is None:
        parts = Parts(request.parts.with_name(f"{request.parts.name}.none"))
    ended = state is not None and state.files is not None
    plan, order = plan_of(request.order, parts, request.limits), request.order
    total = order.span.seconds * len(order.tags)
    unread = 0.0 if ended else sum(span.seconds for tag in order.tags for span in plan.unread(tag.name))
    shown, windows = list[dict[str, Any]](), 0
    while not ended and (window := plan.take()) is not None:
        windows += 1
        if windows <= _SHOWN:
            span = window.span
            shown.append({"tags": list(window.tags), "from": to_iso(span.begin), "to": to_iso(span.end)})
        plan.ended(window, dict.fromkeys(window.tags, window.span.end), None)
    return {
        "dry_run": True,
        "tags": [tag.name for tag in order.tags],
        "from": to_iso(order.span.begin),
        "to": to_iso(order.span.end),
        "seconds_total": total,
        "seconds_unread": unread,
        "windows": windows,
        "first_windows": shown,
    }


class _Run:
    """One run, and the state that it moves."""

    def __init__(self, request: Request, parts: Parts, boundary: Callable[[str], None]) -> None:
        self.request, self.parts, self.boundary = request, parts, boundary
        self.state = State.of(request.order, request.source)
        self.damaged: tuple[str, ...] = ()

    def begin(self) -> bool:
        """Begin, or take up what was begun, and say which it was."""
        kept = read_state(self.request.state, self.state)
        if kept is not None:
            self.state, self.damaged = kept, self.parts.damaged
            return True
        names = [file_name(tag.name) for tag in self.request.order.tags]
        if found := [name for name in names if (self.request.out / name).exists()]:
            raise StateConflictError(
                "there are files and no state",
                folder=str(self.request.out),
                files=found[:20],
                state=str(self.request.state),
                next_step="Give the state file's path, or another folder; to begin anew, remove the files.",
            )
        self.parts.clear()  # Of an order that nobody knows any more.
        self.request.state.parent.mkdir(parents=True, exist_ok=True)
        write_state(self.request.state, self.state)
        self.boundary("begun")
        return False

    def read(self, connect: Connect, progress: Callable[[Progress], None]) -> int:
        """Read what is unread; gives how many samples that were."""
        if not self._unread():
            return 0
        try:
            read = asyncio.run(self._read(connect, progress))
        except IntegrationError as error:
            error.values["unread"] = self._unread()
            raise
        self.boundary("all read")
        return read

    def publish(self) -> tuple[MadeFile, ...]:
        """Make the files and give them their place, and then say so in the state."""
        if unread := self._unread():
            raise StateConflictError(
                "parts went away while they were used", unread=unread, next_step="Run again: it is read again."
            )
        stage = self.parts.folder / "files"
        stage.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = list(self._write(stage))
        for file in made:
            publish_file(stage / file.name, self.request.out)
            self.boundary("file published")
        sync_folder(self.request.out)
        self.state = self.state.ended(made)
        write_state(self.request.state, self.state)
        self.boundary("ended")
        return tuple(made)

    def _write(self, stage: Path) -> Iterator[MadeFile]:
        """The files of all tags, in their order."""

        def write(tag: Tag) -> MadeFile:
            return write_file(stage, tag.name, self.parts.tables(tag.name, rows=ROW_GROUP))

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                for made in pool.map(write, self.request.order.tags):
                    yield made
                    self.boundary("file written")
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def check_files(self, files: tuple[MadeFile, ...]) -> tuple[MadeFile, ...]:
        """The files of a run that has ended are what they were."""
        if lost := [file.name for file in files if changed(self.request.out, file)]:
            raise StateConflictError(
                "files of a backfill that has ended are lost or changed",
                folder=str(self.request.out),
                files=lost[:20],
                next_step="Restore them; to read everything again, remove the state and the files.",
            )
        return files

    def made(self, files: tuple[MadeFile, ...]) -> Iterator[tuple[Any, MadeFile]]:
        """Each tag with its file."""
        return zip(self.request.order.tags, files, strict=True)

    async def _read(self, connect: Connect, progress: Callable[[Progress], None]) -> int:
        request = self.request
        try:
            with _cancelled_by_sigterm() as told_to_stop:
                async with connect() as reader:
                    done = await run_backfill(
                        reader, request.order, self.parts, limits=request.limits, progress=progress,
                        boundary=self.boundary,
                    )  # fmt: skip
        except asyncio.CancelledError:
            if not told_to_stop:
                raise
            raise TransientError("told to stop before the end", next_step="Run again: what is read is kept.") from None
        return done.samples

    def _unread(self) -> list[dict[str, str]]:
        """What is not durably here, window by window: the first of them."""
        plan = plan_of(self.request.order, self.parts)
        spans = ((tag.name, span) for tag in self.request.order.tags for span in plan.unread(tag.name))
        return [{"tag": tag, "from": to_iso(span.begin), "to": to_iso(span.end)} for tag, span in islice(spans, _SHOWN)]


@contextmanager
def _cancelled_by_sigterm() -> Iterator[list[int]]:
    """Have SIGTERM cancel this task, so that what was read becomes durable first; gives a list that then is not empty."""
    told = list[int]()
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    if task is None or threading.current_thread() is not threading.main_thread():
        yield told
        return

    def stop() -> None:
        told.append(signal.SIGTERM)
        task.cancel()

    loop.add_signal_handler(signal.SIGTERM, stop)
    try:
        yield told
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
