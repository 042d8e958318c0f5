"""The most memory that this process held so far."""

from __future__ import annotations

from pathlib import Path


def peak_kib() -> int:
    """`VmHWM`; not `ru_maxrss`, which begins with the peak of the process that this one was forked from."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
