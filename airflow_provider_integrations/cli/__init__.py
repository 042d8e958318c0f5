"""`integrations`: the same functions with no Airflow; one JSON object out, exit code 0 or not.

Results go to standard output, errors to standard error as `{"error": ..., "message": ...}` with exit code 1. Every command
imports what it needs when it runs, so that the start takes a fraction of a second.
"""

from __future__ import annotations

import typer

from airflow_provider_integrations.cli.contract import contract_app, decode_file
from airflow_provider_integrations.cli.edi import edi_app
from airflow_provider_integrations.cli.edi_owed import owed_now, settle_debt
from airflow_provider_integrations.cli.graph import graph_app
from airflow_provider_integrations.cli.graph_subscriptions import delete_them, list_them, renew_them, subscribe_to
from airflow_provider_integrations.cli.historian import historian_app
from airflow_provider_integrations.cli.historian_estimate import estimate_gaps
from airflow_provider_integrations.cli.historian_gaps import report_gaps
from airflow_provider_integrations.cli.intervals import intervals_app
from airflow_provider_integrations.cli.ledger import ledger_app
from airflow_provider_integrations.cli.odbc import odbc_app
from airflow_provider_integrations.cli.pgp import pgp_app

__all__ = ["app", "main"]

app = typer.Typer(name="integrations", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(pgp_app, name="pgp")
app.add_typer(contract_app, name="contract")
app.add_typer(ledger_app, name="ledger")
app.add_typer(odbc_app, name="odbc")
app.add_typer(edi_app, name="edi")
app.add_typer(graph_app, name="graph")
app.add_typer(intervals_app, name="intervals")
app.add_typer(historian_app, name="historian")
historian_app.command("gaps")(report_gaps)
historian_app.command("estimate")(estimate_gaps)
graph_app.command("subscribe")(subscribe_to)
graph_app.command("renew")(renew_them)
graph_app.command("list")(list_them)
graph_app.command("delete")(delete_them)
edi_app.command("owed")(owed_now)
edi_app.command("settle")(settle_debt)
app.command("decode")(decode_file)


@app.callback()
def _integrations() -> None:
    """Take in, check, land and account for partner data, without Airflow."""


def main() -> None:
    """Entry point of the command."""
    app()
