import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from upath import UPath

from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.landing import quarantine
from airflow_provider_integrations.landing.quarantine import original_of, read_kept

AT = datetime(2025, 11, 5, 6, tzinfo=UTC)


def keep(root, *arguments, **named) -> UPath:
    """As `quarantine.keep`, with the whole path as its answer."""
    return UPath(root) / quarantine.keep(root, *arguments, **named)


def make_item(**changes: object) -> WorkItem:
    facts = {
        "id": "0" * 32,
        "source": "acme",
        "path": "/in/../../etc/passwd.csv.gpg",
        "generation": 1,
        "size": 10,
        "mtime": 0,
        "state": State.DISCOVERED,
        "discovered_at": AT,
        "updated_at": AT,
    }
    return WorkItem(**{**facts, **changes})


@pytest.fixture
def original(tmp_path):
    path = tmp_path / "scratch.pgp"
    path.write_bytes(b"ciphertext")
    return path


def tree(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_for_rows_of_a_document_the_document_is_what_is_replayed(tmp_path):
    rows = make_item(source="acme_edi__orders", path="x/orders", facts={"parent": "x"})
    kept = read_kept(keep(tmp_path, rows, Reason.GATE_FAILED, detail="a suite", at=AT))
    assert kept.commands["replay"] == "integrations ledger replay acme_edi --from 2025-11-05 --to 2025-11-05"
    other = make_item(source="beta__orders")
    kept = read_kept(keep(tmp_path, other, Reason.GATE_FAILED, detail="a suite", at=AT))
    assert kept.commands["replay"].startswith("integrations ledger replay beta__orders --from")


def test_the_bytes_the_reason_and_the_commands_are_kept(original, tmp_path):
    folder = keep(tmp_path, make_item(), Reason.NOT_SIGNED, detail="no signature", original=original, at=AT)
    assert Path(folder.path) == tmp_path / "quarantine" / "acme" / ("0" * 32)
    kept = read_kept(folder)
    assert (kept.reason, kept.meaning) == ("not_signed", Reason.NOT_SIGNED.meaning)
    assert kept.commands["release"] == f'integrations ledger release {"0" * 32} --why "..."'
    assert original_of(folder).read_bytes() == b"ciphertext"
    assert json.loads((folder / "reason.json").read_text())["file"] == "passwd.csv.gpg"


def test_keeping_twice_changes_nothing(original, tmp_path):
    first = keep(tmp_path, make_item(), Reason.MALWARE, detail="x", original=original, at=AT)
    before = tree(first)
    again = keep(tmp_path, make_item(), Reason.MALWARE, detail="x", original=original, at=AT.replace(hour=9))
    assert tree(again) == before


def test_a_kill_before_the_reason_was_written_is_mended_by_a_rerun(original, tmp_path):
    folder = keep(tmp_path, make_item(), Reason.MALWARE, detail="x", original=original, at=AT)
    (folder / "reason.json").unlink()
    (folder / ".original.pgp.part").write_bytes(b"ciph")
    with pytest.raises(StateConflictError):
        read_kept(folder)
    keep(tmp_path, make_item(), Reason.MALWARE, detail="x", original=original, at=AT)
    assert original_of(folder).read_bytes() == b"ciphertext"


def test_a_second_refusal_after_a_release_keeps_the_first_one(original, tmp_path):
    keep(tmp_path, make_item(), Reason.NOT_SIGNED, detail="one", original=original, at=AT)
    folder = keep(tmp_path, make_item(), Reason.NO_ROWS, detail="two", at=AT.replace(day=6))
    kept = read_kept(folder)
    assert kept.reason == "no_rows"
    assert [entry["reason"] for entry in kept.earlier] == ["not_signed"]
    assert original_of(folder).read_bytes() == b"ciphertext"


def test_other_bytes_of_the_same_item_never_replace_the_kept_ones(original, tmp_path):
    keep(tmp_path, make_item(), Reason.NOT_SIGNED, detail="one", original=original, at=AT)
    original.write_bytes(b"other bytes")
    folder = keep(tmp_path, make_item(), Reason.NOT_SIGNED, detail="two", original=original, at=AT)
    assert original_of(folder).read_bytes() == b"other bytes"
    assert (folder / "original.pgp").read_bytes() == b"ciphertext"


def test_a_kept_original_that_was_changed_is_not_released(original, tmp_path):
    folder = keep(tmp_path, make_item(), Reason.NOT_SIGNED, detail="one", original=original, at=AT)
    (folder / "original.pgp").write_bytes(b"tampered")
    with pytest.raises(StateConflictError, match="changed"):
        original_of(folder)


def test_a_later_write_to_the_scratch_file_does_not_reach_the_kept_one(original, tmp_path):
    folder = keep(tmp_path, make_item(), Reason.NOT_SIGNED, detail="one", original=original, at=AT)
    with original.open("r+b") as scratch:
        scratch.write(b"XXXX")
    assert original_of(folder).read_bytes() == b"ciphertext"


def test_a_refusal_before_anything_was_fetched_has_no_bytes(tmp_path):
    folder = keep(tmp_path, make_item(), Reason.NAME_UNSAFE, detail="x", original=tmp_path / "none", at=AT)
    with pytest.raises(StateConflictError, match="no bytes were kept"):
        original_of(folder)


def test_rejects_are_kept_beside_the_original(original, tmp_path):
    rejects = tmp_path / "r.jsonl"
    rejects.write_text("{}\n")
    folder = keep(tmp_path, make_item(), Reason.TOO_MANY_REJECTS, detail="x", original=original, rejects=rejects, at=AT)
    assert (folder / "rejects.jsonl").read_text() == "{}\n"


@pytest.mark.parametrize("changes", [{"source": "../x"}, {"id": "a/b"}, {"id": ""}])
def test_no_name_leaves_the_root(changes, tmp_path):
    with pytest.raises(ConfigError):
        keep(tmp_path, make_item(**changes), Reason.MALWARE, detail="x", at=AT)


def test_it_works_on_an_object_store(original):
    root = UPath("memory://quarantine-test")
    folder = keep(root, make_item(), Reason.MALWARE, detail="x", original=original, at=AT)
    assert original_of(folder).read_bytes() == b"ciphertext"
    keep(root, make_item(), Reason.MALWARE, detail="x", original=original, at=AT)
    folder.fs.rm(root.path, recursive=True)
