"""Tags of a plant historian, `include/sources/*.yaml` with `kind: historian`: which, from when, and how much at once."""

from __future__ import annotations

import zoneinfo
from datetime import timedelta
from typing import Literal

from pydantic import AwareDatetime, Field, field_validator, model_validator

from airflow_provider_integrations.core.declared import Declared
from airflow_provider_integrations.core.source import GatePolicy, LoadPolicy

__all__ = ["GapsPolicy", "HistorianSource", "PublishPolicy"]


class GapsPolicy(Declared):
    """Which gaps are looked for, and how often the historian is asked for what it does not have.

    Args:
        schedule: Cron text of `historian_gaps__<source>`; without one it runs when it is triggered.
        look_back: How far back from now gaps are looked for.
        attempts: After so many a gap is left to people; it stays in the ledger.
        wait: Between the first attempt and the second; each later one waits twice as long.
    """

    schedule: str | None = None
    look_back: timedelta = Field(default=timedelta(days=14), gt=timedelta())
    attempts: int = Field(default=5, ge=1, le=100)
    wait: timedelta = Field(default=timedelta(hours=6), ge=timedelta(minutes=1))


class PublishPolicy(Declared):
    """To which topic of Kafka loaded samples are published, by which connection of Airflow; the key is the tag."""

    connection: str
    topic: str = Field(pattern=r"^[A-Za-z0-9._-]+$", max_length=249)


class HistorianSource(Declared):
    """Some tags of one historian.

    Args:
        connection: Of the type `pi_web_api` or `opcua_ha`, which says the protocol.
        catalog: Name of a file under `include/tags/`, which says where the server has each tag and how often it is due.
        tags: Names of the catalog, or patterns with `*` and `?`.
        begin: Where the first run on a schedule begins.
        gone_share: Of the samples known in windows that are read again, the share that may be gone without a person's word.
        reread: How far behind the last run the next one begins again, for values that came late or were corrected.
        window: The longest span of one work item.
        tags_per_item: Tags of one work item, which are read beside each other.
        window_samples: How many samples one request for one tag should give; spans adapt to it.
        at_once: Windows that one task reads at once.
        order: `oldest` or `newest` first.
        pool: Airflow pool that bounds how many tasks read this historian at once.
        schedule: Cron text in `zone`. Each run reads to the end of its data interval.
    """

    source: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=80)
    kind: Literal["historian"]
    description: str = ""
    owner: str = "data-engineering"
    connection: str
    contract: str
    catalog: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=120)
    tags: tuple[str, ...] = Field(default=("*",), min_length=1)
    begin: AwareDatetime
    reread: timedelta = Field(default=timedelta(days=2), ge=timedelta())
    gone_share: float = Field(default=0.2, ge=0, le=1)
    window: timedelta = Field(default=timedelta(days=1), ge=timedelta(minutes=1))
    tags_per_item: int = Field(default=50, ge=1, le=10_000)
    window_samples: int = Field(default=100_000, ge=100, le=10_000_000)
    at_once: int = Field(default=4, ge=1, le=64)
    order: Literal["oldest", "newest"] = "oldest"
    pool: str = "default_pool"
    zone: str = "UTC"
    schedule: str | None = None
    gaps: GapsPolicy = GapsPolicy()
    gate: GatePolicy = GatePolicy()
    load: LoadPolicy
    publish: PublishPolicy | None = None

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("is no time zone of the IANA database") from None
        return value

    @model_validator(mode="after")
    def _keeps_history(self) -> HistorianSource:
        if self.load.scd != 2:
            raise ValueError(
                "samples of a historian are corrected later: `load.scd` must be 2, which keeps what was known"
            )
        return self
