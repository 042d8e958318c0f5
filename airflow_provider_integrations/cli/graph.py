"""`integrations graph delta`: changes of a Microsoft Graph resource to Parquet, without Airflow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from airflow_provider_integrations.cli.output import reporting, say

__all__ = ["graph_app"]

graph_app = typer.Typer(no_args_is_help=True, help="Follow the changes of Microsoft Graph.")

_KEY = "INTEGRATIONS_GRAPH_STATE_KEY"


@graph_app.callback()
def _graph() -> None:
    """Follow the changes of Microsoft Graph."""


@graph_app.command("delta")
def delta(
    base_url: Annotated[str, typer.Option(help="Service root, e.g. https://graph.microsoft.com/v1.0.")],
    resource: Annotated[str, typer.Option(help="Path below it, e.g. users.")],
    select: Annotated[str, typer.Option(help="Properties, e.g. id,displayName; each becomes a column.")],
    state: Annotated[
        Path,
        typer.Option(
            help="State file. It holds links, which are secrets: it is for its owner alone (mode 0600), and encrypted with the"
            f" Fernet key in {_KEY} if that is set. FILE.known beside it has the rows last seen, unencrypted."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the Parquet files, one a round.")],
    token_env: Annotated[
        str | None,
        typer.Option(help="Name of the environment variable with the access token; none is sent without it."),
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(help="PEM file of the authorities to trust; the system's without it.")
    ] = None,
    relations: Annotated[
        str, typer.Option(help="Of the properties, those that are relations of a group; each becomes files of its own.")
    ] = "members,owners",
    resync: Annotated[
        bool, typer.Option("--resync", help="Enumerate everything again, e.g. with other properties.")
    ] = False,
    share: Annotated[float, typer.Option(min=0, max=1, help="Of the known objects, what a resync may delete.")] = 0.2,
    approve: Annotated[str, typer.Option(help="Digest of a larger deletion that was shown and is right.")] = "",
    budget: Annotated[float, typer.Option(min=1, help="Seconds that it may spend waiting for the server.")] = 600.0,
) -> None:
    """Bring what changed since the last round, or finish the round that was begun; everything the first time.

    The link of the next round is kept when the file is complete. Plain HTTP is for this machine alone.
    """
    with reporting():
        from airflow_provider_integrations.connectors.msgraph.client import Reach
        from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
        from airflow_provider_integrations.connectors.msgraph.once import Order, delta_once
        from airflow_provider_integrations.connectors.msgraph.query import Query
        from airflow_provider_integrations.connectors.msgraph.state_file import StateFile

        # Whoever types a host has named it; links are followed to no other.
        root = endpoint(base_url, named=(_host(base_url),))
        names = tuple(name.strip() for name in select.split(","))
        query = Query(root, resource, select=names)
        related = tuple(name for name in names if name in {each.strip() for each in relations.split(",")})
        token = _token(token_env)
        reach = Reach(ca=ca, plain=root.url.lower().startswith("http:"))
        order = Order(query, out, resync=resync, share=share, approved=approve, budget=budget, relations=related)
        say(delta_once(order, StateFile(state, os.environ.get(_KEY, "")), reach, lambda fresh: token))


def _host(url: str) -> str:
    from urllib.parse import urlsplit

    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # `endpoint` says what is wrong with it.
        return ""


def _token(name: str | None) -> str:
    from airflow_provider_integrations.core.errors import ConfigError

    if name is None:
        return ""
    if not (token := os.environ.get(name, "").strip()):
        raise ConfigError("no access token in the environment", variable=name, next_step="Set it, or name another one.")
    return token
