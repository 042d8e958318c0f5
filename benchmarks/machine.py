"""What every benchmark shares: the machine it ran on, rounds in turns, a process for each run, and the result's form.

    runs = in_turns({"ours": (fetch, path), "theirs": (other, path)}, rounds=3)
    save("fetch", [Goal("times their rate", ratio, least=2)], {"ours": medians(runs["ours"])}, options)

Each run has a process of its own, so that neither memory nor warm caches of one reach the next, and the ways take turns,
so that a busy machine is busy for all of them. A work is a function at the top of a module that gives a mapping of
numbers and uses `clock` for its times.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["RESULTS", "Goal", "Options", "apart", "clock", "describe", "in_turns", "main", "medians", "save"]

RESULTS = Path(__file__).parent / "results"

Work = Callable[..., dict[str, Any]]
Options = dict[str, int]

_PACKAGES = ("apache-airflow", "apache-airflow-providers-sftp", "duckdb", "pyarrow", "pandas", "pydantic", "asyncssh",
             "arrow-odbc", "pyodbc", "great-expectations", "snowflake-connector-python", "fakesnow")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Goal:
    """A number and the bound that it must keep: at least `least`, or at most `most`; with neither it is only told."""

    what: str
    number: float
    least: float | None = None
    most: float | None = None

    @property
    def met(self) -> bool:
        """Whether the bound is kept."""
        return (self.least is None or self.number >= self.least) and (self.most is None or self.number <= self.most)

    def to_record(self) -> dict[str, Any]:
        """As the result keeps it, with the verdict; a number without a bound has none."""
        kept = {name: value for name, value in asdict(self).items() if value is not None}
        return kept if self.least is self.most is None else kept | {"met": self.met}


def describe() -> dict[str, Any]:
    """The machine and the programs that a result depends on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    release = Path("/etc/os-release")
    lines = release.read_text().splitlines() if release.exists() else []
    names = dict(line.split("=", 1) for line in lines if "=" in line)
    return {
        "cpu": _first(Path("/proc/cpuinfo"), "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 2**30),
        "os": f"{names.get('PRETTY_NAME', platform.system()).strip(chr(34))}, {platform.system()} {platform.release()}",
        "load_average": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: found for name in _PACKAGES if (found := _version_of(name))},
        "gnupg": _says("gpg", "--version"),
        "openssh": _says("ssh", "-V"),
    }


@contextmanager
def clock() -> Iterator[dict[str, float]]:
    """Fills in `seconds` and `cpu`: wall time, and time on a CPU with that of ended children.

    On a busy machine the wall lies; the CPU's time lies less.
    """
    spent: dict[str, float] = {}
    began, before = time.perf_counter(), os.times()
    yield spent
    after = os.times()
    spent["seconds"] = time.perf_counter() - began
    spent["cpu"] = sum(after[:4]) - sum(before[:4])


def apart(work: Work, *args: Any) -> dict[str, Any]:
    """Run in a fresh process; the result gains `peak_mb`, the most memory that this process held.

    Raises:
        RuntimeError: if the process ended without a result; what went wrong stands on its standard error.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(work, args, theirs))
    child.start()
    theirs.close()
    try:
        result: dict[str, Any] = ours.recv()
    except EOFError:
        child.join()
        raise RuntimeError(f"{work.__name__} failed with exit status {child.exitcode}") from None
    child.join()
    return result


def in_turns(ways: Mapping[str, tuple[Any, ...]], rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Run each way (a work and its arguments) once in every round; the results by way."""
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, (work, *args) in ways.items():
            found[way].append(apart(work, *args))
    return found


def medians(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The median of each figure, and the seconds of every run."""
    figures = [name for name, value in runs[0].items() if isinstance(value, int | float)]
    found: dict[str, Any] = {name: round(statistics.median(run[name] for run in runs), 4) for name in figures}
    return found | {"all_seconds": [round(run["seconds"], 3) for run in runs]}


def save(name: str, goals: Sequence[Goal], figures: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """A result in the form that they all have."""
    return {
        "benchmark": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "goals": [goal.to_record() for goal in goals],
        "options": options,
        "figures": dict(figures),
        "machine": describe(),
    }


def main(measure: Callable[[Options], dict[str, Any]], *, full: Options, quick: Options, doc: str | None) -> None:
    """The command line of a benchmark: its sizes as options, `--quick` for small ones, `--out` to keep the result."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--out", type=Path, help="JSON file for the result")
    for name, size in full.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, help=f"default {size}, quick {quick[name]}")
    given = parser.parse_args()
    sizes = {name: getattr(given, name) for name in full if getattr(given, name) is not None}
    result = json.dumps(measure((quick if given.quick else full) | sizes), indent=2) + "\n"
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(result)
    print(result, end="")


def _child(work: Work, args: tuple[Any, ...], answer: Any) -> None:
    result = work(*args)
    # Not ru_maxrss: that one takes over the memory of the process that started this one.
    peak = _first(Path("/proc/self/status"), "VmHWM")
    mb = int(peak.split()[0]) // 1024 if peak else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    answer.send({**result, "peak_mb": mb})


def _first(path: Path, name: str) -> str:
    if not path.exists():
        return ""
    return next((line.split(":", 1)[1].strip() for line in path.read_text().splitlines() if line.startswith(name)), "")


def _version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _says(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return (done.stdout or done.stderr).splitlines()[0].strip()
