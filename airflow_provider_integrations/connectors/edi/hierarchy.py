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

from airflow_provider_integrations.connectors.edi.model import Finding, FindingCode, Severity

__all__ = ["HIERARCHICAL", "Hierarchy"]

HIERARCHICAL = "HL"
_NONE_BELOW, _SOME_BELOW = "0", "1"
"""Element 736."""


class Hierarchy:
    """The levels of one set while its segments arrive; three entries for each are kept at most."""

    def __init__(self) -> None:
        self._positions: dict[str, int] = {}
        self._said: dict[str, str] = {}
        self._above: set[str] = set()

    def feed(self, elements: Sequence[str], position: int) -> list[Finding]:
        """What is wrong with one HL, by its elements (one at least) and its position in the set; not their forms and lengths."""
        found: list[Finding] = []
        known, number = self._positions, elements[0]
        above = elements[1] if len(elements) > 1 else ""
        if above:
            if above in known:
                self._above.add(above)
            else:
                text = "no level that came before has this number"
                found.append(_finding(FindingCode.HIERARCHY_PARENT_UNKNOWN, position, 2, "734", above, text))
        if number in known:
            text = "a level that came before has this number"
            found.append(_finding(FindingCode.HIERARCHY_NUMBER_DUPLICATE, position, 1, "628", number, text))
        elif number:
            known[number] = position
            if len(elements) > 3:
                self._said[number] = elements[3]
        return found

    def finish(self) -> list[Finding]:
        """The set has ended: where HL04 says something else of the levels below than what came."""
        found: list[Finding] = []
        for number, said in self._said.items():
            stands = number in self._above
            if said == (_NONE_BELOW if stands else _SOME_BELOW):
                code, text = (
                    FindingCode.HIERARCHY_CHILDREN_WRONG,
                    "levels stand below" if stands else "no level stands below",
                )
                found.append(_finding(code, self._positions[number], 4, "736", said, text, Severity.NOTE))
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
