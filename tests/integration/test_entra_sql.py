"""Users with their groups now, and users as of a date, on fakesnow: loaded, deleted and restored as rounds do it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.entra_views import INCLUDE, Tenant
from tests.fakes.fakesnow_server import Warehouse

pytestmark = pytest.mark.integration

USERS, GROUPS, MEMBERS = "entra_users", "entra_groups", "entra_groups__members"
USER, GROUP = "#microsoft.graph.user", "#microsoft.graph.group"


def user(name: str, **values: Any) -> dict[str, Any]:
    return {
        "id": name, "user_principal_name": f"{name}@contoso.test", "display_name": name, "account_enabled": True, **values
    }  # fmt: skip


def group(name: str, **values: Any) -> dict[str, Any]:
    return {"id": name, "display_name": name, **values}


def member(owner: str, other: str, kind: str | None = USER) -> dict[str, Any]:
    return {"owner_id": owner, "member_id": other, "member_type": kind}


@pytest.fixture
def users(warehouse: Warehouse, tmp_path: Path) -> Tenant:
    tenant = Tenant(warehouse, tmp_path)
    tenant.load(1, USERS, user("ada"), user("bo"), user("chidi"))
    return tenant


@pytest.fixture
def tenant(users: Tenant) -> Tenant:
    users.load(1, GROUPS, group("sales"), group("all"))
    users.load(
        1,
        MEMBERS,
        *(member("sales", "ada"), member("all", "ada"), member("all", "bo", None)),
        *(member("all", "sales", GROUP), member("all", "pc", "#microsoft.graph.device")),
    )
    return users


def pairs(tenant: Tenant) -> list[tuple[Any, ...]]:
    return sorted(tenant.rows("SELECT USER_ID, GROUP_ID FROM {db}.GOLD.CURRENT_USERS_WITH_GROUPS"), key=str)


def members(tenant: Tenant) -> set[tuple[Any, ...]]:
    return {*tenant.rows("SELECT GROUP_ID, MEMBER_ID, MEMBER_KIND, MEMBER_NAME FROM {db}.GOLD.GROUP_MEMBERS_CURRENT")}


def test_each_user_has_a_row_for_each_group_and_one_without_any_has_one(tenant: Tenant) -> None:
    assert pairs(tenant) == [("ada", "all"), ("ada", "sales"), ("bo", "all"), ("chidi", None)]
    tenant.load(2, USERS, user("bo", _dq_valid=False, display_name="?"))
    assert [row for row in pairs(tenant) if row[0] == "bo"] == [], "a soft rule has flagged it"


def test_nested_groups_and_what_is_not_followed_are_members_as_they_are(tenant: Tenant) -> None:
    assert members(tenant) == {
        ("sales", "ada", "user", "ada"),
        ("all", "ada", "user", "ada"),
        ("all", "bo", None, "bo"),
        ("all", "sales", "group", "sales"),
        ("all", "pc", "device", None),
    }


def test_who_left_is_no_member_and_who_came_back_is_one(tenant: Tenant) -> None:
    tenant.delete(2, MEMBERS, ("all", "ada"), ("sales", "ada"))
    assert pairs(tenant) == [("ada", None), ("bo", "all"), ("chidi", None)]
    tenant.load(3, MEMBERS, member("sales", "ada"))
    assert pairs(tenant) == [("ada", "sales"), ("bo", "all"), ("chidi", None)]


def test_a_deleted_user_is_in_no_group_before_the_group_tells_it_and_is_again_once_restored(tenant: Tenant) -> None:
    tenant.delete(2, USERS, ("ada",), ("bo",))
    assert pairs(tenant) == [("chidi", None)]
    assert {row[1] for row in members(tenant)} == {"sales", "pc"}
    tenant.load(3, USERS, user("ada"))
    assert pairs(tenant) == [("ada", "all"), ("ada", "sales"), ("chidi", None)]


def test_a_deleted_group_has_no_members_and_is_no_member_until_it_is_restored(tenant: Tenant) -> None:
    before = members(tenant)
    tenant.delete(2, GROUPS, ("sales",))
    assert pairs(tenant) == [("ada", "all"), ("bo", "all"), ("chidi", None)]
    assert {row for row in before if "sales" not in row} == members(tenant)
    tenant.load(3, GROUPS, group("sales"))
    assert members(tenant) == before


def as_of(tenant: Tenant, instant: str) -> dict[str, str]:
    """What `USERS_AS_OF` gives, by its own text: fakesnow has no functions that give tables."""
    text = (INCLUDE / "sql" / "gold" / "users_as_of.sql").read_text()
    body = text.split("$$")[1].replace("INTEGRATIONS", "{db}")
    found = tenant.rows(re.sub(r"\bAS_OF\b", f"'{instant}'::TIMESTAMP_NTZ", body))
    return {row[0]: row[4] for row in found}


def test_users_stand_as_they_were_at_any_instant(users: Tenant) -> None:
    users.load(5, USERS, user("ada", department="Sales"))
    users.delete(8, USERS, ("ada",))
    users.load(12, USERS, user("ada", department="Plant"), user("dunja", department="Finance"))
    others = {"bo": None, "chidi": None}
    wanted = {
        "2026-01-01 03:04:04": {},
        "2026-01-01 03:04:05": {"ada": None, **others},
        "2026-01-05 03:04:04": {"ada": None, **others},
        "2026-01-05 03:04:05": {"ada": "Sales", **others},
        "2026-01-08 03:04:05": others,
        "2026-01-10 00:00:00": others,
        "2026-01-12 03:04:05": {"ada": "Plant", "dunja": "Finance", **others},
        "2030-01-01 00:00:00": {"ada": "Plant", "dunja": "Finance", **others},
    }
    assert {instant: as_of(users, instant) for instant in wanted} == wanted


def test_a_version_that_comes_late_takes_its_place_in_the_past(users: Tenant) -> None:
    users.load(5, USERS, user("ada", department="Sales"))
    users.load(3, USERS, user("ada", department="Research"))
    found = [as_of(users, f"2026-01-{day:02d} 12:00:00")["ada"] for day in (1, 2, 3, 4, 5)]
    assert found == [None, None, "Research", "Research", "Sales"]
