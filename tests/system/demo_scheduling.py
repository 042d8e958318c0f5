"""Which worker runs which tests with `--dist loadfile`: those of a file one, and those of the demo's files one."""

from __future__ import annotations

from pathlib import PurePosixPath

from xdist.scheduler import LoadFileScheduling

__all__ = ["DemoTogether"]


class DemoTogether(LoadFileScheduling):
    """As `loadfile`, with the files of `tests/system` that are named after the demo as one."""

    def _split_scope(self, nodeid: str) -> str:
        file = PurePosixPath(super()._split_scope(nodeid))
        return "the demo" if file.parent.name == "system" and "demo" in file.name else str(file)
