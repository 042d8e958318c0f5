"""200 randomised upload schedules: slow, stalled, died and resumed. Not one file may be taken early.

Each schedule is a list of what the partner does and when, on a simulated clock; a look happens at random moments. Most run
on listings alone, every tenth through a real server and a real folder.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.sftp_pgp.client import SftpClient
from airflow_provider_integrations.connectors.sftp_pgp.completeness import Complete, complete_files
from airflow_provider_integrations.connectors.sftp_pgp.listing import Listing
from airflow_provider_integrations.core.source import CompletenessPolicy
from airflow_provider_integrations.core.work_item import RemoteFile
from tests.fakes.sftp_faults import Faults, FaultyServer

pytestmark = pytest.mark.integration

T0 = 1_762_300_000
LONGEST_SILENCE = 25.0
"""Seconds that the partner is silent at most in the middle of an upload: what `stable` has to outlast."""

POLICIES = {
    "rename": CompletenessPolicy(kind="rename", temporary_suffixes=(".part",)),
    "done": CompletenessPolicy(kind="companion"),
    "sha256": CompletenessPolicy(kind="companion", companion_suffix=".sha256"),
    "manifest": CompletenessPolicy(kind="companion", manifest="MANIFEST"),
    "stable": CompletenessPolicy(kind="stable", looks=4, seconds_apart=10),
}


@dataclass(frozen=True)
class Act:
    """At `at` seconds the folder's file `name` holds `content` (None: it is gone)."""

    at: float
    name: str
    content: bytes | None


def schedule(kind: str, seed: int) -> tuple[list[Act], dict[str, bytes]]:
    """What the partner does, in order of time, and what the files are in the end."""
    chance = random.Random(seed)
    acts: list[Act] = []
    finals: dict[str, bytes] = {}
    manifest = b""
    for number in range(chance.randint(1, 3)):
        name, whole = f"a{number}.gpg", chance.randbytes(chance.randint(20, 200))
        finals[name] = whole
        at, sent = chance.uniform(0, 30), 0
        writing = name + ".part" if kind == "rename" else name
        while True:
            acts.append(Act(at, writing, whole[:sent]))
            if sent >= len(whole):
                break
            at += chance.choice([0.1, 1, 5, chance.uniform(9, LONGEST_SILENCE)])  # quick, slow, stalled
            if chance.random() < 0.15:  # died: begins again, or goes on from what is there
                sent = chance.choice([0, sent])
            sent = min(len(whole), sent + chance.randint(1, 60))
        at += chance.uniform(0.1, 5)
        if kind == "rename":
            acts += [Act(at, writing, None), Act(at, name, whole)]
        elif kind in ("done", "sha256"):
            text = f"{hashlib.sha256(whole).hexdigest()}  {name}\n".encode() if kind == "sha256" else b""
            companion = f"{name}.{kind}"
            acts += [Act(at, companion, text[: chance.randint(0, len(text))]), Act(at + 3, companion, text)]
        elif kind == "manifest":
            manifest += f"{hashlib.sha256(whole).hexdigest()}  {name}\n".encode()
    if kind == "manifest":
        end = max(act.at for act in acts)
        acts += [Act(end + 1, "MANIFEST", manifest[: len(manifest) // 2]), Act(end + 4, "MANIFEST", manifest)]
    return sorted(acts, key=lambda act: act.at), finals


def moments(acts: list[Act], seed: int) -> list[float]:
    """When somebody looks: at random, sometimes twice in a row, and often enough after the end."""
    chance = random.Random(~seed)
    at, end, found = 0.0, acts[-1].at + 80, []
    while at < end:
        at += chance.choice([0.5, 3, 10, 10.5, 12])
        found.append(at)
    return found


def state_at(acts: list[Act], moment: float) -> dict[str, tuple[bytes, float]]:
    """The folder's files with content and time of the last change."""
    files: dict[str, tuple[bytes, float]] = {}
    for act in acts:
        if act.at > moment:
            break
        if act.content is None:
            files.pop(act.name, None)
        else:
            files[act.name] = (act.content, act.at)
    return files


def judge(complete: list[Complete], files: dict[str, tuple[bytes, float]], finals: dict[str, bytes]) -> set[str]:
    """The names taken; each must be whole at this moment."""
    for entry in complete:
        assert files[entry.file.name][0] == finals[entry.file.name], f"{entry.file.name} was taken early"
        if "sha256" in entry.announced:
            assert entry.announced["sha256"] == hashlib.sha256(finals[entry.file.name]).hexdigest()
    return {entry.file.name for entry in complete}


def _when(moment: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(T0 + moment, dt.UTC)


@pytest.mark.parametrize("kind", POLICIES)
def test_36_schedules_of_each_policy_on_listings(kind: str) -> None:
    for seed in range(36):
        acts, finals = schedule(kind, seed)
        looks: list[Listing] = []
        taken: set[str] = set()
        for moment in moments(acts, seed):
            files = state_at(acts, moment)
            shown = tuple(RemoteFile(f"/in/{name}", len(data), int(T0 + at)) for name, (data, at) in files.items())
            texts = {f"/in/{name}": data.decode("ascii", "replace") for name, (data, _) in files.items()}
            looks.append(Listing("/in", shown, at=_when(moment), texts=texts))
            taken |= judge(complete_files(POLICIES[kind], looks), files, finals)
        assert taken == set(finals), f"seed {seed}: a whole file was never taken"


@pytest.mark.parametrize("kind", POLICIES)
def test_4_schedules_of_each_policy_through_a_real_server(
    faulty_sftp: Callable[[Faults], FaultyServer], kind: str
) -> None:
    server = faulty_sftp(Faults())

    def apply(folder: Path, files: dict[str, tuple[bytes, float]]) -> None:
        for path in folder.iterdir():
            if path.name not in files:
                path.unlink()
        for name, (data, at) in files.items():
            (folder / name).write_bytes(data)
            os.utime(folder / name, (T0 + at, T0 + at))

    async def run(seed: int) -> None:
        acts, finals = schedule(kind, 1000 + seed)
        folder = server.root / str(seed)
        folder.mkdir()
        looks: list[Listing] = []
        taken: set[str] = set()
        async with SftpClient.connect(server.settings(idle_timeout=30)) as client:
            for moment in moments(acts, seed):
                files = state_at(acts, moment)
                apply(folder, files)
                look = await client.look(f"/{seed}", at=_when(moment), completeness=POLICIES[kind])
                looks.append(replace(look))
                complete = complete_files(POLICIES[kind], looks)
                taken |= judge(complete, files, finals)
                for entry in complete:
                    target = folder.parent.parent / f"got-{seed}-{entry.file.name}"
                    if not target.exists():
                        await client.fetch(entry.file, target)
                        assert target.read_bytes() == finals[entry.file.name]
        assert taken == set(finals), f"seed {seed}: a whole file was never taken"

    for seed in range(4):
        asyncio.run(run(seed))
