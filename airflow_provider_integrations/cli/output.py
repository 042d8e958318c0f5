"""How every command speaks: one JSON object on standard output, or one on standard error and exit code 1."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import typer

from airflow_provider_integrations.core.errors import IntegrationError, RejectedError

__all__ = ["reporting", "say", "tell"]


def say(result: Any) -> None:
    """Print one JSON value; what JSON has no form for (instants, paths, codes) is printed as its text."""
    _print(result, sys.stdout)


def tell(result: Any) -> None:
    """Print one JSON value on standard error, where standard output holds bytes of another kind."""
    _print(result, sys.stderr)


@contextmanager
def reporting() -> Iterator[None]:
    """Turn errors of this package, and of the file system, into a JSON object and exit code 1."""
    try:
        yield
    except IntegrationError as error:
        report: dict[str, Any] = {"error": type(error).__name__, "message": str(error), "next_step": error.next_step}
        if isinstance(error, RejectedError):
            report["reason"] = error.reason.value
        if "unread" in error.values:  # Of a backfill: what its next run has still to read.
            report["unread"] = error.values["unread"]
    except OSError as error:
        # As `| head` does: no path is at fault.
        gone = isinstance(error, BrokenPipeError)
        step = "Whoever read the output has gone; read it to its end." if gone else "Check the path and its rights."
        report = {"error": type(error).__name__, "message": str(error), "next_step": step}
    else:
        return
    _print(report, sys.stderr)
    raise typer.Exit(1)


def _print(value: Any, stream: TextIO) -> None:
    text = json.dumps(value, default=str, ensure_ascii=False)
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:  # A file name that is no UTF-8, or a terminal that is none.
        text = json.dumps(value, default=str)
    print(text, file=stream)
