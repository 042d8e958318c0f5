"""`integrations edi parse|check|ack|rows|write`: X12 and EDIFACT, without Airflow. `-` is standard input.

The exit code is 0 for what is accepted, 1 for what is rejected wholly or partly, and 2 for what is no EDI.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from airflow_provider_integrations.cli.instants import instant
from airflow_provider_integrations.cli.output import reporting, say, tell

if TYPE_CHECKING:
    from airflow_provider_integrations.connectors.edi.documents import Document, GuideBook

__all__ = ["edi_app"]

edi_app = typer.Typer(no_args_is_help=True, help="Read, check, acknowledge and write X12 and EDIFACT.")

_CHUNK = 1 << 20
_HIGHEST = 999_999_999
_DIGITS = 14
"""Of the longest control number."""
_EXIT = {"accepted": 0, "not_edi": 2}
"""By verdict; 1 for the others."""

File = Annotated[str, typer.Argument(help="A file; - is standard input.")]
Include = Annotated[
    Path, typer.Option(help="Folder with edi/*.yaml, the guides; sets without a guide are checked by syntax alone.")
]
GuideName = Annotated[str | None, typer.Option("--guide", help="One guide by name, e.g. x12_850; all of them else.")]
NoGuides = Annotated[bool, typer.Option("--no-guides", help="Look at envelope and syntax alone.")]
_INCLUDE = Path("include")


@edi_app.command("parse")
def parse(file: File, sets: Annotated[bool, typer.Option("--sets", help="One line a set or message.")] = False) -> None:
    """Print each segment, or each set or message, as a line of JSON."""
    with reporting(), _opened(file) as stream:
        from airflow_provider_integrations.connectors.edi.parsing import parsed_segments, parsed_sets

        found = False
        for line in (parsed_sets if sets else parsed_segments)(_chunks(stream)):
            found = found or "outside" not in line
            say(line)
    if not found:
        raise typer.Exit(2)


@edi_app.command("check")
def check(file: File, guide: GuideName = None, include: Include = _INCLUDE, no_guides: NoGuides = False) -> None:
    """Check the envelope, the syntax and, where there is a guide, the content; print the findings."""
    with reporting(), _opened(file) as stream:
        from airflow_provider_integrations.connectors.edi.documents import read_documents

        book = _book(include, guide, no_guides=no_guides)
        held: Counter[str] = Counter()
        documents = list(read_documents(_chunks(stream), book, held=held))
        code = _code(documents)
        say(_told(documents, held))
    raise typer.Exit(code)


@edi_app.command("ack")
def ack(
    file: File,
    kind: Annotated[str, typer.Option("--as", help="TA1, 997, 999 or CONTRL.")],
    now: Annotated[str, typer.Option(help="The instant that the answer names, e.g. 2026-01-02T03:04:05Z.")],
    control: Annotated[int, typer.Option(min=1, max=_HIGHEST, help="Control number of the first answer.")],
    guide: GuideName = None,
    include: Include = _INCLUDE,
    no_guides: NoGuides = False,
) -> None:
    """Write the acknowledgement to standard output, byte for byte, and the verdict to standard error."""
    with reporting(), _opened(file) as stream:
        from airflow_provider_integrations.connectors.edi.answering import answer
        from airflow_provider_integrations.connectors.edi.documents import read_documents

        at = instant(now)
        book = _book(include, guide, no_guides=no_guides)
        held: Counter[str] = Counter()
        documents = list(read_documents(_chunks(stream), book, held=held))
        # After the highest number comes 1.
        numbers = ((control + place - 1) % _HIGHEST + 1 for place in range(len(documents)))
        answers = [answer(document, kind, at, number) for document, number in zip(documents, numbers, strict=True)]
        # All are asked for before the first byte goes out; their bytes are made as they go.
        sys.stdout.buffer.writelines(chain.from_iterable(answers))
        sys.stdout.buffer.flush()
        tell(_told(documents, held))
        code = _code(documents)
    raise typer.Exit(code)


@edi_app.command("rows")
def rows(
    file: File,
    out: Annotated[
        Path, typer.Option(help="Folder for one Parquet file a table; files of the same names are replaced.")
    ],
    guide: GuideName = None,
    include: Include = _INCLUDE,
    no_guides: NoGuides = False,
) -> None:
    """Write the rows of the accepted sets and messages, by guide; tell of the refused ones, which give none."""
    with reporting(), _opened(file) as stream:
        from airflow_provider_integrations.connectors.edi.row_files import write_rows

        told = write_rows(stream, out, _book(include, guide, no_guides=no_guides))
        say(told)
        code = _EXIT.get(told["verdict"], 1)
    raise typer.Exit(code)


@edi_app.command("write")
def write(
    rows: Annotated[str, typer.Argument(help="JSON: rows by the name of their table; - is standard input.")],
    guide: Annotated[str, typer.Option(help="The guide by name, e.g. x12_850.")],
    version: Annotated[str | None, typer.Option(help="Its version; the guide's first without it.")] = None,
    control: Annotated[
        str, typer.Option(help="Control number of the set or message, or else of the whole interchange.")
    ] = "0001",
    sender: Annotated[
        str | None, typer.Option(help="Who sends, as ZZ:HUB; with --receiver a whole interchange is written.")
    ] = None,
    receiver: Annotated[str | None, typer.Option(help="Who receives, as ZZ:ACME.")] = None,
    now: Annotated[
        str | None, typer.Option(help="The instant that the interchange names, e.g. 2026-01-02T03:04:05Z.")
    ] = None,
    usage: Annotated[str | None, typer.Option(help="P production, T test; of an interchange.")] = None,
    group_sender: Annotated[str | None, typer.Option(help="GS02, where it is not the sender's name.")] = None,
    group_receiver: Annotated[str | None, typer.Option(help="GS03, where it is not the receiver's name.")] = None,
    include: Include = _INCLUDE,
) -> None:
    """Write one set or message, from ST to SE or from UNH to UNT, or a whole interchange, to standard output."""
    with reporting(), _opened(rows) as stream:
        from airflow_provider_integrations.connectors.edi.envelope import Envelope
        from airflow_provider_integrations.connectors.edi.writing_json import written_interchange, written_set
        from airflow_provider_integrations.core.errors import ConfigError
        from airflow_provider_integrations.include_edi import read_guides

        guides, data = read_guides(include, guide), stream.read()
        if all(one is None for one in (sender, receiver, now, usage, group_sender, group_receiver)):
            written = written_set(guides, version, data, control, where=rows)
        elif sender is None or receiver is None or now is None or not _is_number(control):
            raise ConfigError(
                "an interchange is written with its parties, an instant and a number",
                next_step="Give --sender, --receiver, --now and a --control of digits; for a set alone give none of the first "
                "three, and neither --usage nor --group-sender nor --group-receiver.",
            )
        else:
            envelope = Envelope(sender, receiver, usage or "P", group_sender or "", group_receiver or "")
            written = written_interchange(guides, version, data, envelope, instant(now), int(control), where=rows)
        sys.stdout.buffer.write(written)
        sys.stdout.buffer.flush()


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    with Path(file).open("rb") as stream:
        yield stream


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK):
        yield chunk


def _book(include: Path, name: str | None, *, no_guides: bool) -> GuideBook:
    from airflow_provider_integrations.connectors.edi.documents import GuideBook
    from airflow_provider_integrations.core.errors import ConfigError
    from airflow_provider_integrations.include_edi import guides_named

    if no_guides and name is None:
        return GuideBook()
    if no_guides or not (include / "edi").is_dir():
        # A typo, or another folder to run in: what is held to no guide may be accepted with anything in it.
        raise ConfigError(
            "there is a guide to be named, and none to be used" if no_guides else "there is no folder of guides",
            path=str(include / "edi"),
            next_step="Name the folder that has `edi/` in it with --include, or give --no-guides for syntax alone.",
        )
    return guides_named(include, () if name is None else (name,))


def _told(documents: list[Document], held: Counter[str]) -> dict[str, Any]:
    """The verdict, how many sets and messages each guide was asked of and how many none, and the documents."""
    from airflow_provider_integrations.connectors.edi.document_report import describe
    from airflow_provider_integrations.connectors.edi.documents import set_count

    unguided = max(sum(map(set_count, documents)) - held.total(), 0)
    described = [describe(document) for document in documents]
    return {"verdict": _verdict(documents), "guides": dict(held), "unguided": unguided, "documents": described}


def _verdict(documents: list[Document]) -> str:
    from airflow_provider_integrations.connectors.edi.documents import outcome, overall

    return overall({outcome(document) for document in documents}).value


def _code(documents: list[Document]) -> int:
    return _EXIT.get(_verdict(documents), 1)


def _is_number(control: str) -> bool:
    return control.isascii() and control.isdigit() and len(control) <= _DIGITS
