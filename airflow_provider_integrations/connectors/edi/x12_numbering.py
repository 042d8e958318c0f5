"""Whether a control number of a set (ST02) is the first of its kind in its group."""

from __future__ import annotations

from airflow_provider_integrations.connectors.edi.set_log import SetLog

__all__ = ["MOST_IRREGULAR", "Numbering"]

MOST_IRREGULAR = 1_000_000
"""Numbers kept of a group in which they do not ascend, some 90 MB; one after them is no longer held against later ones."""


class Numbering:
    """The control numbers of one group; while they ascend, by length and then by character, the last one is all to remember.

    Args:
        log: Of the group's sets, which has the numbers of those before the open one.
        element: The element separator.
    """

    __slots__ = ("_element", "_log", "_seen", "last")

    def __init__(self, log: SetLog, element: str) -> None:
        self._log, self._element = log, element.encode("latin-1")
        self._seen: set[bytes] = set()
        self.last: bytes | None = b""
        """The last number; None once they did not ascend."""

    def is_new(self, control: bytes) -> bool:
        """Whether it is; it is remembered."""
        last = self.last
        if last is not None:
            if not last or (len(last), last) < (len(control), control):
                self.last = control
                return True
            self.last = None
            for lines in self._log.blocks():
                for line in lines.split(b"\n")[:-1]:
                    self._keep(line.split(self._element, 2)[1] if self._element in line else b"")
        new = control not in self._seen
        self._keep(control)
        return new

    def _keep(self, control: bytes) -> None:
        if len(self._seen) < MOST_IRREGULAR:
            self._seen.add(control)
