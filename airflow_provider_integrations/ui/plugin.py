"""The plugin that serves `/integrations/` in Airflow's API server, read only and behind Airflow's own login.

A user sees it who may read the runs of all DAGs: work items name files of every partner, so that leave for one DAG is
not enough.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["IntegrationsPlugin", "airflow_app"]


@cache
def airflow_app() -> FastAPI:
    """The app with Airflow's users, the deployment's ledger and its landing root."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi import Depends, HTTPException

    from airflow_provider_integrations.dag_context import landing_root
    from airflow_provider_integrations.ledger.hook import LedgerHook
    from airflow_provider_integrations.ui.app import make_app

    def may_read(user: Any = Depends(get_user)) -> None:  # noqa: B008 how FastAPI declares what it needs
        if not get_auth_manager().is_authorized_dag(method="GET", access_entity=DagAccessEntity.RUN, user=user):
            raise HTTPException(403, "Reading work items needs leave to read the runs of all DAGs.")

    return make_app(
        may_read=may_read,
        items=lambda: LedgerHook().ledger().items,
        docs=lambda: landing_root() / "docs",
        historian=lambda: LedgerHook().ledger().historian,
    )


class _LazyApp:
    """Builds the app at its first request, since Airflow loads plugins in workers and schedulers too."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await airflow_app()(scope, receive, send)


class IntegrationsPlugin(AirflowPlugin):
    """Registers the app."""

    name = "integrations"
    fastapi_apps = [{"app": _LazyApp(), "url_prefix": "/integrations", "name": "Integrations"}]  # noqa: RUF012
