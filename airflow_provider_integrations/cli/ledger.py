"""`integrations ledger list|show|release|replay|watermark|migrate`."""

from __future__ import annotations

import getpass
import os
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_provider_integrations.cli.output import reporting, say
from airflow_provider_integrations.core.work_item import State

if TYPE_CHECKING:
    from airflow_provider_integrations.core.watermark import Watermark
    from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["Url", "Why", "ledger_app", "who_runs"]

ledger_app = typer.Typer(no_args_is_help=True, help="Look at the ledger and steer it.")

Url = Annotated[
    str,
    typer.Option("--ledger", envvar="INTEGRATIONS_LEDGER", help="SQLAlchemy URL, e.g. sqlite:///path/to/ledger.db"),
]
Item = Annotated[str, typer.Argument(help="Id of a work item.")]
Why = Annotated[str, typer.Option(help="The reason, for the audit trail.")]


def _ledger(url: str) -> Ledger:
    from airflow_provider_integrations.ledger.ledger import Ledger

    return Ledger.connect(url)


def who_runs() -> str:
    """Whose name goes into the audit trail; a container may run under a number that has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


@ledger_app.command("migrate")
def migrate(ledger: Url) -> None:
    """Create the ledger's tables, or bring them up to this version."""
    with reporting():
        say({"revision": _ledger(ledger).migrate()})


@ledger_app.command("list")
def list_items(
    ledger: Url,
    source: Annotated[str | None, typer.Option(help="Only items of this source.")] = None,
    state: Annotated[list[State] | None, typer.Option(help="Only items in this state; may be given again.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000)] = 100,
) -> None:
    """List work items, the newest first."""
    with reporting():
        items = _ledger(ledger).items.list(source=source, states=state or None, limit=limit)
        say({"items": [asdict(item) for item in items]})


@ledger_app.command("show")
def show_item(item: Item, ledger: Url) -> None:
    """Show one item with its history and what the gate said."""
    with reporting():
        book = _ledger(ledger)
        history = [asdict(event) for event in book.items.history(item)]
        gates = [asdict(result) for result in book.records.gates(item)]
        say({"item": asdict(book.items.get(item)), "history": history, "gate": gates})


@ledger_app.command("release")
def release_item(item: Item, ledger: Url, why: Why) -> None:
    """Take an item out of quarantine; all checks run on it again."""
    with reporting():
        say({"item": asdict(_ledger(ledger).items.release(item, who=who_runs(), why=why))})


@ledger_app.command("replay")
def replay_items(
    source: Annotated[str, typer.Argument(help="Name of the source.")],
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First business date.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last business date, inclusive.")],
    ledger: Url,
    request: Annotated[str | None, typer.Option(help="Name of this request: the same name replays once.")] = None,
) -> None:
    """Enter kept originals again; the next run of the source's DAG decodes them."""
    with reporting():
        from airflow_provider_integrations.system import new_id

        items = _ledger(ledger).items.replay(
            source, first.date(), last.date(), request=request or new_id(), who=who_runs()
        )
        say({"items": [asdict(item) for item in items]})


@ledger_app.command("watermark")
def watermark(
    source: Annotated[str, typer.Argument(help="Name of the source.")],
    ledger: Url,
    rewind_to: Annotated[
        str | None,
        typer.Option(
            help="Set the position: of a file source SEQUENCE,DATE, e.g. 23,2025-11-06; of a historian an instant, e.g."
            " 2025-11-06T00:00:00Z; of a table `beginning`, or the JSON that this command shows as the second value of its"
            " cursor. Needs --why."
        ),
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="With --rewind-to, of a table: the engine that it is of from now on.")
    ] = None,
    why: Annotated[str, typer.Option(help="The reason, for the audit trail.")] = "",
) -> None:
    """Show how far a source has come, and when its next delivery is due; or set it back, with a reason."""
    with reporting():
        book = _ledger(ledger)
        if rewind_to is not None:
            before = [event.new for event in book.watermarks.history(source)]
            book.watermarks.rewind(source, _position(rewind_to, before, engine), why=why, who=who_runs())
        current = book.watermarks.get(source)
        due = book.records.expected_delivery(source)
        say(
            {
                "source": source,
                "watermark": asdict(current) if current else None,
                "expected_delivery": asdict(due) if due else None,
            }
        )


def _position(text: str, before: list[Watermark], engine: str | None) -> Watermark:
    from airflow_provider_integrations.core.errors import ConfigError
    from airflow_provider_integrations.core.watermark import Watermark

    if before and before[-1].engine == "historian":
        from airflow_provider_integrations.connectors.historian.model import from_iso

        return Watermark((from_iso(text),), engine="historian")
    if before and (text.lstrip().startswith("{") or text == "beginning"):
        from airflow_provider_integrations.connectors.odbc.position import by_hand

        return by_hand(text, before, engine)
    sequence, _, day = text.partition(",")
    try:
        return Watermark((int(sequence), date.fromisoformat(day).isoformat()))
    except ValueError:
        raise ConfigError(
            "not a position",
            given=text,
            next_step="Give SEQUENCE,DATE as in 23,2025-11-06, 0 where nothing is numbered; of a table its position as JSON.",
        ) from None
