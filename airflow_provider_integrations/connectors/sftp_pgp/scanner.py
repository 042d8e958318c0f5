"""Hands a fetched file to a malware scanner: any program that exits with 0 for clean and 1 for infected.

With ClamAV's daemon, which must be able to read the file through the descriptor it is given:

    limits:
      scanner: [clamdscan, --fdpass, --no-summary, --infected]

The path follows as the last argument, or replaces an argument `{path}`. No shell is involved.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from airflow_provider_integrations.connectors.sftp_pgp.limits import check_file
from airflow_provider_integrations.core.errors import ConfigError, RejectedError, StalledError, TransientError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.source import FileLimits

__all__ = ["check_file", "scan"]

CLEAN, INFECTED = 0, 1
_REPORT = 2000  # bytes of the scanner's output that are kept


def scan(limits: FileLimits, path: Path) -> None:
    """Run the partner's scanner on a file; nothing happens when none is set.

    Args:
        limits: `scanner` is program and arguments; after `scanner_timeout` seconds it, and what it started, is killed.
        path: The file.

    Raises:
        RejectedError: `MALWARE`, with what the scanner said.
        StalledError: it took too long.
        TransientError: it ended otherwise, e.g. clamdscan's 2 when the daemon is away. Unknown is not clean.
        ConfigError: there is no such program.
    """
    command, timeout = limits.scanner, limits.scanner_timeout
    if not command:
        return
    target = str(path.absolute())  # absolute, so that no name can pass for an option
    arguments = [part.replace("{path}", target) for part in command]
    if "{path}" not in " ".join(command):
        arguments.append(target)
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (FileNotFoundError, PermissionError) as error:
        raise ConfigError(
            "the scanner cannot be run",
            program=arguments[0],
            next_step="Install it on the worker or correct limits.scanner.",
        ) from error
    with process:
        try:
            output, _ = process.communicate(timeout=timeout)
        except BaseException as error:
            # The whole session, as a scanner script may have children that hold the pipe open.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise StalledError(
                    "the scanner took too long",
                    program=arguments[0],
                    seconds=timeout,
                    next_step="It is tried again; raise limits.scanner_timeout if large files need longer.",
                ) from None
            raise
    report = output[-_REPORT:].decode("utf-8", "replace").strip()
    if process.returncode == INFECTED:
        raise RejectedError(Reason.MALWARE, program=arguments[0], report=report)
    if process.returncode != CLEAN:
        raise TransientError(
            "the scanner gave no verdict",
            program=arguments[0],
            exit_code=process.returncode,
            report=report,
            next_step="It is tried again; look whether the scanner's daemon runs.",
        )
