"""`python -m benchmarks [--quick]` runs all benchmarks, one after another, and prints their goals.

Results go to benchmarks/results/; quick runs, which say little, are not kept. `--report` writes the table in
docs/benchmarks.md anew from the results that are there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.machine import RESULTS

__all__ = ["main", "report"]

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "benchmarks.md"
NAMES = (
    "fetch",
    "decode",
    "open_land",
    "gate",
    "intake",
    "odbc",
    "edi",
    "graph",
    "historian_opcua",
    "historian_pi",
    "intervals",
)
_BEGIN, _END = "<!-- results: begin -->", "<!-- results: end -->"


def main() -> int:
    """Run or report; 1 when a benchmark could not run. A goal missed is a result, not a failure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that they run")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--report", action="store_true", help="only rewrite the table in docs/benchmarks.md")
    given = parser.parse_args()
    if given.report:
        report(RESULTS, DOCUMENT)
        return 0
    console = Console()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) if given.quick else RESULTS
        failed = [name for name in given.only if not _run(console, name, folder, quick=given.quick)]
        results = _results(folder, [name for name in given.only if name not in failed])
    table = Table(
        "benchmark", "goal", "number", "met", title="Quick run: the numbers say little" if given.quick else None
    )
    for result in results:
        for row in _rows(result):
            table.add_row(*row)
    console.print(table)
    if failed:
        console.print(f"[red]could not run: {', '.join(failed)}")
    return 1 if failed else 0


def report(results: Path, document: Path) -> None:
    """Put the results' table, and the machine they were made on, between the document's two marks."""
    lines = ["| benchmark | what | goal | number | met |", "| --- | --- | --- | --- | --- |"]
    found = _results(results, NAMES)
    for result in found:
        for goal in result["goals"]:
            bound = _bound(goal) or "none"
            lines.append(f"| {result['benchmark']} | {goal['what']} | {bound} | {goal['number']:.2f} | {_met(goal)} |")
    machines = {json.dumps({k: v for k, v in each["machine"].items() if k != "load_average"}): each for each in found}
    for text, each in machines.items():
        told = ", ".join(f"{name} {value}" for name, value in json.loads(text).items())
        lines += ["", f"Measured {each['at'][:10]} on: {told}."]
    before, rest = document.read_text().split(_BEGIN)
    after = rest.split(_END)[1]
    document.write_text(f"{before}{_BEGIN}\n" + "\n".join(lines) + f"\n{_END}{after}")


def _run(console: Console, name: str, folder: Path, *, quick: bool) -> bool:
    console.print(f"[bold]{name}[/] ...")
    command = [sys.executable, "-m", f"benchmarks.{name}", "--out", str(folder / f"{name}.json")]
    done = subprocess.run([*command, *(["--quick"] if quick else [])], cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def _results(folder: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    paths = (folder / f"{name}.json" for name in names)
    return [json.loads(path.read_text()) for path in paths if path.exists()]


def _rows(result: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for goal in result["goals"]:
        bound = _bound(goal)
        color = "green" if goal.get("met") else "red"
        met = f"[{color}]{_met(goal)}[/]" if bound else ""
        yield result["benchmark"], f"{goal['what']} {bound}".strip(), f"{goal['number']:.2f}", met


def _bound(goal: dict[str, Any]) -> str:
    return f"≥ {goal['least']}" if "least" in goal else f"≤ {goal['most']}" if "most" in goal else ""


def _met(goal: dict[str, Any]) -> str:
    return ("yes" if goal["met"] else "NO") if _bound(goal) else ""


if __name__ == "__main__":
    sys.exit(main())
