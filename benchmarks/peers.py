"""An environment of their own for packages that this project does not use, made once under `.cache/`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["CACHE", "python_with"]

CACHE = Path(__file__).parents[1] / ".cache"


def python_with(name: str) -> str:
    """A Python that has the packages of `<name>_peers.txt`."""
    home = CACHE / f"{name}-peers"
    python = home / "bin" / "python"
    wanted = Path(__file__).with_name(f"{name}_peers.txt")
    stamp = home / ".complete"
    if not stamp.exists() or stamp.read_text() != wanted.read_text():
        CACHE.mkdir(exist_ok=True)
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "pip", "install", "-q", "--python", python, "-r", wanted], check=True)
        stamp.write_text(wanted.read_text())
    return str(python)
