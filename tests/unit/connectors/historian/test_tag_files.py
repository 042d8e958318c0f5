"""Files of tags: whatever a tag is called, its file is safe and no other tag's."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_integrations.connectors.historian.tag_files import file_name

HOSTILE = [
    "../x",
    "a/b",
    "a\\b",
    "A/B",
    ".",
    "..",
    "",
    " ",
    "x" * 300,
    "tag",
    "TAG",
    "t\u00e4g",
    "\n",
    "a\x00b",
    "-rf",
    "CON",
    "a*?",
]


def test_names_of_files_are_safe_and_told_apart() -> None:
    names = [file_name(tag) for tag in HOSTILE]
    assert len({name.casefold() for name in names}) == len(HOSTILE)
    for name in names:
        assert len(name) < 100
        assert name == Path(name).name
        assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
        assert not name.startswith((".", "-"))
