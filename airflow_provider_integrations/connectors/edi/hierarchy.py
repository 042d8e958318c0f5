"""The levels of a set with HL segments, such as an 856: which number each has, which it stands below, what stands below it.

X12.22, HL: HL01 is another number for each HL of the set (comment 2), HL02 that of the level above (comment 3), which came
before it, since the levels stand from the top down and from left to right (comment 1); HL04 says whether levels stand below
(comment 5). What cannot be placed is an error; what HL04 says is not needed to place anything, so that it is a note.

    >>> levels = Hierarchy()
    >>> levels.feed(["1", "", "S"], 3), [one.code.value for one in levels.feed(["2", "7", "O"], 4)]
    ([], ['hierarchy_parent_unknown'])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_provider_integrations.connectors.edi.model import Finding, FindingCode, Severity

__all__ = ["HIERARCHICAL", "Hierarchy"]

HIERARCHICAL = "HL"
_NONE_BELOW, _SOME_BELOW = "0", "1"
"""Element 736."""


@dataclass(slots=True)
class _Level:
    position: int
    said: str
    has_children: bool = False


class Hierarchy:
    """The levels of one set while its segments arrive; one entry for each is kept."""

    def __init__(self) -> None:
        self._levels: dict[str, _Level] = {}

    def feed(self, elements: Sequence[str], position: int) -> list[Finding]:
        """What is wrong with one HL, by its elements and its position in the set; forms and lengths are not looked at."""
        number, above, _, said = (*elements[:4], "", "", "", "")[:4]
        found: list[Finding] = []
        if above:
            level = self._levels.get(above)
            if level is None:
                text = "no level that came before has this number"
                found.append(_finding(FindingCode.HIERARCHY_PARENT_UNKNOWN, position, 2, "734", above, text))
            else:
                level.has_children = True
        if number in self._levels:
            text = "a level that came before has this number"
            found.append(_finding(FindingCode.HIERARCHY_NUMBER_DUPLICATE, position, 1, "628", number, text))
        elif number:
            self._levels[number] = _Level(position, said)
        return found

    def finish(self) -> list[Finding]:
        """The set has ended: where HL04 says something else of the levels below than what came."""
        found: list[Finding] = []
        for level in self._levels.values():
            if level.said not in {_NONE_BELOW, _SOME_BELOW} or level.has_children == (level.said == _SOME_BELOW):
                continue
            text = "levels stand below" if level.has_children else "no level stands below"
            code = FindingCode.HIERARCHY_CHILDREN_WRONG
            found.append(_finding(code, level.position, 4, "736", level.said, text, Severity.NOTE))
        return found


def _finding(
    code: FindingCode,
    position: int,
    element: int,
    reference: str,
    value: str,
    detail: str,
    severity: Severity = Severity.ERROR,
) -> Finding:
    tag = HIERARCHICAL
    return Finding(code, severity, tag, position, element, value=value, detail=detail, reference=reference, loop=tag)
