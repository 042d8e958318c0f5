"""`integrations historian backfill`: samples of plant historians to Parquet, without Airflow."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_provider_integrations.cli.output import reporting, say, tell

if TYPE_CHECKING:
    from airflow_provider_integrations.connectors.historian.model import HistoryReader, Tag
    from airflow_provider_integrations.connectors.historian.progress import Progress

__all__ = ["historian_app"]

historian_app = typer.Typer(no_args_is_help=True, help="Read the history of plant historians, every value of it.")

USER = "INTEGRATIONS_HISTORIAN_USER"
PASSWORD = "INTEGRATIONS_HISTORIAN_PASSWORD"  # noqa: S105
TOKEN = "INTEGRATIONS_HISTORIAN_TOKEN"  # noqa: S105
KEY_PASSWORD = "INTEGRATIONS_HISTORIAN_KEY_PASSWORD"  # noqa: S105

_ENVIRONMENT = f"Give them in the environment: {USER} and {PASSWORD}, {TOKEN} or {KEY_PASSWORD}."
_SECRET = {"password", "token", "private_key", "private_key_password", "user_private_key_password"}


@historian_app.command("backfill")
def backfill(
    out: Annotated[Path, typer.Option(help="Folder of the Parquet files, one a tag; they appear when all is read.")],
    begin: Annotated[str, typer.Option("--from", help="First instant, in ISO 8601; in UTC without an offset.")],
    end: Annotated[str, typer.Option("--to", help="Instant that is the first one not to be read.")],
    opcua: Annotated[str | None, typer.Option(help="OPC UA server, e.g. opc.tcp://plant:4840.")] = None,
    node: Annotated[list[str] | None, typer.Option(help="With --opcua: a node, e.g. ns=2;i=3; also several.")] = None,
    pi: Annotated[str | None, typer.Option(help="PI Web API, e.g. https://pi.example.com/piwebapi.")] = None,
    point: Annotated[
        list[str] | None, typer.Option(help="With --pi: a path, e.g. \\\\PISRV\\SINUSOID; also several.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="What rows call it, one for each node or point; its address without one.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="State file; OUT/.backfill.json without one. What is read so far stands beside.")
    ] = None,
    newest_first: Annotated[bool, typer.Option("--newest-first", help="Read the latest windows first.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the windows, and read nothing.")] = False,
    at_once: Annotated[int, typer.Option(min=1, max=32, help="Windows that are read at the same time.")] = 4,
    progress: Annotated[
        bool, typer.Option("--progress", help="Print to standard error how far it is, with rate and ETA.")
    ] = False,
    options: Annotated[
        list[str] | None,
        typer.Option("--set", help="A field of the connection as NAME=VALUE, e.g. ca=/etc/pi.pem; also several."),
    ] = None,
) -> None:
    """Read what is not read yet; it ends with 0 only when the whole window was read. Again changes nothing.

    Credentials are of the environment: INTEGRATIONS_HISTORIAN_USER and INTEGRATIONS_HISTORIAN_PASSWORD, or for PI
    INTEGRATIONS_HISTORIAN_TOKEN; INTEGRATIONS_HISTORIAN_KEY_PASSWORD opens the private key of an OPC UA client.
    """
    with reporting():
        from airflow_provider_integrations.connectors.historian.backfill import Limits, Order
        from airflow_provider_integrations.connectors.historian.model import Span, from_iso
        from airflow_provider_integrations.connectors.historian.once import Request, backfill_once, plan_once

        url = _one_server(opcua, pi)
        tags = _tags("node", node, tag, other=point) if opcua else _tags("point", point, tag, other=node)
        order = Order(tags, Span(from_iso(begin), from_iso(end)), newest_first=newest_first)
        source, connect = _server(url, options or [], opcua is not None)
        request = Request(order, source, out, state or out / ".backfill.json", Limits(at_once=at_once))
        say(
            plan_once(request)
            if dry_run
            else backfill_once(request, connect, progress=_tell if progress else _say_nothing)
        )


def _one_server(opcua: str | None, pi: str | None) -> str:
    """The address, which must be one and without credentials: the state and the process list show it."""
    from airflow_provider_integrations.core.errors import ConfigError

    if (opcua is None) == (pi is None):
        raise ConfigError("which server is not said, or two are named", next_step="Give either --opcua or --pi.")
    url = opcua or pi or ""
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ConfigError("credentials in an address, where others see them", next_step=_ENVIRONMENT)
    return url


def _tags(
    kind: str, addresses: list[str] | None, names: list[str] | None, *, other: list[str] | None
) -> tuple[Tag, ...]:
    from airflow_provider_integrations.connectors.historian.model import Tag
    from airflow_provider_integrations.core.errors import ConfigError

    if other or not addresses:
        raise ConfigError("no tags that the server has", next_step=f"Give --{kind} for each tag, and no other kind.")
    if names and len(names) != len(addresses):
        raise ConfigError(
            "names for some tags",
            names=len(names),
            addresses=len(addresses),
            next_step="Give --tag for each, in order.",
        )
    return tuple(Tag(name, address) for name, address in zip(names or addresses, addresses, strict=True))


def _server(
    url: str, options: list[str], opcua: bool
) -> tuple[str, Callable[[], AbstractAsyncContextManager[HistoryReader]]]:
    """The server's address as its state has it, and what opens a reader."""
    extras = _extras(options)
    user, password = os.environ.get(USER), os.environ.get(PASSWORD)
    if opcua:
        from airflow_provider_integrations.connectors.historian.opcua_client import open_opcua
        from airflow_provider_integrations.connectors.historian.opcua_settings import OpcUaSettings

        # What asyncua logs about a server would stand between the JSON of errors.
        logging.getLogger("asyncua").addHandler(logging.NullHandler())
        extras |= {"private_key_password": os.environ.get(KEY_PASSWORD, "")}
        plant = OpcUaSettings.from_connection(url, None, user, password, extras)
        return plant.url, lambda: open_opcua(plant)
    from airflow_provider_integrations.connectors.historian.pi_client import open_pi
    from airflow_provider_integrations.connectors.historian.pi_settings import PiSettings

    service = PiSettings.from_connection(url, None, user, password, extras | {"token": os.environ.get(TOKEN, "")})
    return service.root, lambda: open_pi(service)


def _extras(options: list[str]) -> dict[str, str]:
    from airflow_provider_integrations.core.errors import ConfigError

    pairs = [option.partition("=") for option in options]
    if not all(mark for _, mark, _ in pairs):
        raise ConfigError("an option that sets nothing", next_step="Write it as --set NAME=VALUE.")
    extras = {name.strip().lower().replace("-", "_"): value for name, _, value in pairs}
    if secret := sorted(_SECRET & extras.keys()):
        raise ConfigError("secrets among the options, where others see them", names=secret, next_step=_ENVIRONMENT)
    return extras


def _tell(progress: Progress) -> None:
    tell(progress.as_json())


def _say_nothing(_: Any) -> None:
    pass
