"""The ledger as one value: its parts over one database."""

from __future__ import annotations

from typing import Self

from airflow_provider_integrations.core.clock import Clock, IdSource
from airflow_provider_integrations.ledger.alerts import Alerts
from airflow_provider_integrations.ledger.database import Database
from airflow_provider_integrations.ledger.edi_control import ControlNumbers
from airflow_provider_integrations.ledger.edi_interchanges import Interchanges
from airflow_provider_integrations.ledger.graph import GraphStates
from airflow_provider_integrations.ledger.historian import HistorianStates
from airflow_provider_integrations.ledger.items import Items
from airflow_provider_integrations.ledger.records import Records
from airflow_provider_integrations.ledger.rows import Parts
from airflow_provider_integrations.ledger.watermarks import Watermarks
from airflow_provider_integrations.system import new_id, utc_now

__all__ = ["Ledger"]


class Ledger:
    """The durable memory.

        with Ledger.connect("sqlite:///ledger.db") as ledger:
            ledger.migrate()
            ledger.items.claim_next("acme_customers", "me", states=[State.DISCOVERED], lease=timedelta(minutes=5))

    It may be used by many threads and after a fork, but is not passed between processes: each one connects.
    """

    def __init__(self, parts: Parts) -> None:
        self._database = parts.database
        self.items = Items(parts)
        self.watermarks = Watermarks(parts)
        self.records = Records(parts)
        self.control_numbers = ControlNumbers(parts)
        self.interchanges = Interchanges(parts)
        self.alerts = Alerts(parts)
        self.graph = GraphStates(parts)
        self.historian = HistorianStates(parts)

    @classmethod
    def connect(cls, url: str, *, clock: Clock = utc_now, new_id: IdSource = new_id) -> Self:
        """A ledger at `url`; the first call to it opens a connection.

        Args:
            url: `sqlite:///file.db`, `sqlite://` (memory, gone with the object) or `postgresql+psycopg://...`.
            clock: Gives the present instant. Workers on several machines must have theirs in step to within a part
                of a lease; a clock that is off costs work done twice, never a result recorded twice.
            new_id: Gives ids for new items.

        Raises:
            ConfigError: for a URL that cannot be read, another engine, or a missing driver.
        """
        return cls(Parts(Database(url), clock, new_id))

    def migrate(self) -> str:
        """Bring the schema up to date; safe to run twice and by two at once. Gives the schema's version."""
        from airflow_provider_integrations.ledger.migrate import migrate

        return migrate(self._database)

    def close(self) -> None:
        """Give back every connection."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
