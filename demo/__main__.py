"""`python -m demo up` and `python -m demo stop`: what `make demo` and `make demo-stop` call."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from demo.home import DemoError, Home
from demo.processes import stop_all

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code is 0 only if everything was as it must be."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("command", choices=["up", "stop"])
    parser.add_argument("--home", default=os.environ.get("DEMO_HOME", ".demo"), help="where the state is (.demo)")
    options = parser.parse_args(arguments)
    if options.command == "stop":
        return _stop(Path(options.home))
    from demo.run import up  # Imports half of the project: `stop` must not wait for that.

    home = Home.at(options.home)
    try:
        with home.locked():
            return up(home)
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        ended = stop_all(home)
        print(f"\ndemo: interrupted; {ended} processes ended, the state is kept. `make demo` goes on.", file=sys.stderr)
        return 130


def _stop(folder: Path) -> int:
    if not folder.is_dir():
        print("demo: nothing is running.")
        return 0
    try:
        ended = stop_all(Home(folder.resolve()))
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    print(f"demo: {ended} processes ended; the state is kept." if ended else "demo: nothing is running.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
