import hashlib
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest
from upath import UPath

from airflow_provider_integrations.core.errors import ConfigError, ReconciliationError, StateConflictError
from airflow_provider_integrations.core.manifest import DataFile, Manifest
from airflow_provider_integrations.landing import bronze
from airflow_provider_integrations.landing.bronze import local_folder, promote, read_manifest, verify_files

PART = b"PAR1 rows PAR1"
ORIGINAL = b"\x85\x02ciphertext"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_manifest(part: bytes = PART, **changes: object) -> Manifest:
    manifest = Manifest(
        batch_id="b1",
        source="acme",
        item_id="i1",
        received_at="2025-11-05T06:00:00+00:00",
        ingest_date="2025-11-05",
        original="acme.csv.gpg",
        version="2025-11-05/0000000001/0001",
        contract="acme",
        contract_version="1.0.0",
        contract_digest="c",
        ciphertext_sha256=sha(ORIGINAL),
        plaintext_sha256="p",
        signers=("F" * 40,),
        rows_read=3,
        rows_landed=2,
        rows_rejected=1,
        rejects_by_rule={"type": 1},
        files=(DataFile("part-00000.parquet", sha(part), len(part), 2),),
    )
    return replace(manifest, **changes)


def make_stage(folder: Path, part: bytes = PART) -> Path:
    folder.mkdir(mode=0o700)
    (folder / "part-00000.parquet").write_bytes(part)
    (folder / "rejects.jsonl").write_text("{}\n")
    (folder / "original.pgp").write_bytes(ORIGINAL)
    (folder / "stray.tmp").write_text("not of the batch")
    return folder


@pytest.fixture
def stage(tmp_path):
    return make_stage(tmp_path / "stage")


@pytest.fixture
def memory():
    root = UPath(f"memory://bronze-{os.urandom(6).hex()}")
    yield root
    if root.exists():
        fsspec.filesystem("memory").rm(root.path, recursive=True)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_landing_holds_the_parts_the_rejects_the_original_and_the_manifest(stage, tmp_path):
    folder = promote(stage, tmp_path / "root", make_manifest())
    assert folder.path.endswith("root/bronze/acme/ingest_date=2025-11-05/batch=b1")
    local = Path(folder.path)
    assert names(local) == ["_manifest.json", "original.pgp", "part-00000.parquet", "rejects.jsonl"]
    assert names(local.parent) == ["batch=b1"]
    assert read_manifest(folder) == make_manifest()
    assert local.stat().st_mode & 0o777 == 0o700


def test_landing_the_same_batch_again_changes_nothing(stage, tmp_path):
    folder = Path(promote(stage, tmp_path / "root", make_manifest()).path)
    before = {path.name: path.stat().st_ino for path in folder.iterdir()}
    promote(stage, tmp_path / "root", make_manifest())
    assert {path.name: path.stat().st_ino for path in folder.iterdir()} == before


@pytest.mark.parametrize("kind", ["local", "object store"])
def test_other_bytes_under_a_landed_batch_id_are_refused(kind, stage, tmp_path, memory):
    root = memory if kind == "object store" else tmp_path / "root"
    folder = promote(stage, root, make_manifest())
    with pytest.raises(StateConflictError, match="another content"):
        promote(make_stage(tmp_path / "other", b"others"), root, make_manifest(b"others"))
    assert (folder / "part-00000.parquet").read_bytes() == PART


def test_a_scratch_original_that_is_replaced_or_removed_leaves_the_landed_one(stage, tmp_path):
    folder = promote(stage, tmp_path / "root", make_manifest())
    (tmp_path / "refetched").write_bytes(b"other bytes")
    (tmp_path / "refetched").replace(stage / "original.pgp")
    assert (folder / "original.pgp").read_bytes() == ORIGINAL


def test_a_stage_that_is_not_what_the_manifest_says_is_refused(stage, tmp_path):
    (stage / "part-00000.parquet").write_bytes(PART[:-1] + b"!")
    with pytest.raises(StateConflictError, match="changed after"):
        promote(stage, tmp_path / "root", make_manifest())
    assert not (tmp_path / "root").exists()


def test_an_original_that_is_not_the_verified_one_is_refused(stage, tmp_path):
    (stage / "original.pgp").write_bytes(b"another")
    with pytest.raises(ReconciliationError, match="original"):
        promote(stage, tmp_path / "root", make_manifest())
    (stage / "original.pgp").unlink()
    with pytest.raises(ReconciliationError, match="missing"):
        promote(stage, tmp_path / "root", make_manifest())
    promote(stage, tmp_path / "root", make_manifest(replay_of="i0"))


@pytest.mark.parametrize(
    "changes", [{"source": "../x"}, {"source": "a/b"}, {"batch_id": ".."}, {"batch_id": "a/../../b"}, {"batch_id": ""}]
)
def test_no_name_leaves_the_root(changes, stage, tmp_path):
    with pytest.raises(ConfigError):
        promote(stage, tmp_path / "root", make_manifest(**changes))


