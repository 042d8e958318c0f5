"""The contracts of what comes out of documents: they follow from the guides, and stand in no file.

Each table of a guide is one, then `sets` (what became of each set or message) and `segments` (sets without a guide). A row
is known by `document`, the SHA-256 of the plaintext it came in, `set_number` and its own number, so that a document which is
read again gives the same keys.

    >>> sorted(table_contracts(()))
    ['segments', 'sets']
    >>> table_contracts(())["segments"].keys
    ('document', 'set_number', 'position')
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from airflow_provider_integrations.connectors.edi.guide import Guides
from airflow_provider_integrations.connectors.edi.guide_rules import Table
from airflow_provider_integrations.connectors.edi.row_values import PRECISION, SCALE
from airflow_provider_integrations.core.contract import Column, Contract
from airflow_provider_integrations.core.edi_source import SETS, outbox_name
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["DOCUMENT", "SEGMENT_TABLE", "table_contracts"]

DOCUMENT = "document"
"""The first column of every table: SHA-256 of the plaintext, in hexadecimal digits."""

SEGMENT_TABLE = "segments"
"""The table of sets that no guide is of: one row for each segment, its elements as a JSON array of texts."""

_OUTBOX = outbox_name("")[2:]
_TYPES = {
    "text": "string",
    "integer": "integer",
    "decimal": f"decimal({PRECISION},{SCALE})",
    "date": "date",
    "edifact_date": "date",
    "time": "time",
}


def _column(name: str, of: str = "string", *, nullable: bool = True, description: str = "") -> Column:
    return Column(name=name, type=of, nullable=nullable, description=description)


_ENVELOPE = (
    _column(DOCUMENT, nullable=False, description="SHA-256 of the document's plaintext."),
    _column("sender", nullable=False),
    _column("receiver", nullable=False),
    _column("usage", nullable=False),
    _column("interchange_control", nullable=False),
    _column("group_control"),
    _column("set_control", nullable=False),
    _column("set_number", "integer", nullable=False, description="Place of the set in the document, from 1."),
)
"""As `row_batches.ENVELOPE`, behind the document; without Arrow, since a DAG file may read this."""

_ROW = (_column("row", "integer", nullable=False), _column("parent", "integer"))

_SEGMENTS = (
    _column("position", "integer", nullable=False),
    _column("tag", nullable=False),
    _column("elements", nullable=False, description="JSON array of texts."),
)

_SETS = (
    _column(DOCUMENT, nullable=False, description="SHA-256 of the document's plaintext."),
    _column("sender"),
    _column("receiver"),
    _column("usage"),
    _column("interchange_control"),
    _column("group_control"),
    _column("set_control"),
    _column(
        "set_number",
        "integer",
        nullable=False,
        description="Place of the set in the document, from 1; of a group or interchange a number below 0.",
    ),
    _column("level", nullable=False, description="set, group or interchange: what the verdict is on."),
    _column("set_id", description="ST01, or the type of the message."),
    _column("version", description="GS08, or version and release of the message."),
    _column("guide", description="The guide that it was checked by; none where syntax alone was."),
    _column("verdict", nullable=False, description="accepted, accepted_with_errors or rejected."),
    _column("sets", "integer", description="How many a group or interchange has."),
    _column("findings", description="JSON array; values of the partner are masked."),
)


@dataclass(slots=True)
class _Described:
    """A table as a guide has it."""

    guide: str
    columns: tuple[Column, ...]
    version: tuple[int, ...]


def table_contracts(guides: Iterable[Guides]) -> dict[str, Contract]:
    """The contract of each table of the guides, of `sets` and of `segments`, by the table's name.

    Args:
        guides: Of the agreement, in all their versions. A table that stands in several of them must be the same in all.

    Raises:
        ConfigError: for a table of two guides, or of two versions, with different columns; for a table or column with a
            name that is ours.
    """
    found: dict[str, _Described] = {}
    for name, version, table in _tables(guides):
        columns = tuple(_column(column.name, _TYPES[column.kind]) for column in table.columns)
        _check_names(name, table.name, columns)
        there = found.setdefault(table.name, _Described(name, columns, version))
        if there.columns != columns:
            raise ConfigError(
                "one table has different columns in two guides, or in two versions of one",
                table=table.name,
                guides=sorted({there.guide, name}),
                columns=_differences(there.columns, columns),
                next_step="Make them the same, give the table another name in one of them, or name other `guides`.",
            )
        there.version = max(there.version, version)
    made = {
        name: _contract(name, (*_ENVELOPE, *_ROW, *one.columns), "row", ".".join(map(str, one.version)))
        for name, one in sorted(found.items())
    }
    made[SEGMENT_TABLE] = _contract(SEGMENT_TABLE, (*_ENVELOPE, *_SEGMENTS), "position")
    made[SETS] = _contract(SETS, _SETS)
    return made


def _tables(guides: Iterable[Guides]) -> Iterator[tuple[str, tuple[int, ...], Table]]:
    for file in guides:
        version = tuple(int(part) for part in file.rows_version.split("."))
        for guide in file.versions.values():
            for table in guide.tables:
                yield file.name, version, table


def _contract(name: str, columns: Sequence[Column], key: str | None = None, version: str = "1.0.0") -> Contract:
    keys = (DOCUMENT, "set_number", *((key,) if key else ()))
    # A document has a handful of rows: which share of them the gate holds back says nothing.
    return Contract(contract=name, version=version, columns=tuple(columns), keys=keys, max_reject_share=1)


def _check_names(guide: str, table: str, columns: Sequence[Column]) -> None:
    if table in (SETS, SEGMENT_TABLE, _OUTBOX):
        raise ConfigError(
            "a table of a guide has a name that is ours",
            guide=guide,
            table=table,
            next_step="Give it another name in `rows` of the guide.",
        )
    if ours := sorted({column.name for column in columns} & {column.name for column in (*_ENVELOPE, *_ROW)}):
        raise ConfigError(
            "a table of a guide has columns of the envelope",
            guide=guide,
            table=table,
            columns=ours,
            next_step="Give them other names in `rows` of the guide.",
        )


def _differences(one: Sequence[Column], other: Sequence[Column]) -> list[str]:
    """Names of columns that only one of them has, or that have two types; all of them if only the order differs."""
    first, second = {column.name: column.type for column in one}, {column.name: column.type for column in other}
    return sorted(name for name in {**first, **second} if first.get(name) != second.get(name)) or list(first)
