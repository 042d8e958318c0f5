"""`integrations graph subscribe|renew|list|delete`: subscriptions to change notifications, without Airflow."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_provider_integrations.cli.graph_service import KEY, BaseUrl, Ca, TokenEnv, reach_of, service_root, token_of
from airflow_provider_integrations.cli.output import reporting, say

if TYPE_CHECKING:
    from airflow_provider_integrations.connectors.msgraph.subscriber import Subscriber
    from airflow_provider_integrations.connectors.msgraph.subscriptions import Subscription

__all__ = ["delete_them", "list_them", "renew_them", "subscribe_to"]


def subscribe_to(
    base_url: BaseUrl,
    resource: Annotated[str, typer.Option(help="Path below the service root, e.g. users.")],
    notification_url: Annotated[str, typer.Option(help="Where the receiver listens; https.")],
    source: Annotated[str, typer.Option(help=f"Name that the clientState is derived from, with the key in {KEY}.")],
    lifecycle_url: Annotated[
        str, typer.Option(help="Where it is told that a subscription is in danger; the same place without it.")
    ] = "",
    change_types: Annotated[
        str, typer.Option(help="Of created, updated, deleted; what the resource supports without it.")
    ] = "",
    anew: Annotated[
        bool,
        typer.Option("--anew", help="Make a new one in place of the one there is, e.g. as key or receiver changed."),
    ] = False,
    token_env: TokenEnv = None,
    ca: Ca = None,
) -> None:
    """Have one subscription of this kind: a new one, or the one there is, renewed if it is due."""
    with reporting():
        from airflow_provider_integrations.connectors.msgraph.notifications import client_state
        from airflow_provider_integrations.connectors.msgraph.sealing import Sealing
        from airflow_provider_integrations.connectors.msgraph.subscriptions import Wanted
        from airflow_provider_integrations.core.errors import ConfigError

        keys = os.environ.get(KEY, "").split(",")
        if not keys[0].strip() or not source:
            raise ConfigError(
                "no key, or no name, to derive the clientState from", next_step=f"Set {KEY} and name the source."
            )
        Sealing(keys)  # Refuses what is no key of Fernet: a secret of it could be guessed.
        state = client_state(keys[0].strip(), source)
        wanted = Wanted(resource, notification_url, state, lifecycle_url, change_types)
        made = _subscriber(base_url, token_env, ca).subscribe(wanted, anew=anew)
        say({"done": made.done, **_shown(made.subscription)})


def renew_them(
    base_url: BaseUrl,
    share: Annotated[
        float, typer.Option(min=0, max=1, help="Renew where less than this share of the longest life is left; 1: all.")
    ] = 0.5,
    token_env: TokenEnv = None,
    ca: Ca = None,
) -> None:
    """Renew the subscriptions that are due."""
    with reporting():
        renewal = _subscriber(base_url, token_env, ca).renew(share=share)
        say({"renewed": [_shown(each) for each in renewal.renewed], "gone": list(renewal.gone)})


def list_them(base_url: BaseUrl, token_env: TokenEnv = None, ca: Ca = None) -> None:
    """Show the subscriptions of the app."""
    with reporting():
        say({"subscriptions": [_shown(each) for each in _subscriber(base_url, token_env, ca).held()]})


def delete_them(
    base_url: BaseUrl,
    ids: Annotated[list[str], typer.Option("--id", help="Of a subscription, as list shows it; may be repeated.")],
    token_env: TokenEnv = None,
    ca: Ca = None,
) -> None:
    """Delete subscriptions; one that is gone already is as good as deleted."""
    with reporting():
        say({"deleted": _subscriber(base_url, token_env, ca).delete(ids)})


def _subscriber(base_url: str, token_env: str | None, ca: Path | None) -> Subscriber:
    from airflow_provider_integrations.connectors.msgraph.subscriber import Subscriber
    from airflow_provider_integrations.connectors.msgraph.throttle import AppScope

    root = service_root(base_url)
    token: Callable[[bool], str] = token_of(token_env)
    return Subscriber(root, reach_of(root, ca), token, AppScope("command", root.url, ""))


def _shown(subscription: Subscription) -> dict[str, Any]:
    """The receiver's URL may hold a code: its place alone is shown."""
    return {
        "id": subscription.id,
        "resource": subscription.resource,
        "change_types": subscription.types,
        "receiver": subscription.notification_url.partition("?")[0],
        "until": subscription.until,
    }
