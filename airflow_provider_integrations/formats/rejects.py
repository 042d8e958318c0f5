"""The rejects file: one JSON object for each row that was kept out, streamed, with masked values."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from airflow_provider_integrations.formats.block import Reject

__all__ = ["RejectsFile"]

_encode = json.JSONEncoder(ensure_ascii=False).encode


class RejectsFile:
    """Writes `{"column", "line", "rule", "value"}` lines; the file appears with the first reject."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None
        self.by_rule: Counter[str] = Counter()

    def write(self, rejects: Iterable[Reject]) -> None:
        """Append them and count them by rule."""
        for reject in rejects:
            if self._file is None:
                handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                self._file = os.fdopen(handle, "w", encoding="utf-8", newline="\n", buffering=1 << 16)
            self.by_rule[reject.rule] += 1
            entry = {"column": reject.column, "line": reject.line, "rule": reject.rule, "value": reject.value}
            self._file.write(_encode(entry) + "\n")

    def close(self) -> Path | None:
        """The path, or None if there was nothing to write."""
        if self._file is None:
            return None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._path

    def remove(self) -> None:
        """Throw the file away, for a decode that failed for another reason than its rows."""
        self.close()
        self._path.unlink(missing_ok=True)
