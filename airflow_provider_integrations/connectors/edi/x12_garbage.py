"""When an interchange of X12 is given up: what nobody could be told of one by one takes neither time nor memory for each.

>>> why_given_up(nameless_sets=0, groups=2, position=9) is None
True
"""

from __future__ import annotations

from airflow_provider_integrations.connectors.edi.model import Finding, FindingCode, Severity

__all__ = ["MOST_GROUPS", "MOST_INVALID", "MOST_NAMELESS", "why_given_up"]

MOST_INVALID = 1000
"""Groups of which GS is invalid; each of them refuses the interchange, and says so."""

MOST_NAMELESS = 10_000
"""Sets without a usable ST01 or ST02, which no AK2 can name."""

MOST_GROUPS = 99_999
"""IEA01 (element I16) has up to five digits. Each group is held until it is acknowledged, so this bounds the memory too."""


def why_given_up(*, nameless_sets: int, groups: int, position: int) -> Finding | None:
    """The finding with which an interchange of too much is given up; None where it is read on.

    Args:
        nameless_sets: Those of the interchange so far.
        groups: All that were begun.
        position: The segment at hand, from ISA as 1.
    """
    if nameless_sets > MOST_NAMELESS:
        detail = f"Given up: more than {MOST_NAMELESS} sets have no usable ST01 and ST02."
        return Finding(FindingCode.HEADER_INVALID, Severity.FATAL, "ST", position, detail=detail)
    if groups > MOST_GROUPS:
        detail = f"Given up: more than {MOST_GROUPS} groups, which IEA01 cannot count."
        return Finding(FindingCode.COUNT_INVALID, Severity.FATAL, "GS", position, detail=detail)
    return None
