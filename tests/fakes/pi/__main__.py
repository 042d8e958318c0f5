"""A server with steady points, for benchmarks: prints where it is, and ends with its standard input."""

from __future__ import annotations

import argparse
import itertools
import sys

from tests.fakes.pi.archive import SECOND, Point, render_time
from tests.fakes.pi.held import BEGIN
from tests.fakes.pi.server import serve
from tests.fakes.pi.service import PiService

_GOOD = '"Good":true,"Questionable":false,"Substituted":false,"Annotated":false'
_ALL = '{"Timestamp":"%s","Value":%s,"UnitsAbbreviation":"degC",' + _GOOD + "}"
_SELECTED = '{"Timestamp":"%s","Value":%s,' + _GOOD + "}"
_FIELDS = "Timestamp;Value;Good;Questionable;Substituted;Annotated;Errors"


def fill(point: Point, number: int, times: list[int], told: list[str]) -> None:
    """A value every 30 s or so, rendered before, so that the server is as fast as it can be."""
    values = [repr(round((at * 37 + number) % 10_007 / 13, 4)) for at in range(len(times))]
    point.times = times
    for key, form in (("", _ALL), (_FIELDS, _SELECTED)):
        parts = [form % pair for pair in zip(told, values, strict=True)]
        point.rendered[key] = ",".join(parts).encode(), [0, *itertools.accumulate(len(part) + 1 for part in parts)]


def main() -> None:
    """Serve until the standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--values", type=int, default=10_000)
    given = parser.parse_args()
    service = PiService()
    times = [BEGIN + at * 30 * SECOND + at * 3_000 % 10_000_000 for at in range(given.values)]
    told = [render_time(ts) for ts in times]
    for number in range(given.points):
        fill(service.archive.add(rf"\\PISRV\T{number:04}", units="degC"), number, times, told)
    with serve(service) as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
