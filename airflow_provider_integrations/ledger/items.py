"""The work items of the ledger: what there is, who works on it, what became of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, bindparam, or_, select, update

from airflow_provider_integrations.core.work_item import END_STATES, Claim, RemoteFile, State, WorkItem
from airflow_provider_integrations.ledger import claims, digests, discovery, replays, runs
from airflow_provider_integrations.ledger.rows import (
    ItemEvent,
    Parts,
    event_of,
    get_row,
    to_event,
    to_item,
    write_events,
)
from airflow_provider_integrations.ledger.tables import work_item, work_item_event

__all__ = ["Items"]

# Built once: building a statement takes longer than SQLite takes to run it.
_DISPOSE = (
    update(work_item)
    .where(work_item.c.number == bindparam("row_number"))
    .values(disposed_at=bindparam("now"), updated_at=bindparam("now"), facts=bindparam("new_facts"))
    .returning(work_item)
)

Files = list[RemoteFile]
Found = list[WorkItem]
Families = list[Found]
Taken = list[tuple[WorkItem, Claim]]
Events = list[ItemEvent]
Places = list[tuple[int, str]]
Runs = list[runs.RunRows]
Names = list[str]


class Items:
    """Work items. Each call is one transaction, and what it changes goes into the item's history with it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def discover(
        self,
        source: str,
        files: Sequence[RemoteFile],
        *,
        listed_at: datetime,
        facts: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Found:
        """Record what a listing shows; a few statements, however many files there are.

        A path that is not known is a new item. So is one whose last item was moved away before the listing, or whose
        size or mtime changed after work on it had begun; before that, the waiting item takes the new size and mtime.
        A listing that is older than the moving away says nothing.

        Args:
            source: Name of the source.
            files: The complete files of one listing.
            listed_at: When the listing was begun, by the clock that the ledger goes by.
            facts: By path, what the name and its companions say.

        Returns:
            The new items.
        """
        return discovery.discover(self._parts, source, files, listed_at=listed_at, facts=facts or {})

    def unknown(self, source: str, files: Sequence[RemoteFile], *, listed_at: datetime) -> Files:
        """Those files that `discover` would enter or bring up to date; nothing is written."""
        return discovery.unknown(self._parts, source, files, listed_at=listed_at)

    def enter(self, source: str, file: RemoteFile, *, facts: Mapping[str, Any]) -> WorkItem:
        """The latest item of the file's path, as it is; a new one if there is none. Two at once get the same item."""
        return self.enter_once(source, file, facts=facts)[0]

    def enter_once(
        self, source: str, file: RemoteFile, *, facts: Mapping[str, Any], identity: str = ""
    ) -> tuple[WorkItem, bool]:
        """As `enter`, and whether this call made it; with an `identity`, what was entered under that is the item, at any path."""
        return discovery.enter(self._parts, source, file, facts, identity)

    def latest(self, source: str, path: str) -> WorkItem | None:
        """The latest item of a path, replays left out; None if there is none."""
        return discovery.latest(self._parts, source, path)

    def get(self, item_id: str) -> WorkItem:
        """One item.

        Raises:
            ConfigError: when there is none of that id.
        """
        with self._parts.database.read() as connection:
            return to_item(get_row(connection, item_id))

    def list(
        self,
        source: str | None = None,
        states: Collection[State] | None = None,
        limit: int | None = 100,
        offset: int = 0,
    ) -> Found:
        """Items, the latest first."""
        query = select(work_item).order_by(work_item.c.number.desc()).limit(limit).offset(offset)
        if source is not None:
            query = query.where(work_item.c.source == source)
        if states is not None:
            query = query.where(work_item.c.state.in_(states))
        return self._found(query)

    def history(self, item_id: str) -> Events:
        """All that happened to an item, the first first."""
        query = select(work_item_event).where(work_item_event.c.item_id == item_id).order_by(work_item_event.c.number)
        with self._parts.database.read() as connection:
            return [to_event(row) for row in connection.execute(query)]

    def pending(self, source: str, states: Collection[State], limit: int | None = None) -> Found:
        """Items that wait to be taken on from one of `states`: nobody holds them, or no longer."""
        query = (
            select(work_item)
            .where(work_item.c.source == source, work_item.c.state.in_(states), claims.free(self._parts))
            .order_by(work_item.c.attempts, work_item.c.number)
        )
        return self._found(query.limit(limit))

    def undisposed(self, source: str, states: Collection[State]) -> Found:
        """Items in one of `states` whose file still lies where it was found, or whose last step is still to be made."""
        open_states = [state for state in states if state not in END_STATES]
        query = (
            select(work_item)
            .where(
                work_item.c.source == source,
                work_item.c.state.in_(states),
                or_(work_item.c.disposed_at.is_(None), work_item.c.state.in_(open_states)),
            )
            .order_by(work_item.c.number)
        )
        return self._found(query)

    def positions(self, source: str, states: Collection[State], *, after: int | None = None) -> Places:
        """Sequence number and business date (ISO 8601) of each item in one of `states`, ascending, each pair once.

        Only those from sequence number `after` on. A source that numbers nothing has 0 for all; in one that does,
        items without a number (a name out of contract) are left out. Replays stand behind their originals.
        """
        mine = (work_item.c.source == source, work_item.c.replay_of.is_(None))
        pairs = select(work_item.c.sequence, work_item.c.business_date).distinct().where(*mine)
        numbered = select(work_item.c.number).where(*mine, work_item.c.sequence.is_not(None)).limit(1)
        with self._parts.database.read() as connection:
            if connection.scalar(numbered) is not None:
                pairs = pairs.where(work_item.c.sequence >= (after if after is not None else 0))
            rows = connection.execute(pairs.where(work_item.c.state.in_(states))).all()
        return sorted((row.sequence or 0, row.business_date.isoformat()) for row in rows)

    def runs_in(self, source: str, states: Collection[State]) -> Names:
        """The runs of a table that have a shard in one of `states`."""
        return runs.runs_in(self._parts, source, states)

    def rows_of_runs(self, source: str, run: str, *, limit: int) -> Runs:
        """How many rows a run of a table brought, then the latest of its kind before it: at most `limit` runs.

        Backfills and full reads, whose runs begin with `span-`, are a kind of their own.
        """
        return runs.rows_of_runs(self._parts, source, run, limit)

    def is_claimed(self, item_id: str) -> bool:
        """Whether a worker holds the item now; False for an item that is not known."""
        query = select(work_item.c.number).where(work_item.c.id == item_id, ~claims.free(self._parts))
        with self._parts.database.read() as connection:
            return connection.scalar(query) is not None

    def claim(
        self, item_id: str, owner: str, *, states: Collection[State], lease: timedelta
    ) -> tuple[WorkItem, Claim] | None:
        """Claim one item for `lease`; None when it is in another state or held by another owner.

        An owner takes up its own claim again with a new token, so that a task that is tried anew need not wait for
        the lease of its last try. An owner must therefore never be two workers at once.
        """
        taken = claims.claim(self._parts, (item_id,), owner, states=states, lease=lease)
        return taken[0] if taken else None

    def claim_all(self, item_ids: Collection[str], owner: str, *, states: Collection[State], lease: timedelta) -> Taken:
        """As `claim`, for several items in one transaction: those that can be claimed, the oldest first."""
        return claims.claim(self._parts, item_ids, owner, states=states, lease=lease) if item_ids else []

    def claim_next(
        self, source: str, owner: str, *, states: Collection[State], lease: timedelta, limit: int = 1
    ) -> Taken:
        """Claim up to `limit` items that nobody holds, those with the fewest attempts first, then the oldest."""
        return claims.claim_next(self._parts, source, owner, states=states, lease=lease, limit=limit)

    def renew(self, claim: Claim, lease: timedelta) -> Claim:
        """Hold a claim for `lease` from now.

        Raises:
            ClaimLostError: when it was given up or taken over.
        """
        return claims.renew(self._parts, claim, lease)

    def advance(
        self,
        claim: Claim,
        state: State,
        *,
        reason: str | None = None,
        detail: str | None = None,
        facts: Mapping[str, Any] | None = None,
        keep_claim: bool = False,
    ) -> WorkItem:
        """Bring an item to its next state and let go of it, unless `keep_claim`.

        Raises:
            ClaimLostError: when the claim was given up or taken over: this worker's result must not count.
            StateConflictError: when there is no way from the item's state to `state`.
            ConfigError: when a fact cannot be held by JSON.
        """
        return claims.advance(
            self._parts, claim, state, reason=reason, detail=detail, facts=facts, keep_claim=keep_claim
        )

    def note(self, claim: Claim, facts: Mapping[str, Any]) -> WorkItem:
        """Add facts to an item; its state stays and so does the claim.

        Raises:
            ClaimLostError: when the claim was given up or taken over.
        """
        return claims.advance(self._parts, claim, None, facts=facts, keep_claim=True)

    def give_back(self, claim: Claim, *, error: str) -> None:
        """Let go of an item that could not be brought on; it counts as an attempt, and `error` goes into its history.

        Raises:
            ClaimLostError: when the claim was given up or taken over.
        """
        claims.give_back(self._parts, claim, error=error)

    def disposed(self, item_id: str, moved_to: str) -> WorkItem:
        """Record that the remote file was moved away; again is harmless, the first time counts."""
        now = self._parts.now()
        with self._parts.database.write() as connection:
            row = get_row(connection, item_id, lock=True)
            if row.disposed_at is not None:
                return to_item(row)
            facts = {"moved_to": moved_to}
            values = {"row_number": row.number, "now": now, "new_facts": {**row.facts, **facts}}
            changed = connection.execute(_DISPOSE, values).one()
            write_events(connection, [event_of(row, "disposed", now, facts=facts)])
            return to_item(changed)

    def register_digest(self, source: str, kind: str, sha256: str, item_id: str) -> str:
        """Register what an item holds (`ciphertext`, `plaintext`, ...), unless another one did before.

        An owner that is in quarantine is no owner: the newcomer takes its place. An item holds one digest of a kind;
        a new one takes the place of the old. A replay is never a duplicate of its original, once that is settled.

        Returns:
            The owner's id: the item's own, or that of the item it is a duplicate of. An owner that is still
            `discovered` may yet be refused: then this is no duplicate, and the caller has to ask again.
        """
        return digests.register_digest(self._parts, source, kind, sha256, item_id)

    def release(self, item_id: str, *, who: str, why: str) -> WorkItem:
        """Take an item back from quarantine, to go through every check again.

        The facts gain `released_by`, `released_why` and `releases` (how often); the audit trail gains an entry.

        Raises:
            StateConflictError: when the item is not in quarantine.
            ConfigError: without a reason.
        """
        return replays.release(self._parts, item_id, who=who, why=why)

    def replay(self, source: str, first: date, last: date, *, request: str, who: str) -> Found:
        """Make a new item of each kept original of a business date from `first` to `last`, both included.

        The business date is the fact `date`, else the day of discovery (UTC). Asked again with the same `request`, it
        makes only what is missing.

        Returns:
            All items of the request.
        """
        return replays.replay(self._parts, source, first, last, request=request, who=who)

    def readings(self, item_ids: Collection[str]) -> Families:
        """For each original that the items are or replay: it and all its replays, the oldest first."""
        return replays.readings(self._parts, item_ids)

    def _found(self, query: Select[Any]) -> Found:
        with self._parts.database.read() as connection:
            return [to_item(row) for row in connection.execute(query)]
