"""`integrations graph delta`: changes of a Microsoft Graph resource to Parquet, without Airflow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from airflow_provider_integrations.cli.graph_service import KEY, BaseUrl, Ca, TokenEnv, reach_of, service_root, token_of
from airflow_provider_integrations.cli.output import reporting, say

__all__ = ["graph_app"]

graph_app = typer.Typer(no_args_is_help=True, help="Follow the changes of Microsoft Graph.")


@graph_app.callback()
def _graph() -> None:
    """Follow the changes of Microsoft Graph."""


@graph_app.command("delta")
def delta(
    base_url: BaseUrl,
    resource: Annotated[str, typer.Option(help="Path below it, e.g. users.")],
    select: Annotated[str, typer.Option(help="Properties, e.g. id,displayName; each becomes a column.")],
    state: Annotated[
        Path,
        typer.Option(
            help="State file. It holds links, which are secrets: it is for its owner alone (mode 0600), and encrypted with the"
            f" Fernet key in {KEY} if that is set. FILE.known beside it has the rows last seen, unencrypted."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the Parquet files, one a round.")],
    token_env: TokenEnv = None,
    ca: Ca = None,
    relations: Annotated[
        str, typer.Option(help="Of the properties, those that are relations of a group; each becomes files of its own.")
    ] = "members,owners",
    key: Annotated[
        str, typer.Option(help="Of a Dataverse table: the column that identifies a row, e.g. accountid.")
    ] = "",
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
        from airflow_provider_integrations.connectors.msgraph.model import Protocol
        from airflow_provider_integrations.connectors.msgraph.once import Order, delta_once
        from airflow_provider_integrations.connectors.msgraph.query import Query
        from airflow_provider_integrations.connectors.msgraph.state_file import StateFile

        root = service_root(base_url)
        names = tuple(name.strip() for name in select.split(","))
        protocol = Protocol.DATAVERSE if key else Protocol.GRAPH
        query = Query(root, resource, select=names, protocol=protocol, key=key or "id")
        related = tuple(name for name in names if name in {each.strip() for each in relations.split(",")})
        token = token_of(token_env)
        order = Order(query, out, resync=resync, share=share, approved=approve, budget=budget, relations=related)
        say(delta_once(order, StateFile(state, os.environ.get(KEY, "")), reach_of(root, ca), token))
