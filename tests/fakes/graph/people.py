"""Who is in a tenant that was not told: users, groups and devices made up from their number."""

from __future__ import annotations

from tests.fakes.graph.things import Properties, populated_id
from tests.fakes.graph.world import World

__all__ = ["device", "furnish", "user"]

_GIVEN = ("Ada", "Bo", "Chidi", "Dunja", "Eero", "Fatma", "Gita", "Hugo", "Ines", "Jun")
_FAMILY = ("Adeyemi", "Berg", "Costa", "Dang", "Ek", "Fischer", "Gupta", "Haddad", "Ito", "Jansen", "Kovács")
_DEPARTMENTS = ("Sales", "Plant", "Finance", None, "Research")


def user(index: int) -> Properties:
    """Properties of a user; one in three never had a mobile phone, which is then absent and not null."""
    given, family = _GIVEN[index % 10], _FAMILY[index % 11]
    name = f"user{index}@contoso.test"
    properties: Properties = {
        "displayName": f"{given} {family}",
        "givenName": given,
        "surname": family,
        "userPrincipalName": name,
        "mail": name,
        "department": _DEPARTMENTS[index % 5],
        "jobTitle": f"Grade {index % 7}",
        "accountEnabled": index % 19 != 0,
        "businessPhones": [f"+1 555 {index % 10_000:04d}"],
    }
    if index % 3:
        properties["mobilePhone"] = f"+1 556 {index % 10_000:04d}"
    return properties


def device(index: int) -> Properties:
    return {"displayName": f"PC-{index:06d}", "deviceId": populated_id(index), "operatingSystem": "Windows"}


def furnish(world: World, users: int, groups: int = 0, devices: int = 0, files: int = 0) -> None:
    """Fill an empty tenant; groups have up to a hundred users each, files lie in folders of twenty."""
    world.populate("users", users, user)
    world.populate("devices", devices, device)
    for number in range(groups):
        group = world.add("groups", displayName=f"Group {number}", mailEnabled=False, securityEnabled=True)
        for member in range(min(users, 1 + number * 7 % 100)):
            world.join(group, populated_id((number * 13 + member) % users))
    if files:
        root, folder = world.drive("d1").path, "root-d1"
        for number in range(files):
            parent = {"driveId": "d1", "id": "root-d1" if number % 20 == 0 else folder}
            name, facet = (f"folder{number}", "folder") if number % 20 == 0 else (f"file{number}.txt", "file")
            added = world.add(root, name=name, parentReference=parent, size=number, **{facet: {}})
            folder = added if facet == "folder" else folder
