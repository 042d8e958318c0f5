"""`integrations edi owed`: which acknowledgements partners owe us, and which we owe them, by the ledger."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from airflow_provider_integrations.cli.ledger import Url
from airflow_provider_integrations.cli.output import reporting, say

__all__ = ["owed_now"]


def owed_now(
    ledger: Url,
    as_of: Annotated[
        str | None, typer.Option(help="The instant to look at, e.g. 2026-01-02T03:04:05Z; now without it.")
    ] = None,
    partner: Annotated[str | None, typer.Option(help="One partner, as qualifier:name, e.g. ZZ:ACME.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="Entries of each list, the first due first.")] = 1000,
) -> None:
    """Show who owes whom an acknowledgement, what is overdue, and what partners said of things that we never sent."""
    with reporting():
        from airflow_provider_integrations.connectors.edi.owed import owed
        from airflow_provider_integrations.ledger.ledger import Ledger
        from airflow_provider_integrations.system import utc_now

        at = utc_now() if as_of is None else _instant(as_of)
        with Ledger.connect(ledger) as book:
            account = book.interchanges
            to_us = account.owed_to_us(partner=partner, limit=limit)
            by_us = account.owed_by_us(partner=partner, limit=limit)
            unmatched = account.unmatched(partner=partner, limit=limit)
        say({**owed(to_us, by_us, at), "unmatched": [asdict(said) for said in unmatched]})


def _instant(text: str) -> datetime:
    from airflow_provider_integrations.core.errors import ConfigError

    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ConfigError("not an instant", as_of=text, next_step="Write it with its zone: 2026-01-02T03:04:05Z.")
    return at
