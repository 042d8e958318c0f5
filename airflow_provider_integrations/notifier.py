"""Tells people: a callback for any DAG or task, and the function beneath it that operators use.

    DAG(..., on_failure_callback=AlertNotifier("{{ dag.dag_id }} failed"), on_success_callback=AlertNotifier(action="resolve"))

The receiver is the connection `integrations_alerts` (type http; the integration key of PagerDuty's Events API v2 in its
password). Without it nobody is told, and that is said in a warning.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.bases.notifier import BaseNotifier
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import amask_secret, mask_secret

from airflow_provider_integrations.core.alert import Alert, AlertAction, Notify, Severity
from airflow_provider_integrations.system import utc_now

if TYPE_CHECKING:
    from airflow.sdk import Connection, Context

    from airflow_provider_integrations.pagerduty import Endpoint

__all__ = ["ALERTS", "AlertNotifier", "alerts_by"]

log = logging.getLogger(__name__)

ALERTS = "integrations_alerts"
"""Id of the connection."""


def alerts_by(conn_id: str = ALERTS) -> Notify:
    """A function that sends alerts to a connection; it gives False, and warns once, where there is no such connection.

    The connection is read when the first alert is sent, and then no more.
    """
    read: list[Endpoint | None] = []

    def notify(action: AlertAction, alert: Alert) -> bool:
        if not read:
            read.append(_endpoint(conn_id))
        return _send(read[0], action, alert)

    return notify


class AlertNotifier(BaseNotifier):
    """Sends an alert, or the end of one.

    Args:
        summary: One sentence.
        action: `trigger` or `resolve`.
        dedup_key: What names the alert; that of a run is the DAG's name and the run's.
        severity: `critical`, `error`, `warning` or `info`.
        source: Whose trouble it is.
        details: Names and values for whoever looks into it; no secret, no payload.
        conn_id: Where it goes.

    A callback without a run, as that of a deadline, has nothing to fill the templates with: give it texts.
    """

    template_fields: Sequence[str] = ("summary", "dedup_key", "source", "details")

    def __init__(
        self,
        summary: str = "{{ dag.dag_id }} failed in {{ run_id }}",
        *,
        action: str = "trigger",
        dedup_key: str = "{{ dag.dag_id }}/{{ run_id }}",
        severity: str = "error",
        source: str = "{{ dag.dag_id }}",
        details: dict[str, Any] | None = None,
        conn_id: str = ALERTS,
    ) -> None:
        super().__init__()
        self.summary = summary
        self.action = action
        self.dedup_key = dedup_key
        self.severity = severity
        self.source = source
        self.details = details
        self.conn_id = conn_id

    def __call__(self, *args: Any) -> None:
        """Render and send. On a copy: rendering replaces the templates, and one process may serve several runs."""
        BaseNotifier.__call__(copy(self), *args)

    def notify(self, context: Context) -> None:
        """Send it."""
        _send(_endpoint(self.conn_id), AlertAction(self.action), self._alert())

    async def async_notify(self, context: Context) -> None:
        """As `notify`, where an event loop runs."""
        endpoint = await _aendpoint(self.conn_id)
        await asyncio.to_thread(_send, endpoint, AlertAction(self.action), self._alert())

    def _alert(self) -> Alert:
        return Alert(
            key=self.dedup_key,
            summary=self.summary,
            source=self.source,
            at=utc_now(),
            severity=Severity(self.severity),
            kind="airflow",
            details=self.details or {},
        )


def _endpoint(conn_id: str) -> Endpoint | None:
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return None
    if connection.password:
        mask_secret(connection.password)
    return _of_connection(conn_id, connection)


async def _aendpoint(conn_id: str) -> Endpoint | None:
    try:
        connection = await BaseHook.aget_connection(conn_id)
    except AirflowNotFoundException:
        return None
    if connection.password:
        await amask_secret(connection.password)
    return _of_connection(conn_id, connection)


def _of_connection(conn_id: str, connection: Connection) -> Endpoint:
    from airflow_provider_integrations.pagerduty import endpoint_of

    return endpoint_of(
        f"connection {conn_id}",
        host=connection.host,
        schema=connection.schema,
        port=connection.port,
        routing_key=connection.password,
    )


def _send(endpoint: Endpoint | None, action: AlertAction, alert: Alert) -> bool:
    if endpoint is None:
        log.warning("nobody is told, since there is no connection for alerts: %s: %s", action.value, alert.summary)
        return False
    from airflow_provider_integrations.pagerduty import send

    send(endpoint, action, alert)
    return True
