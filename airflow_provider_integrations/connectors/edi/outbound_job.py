"""All that writing the documents for one partner works with, in one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from upath import UPath

from airflow_provider_integrations.connectors.edi.envelope import Envelope
from airflow_provider_integrations.connectors.edi.guide import Guides
from airflow_provider_integrations.connectors.edi.guide_rules import Guide
from airflow_provider_integrations.connectors.edi.model import Syntax
from airflow_provider_integrations.core.edi_source import EdiOutbound
from airflow_provider_integrations.core.interchange import Pair
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.system import go_on

__all__ = ["OutboundJob"]


@dataclass(frozen=True, slots=True)
class OutboundJob:
    """What goes out to one partner.

    Args:
        source: What is agreed upon.
        guides: The guide's file that it names.
        queries: SQL by table of the guide.
        ledger: Where control numbers and the outbox's items are; its clock gives the instants.
        root: Landing root; the bytes are kept below it.
        boundary: Called between the steps with the name of what was just done; tests kill the process there.
    """

    source: EdiOutbound
    guides: Guides
    queries: Mapping[str, str]
    ledger: Ledger
    root: UPath
    boundary: Callable[[str], None] = go_on

    @property
    def guide(self) -> Guide:
        """The guide in the version agreed upon."""
        return self.guides.of(self.source.version)

    @property
    def pair(self) -> Pair:
        """Whose control numbers are drawn."""
        source = self.source
        return Pair(self.guides.syntax.value, source.ours, source.partner, source.usage)

    @property
    def envelope(self) -> Envelope:
        """From whom to whom; a CONTRL is asked for where one is agreed upon, a 997 needs no asking."""
        source = self.source
        asks = self.guides.syntax is Syntax.EDIFACT and source.acknowledged_within is not None
        parties = (source.ours, source.partner, source.usage, source.group_ours, source.group_partner)
        return Envelope(*parties, asks=asks)

    def purpose(self, key: str) -> str:
        """What the numbers of a document are drawn for."""
        return f"document:{self.source.source}:{key}"

    def file_name(self, control: int) -> str:
        """The name of an interchange's file."""
        return self.source.name.replace("{control}", f"{control:09d}")
