"""Which files are whole."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from airflow_provider_integrations.connectors.sftp_pgp.announced import announcement
from airflow_provider_integrations.connectors.sftp_pgp.completeness import companions_to_read, complete_files
from airflow_provider_integrations.connectors.sftp_pgp.listing import Listing
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.source import CompletenessPolicy
from airflow_provider_integrations.core.work_item import RemoteFile

T0 = dt.datetime(2025, 11, 5, 6, tzinfo=dt.UTC)
SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def look(*files: tuple[str, int, int] | str, seconds: float = 0, texts: dict[str, str] | None = None) -> Listing:
    found = [(file, 1, 1) if isinstance(file, str) else file for file in files]
    return Listing(
        "/in",
        tuple(RemoteFile(f"/in/{name}", size, mtime) for name, size, mtime in found),
        at=T0 + dt.timedelta(seconds=seconds),
        texts={f"/in/{name}": text for name, text in (texts or {}).items()},
    )


def names(policy: CompletenessPolicy, *looks: Listing) -> list[str]:
    return [entry.file.name for entry in complete_files(policy, looks)]


def test_rename_winscp_filepart_and_dot_files_wait() -> None:
    policy = CompletenessPolicy(temporary_suffixes=(".part", ".filepart"))
    shown = look("b.gpg", "a.gpg", "c.gpg.part", "d.gpg.FILEPART", ".e.gpg.Xa81", ".f.gpg.1234.uploading")
    assert names(policy, shown) == ["a.gpg", "b.gpg"]


def test_no_looks_no_files() -> None:
    assert names(CompletenessPolicy()) == []


def test_companion_marks_its_file_and_is_no_file_itself() -> None:
    policy = CompletenessPolicy(kind="companion")
    whole = complete_files(policy, [look("a.gpg", "a.gpg.done", "b.gpg", "c.gpg.done", "a.gpg.done.done")])
    assert [entry.file.name for entry in whole] == ["a.gpg"]
    assert whole[0].companions == ("/in/a.gpg.done",)


def test_digest_companion_announces_and_an_empty_one_means_not_yet() -> None:
    policy = CompletenessPolicy(kind="companion", companion_suffix=".sha256")
    files = ("a.gpg", "a.gpg.sha256", "b.gpg", "b.gpg.sha256", "c.gpg", "c.gpg.sha256", "d.gpg", "d.gpg.sha256")
    texts = {
        "a.gpg.sha256": f"{SHA}  a.gpg\n",
        "b.gpg.sha256": "",
        "c.gpg.sha256": SHA[:40],  # being written
        "d.gpg.sha256": f"{SHA}  other.gpg",
    }
    shown = look(*files, texts=texts)
    assert [file.name for file in companions_to_read(policy, shown)] == [n for n in files if n.endswith(".sha256")]
    whole = complete_files(policy, [shown])
    assert [(entry.file.name, entry.announced) for entry in whole] == [("a.gpg", {"sha256": SHA})]


def test_digest_companions_that_were_not_read_are_an_error_and_not_a_missing_digest() -> None:
    policy = CompletenessPolicy(kind="companion", companion_suffix=".sha256")
    with pytest.raises(ConfigError, match="not read"):
        complete_files(policy, [look("a.gpg", "a.gpg.sha256")])


def test_manifest_names_what_is_whole_with_digest_and_size() -> None:
    policy = CompletenessPolicy(kind="companion", manifest="MANIFEST.json")
    rows = [{"name": "a.gpg", "sha256": SHA, "size": 1}, {"name": "b.gpg", "sha256": SHA, "size": 2}, {"x": 1}, 3]
    shown = look("a.gpg", "b.gpg", "c.gpg", "MANIFEST.json", texts={"MANIFEST.json": json.dumps({"files": rows})})
    whole = complete_files(policy, [shown])
    assert [(entry.file.name, entry.announced) for entry in whole] == [("a.gpg", {"sha256": SHA})]
    assert names(policy, look("a.gpg")) == []


@pytest.mark.parametrize(
    "line",
    [f"{SHA}  a.gpg", f"{SHA.upper()} *a.gpg", f"SHA256 (a.gpg) = {SHA}", f"a.gpg,12,{SHA}", f"./a.gpg\t{SHA}"],
)
def test_manifest_lines_of_several_tools(line: str) -> None:
    (entry,) = announcement(f"\ufeff# made by hand\r\n{line}\r\n")
    assert (entry.name, entry.algorithm, entry.digest) == ("a.gpg", "sha256", SHA)


@pytest.mark.parametrize("text", ["", "[", "{}", "[" * 5000, '{"files": 3}', "\0", "a b c", "  " + SHA[:63]])
def test_a_half_written_manifest_announces_nothing(text: str) -> None:
    assert announcement(text) == []


def test_stable_needs_every_look_to_agree() -> None:
    policy = CompletenessPolicy(kind="stable", looks=3, seconds_apart=10)
    same, grown, touched = ("a.gpg", 5, 1), ("a.gpg", 6, 1), ("a.gpg", 5, 2)
    assert names(policy, look(same), look(same, seconds=10), look(same, seconds=20)) == ["a.gpg"]
    assert names(policy, look(same), look(same, seconds=10)) == []
    assert names(policy, look(grown), look(same, seconds=10), look(same, seconds=20)) == []
    assert names(policy, look(touched), look(same, seconds=10), look(same, seconds=20)) == []
    assert names(policy, look(), look(same, seconds=10), look(same, seconds=20)) == []
    assert names(policy, look(same), look(same, seconds=10), look(seconds=20)) == []


def test_stable_looks_that_come_too_soon_prove_nothing_but_still_must_agree() -> None:
    policy = CompletenessPolicy(kind="stable", looks=2, seconds_apart=10)
    same, grown = ("a.gpg", 5, 1), ("a.gpg", 4, 1)
    assert names(policy, look(same), look(same, seconds=9)) == []
    assert names(policy, look(same), look(same, seconds=5), look(same, seconds=10)) == ["a.gpg"]
    assert names(policy, look(same), look(grown, seconds=5), look(same, seconds=10)) == []


def test_looks_at_different_folders_do_not_add_up() -> None:
    policy = CompletenessPolicy(kind="stable", looks=2, seconds_apart=0)
    with pytest.raises(ConfigError):
        complete_files(policy, [Listing("/a", (), at=T0), Listing("/b", (), at=T0)])
