"""`make demo-stop`, after every other test that looks at the demo: the file's name comes last."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from demo.processes import descendants, running
from tests.system.demo_runs import Demo, demo_command

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("gpg") is None, reason="the demo needs the Debian package gnupg"),
]


def test_stop_ends_exactly_what_was_started(demo: Demo) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"], start_new_session=True)
    try:
        assert {name for name in ("sftp", "warehouse", "airflow") if running(demo.home, name)}
        done = demo_command("stop", demo.home.root)
        assert done.returncode == 0, done.stderr
        assert descendants(demo.home) == []
        deadline = time.monotonic() + 5
        while any(_alive(pid) for pid in demo.pids) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not [pid for pid in demo.pids if _alive(pid)]
        assert bystander.poll() is None
        assert "nothing is running" in demo_command("stop", demo.home.root).stdout
    finally:
        bystander.kill()
        bystander.wait()


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
