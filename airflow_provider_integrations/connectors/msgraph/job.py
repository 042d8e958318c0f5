"""What the steps of a delta source work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from upath import UPath

from airflow_provider_integrations.connectors.msgraph.client import Reach, Token
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.connectors.msgraph.throttle import AppScope
from airflow_provider_integrations.core.clock import Clock
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.graph_source import GraphSource
from airflow_provider_integrations.ledger.holding import LEASE
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.system import go_on, utc_now

__all__ = ["GraphJob"]


@dataclass(frozen=True, slots=True)
class GraphJob:
    """One source, how it is reached, where things are, and who works.

    Args:
        source: What is followed.
        contract: Of its objects.
        relations: The contract of each relation that is followed, by its property.
        query: What is asked for, with the properties that the contract and the relations select.
        reach, token, scope: How the service is reached, what authenticates, and who shares its limits.
        keys: Fernet keys, the first of which writes; links rest encrypted by them.
        ledger: Where state, pauses and work items are.
        root: Landing root.
        scratch: Private folder on a local disk.
        owner: Who claims.
    """

    source: GraphSource
    contract: Contract
    relations: Mapping[str, Contract]
    query: Query
    reach: Reach
    token: Token = field(repr=False)
    scope: AppScope
    keys: tuple[str, ...] = field(repr=False)
    ledger: Ledger
    root: UPath
    scratch: Path
    owner: str
    lease: timedelta = LEASE
    clock: Clock = utc_now
    boundary: Callable[[str], None] = go_on
