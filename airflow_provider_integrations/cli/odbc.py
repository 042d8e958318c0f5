"""`integrations odbc extract|explain`: tables over ODBC to Parquet, without Airflow."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_provider_integrations.cli.output import reporting, say

if TYPE_CHECKING:
    from airflow_provider_integrations.core.contract import Contract

__all__ = ["odbc_app"]

odbc_app = typer.Typer(no_args_is_help=True, help="Read tables over ODBC by keyset.")

ConnectionString = Annotated[
    str,
    typer.Option(
        envvar="INTEGRATIONS_ODBC_CONNECTION_STRING",
        help="As the driver takes it; the environment variable keeps a password out of the process list.",
    ),
]
Order = Annotated[str, typer.Option("--key", help="Cursor columns, then the primary key, e.g. updated_at,id.")]
Table = Annotated[str, typer.Option(help="Table, e.g. erp.orders.")]


@odbc_app.command("extract")
def extract(
    connection_string: ConnectionString,
    table: Table,
    key: Order,
    out: Annotated[Path, typer.Option(help="Folder of the Parquet files.")],
    state: Annotated[Path | None, typer.Option(help="State file; OUT/_state.json without one.")] = None,
    page_rows: Annotated[int, typer.Option(min=1, max=5_000_000, help="Rows of a page, one file each.")] = 250_000,
    shards: Annotated[int, typer.Option(min=1, max=64, help="Ranges read at once in a run of all rows.")] = 1,
    first: Annotated[str | None, typer.Option("--from", help="Backfill from this value of the first column.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Backfill up to this value, without it.")] = None,
    guarantee: Annotated[
        str, typer.Option(help="strongest, safe_upper_bound, lag, strict or best_effort.")
    ] = "strongest",
    lag: Annotated[
        str | None, typer.Option(help="Window to read again: seconds with an s, e.g. 600s, or units of the cursor.")
    ] = None,
    nulls: Annotated[str, typer.Option(help="include_every_run, exclude_and_count or error.")] = "include_every_run",
    row_filter: Annotated[str | None, typer.Option("--filter", help="SQL condition on rows.")] = None,
    contract: Annotated[Path | None, typer.Option(help="Contract; the table's own types without one.")] = None,
) -> None:
    """Read what is new since the last run, or finish the run that was begun. The state moves when the files are complete."""
    with reporting():
        from airflow_provider_integrations.connectors.odbc.cancelling import interruptible
        from airflow_provider_integrations.connectors.odbc.model import NullPolicy
        from airflow_provider_integrations.connectors.odbc.once import Request, extract_once
        from airflow_provider_integrations.connectors.odbc.plan import Policy
        from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings

        policy = Policy(
            guarantee=_one_of(guarantee, "strongest", "safe_upper_bound", "lag", "strict", "best_effort"),
            lag=_lag(lag),
            shards=shards,
            span=(first, end) if first is not None or end is not None else None,
        )
        request = Request(
            table=table,
            order=_order(key),
            out=out,
            state=state or out / "_state.json",
            policy=policy,
            nulls=NullPolicy(_one_of(nulls, *NullPolicy)),
            contract=_contract(contract) if contract is not None else None,
            page_rows=page_rows,
            filter=row_filter,
        )
        settings = OdbcSettings.from_string(connection_string)
        say(interruptible(lambda sessions: extract_once(settings, request, opened=sessions.add), name="extraction"))


@odbc_app.command("explain")
def explain(
    table: Table,
    key: Order,
    connection_string: Annotated[
        str | None, typer.Option(envvar="INTEGRATIONS_ODBC_CONNECTION_STRING", help="To show the plan too.")
    ] = None,
) -> None:
    """Show the SQL of a page on each engine; with a connection, that engine's and its plan."""
    with reporting():
        from airflow_provider_integrations.connectors.odbc.explaining import explain_source, explain_text

        order = _order(key)
        say(explain_source(connection_string, table, order) if connection_string else explain_text(table, order))


def _contract(path: Path) -> Contract:
    from airflow_provider_integrations.include import read_contract  # Here: YAML and all kinds of sources come with it.

    return read_contract(path)


def _order(key: str) -> tuple[str, ...]:
    from airflow_provider_integrations.core.errors import ConfigError

    names = tuple(name.strip() for name in key.split(","))
    if not all(names) or len(set(names)) != len(names):
        raise ConfigError("the key is no list of columns", key=key, next_step="Write it as updated_at,id.")
    return names


def _lag(text: str | None) -> timedelta | int | None:
    from airflow_provider_integrations.core.errors import ConfigError

    if text is None:
        return None
    try:
        if text.endswith("s") and float(text[:-1]) > 0:
            return timedelta(seconds=float(text[:-1]))
        if int(text) > 0:
            return int(text)
    except (ValueError, OverflowError):
        pass
    raise ConfigError(
        "not a lag", lag=text, next_step="Write seconds as 600s, or a whole number of units of the cursor."
    )


def _one_of(value: str, *known: str) -> str:
    from airflow_provider_integrations.core.errors import ConfigError

    if value not in known:
        raise ConfigError("no such choice", value=value, next_step=f"There are: {', '.join(known)}.")
    return value
