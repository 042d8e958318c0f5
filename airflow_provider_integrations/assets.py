"""Assets of a source, and what an event about them carries: the manifests, never rows.

Events are hints: Airflow may coalesce or drop them, so that a consumer drains the ledger and reads no queue here.

    >>> loaded_asset("acme_customers").uri
    'x-integrations://silver/acme_customers'
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset

from airflow_provider_integrations.core.manifest import Manifest

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["announce", "landed_asset", "loaded_asset"]

_MOST = 100  # manifests in one event; the rest is counted, and the ledger has them all


def landed_asset(source: str) -> Asset:
    """The bronze batches of a source. A scheme that starts with `x-` is left as it is (AIP-60)."""
    return Asset(name=f"bronze.{source}", uri=f"x-integrations://bronze/{source}", group="integrations")


def loaded_asset(source: str) -> Asset:
    """The source's table in the warehouse."""
    return Asset(name=f"silver.{source}", uri=f"x-integrations://silver/{source}", group="integrations")


def announce(context: Context, asset: Asset, manifests: Sequence[Manifest]) -> None:
    """Put the manifests into the event that Airflow emits when the task succeeds; `asset` must be among its outlets."""
    context["outlet_events"][asset].extra.update(event_extra(manifests))


def event_extra(manifests: Sequence[Manifest]) -> dict[str, Any]:
    """The event's content: totals over all batches, and each manifest up to a limit."""
    return {
        "batches": len(manifests),
        "rows_landed": sum(manifest.rows_landed for manifest in manifests),
        "rows_rejected": sum(manifest.rows_rejected for manifest in manifests),
        "manifests": [asdict(manifest) for manifest in manifests[:_MOST]],
    }
