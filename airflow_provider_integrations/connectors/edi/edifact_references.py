"""The references already seen, in little memory however many there are, as long as they count up.

>>> seen = References()
>>> [seen.add(each) for each in ("ME1", "ME2", "ME2", "A", "A", "ME02", "ME1")]
[True, True, False, True, False, True, False]
"""

from __future__ import annotations

__all__ = ["MOST_IRREGULAR", "References"]

MOST_IRREGULAR = 200_000
"""References kept that do not count up, some 20 MB; what comes after them is no longer held against later ones."""

_LONGEST = 14
"""0020, 0048 and 0062 are of at most 14 characters; what is longer is told of elsewhere and not kept."""


class References:
    """A set of references; those that end in a number that counts up by one take the room of two numbers."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, int], list[int]] = {}
        self._irregular: set[str] = set()

    def add(self, reference: str) -> bool:
        """Keep a reference; False if it was there already. Empty and overlong ones are never taken for doubles."""
        if not reference or len(reference) > _LONGEST:
            return True
        prefix = reference.rstrip("0123456789")
        width = len(reference) - len(prefix)
        if width:
            # `02` is not `2`: references are characters, so a run is of one prefix and one width.
            number = int(reference[len(prefix) :])
            run = self._runs.get((prefix, width))
            if run is not None and number == run[1] + 1 and reference not in self._irregular:
                run[1] = number
                return True
            if run is not None and run[0] <= number <= run[1]:
                return False
            if run is None and len(self._runs) < MOST_IRREGULAR:
                self._runs[prefix, width] = [number, number]
                return True
        if reference in self._irregular:
            return False
        if len(self._irregular) < MOST_IRREGULAR:
            self._irregular.add(reference)
        return True
