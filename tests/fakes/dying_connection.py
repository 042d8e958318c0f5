"""A connection whose process dies at a chosen statement, before or after the server has run it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class KilledError(BaseException):
    """Stands for SIGKILL: nothing of the loader's may run after it, so that no `except Exception` can catch it."""


@dataclass
class DyingConnection:
    """Counts statements, commits and rollbacks; dies at number `at`. Without `at` it only counts."""

    real: Any
    at: int | None = None
    after: bool = False
    seen: list[str] = field(default_factory=list)
    dead: bool = False

    def call(self, what: str, action: Any) -> Any:
        if self.dead:
            raise KilledError(what)
        self.seen.append(" ".join(what.split()[:4]))
        last = self.at is not None and len(self.seen) > self.at
        if last and not self.after:
            self._die(what)
        result = action()
        if last:
            self._die(what)
        return result

    def _die(self, what: str) -> None:
        self.dead = True
        self.real.close()  # The server sees the link go and undoes what was not committed.
        raise KilledError(what)

    def cursor(self) -> Any:
        return _Cursor(self, self.real.cursor())

    def autocommit(self, mode: bool) -> None:
        self.call(f"AUTOCOMMIT {mode}", lambda: self.real.autocommit(mode))

    def commit(self) -> None:
        self.call("COMMIT", self.real.commit)

    def rollback(self) -> None:
        self.call("ROLLBACK", self.real.rollback)


@dataclass
class _Cursor:
    owner: DyingConnection
    real: Any

    def execute(self, sql: str, values: Any = None) -> Any:
        return self.owner.call(sql, lambda: self.real.execute(sql, values))

    def fetchall(self) -> Any:
        return self.real.fetchall()

    @property
    def description(self) -> Any:
        return self.real.description

    def close(self) -> None:
        if not self.owner.dead:
            self.real.close()
