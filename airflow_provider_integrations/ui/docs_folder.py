"""Reads a data docs page below one folder, local or in an object store: a path jail with a list of allowed types."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from upath import UPath

__all__ = ["TYPES", "docs_address", "read_page", "relative_page"]

TYPES = {
    ".css": "text/css",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
"""What data docs are made of; anything else below the folder stays unseen."""

_LARGEST = 32 * 1024 * 1024


def read_page(root: UPath, page: str) -> tuple[bytes, str] | None:
    """The page's bytes and media type; None for what is not there, not of an allowed type, or not inside."""
    parts = page.split("/")
    if any(part in ("", ".", "..") or part.startswith(".") or not part.isprintable() for part in parts):
        return None
    if "\\" in page or ":" in page:
        return None
    kind = TYPES.get("." + parts[-1].rpartition(".")[2].lower())
    target = root.joinpath(*parts)
    if kind is None or not _inside(root, target):
        return None
    try:
        if not target.is_file() or target.stat().st_size > _LARGEST:
            return None
        content: bytes = target.read_bytes()
    except OSError:
        return None
    return content, kind


def relative_page(root: UPath, page: str) -> str:
    """A page's path below the folder, whether it was given so or whole.

    >>> from upath import UPath
    >>> relative_page(UPath("/data/docs"), "/data/docs/b1/index.html"), relative_page(UPath("/data/docs"), "b1/a.html")
    ('b1/index.html', 'b1/a.html')
    """
    for whole in (str(root), root.path):
        page = page.removeprefix("file://").removeprefix(whole.removeprefix("file://").rstrip("/") + "/")
    return page


def docs_address(base: str, page: str) -> str:
    """The address of a page of an app that is mounted at `base`."""
    return f"{base}/docs/{quote(page)}"


def _inside(root: UPath, target: UPath) -> bool:
    """Whether a local path stays inside after its symbolic links are followed; object stores have none."""
    if root.protocol not in ("", "file", "local"):
        return True
    return Path(target.path).resolve().is_relative_to(Path(root.path).resolve())
