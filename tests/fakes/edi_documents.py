"""EDI documents in bronze, as the intake lands them, and the steps from there: for tests that need no partner's server."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from upath import UPath

from airflow_provider_integrations.core.edi_source import EdiSource
from airflow_provider_integrations.core.manifest import DataFile, Manifest
from airflow_provider_integrations.core.work_item import RemoteFile, State, WorkItem
from airflow_provider_integrations.include import read_guides
from airflow_provider_integrations.landing.bronze import batch_key, promote
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.ledgers import migrated
from tests.fakes.postgres import SteppedClock

ROOT = Path(__file__).parents[2]
LEASE = timedelta(minutes=2)


@dataclass
class Documents:
    """One partner's documents, from bronze on.

    Args:
        folder: Everything of it lies there.
        agreement: Replaces parts of the source file's agreement.
        guides: Names of guides under `include/edi/`.
        folder_of_answers: Where they go on the partner's server.
    """

    folder: Path
    agreement: dict[str, Any] = field(default_factory=dict)
    guides: tuple[str, ...] = ()
    folder_of_answers: str = "/inbound/edi"
    clock: SteppedClock = field(default_factory=SteppedClock)
    owner: str = "worker"
    boundary: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        self.ledger = Ledger.connect(f"sqlite:///{self.folder / 'ledger.db'}", clock=self.clock)
        migrated(self.ledger)
        self.root = UPath(self.folder / "landing")

    def source(self) -> EdiSource:
        text = (ROOT / "include/sources/acme_edi.yaml").read_text()
        source = yaml.safe_load(text)
        source["agreement"] = {**source["agreement"], "partners": ["ZZ:ACME", "14:ACME"], "ours": ["ZZ:HUB", "14:HUB"]}
        source["agreement"] |= {"guides": list(self.guides), **self.agreement}
        source["outbox"] = {"folder": self.folder_of_answers}
        return EdiSource.from_mapping(source)

    def job(self) -> Any:
        from airflow_provider_integrations.connectors.edi.documents import GuideBook
        from airflow_provider_integrations.connectors.edi.job import EdiJob

        return EdiJob(
            source=self.source(),
            book=GuideBook(tuple(read_guides(ROOT / "include", name) for name in self.guides)),
            ledger=self.ledger,
            root=self.root,
            scratch=self.folder / "scratch",
            owner=self.owner,
            lease=LEASE,
            clock=self.clock,
            boundary=self.boundary,
        )

    def land(self, data: bytes, name: str = "one.edi.gpg") -> str:
        """A document comes and is landed; gives the item's id."""
        file = RemoteFile(f"/inbox/{name}", len(data), 1)
        [item] = self.ledger.items.discover("acme_edi", [file], listed_at=self.clock())
        return self.land_item(item, data)

    def land_item(self, item: WorkItem, data: bytes) -> str:
        """Land what an item brought."""
        stage = self.folder / f"stage-{item.id}-{item.facts.get('releases', 0)}"
        stage.mkdir()
        (stage / "document").write_bytes(data)
        (stage / "original.pgp").write_bytes(b"sealed " + data)
        sha256, sealed = (hashlib.sha256(some).hexdigest() for some in (data, b"sealed " + data))
        at = item.discovered_at
        manifest = Manifest(
            batch_id=f"b{item.id}r{item.facts.get('releases', 0)}",
            source=item.source,
            item_id=item.id,
            received_at=at.isoformat(),
            ingest_date=at.date().isoformat(),
            original=item.name,
            version=f"{at.date().isoformat()}/0000000000/{item.generation:04d}",
            contract="document",
            contract_version="1.0.0",
            contract_digest="",
            ciphertext_sha256=sealed,
            plaintext_sha256=sha256,
            signers=(),
            rows_read=1,
            rows_landed=1,
            rows_rejected=0,
            files=(DataFile("document", sha256, len(data), 1),),
            replay_of=item.replay_of,
        )
        promote(stage, self.root, manifest)
        facts = {"folder": batch_key(manifest), "ciphertext_sha256": sealed, "plaintext_sha256": sha256}
        facts |= {"batch_id": manifest.batch_id, "version": manifest.version}
        self._advance(item.id, State.DISCOVERED, State.LANDED, facts)
        return item.id

    def parse(self, *item_ids: str) -> list[WorkItem]:
        """Parse items, or all that wait."""
        from airflow_provider_integrations.connectors.edi.inbound import parse_items

        return parse_items(self.job(), item_ids or None)

    def answer(self, *item_ids: str) -> list[WorkItem]:
        """Acknowledge items, or all that wait."""
        from airflow_provider_integrations.connectors.edi.answers import answer_items

        return answer_items(self.job(), item_ids or None)

    def through(self, data: bytes, name: str = "one.edi.gpg") -> WorkItem:
        """A document comes, is parsed and acknowledged; gives its item."""
        item_id = self.land(data, name)
        self.parse(item_id)
        [item] = self.answer(item_id)
        return item

    def owed(self) -> list[str]:
        """Control numbers of what we have not answered."""
        return [received.control for received in self.ledger.interchanges.owed_by_us()]

    def deliver(self) -> None:
        """As if the partner's server had taken all that waits."""
        for item in self.ledger.items.list("acme_edi__outbox", [State.DISCOVERED], limit=None):
            self._advance(item.id, State.DISCOVERED, State.LOADED, {"delivered_to": item.facts["to"]})

    def settle(self) -> list[WorkItem]:
        """Enter what was delivered."""
        from airflow_provider_integrations.connectors.edi.settle_outbox import settle_outbox

        return settle_outbox(self.ledger, "acme_edi", self.owner)

    def outbox(self) -> dict[str, bytes]:
        """What waits or went out, by name, the first first."""
        found = self.ledger.items.list("acme_edi__outbox", limit=None)[::-1]
        return {item.name: (self.root / item.facts["kept"]).read_bytes() for item in found}

    def _advance(self, item_id: str, old: State, new: State, facts: dict[str, Any]) -> None:
        taken = self.ledger.items.claim(item_id, self.owner, states=[old], lease=LEASE)
        assert taken is not None
        self.ledger.items.advance(taken[1], new, facts=facts)
