"""What a tenant holds, with the functions that change it and the truth that a copy of it is compared with.

world = World()
ada = world.add("users", displayName="Ada")
world.change("users", ada, displayName=None)
world.truth("users")[ada]["displayName"] is None
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from tests.fakes.graph.things import Collection, Flavour, Link, Properties, Thing

__all__ = ["World"]


class World:
    """A tenant; every change takes the next version."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.version = 1
        self._ids = 0
        self.collections: dict[str, Collection] = {}
        self._holders: dict[str, set[tuple[str, str, str]]] = {}
        self.watchers: list[Callable[[str, str, str], None]] = []
        self.collection("users", "user", relations=("manager",))
        self.collection("groups", "group", relations=("members", "owners"))
        self.collection("devices", "device")

    def collection(self, path: str, kind: str, flavour: Flavour = Flavour.DIRECTORY, **options: Any) -> Collection:
        """Serve another path."""
        return self.collections.setdefault(path, Collection(path, kind, flavour, **options))

    def drive(self, drive: str) -> Collection:
        """Serve a drive; its root is there from the beginning, as item `root-<drive>`."""
        path = f"drives/{drive}/root"
        found = self.collection(path, "driveItem", Flavour.DRIVE)
        if not found.things:
            self.add(path, f"root-{drive}", name="root", root={}, folder={"childCount": 0})
        return found

    def table(self, name: str, key: str) -> Collection:
        """Serve a Dataverse table with change tracking, e.g. `accounts` with the key `accountid`."""
        return self.collection(f"dataverse/{name}", name, Flavour.DATAVERSE, key=key)

    def populate(self, path: str, count: int, make: Callable[[int], Properties]) -> None:
        """Fill an empty collection with things made up from their number."""
        collection = self.collections[path]
        collection.populated, collection.make = count, make

    def _touch(self, collection: Collection, thing: Thing, what: str) -> int:
        self.version += 1
        collection.log.append((self.version, thing.id))
        for watcher in self.watchers:
            watcher(collection.path, thing.id, what)
        return self.version

    def add(self, path: str, thing_id: str | None = None, /, **properties: Any) -> str:
        """A new thing; its id is made up unless it is given."""
        with self.lock:
            collection = self.collections[path]
            self._ids += 1
            thing = Thing(thing_id or f"feed{self._ids:04x}-0000-4000-8000-{self._ids:012x}", dict(properties), 0)
            if collection.find(thing.id) is not None:
                raise KeyError(f"{path} has {thing.id} already")
            collection.things[thing.id] = thing
            collection.added.append(thing.id)
            thing.created = self._touch(collection, thing, "created")
            return thing.id

    def change(self, path: str, thing_id: str, /, **properties: Any) -> None:
        """Set properties; None clears one, which is told as null and not as absence."""
        with self.lock:
            collection = self.collections[path]
            thing = collection.own(thing_id)
            thing.before = (dict(thing.properties), thing.removed)
            version = self._touch(collection, thing, "updated")
            thing.properties.update(properties)
            thing.changed.update(dict.fromkeys(properties, version))

    def clear(self, path: str, thing_id: str, /, *names: str) -> None:
        self.change(path, thing_id, **dict.fromkeys(names))

    def move(self, path: str, thing_id: str, parent: str) -> None:
        """Put a drive item under another folder; what lies below it is not told (driveItem: delta, Remarks)."""
        self.change(path, thing_id, parentReference={"driveId": path.split("/")[1], "id": parent})

    def soft_delete(self, path: str, thing_id: str) -> None:
        """Delete so that it can be restored: `@removed` with reason `changed`."""
        self._remove(path, thing_id, "changed")

    def hard_delete(self, path: str, thing_id: str) -> None:
        """Delete for good, also from among the deleted items: `@removed` with reason `deleted`."""
        self._remove(path, thing_id, "deleted")

    def _remove(self, path: str, thing_id: str, reason: str) -> None:
        with self.lock:
            collection = self.collections[path]
            thing = collection.own(thing_id)
            if collection.flavour is Flavour.DRIVE:  # What lies in a folder goes with it.
                for below in list(collection.living()):
                    if (below.properties.get("parentReference") or {}).get("id") == thing_id:
                        self._remove(path, below.id, reason)
            thing.before = (dict(thing.properties), thing.removed)
            held = sorted(self._holders.get(thing_id, ()))
            thing.lost = [] if reason == "deleted" else held or thing.lost
            for holder_path, holder_id, relation in held:
                self.unlink(holder_path, holder_id, relation, thing_id)
            thing.removed, thing.removed_at = reason, self._touch(collection, thing, "deleted")

    def restore(self, path: str, thing_id: str) -> None:
        """Bring back what was deleted softly, with its memberships."""
        with self.lock:
            collection = self.collections[path]
            thing = collection.own(thing_id)
            if thing.removed != "changed":
                raise KeyError(f"{thing_id} of {path} is not among the deleted items")
            thing.before = (dict(thing.properties), thing.removed)
            thing.removed, thing.created = None, self._touch(collection, thing, "updated")
            for holder_path, holder_id, relation in thing.lost:
                self.link(holder_path, holder_id, relation, path, thing_id)
            thing.lost = []

    def link(self, path: str, thing_id: str, relation: str, target_path: str, target: str) -> None:
        with self.lock:
            thing = self.collections[path].own(thing_id)
            kind, version = self.collections[target_path].kind, self._touch(self.collections[path], thing, "updated")
            thing.links.setdefault(relation, {})[target] = Link(kind, version)
            self._holders.setdefault(target, set()).add((path, thing_id, relation))

    def unlink(self, path: str, thing_id: str, relation: str, target: str) -> None:
        with self.lock:
            thing = self.collections[path].own(thing_id)
            link = thing.links[relation][target]
            link.version, link.holds = self._touch(self.collections[path], thing, "updated"), False
            self._holders[target].discard((path, thing_id, relation))

    def join(self, group: str, member: str, member_path: str = "users") -> None:
        self.link("groups", group, "members", member_path, member)

    def leave(self, group: str, member: str) -> None:
        self.unlink("groups", group, "members", member)

    def set_manager(self, user: str, manager: str | None) -> None:
        for held in self.linked("users", user, "manager"):
            self.unlink("users", user, "manager", held)
        if manager is not None:
            self.link("users", user, "manager", "users", manager)

    def linked(self, path: str, thing_id: str, relation: str) -> set[str]:
        """Ids that a relation holds now, e.g. the members of a group."""
        with self.lock:
            thing = self.collections[path].find(thing_id)
            links = {} if thing is None else thing.links.get(relation, {})
            return {target for target, link in links.items() if link.holds}

    def holders(self, target: str, relation: str) -> list[tuple[str, str]]:
        """Path and id of each thing that holds this one in a relation, e.g. the groups of a user."""
        with self.lock:
            return sorted((path, holder) for path, holder, held in self._holders.get(target, ()) if held == relation)

    def truth(self, path: str, select: Sequence[str] | None = None) -> dict[str, Properties]:
        """Every living thing by its id, with the properties that a copy of it must hold."""
        with self.lock:
            return {
                thing.id: {k: v for k, v in thing.properties.items() if select is None or k in select}
                for thing in self.collections[path].living()
            }

    def removed(self, path: str) -> dict[str, str]:
        """Reason of each removal that stands."""
        with self.lock:
            return {t.id: t.removed for t in self.collections[path].things.values() if t.removed is not None}
