"""What goes into the gate and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from airflow_provider_integrations.core.manifest import DataFile, Manifest
from airflow_provider_integrations.core.verdict import GateResult

__all__ = ["GateOutcome", "LandedBatch"]


@dataclass(frozen=True, slots=True)
class LandedBatch:
    """A landed batch and the local folder that holds its files."""

    manifest: Manifest
    folder: Path


@dataclass(frozen=True, slots=True)
class GateOutcome:
    """What the gate found.

    Args:
        result: The verdict with its counts; holds no values.
        publish: Files for the load, named within the batch's folder; none if the verdict does not pass.
        quarantined: Parquet with the rows that were left out, for their owner only.
    """

    result: GateResult
    publish: tuple[DataFile, ...] = ()
    quarantined: Path | None = None