def test_a_manifest_that_names_a_file_outside_its_batch_is_refused(stage, tmp_path):
    (tmp_path / "outside").write_bytes(PART)
    outside = make_manifest(files=(DataFile("../outside", sha(PART), len(PART), 2),))
    with pytest.raises(StateConflictError, match="outside"):
        promote(stage, tmp_path / "root", outside)


def test_a_changed_missing_or_longer_file_is_not_what_was_landed(stage, tmp_path):
    manifest = make_manifest()
    folder = promote(stage, tmp_path / "root", manifest)
    verify_files(folder, manifest)
    part = Path(folder.path) / "part-00000.parquet"
    for damage in (PART[::-1], PART + b"x", None):
        part.unlink()
        if damage is not None:
            part.write_bytes(damage)
        with pytest.raises(StateConflictError, match="missing or was changed"):
            verify_files(folder, manifest)


def test_a_manifest_whose_counts_disagree_is_refused(stage, tmp_path):
    folder = promote(stage, tmp_path / "root", make_manifest())
    path = Path(folder.path) / "_manifest.json"
    path.write_text(make_manifest(rows_landed=5).to_json())
    with pytest.raises(ReconciliationError, match="counts disagree"):
        read_manifest(folder)
    path.write_text(make_manifest(batch_id="b2").to_json())
    with pytest.raises(StateConflictError, match="another batch"):
        read_manifest(folder)
    path.write_text("{")
    with pytest.raises(StateConflictError, match="cannot be read"):
        read_manifest(folder)


def test_on_an_object_store_the_manifest_comes_last(stage, memory, monkeypatch):
    seen = []
    real = type(memory.fs).pipe_file

    def pipe_file(self, path, value, **kwargs):
        seen.append(sorted(Path(name).name for name in self.find(memory.path)))
        return real(self, path, value, **kwargs)

    monkeypatch.setattr(type(memory.fs), "pipe_file", pipe_file)
    folder = promote(stage, memory, make_manifest())
    assert seen == [["original.pgp", "part-00000.parquet", "rejects.jsonl"]]
    promote(stage, memory, make_manifest())
    assert len(seen) == 1
    assert read_manifest(folder) == make_manifest()
    verify_files(folder, make_manifest())


def test_a_landing_without_a_manifest_is_none(stage, memory):
    with pytest.raises(StateConflictError, match="no landed batch"):
        read_manifest(memory / bronze.batch_key(make_manifest()))


def test_a_folder_of_an_object_store_is_local_for_a_while_and_what_was_added_goes_back(stage, memory):
    folder = promote(stage, memory, make_manifest())
    with local_folder(folder) as local:
        verify_files(local, make_manifest())
        (local / "_gate").mkdir()
        (local / "_gate" / "gated-00000.parquet").write_bytes(b"gated")
    assert (folder / "_gate" / "gated-00000.parquet").read_bytes() == b"gated"
    assert not local.exists()


STEPS = ["copy_durably", "write_durably", "sync_folder", "rename"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_no_half_landing_is_seen_and_a_rerun_mends_it(step, when, stage, tmp_path):
    program = textwrap.dedent(
        f"""
        import os, signal
        from pathlib import Path
        from airflow_provider_integrations.core.manifest import Manifest
        from airflow_provider_integrations.landing import bronze
        owner = Path if {step!r} == "rename" else bronze
        real = getattr(owner, {step!r})
        def fatal(*args, **kwargs):
            if {when!r} == "after":
                real(*args, **kwargs)
            os.kill(os.getpid(), signal.SIGKILL)
        setattr(owner, {step!r}, fatal)
        bronze.promote(Path({str(stage)!r}), Path({str(tmp_path / "root")!r}),
                       Manifest.from_json(Path({str(tmp_path / "m.json")!r}).read_text()))
        """
    )
    manifest = make_manifest()
    (tmp_path / "m.json").write_text(manifest.to_json())
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    folder = UPath(tmp_path / "root") / bronze.batch_key(manifest)
    if folder.exists():
        assert (step, when) == ("rename", "after")
        verify_files(folder, read_manifest(folder))
    promote(stage, tmp_path / "root", manifest)
    verify_files(folder, read_manifest(folder))
    assert names(Path(folder.parent.path)) == ["batch=b1"]


def test_a_living_attempt_is_not_swept(stage, tmp_path):
    import fcntl

    manifest = make_manifest()
    parent = (tmp_path / "root" / bronze.batch_key(manifest)).parent
    living, dead = parent / ".landing-b1-living", parent / ".landing-b1-dead"
    living.mkdir(parents=True)
    dead.mkdir()
    lock = os.open(living, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        promote(stage, tmp_path / "root", manifest)
        assert living.exists()
        assert not dead.exists()
    finally:
        os.close(lock)


def test_two_attempts_at_once_land_one_batch(stage, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: promote(stage, tmp_path / "root", make_manifest()).path, range(16)))
    assert len(folders) == 1
    assert names(Path(folders.pop()).parent) == ["batch=b1"]
