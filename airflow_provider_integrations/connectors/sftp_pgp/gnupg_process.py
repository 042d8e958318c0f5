"""One run of GnuPG: bytes in, content out, status lines and diagnostics beside them, all without a deadlock.

A single loop serves the four pipes, so that no thread is needed and GnuPG can fill none of them for good. A run is
killed when its context is left early.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol, Self

from airflow_provider_integrations.connectors.sftp_pgp.gnupg_status import StatusSummary, read_status
from airflow_provider_integrations.core.errors import ConfigError, RejectedError, StalledError
from airflow_provider_integrations.core.reasons import Reason

__all__ = ["GnuPgProcess", "Readable"]

CHUNK: Final = 256 * 1024
_PIPE_BYTES: Final = 1024 * 1024
_MOST_STATUS_BYTES: Final = 1024 * 1024
_KEPT_DIAGNOSTICS: Final = 16 * 1024


class Readable(Protocol):
    """Something that bytes are read from; none are its end."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""


class GnuPgProcess:
    """A running GnuPG.

    Args:
        arguments: Program and options, without those for status and passphrase.
        home: GnuPG's home.
        source: Where its input comes from: an open descriptor, which it reads itself, a stream that is fed to it, or
            None.
        passphrase: Handed over through a pipe of its own, never by argument, environment or file.
        output: Descriptor that takes the content; None to read it with `read_into`.
        stall_timeout: Seconds without any progress after which it is killed.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        home: Path,
        source: int | Readable | None = None,
        passphrase: str | None = None,
        output: int | None = None,
        stall_timeout: float = 120.0,
    ) -> None:
        self.fed = 0
        self._stall_timeout = stall_timeout
        self._source = source
        self._pending = memoryview(b"")
        self._status = bytearray()
        self._diagnostics = bytearray()
        self._poll = select.poll()
        self._open: dict[int, str] = {}
        with contextlib.ExitStack() as theirs:
            given = []
            status, status_theirs = self._pipe(theirs, to_us=True)
            given.append(status_theirs)
            command = [*arguments[:1], "--status-fd", str(status_theirs)]
            if passphrase is not None:
                secret = _pipe_with(theirs, passphrase)
                given.append(secret)
                command += ["--pinentry-mode", "loopback", "--passphrase-fd", str(secret)]
            self._stdin, stdin = -1, source if isinstance(source, int) else subprocess.DEVNULL
            if source is not None and not isinstance(source, int):
                self._stdin, stdin = self._pipe(theirs, to_us=False)
            self._content, content = (-1, output) if output is not None else self._pipe(theirs, to_us=True)
            errors, errors_theirs = self._pipe(theirs, to_us=True)
            try:
                self._process = subprocess.Popen(
                    [*command, *arguments[1:]],
                    stdin=stdin,
                    stdout=content,
                    stderr=errors_theirs,
                    pass_fds=given,
                    cwd=home,
                    env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "HOME": str(home)},
                )
            except FileNotFoundError:
                self._close_all(status, errors, self._content, self._stdin)
                if not home.is_dir():
                    raise StalledError("GnuPG's home is gone", home=str(home)) from None
                raise _missing(arguments[0]) from None
            except BaseException:
                self._close_all(status, errors, self._content, self._stdin)
                raise
        self._watch(status, "status")
        self._watch(errors, "diagnostics")
        if self._content >= 0:
            self._watch(self._content, "content")
        if self._stdin >= 0:
            self._watch(self._stdin, "stdin", select.POLLOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()

    @property
    def consumed(self) -> int:
        """Bytes of input that GnuPG has taken so far; with a stream, those in the pipe are counted too."""
        if isinstance(self._source, int):
            with contextlib.suppress(OSError):
                return os.lseek(self._source, 0, os.SEEK_CUR)  # the open file is shared with GnuPG, and so its position
        return self.fed

    @property
    def diagnostics(self) -> str:
        """The end of what it wrote for people."""
        return self._diagnostics.decode(errors="replace")

    def read_into(self, buffer: memoryview) -> int:
        """Fill in some content; 0 at its end.

        Raises:
            StalledError: when nothing moved for the time allowed.
        """
        while self._content in self._open:
            try:
                taken = os.readv(self._content, [buffer])
            except BlockingIOError:
                self._serve()
                continue
            if taken:
                return taken
            self._unwatch(self._content)
        return 0

    def finish(self) -> StatusSummary:
        """Wait for its end and say what the status lines say; content that is still to come is thrown away.

        Raises:
            StalledError: when nothing moved for the time allowed, or a signal ended it.
        """
        waste = memoryview(bytearray(CHUNK))
        while self.read_into(waste):
            pass
        while set(self._open.values()) - {"stdin"}:
            self._serve()
        try:
            self._process.wait(self._stall_timeout)
        except subprocess.TimeoutExpired:
            raise self._stalled() from None
        self._close_all(*self._open)
        if self._process.returncode < 0:
            raise StalledError("GnuPG was ended by a signal", signal=-self._process.returncode)
        return read_status(self._status.decode(errors="replace").splitlines())

    @property
    def exit_code(self) -> int:
        """Its exit code, which alone proves nothing."""
        return self._process.returncode if self._process.returncode is not None else -1

    def kill(self) -> None:
        """End it now; does nothing when it has ended."""
        self.stop()
        self._process.wait()
        self._close_all(*self._open)

    def stop(self) -> None:
        """Send it to its end without waiting; its pipes stay open for whoever reads them."""
        if self._process.poll() is None:
            self._process.kill()

    def _serve(self) -> None:
        """Wait until some pipe can move, and move it."""
        position, until = self.consumed, time.monotonic() + self._stall_timeout
        while not (events := self._poll.poll(max(0.0, until - time.monotonic()) * 1000)):
            if self.consumed == position:
                raise self._stalled()
            position, until = self.consumed, time.monotonic() + self._stall_timeout
        for descriptor, _ in events:
            kind = self._open.get(descriptor)
            if kind == "stdin":
                self._feed()
            elif kind in {"status", "diagnostics"}:
                self._collect(descriptor, self._status if kind == "status" else self._diagnostics)

    def _feed(self) -> None:
        assert self._source is not None and not isinstance(self._source, int)  # noqa: PT018
        if not self._pending:
            self._pending = memoryview(self._source.read(CHUNK))
            if not self._pending:
                self._unwatch(self._stdin)
                return
        try:
            written = os.write(self._stdin, self._pending)
        except BlockingIOError:
            return
        except BrokenPipeError:  # it has ended, and its status lines say why
            self._unwatch(self._stdin)
            return
        self._pending = self._pending[written:]
        self.fed += written

    def _collect(self, descriptor: int, into: bytearray) -> None:
        data = os.read(descriptor, 65536)
        if not data:
            self._unwatch(descriptor)
        into += data
        if into is self._diagnostics:
            del into[:-_KEPT_DIAGNOSTICS]
        elif len(into) > _MOST_STATUS_BYTES:
            self.kill()
            raise RejectedError(Reason.NOT_OPENPGP, "the message makes GnuPG report without end")

    def _stalled(self) -> StalledError:
        self.kill()
        return StalledError("GnuPG made no progress", seconds=self._stall_timeout, consumed=self.consumed)

    def _pipe(self, theirs: contextlib.ExitStack, *, to_us: bool) -> tuple[int, int]:
        """Our end, which never blocks, and theirs, which is closed here once GnuPG has it."""
        read, write = os.pipe()
        ours, other = (read, write) if to_us else (write, read)
        theirs.callback(os.close, other)
        os.set_blocking(ours, False)
        with contextlib.suppress(OSError, AttributeError):  # the system may allow less
            fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        return ours, other

    def _watch(self, descriptor: int, kind: str, events: int = select.POLLIN) -> None:
        self._open[descriptor] = kind
        self._poll.register(descriptor, events)

    def _unwatch(self, descriptor: int) -> None:
        if self._open.pop(descriptor, None):
            self._poll.unregister(descriptor)
            os.close(descriptor)

    def _close_all(self, *descriptors: int) -> None:
        for descriptor in descriptors:
            if descriptor in self._open:
                self._unwatch(descriptor)
            elif descriptor >= 0 and not self._open:
                os.close(descriptor)


def _pipe_with(theirs: contextlib.ExitStack, text: str) -> int:
    read, write = os.pipe()
    theirs.callback(os.close, read)
    os.write(write, text.encode() + b"\n")
    os.close(write)
    return read


def _missing(program: str) -> ConfigError:
    return ConfigError(
        "GnuPG is not installed", program=program, next_step="Install it; the Debian package is `gnupg`."
    )
