"""`integrations edi owed|settle`: which acknowledgements are owed, what was refused, and the end a person makes to it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_provider_integrations.cli.instants import instant
from airflow_provider_integrations.cli.ledger import Url, Why, who_runs
from airflow_provider_integrations.cli.output import reporting, say

if TYPE_CHECKING:
    from airflow_provider_integrations.core.interchange import Received, Sent

__all__ = ["owed_now", "settle_debt"]


def owed_now(
    ledger: Url,
    as_of: Annotated[
        str | None, typer.Option(help="The instant to look at, e.g. 2026-01-02T03:04:05Z; now without it.")
    ] = None,
    partner: Annotated[str | None, typer.Option(help="One partner, as qualifier:name, e.g. ZZ:ACME.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="Entries of each list, the first due first.")] = 1000,
) -> None:
    """Show who owes whom an acknowledgement, what was refused, and what partners said of things that we never sent."""
    with reporting():
        from airflow_provider_integrations.connectors.edi.owed import owed, refused
        from airflow_provider_integrations.ledger.ledger import Ledger
        from airflow_provider_integrations.system import utc_now

        at = utc_now() if as_of is None else instant(as_of, "as_of")
        with Ledger.connect(ledger) as book:
            account = book.interchanges
            to_us = account.owed_to_us(partner=partner, limit=limit)
            by_us = account.owed_by_us(partner=partner, limit=limit)
            rejected = refused(account.refusals(partner=partner, limit=limit))
            unmatched = account.unmatched(partner=partner, limit=limit)
        said = [asdict(one) for one in unmatched]
        say({**owed(to_us, by_us, at), "rejected": rejected, "unmatched": said})


def settle_debt(
    number: Annotated[str, typer.Argument(help="As `edi owed` and alerts show it: sent:17 or received:7.")],
    ledger: Url,
    why: Why,
    who: Annotated[str | None, typer.Option(help="Who says so; your login without it.")] = None,
) -> None:
    """Close what will never be acknowledged, what was refused and is dealt with, or what we shall never answer.

    An interchange of ours is closed with its groups. Its alerts are resolved at the next telling.
    """
    with reporting():
        from airflow_provider_integrations.ledger.ledger import Ledger

        of, at = _named(number)
        named = {"who": who if who is not None else who_runs(), "why": why}
        with Ledger.connect(ledger) as book:
            settled: list[Sent] | list[Received]
            if of == "sent":
                settled = book.interchanges.settle_sent(at, **named)
            else:
                settled = [book.interchanges.settle_received(at, **named)]
        say({"settled": [asdict(one) for one in settled]})


def _named(number: str) -> tuple[str, int]:
    from airflow_provider_integrations.core.errors import ConfigError

    of, _, digits = number.partition(":")
    if of not in ("sent", "received") or not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise ConfigError(
            "not the number of an interchange or group",
            number=number,
            next_step="Give it as `integrations edi owed` shows it: sent:17 for what we sent, received:7 for what came.",
        )
    return of, int(digits)
