"""Headless Chromium (Debian's package), driven over its DevTools protocol: no driver program and no download.

with chromium(folder) as browser:
    browser.open("http://127.0.0.1:8080/")
    browser.wait_for("document.title.includes('Airflow')")
"""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

__all__ = ["Browser", "chromium"]

_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # Chromium refuses its sandbox to root; the pages are our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--remote-debugging-port=0",
    "--window-size=1400,1800",
)


class Browser:
    """One tab."""

    def __init__(self, link: ClientConnection) -> None:
        self._link = link
        self._last = 0

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """One DevTools command and its result; events that come in between are dropped."""
        self._last += 1
        self._link.send(json.dumps({"id": self._last, "method": method, "params": params}))
        while True:
            answer: dict[str, Any] = json.loads(self._link.recv(timeout=60))
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def open(self, address: str) -> None:
        """Go there; `wait_for` says when it is ready."""
        self.send("Page.navigate", url=address)

    def value(self, script: str) -> Any:
        """What a JavaScript expression gives."""
        result = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"])[:1000])
        return result["result"].get("value")

    def wait_for(self, script: str, seconds: float = 30) -> Any:
        """Wait until an expression is true, and give it; on failure the page's text is in the error."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(RuntimeError):  # a navigation may be under way
                if found := self.value(script):
                    return found
            time.sleep(0.2)
        raise AssertionError(f"not within {seconds} s: {script}\n{self.text[:3000]}")

    @property
    def text(self) -> str:
        """All text that a person sees."""
        return str(self.value("document.body ? document.body.innerText : ''"))

    def click(self, script: str) -> None:
        """Click the middle of the element that an expression gives, as a mouse does."""
        where = self.wait_for(
            f"(() => {{ const found = {script}; if (!found) return null; found.scrollIntoView({{block: 'center'}});"
            " const box = found.getBoundingClientRect();"
            " return box.width ? {x: box.x + box.width / 2, y: box.y + box.height / 2} : null; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **where)

    def write(self, text: str) -> None:
        """Type into the focused element."""
        self.send("Input.insertText", text=text)

    def press(self, key: str) -> None:
        """Press a named key, e.g. `Enter`."""
        code = {"Enter": 13, "ArrowDown": 40}[key]
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def picture(self, path: Path) -> None:
        """Save what is seen as a PNG file."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot")["data"]))


@contextlib.contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Run Chromium with an empty profile below `folder`; it is stopped by its own pid."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("Chromium is missing: install the Debian package chromium")
    profile = folder / "chromium-profile"
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"], stdout=log, stderr=log
        )
    try:
        with connect(_tab(profile, process), max_size=64 * 1024 * 1024) as link:
            browser = Browser(link)
            browser.send("Page.enable")
            yield browser
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


def _tab(profile: Path, process: subprocess.Popen[bytes]) -> str:
    """The address of the first tab, once Chromium has written down the port that it took."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, IndexError, StopIteration):
            port = (profile / "DevToolsActivePort").read_text().splitlines()[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
                tabs = json.load(answer)
            return str(next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"))
        time.sleep(0.1)
    raise RuntimeError("Chromium did not start")
