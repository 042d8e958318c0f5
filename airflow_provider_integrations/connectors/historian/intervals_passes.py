"""Which of two instants a stamp means in the hour that comes twice each autumn: told by order within the meter.

Three orders tell it, in a file that runs forward or backward:

- the stamps go back once: what comes before is the first pass, what comes after the second (01:00 01:30 01:00 01:30);
- the file was sorted by local stamp: of two equal stamps the first one is the first pass (01:00 01:00 01:30 01:30);
- neither: a stamp that comes once may be either, and one that comes three times may be any; they stay unknown.

Stamps with an offset or a flag of their own need none of this.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from airflow_provider_integrations.connectors.historian.intervals_clock import Flags, Ints

__all__ = ["UNKNOWN", "passes_of", "runs_backward"]

UNKNOWN = -1


def passes_of(
    groups: Ints, stamps: Ints, edges: npt.NDArray[np.int8], backward: Flags | None = None
) -> npt.NDArray[np.int8]:
    """0 for the first pass, 1 for the second, `UNKNOWN`.

    Args:
        groups: The same number for stamps of one meter in one hour that comes twice; in the order of the file within a group.
        stamps: Local, in seconds.
        edges: -1 and 1 for stamps at the beginning and the end of that hour, where one reading may be left out, else 0.
        backward: Where the meter's rows run from new to old.

    >>> passes_of(np.zeros(4, np.int64), np.array([60, 90, 60, 90]), np.zeros(4, np.int8)).tolist()
    [0, 0, 1, 1]
    >>> passes_of(np.zeros(3, np.int64), np.array([60, 60, 90]), np.zeros(3, np.int8)).tolist()
    [0, 1, -1]
    """
    if not len(groups):
        return np.zeros(0, np.int8)
    places = np.arange(len(groups))
    if backward is not None:
        places = np.where(backward, -places, places)
    order = np.lexsort((places, groups))
    group, stamp, edge = groups[order], stamps[order], edges[order]
    new = np.ones(len(group), dtype=bool)
    new[1:] = group[1:] != group[:-1]
    member = np.cumsum(new) - 1
    step = np.diff(stamp, prepend=stamp[:1])
    falls, repeats = (step < 0) & ~new, (step == 0) & ~new
    fall_count, repeat_count = np.bincount(member, falls), np.bincount(member, repeats)
    found = np.full(len(group), UNKNOWN, np.int8)

    runs = ((fall_count == 1) & (repeat_count == 0))[member]
    total = np.cumsum(falls)
    since = total - total[np.flatnonzero(new)][member]
    found[runs] = since[runs]

    paired = ((fall_count == 0) & (repeat_count > 0))[member]
    follows, leads = repeats, np.append(repeats[1:], False)
    before = np.append(False, repeats[:-1])
    after = np.append(leads[1:], False)
    first, second = leads & ~follows & ~after, follows & ~leads & ~before
    alone = ~leads & ~follows
    found[paired & (first | (alone & (edge < 0)))] = 0
    found[paired & (second | (alone & (edge > 0)))] = 1

    result = np.empty_like(found)
    result[order] = found
    return result


def runs_backward(series: npt.NDArray[np.int32], stamps: Ints, wanted: npt.NDArray[np.int32]) -> Flags:
    """Whether most steps of each wanted series go from new to old; rows of one series stand together."""
    same = series[1:] == series[:-1]
    later, sooner = stamps[1:] > stamps[:-1], stamps[1:] < stamps[:-1]
    steps = np.zeros(len(series), np.int8)
    np.subtract((later & same).view(np.int8), (sooner & same).view(np.int8), out=steps[1:])
    first = np.append(0, np.flatnonzero(~same) + 1)
    backward = np.zeros(int(series[first].max()) + 1, dtype=bool)
    backward[series[first]] = np.add.reduceat(steps, first, dtype=np.int64) < 0
    return np.asarray(backward[wanted])
