"""Whatever happens in a tenant and however the server pages, a reader of the documentation ends with the truth."""

from __future__ import annotations

import random

import pytest

from tests.fakes.graph.faults import Call
from tests.fakes.graph.reader import Copy, read
from tests.fakes.graph.service import GraphService

pytestmark = pytest.mark.integration
USERS, GROUPS, DRIVE = "users", "groups", "drives/d1/root"


def living(graph: GraphService, path: str) -> list[str]:
    return sorted(graph.world.truth(path))


def happen(graph: GraphService, dice: random.Random) -> None:
    """One change somewhere in the tenant."""
    world, users, groups = graph.world, living(graph, USERS), living(graph, GROUPS)
    folders = [each for each, row in world.truth(DRIVE).items() if "folder" in row]
    parent = {"driveId": "d1", "id": dice.choice(folders)}
    kind = dice.randrange(12)
    if kind <= 1 or len(users) < 3:
        world.add(USERS, displayName=f"u{world.version}", **({"city": "Oslo"} if kind else {}))
    elif kind == 2:
        world.add(GROUPS, displayName=f"g{world.version}")
    elif kind == 3:
        world.add(DRIVE, name=f"f{world.version}", parentReference=parent, **{dice.choice(["file", "folder"]): {}})
    elif kind <= 5:
        name = dice.choice(["displayName", "city", "jobTitle"])
        world.change(USERS, dice.choice(users), **{name: dice.choice([None, f"v{world.version}"])})
    elif kind == 6:
        dice.choice([world.soft_delete, world.hard_delete])(USERS, dice.choice(users))
    elif kind == 7:
        path = dice.choice([USERS, GROUPS])
        back = sorted(each for each, reason in world.removed(path).items() if reason == "changed")
        dice.choice([world.restore, world.hard_delete])(path, dice.choice(back)) if back else None
    elif kind == 8 and groups:
        world.join(dice.choice(groups), dice.choice(users))
    elif kind == 9 and groups:
        group = dice.choice(groups)
        held = sorted(world.linked(GROUPS, group, "members"))
        world.leave(group, dice.choice(held)) if held else world.soft_delete(GROUPS, group)
    else:
        files = [each for each, row in world.truth(DRIVE).items() if "file" in row]
        if files and kind == 10:
            world.move(DRIVE, dice.choice(files), parent["id"])
        elif len(folders) > 1:
            world.soft_delete(DRIVE, dice.choice(folders[1:]))


def behave(graph: GraphService, dice: random.Random) -> dict[str, str]:
    manner = graph.manner
    manner.page_size, manner.part_size = dice.randint(1, 7), dice.randint(1, 3)
    manner.empty_pages, manner.repeat = dice.choice([0, 0, 2]), dice.choice([0, 2, 5])
    manner.shuffle = dice.choice([None, dice.randrange(9)])
    return {"prefer": "return=minimal"} if dice.random() < 0.5 else {}


STARTS = {
    USERS: "users/delta?$select=displayName,city",
    GROUPS: "groups/delta?$select=displayName,members",
    DRIVE: f"{DRIVE}/delta",
}


def live(seed: int) -> tuple[GraphService, dict[str, Copy]]:
    """A tenant's life, and the copies that a reader made meanwhile."""
    dice, graph = random.Random(seed), GraphService(seed=str(seed))
    graph.world.drive("d1")
    copies, links = {path: Copy() for path in STARTS}, dict[str, str]()
    for _ in range(dice.randint(2, 5)):
        for _ in range(dice.randrange(25)):
            happen(graph, dice)
        for path, start in STARTS.items():
            if dice.random() < 0.15:
                links.pop(path, None)  # A lost token: a full round, whose absences are deletions.
            # Something happens while it is paged, and is told in the next round at the latest.
            graph.faults.add(Call(lambda: happen(graph, dice)), at=dice.randint(1, 4))
            headers = behave(graph, dice)
            full = path not in links
            links[path] = read_round(graph, links.get(path, start), copies[path], headers, full=full)
            graph.faults.clear()
    for path in STARTS:
        read_round(graph, links[path], copies[path], {}, full=False)
    return graph, copies


def read_round(graph: GraphService, link: str, copy: Copy, headers: dict[str, str], *, full: bool) -> str:
    found = read(lambda link: graph.get(link, **headers).body, link)
    copy.merge((item for page in found for item in page["value"]), full=full)
    return str(found[-1]["@odata.deltaLink"])


@pytest.mark.parametrize("block", range(4))
def test_a_copy_made_by_deltas_equals_the_truth(block: int) -> None:
    """250 tenants in each block; the seed is in the message, and repeats the run."""
    for seed in range(block * 250, block * 250 + 250):
        graph, copies = live(seed)
        world, groups = graph.world, graph.world.truth(GROUPS)
        assert copies[USERS].rows == world.truth(USERS, ("displayName", "city")), seed
        assert copies[GROUPS].rows == groups, seed
        held = {each: copies[GROUPS].links.get(each, set()) for each in groups}
        assert held == {each: world.linked(GROUPS, each, "members") for each in groups}, seed
        assert copies[DRIVE].rows == world.truth(DRIVE), seed


def test_the_same_seed_gives_the_same_links() -> None:
    first, again, other = (GraphService(seed=seed).get("users/delta").body for seed in ("a", "a", "b"))
    assert first == again != other
