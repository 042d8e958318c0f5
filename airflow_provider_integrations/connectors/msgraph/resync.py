"""What a full enumeration no longer has: the deletes of a resync, which no server names, and whether they may be believed.

A token that is lost loses the removals with it ("the application must restart with a full synchronization",
learn.microsoft.com/graph/delta-query-overview). The objects of a full round are staged; ids that are known and not among them
become soft deletes. Both sides are read in order, side by side, so that memory does not grow with them.

>>> list(gone(["a", "b", "c"], ["a", "c", "d"]))
['b']
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import Any, TypeVar

from airflow_provider_integrations.connectors.msgraph.changes import Change, Op, RelationChange
from airflow_provider_integrations.core.errors import ConfigError, ReconciliationError, StateConflictError

__all__ = ["GONE_SHARE", "GoneReport", "check_gone", "gone", "gone_of", "relation_removals", "removals", "report_gone"]

GONE_SHARE = 0.2
"""Share of the known objects that may be gone before a person is asked."""

_SAMPLE = 20

Key = TypeVar("Key", str, tuple[str, str, str])


@dataclass(frozen=True, slots=True)
class GoneReport:
    """What a resync would delete.

    Args:
        known: Objects that were there before, without removed ones.
        gone: Those that the enumeration lacks.
        enumerated: Objects that it has.
        sample: Some of the ids that are gone.
        digest: Of all of them; an approval names it, so that it holds for what was shown and for nothing else.
        related: Relations that were there before.
        ended: Those of enumerated owners that the enumeration lacks, as when a permission to read them was taken away.
    """

    known: int
    gone: int
    enumerated: int
    sample: tuple[str, ...]
    digest: str
    related: int = 0
    ended: int = 0

    @property
    def share(self) -> float:
        """Of the known objects, those that are gone; or of the relations, those that ended, if that is more."""
        parts = ((self.gone, self.known), (self.ended, self.related))
        return max(part / whole if whole else 0.0 for part, whole in parts)

    def to_json(self) -> dict[str, Any]:
        """What a person is shown who is asked to approve."""
        return {
            "known": self.known,
            "gone": self.gone,
            "enumerated": self.enumerated,
            "share": round(self.share, 4),
            "sample": list(self.sample),
            "digest": self.digest,
            "related": self.related,
            "ended": self.ended,
        }


def gone(known: Iterable[Key], seen: Iterable[Key]) -> Iterator[Key]:
    """Keys that are known and were not seen.

    Args:
        known: In ascending order of code points; each once.
        seen: In the same order; one may come again.

    Raises:
        StateConflictError: one of them is out of order: what follows would be told as gone.
    """
    ahead = _ascending(seen, "seen")
    other = next(ahead, None)
    for key in _ascending(known, "known"):
        while other is not None and other < key:
            other = next(ahead, None)
        if other != key:
            yield key
    for _ in ahead:  # To its end, so that an order that breaks later is seen as well.
        pass


def report_gone(known: Iterable[str], seen: Iterable[str]) -> GoneReport:
    """Count what is gone; both as for `gone`, `seen` without what the enumeration itself says to be removed."""
    counts = {"known": 0, "seen": 0}

    def counted(keys: Iterable[str], name: str) -> Iterator[str]:
        last = None
        for key in keys:
            counts[name] += key != last
            last = key
            yield key

    report = gone_of(gone(counted(known, "known"), counted(seen, "seen")), known=0, enumerated=0)
    return replace(report, known=counts["known"], enumerated=counts["seen"])


def gone_of(
    ids: Iterable[str],
    *,
    known: int,
    enumerated: int,
    ended: Iterable[tuple[str, str, str]] = (),
    related: int = 0,
) -> GoneReport:
    """The report of what is gone already found.

    Args:
        ids: Of the objects that are gone, in ascending order of code points.
        known, enumerated, related: As in the report.
        ended: Relations that ended, in ascending order.
    """
    digest, sample = hashlib.sha256(), list[str]()
    totals = [0, 0]
    for which, each in chain(((0, each) for each in ids), ((1, "\0".join(key)) for key in ended)):
        totals[which] += 1
        digest.update(each.encode() + b"\0")
        if len(sample) < _SAMPLE:
            sample.append(each.replace("\0", " "))
    return GoneReport(known, totals[0], enumerated, tuple(sample), digest.hexdigest()[:16], related, totals[1])


def check_gone(report: GoneReport, *, share: float = GONE_SHARE, approved: str = "") -> None:
    """Refuse to delete more than a person has agreed to, beforehand by the share or now by the digest.

    Args:
        report: What would be deleted.
        share: Of the known objects, what may go unasked; an enumeration without any object is never believed unasked.
        approved: Digest of a report that a person approved.

    Raises:
        ReconciliationError: more would go; the round stays as it is, sealed and not loaded, until it is approved.
        ConfigError: the share is none.
    """
    if not 0 <= share <= 1:
        raise ConfigError("not a share", share=share, next_step="Use a number from 0 to 1.")
    if not (report.gone or report.ended) or approved == report.digest:
        return
    if report.share > share or not report.enumerated:
        raise ReconciliationError(
            "the resync would delete more than it may",
            **report.to_json(),
            allowed=share,
            next_step=f"Look at the source. If they are really gone, approve {report.digest}; nothing is loaded until then.",
        )


def removals(ids: Iterable[str], *, round: int, after: int) -> Iterator[Change]:
    """Soft deletes of what is gone, behind the items of the round."""
    return (Change(Op.REMOVE_SOFT, identity, round, seq) for identity, seq in zip(ids, count(after + 1), strict=False))


def relation_removals(keys: Iterable[tuple[str, str, str]], *, round: int, after: int) -> Iterator[RelationChange]:
    """The same for relations, by relation, owner and member; a full enumeration has all of them."""
    for (relation, owner, member), seq in zip(keys, count(after + 1), strict=False):
        yield RelationChange(Op.REMOVE_SOFT, relation, owner, member, "", round, seq)


def _ascending(keys: Iterable[Key], name: str) -> Iterator[Key]:
    last: Key | None = None
    for key in keys:
        if last is not None and (key < last or (key == last and name == "known")):
            raise StateConflictError(
                f"the {name} keys are not in order",
                next_step="Sort them by code points, e.g. COLLATE 'C'; nothing was deleted.",
            )
        last = key
        yield key
