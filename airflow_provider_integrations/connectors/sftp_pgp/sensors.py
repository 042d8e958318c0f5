"""Waits for a partner's files and gives the work items that are to be done.

found = SftpPgpIntakeSensor(task_id="discover", source="acme_customers", deferrable=True)
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue, conf

from airflow_provider_integrations.connectors.sftp_pgp.operators import intake_job
from airflow_provider_integrations.connectors.sftp_pgp.triggers import SftpPgpIntakeTrigger
from airflow_provider_integrations.dag_context import owner_of
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["SftpPgpIntakeSensor"]


class SftpPgpIntakeSensor(BaseSensorOperator):
    """Enter new files into the ledger and give all pending items in groups: `list[list[item id]]`.

    The result is what the ledger says is pending, not what this look happened to see, so that items which an earlier
    run left behind are drained too. It is empty where only later steps have something to take up, which is no reason to
    wait either. The deferred look decides nothing: it only says when to look again.

    Args:
        source: Name of a file under `include/sources/`.
        wait: Whether to wait for something to do until `timeout`; without it, and for a replay, an empty list is a
            result.
        replay: Takes up kept originals again instead of listing: a mapping, or its JSON, with the business dates
            `from` and `to`, both inclusive.
        drains: Names of other sources in the ledger whose unfinished items the tasks behind this one take up.
        deferrable: Wait in the triggerer and not in a worker.
    """

    template_fields: Sequence[str] = ("source", "wait", "replay")

    def __init__(
        self,
        *,
        source: str,
        wait: bool | str = True,
        replay: dict[str, str] | str | None = None,
        drains: Sequence[str] = (),
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.source = source
        self.wait = wait
        self.replay = replay
        self.drains = drains
        self.deferrable = deferrable

    def execute(self, context: Context) -> Any:
        """Look at once; then poke, or defer until there may be something."""
        if not self.deferrable:
            return super().execute(context)
        return self.resume(context)

    def poke(self, context: Context) -> PokeReturnValue:
        """One look: `is_done` with the groups as its value."""
        groups, is_done = self._look(context)
        return PokeReturnValue(is_done=is_done, xcom_value=groups)

    def resume(self, context: Context, event: dict[str, Any] | None = None) -> list[list[str]]:
        """Look again after the trigger has seen something, and defer again if it is gone or taken."""
        groups, is_done = self._look(context)
        if is_done:
            return groups
        self.defer(
            trigger=SftpPgpIntakeTrigger(
                source=self.source, poll_interval=self.poke_interval, drains=list(self.drains)
            ),
            method_name="resume",
            timeout=timedelta(seconds=self.timeout),
        )

    def _look(self, context: Context) -> tuple[list[list[str]], bool]:
        """What is pending, and whether there is a reason not to wait."""
        from airflow_provider_integrations.connectors.sftp_pgp.discover import group_items, look_once, unfinished

        job = intake_job(self.source, owner_of(context))
        if replay := self._replay():
            items = job.ledger.items.replay(
                job.source.source,
                date.fromisoformat(replay["from"]),
                date.fromisoformat(replay["to"]),
                request=context["ti"].run_id,
                who=owner_of(context),
            )
        else:
            found = asyncio.run(look_once(job))
            items = list(found.pending)
        groups = group_items(items, files=job.source.files_per_task)
        is_done = bool(groups) or not self._waits() or unfinished(job.ledger, job.source.source, self.drains)
        return groups, is_done

    def _replay(self) -> dict[str, str] | None:
        replay: dict[str, str] | None = json.loads(self.replay) if isinstance(self.replay, str) else self.replay
        return replay

    def _waits(self) -> bool:
        """No new file adds to a replay: one of a span that holds nothing is done."""
        return _true(self.wait) and not self._replay()


def _true(value: bool | str) -> bool:
    """A template renders to text."""
    return value if isinstance(value, bool) else value.strip().lower() in ("true", "1", "yes")
