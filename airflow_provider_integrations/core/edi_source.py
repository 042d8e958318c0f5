"""EDI with a partner, `include/sources/*.yaml`: what comes (`kind: edi`), what goes out (`kind: edi_outbound`), what is agreed.

Each table of rows that comes out of a partner's documents is a source of its own from the gate on, named
`<source>__<table>`; what waits to be sent to the partner is one too, `<source>__outbox`.

    >>> table_source_name("acme_edi", "orders"), outbox_name("acme_edi")
    ('acme_edi__orders', 'acme_edi__outbox')
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Literal

from pydantic import Field, field_validator, model_validator

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.declared import Declared
from airflow_provider_integrations.core.source import Delivery, GatePolicy, LoadPolicy

__all__ = [
    "SETS",
    "EdiAgreement",
    "EdiLoad",
    "EdiOutbound",
    "EdiSource",
    "EdiTable",
    "EdiTableSource",
    "Outbox",
    "Party",
    "outbox_name",
    "table_source_name",
]

SETS = "sets"
"""The table with one row for each set or message that came, whatever became of it."""

_SEPARATOR = "__"
_LONGEST = timedelta(days=3650)
"""Spans are added to instants, which end with the year 9999."""

_LONGEST_NAME, _LONGEST_QUALIFIER = 35, 4
"""Of an identity: 0004 and 0007 of EDIFACT; X12 has less, which is looked at with the guide."""
_LONGEST_CONTROL = 14
"""Digits of a control number in a file's name."""
_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.=-]{0,199}")

Party = str
"""An identity as `qualifier:name`, e.g. `ZZ:ACME` (ISA05 and ISA06) or `14:5012345678900` (0007 and 0004)."""


class EdiAgreement(Declared):
    """What two partners agreed upon (in EDIFACT the interchange agreement, in X12 the trading partner agreement).

    Args:
        ours: The identities by which we are known.
        partners: The identities of whoever may send; anyone else is refused.
        usage: The one usage that is taken here, so that tests do not run into production.
        guides: Names of guides under `include/edi/`; all of them without it.
        functional: How X12 groups are acknowledged.
        technical: When a TA1 goes out: `asked` if ISA14 asks for one or the interchange is refused.
        contrl: Whether EDIFACT is acknowledged by CONTRL.
        answer_within: How long we may take to acknowledge.
        duplicates_within: How far back control numbers must differ.
    """

    ours: tuple[Party, ...] = Field(min_length=1)
    partners: tuple[Party, ...] = Field(min_length=1)
    usage: Literal["P", "T"] = "P"
    guides: tuple[str, ...] = ()
    functional: Literal["997", "999", "none"] = "997"
    technical: Literal["asked", "always", "never"] = "asked"
    contrl: bool = True
    answer_within: timedelta = Field(default=timedelta(hours=24), gt=timedelta(0), le=_LONGEST)
    duplicates_within: timedelta = Field(default=timedelta(days=90), gt=timedelta(0), le=_LONGEST)

    @model_validator(mode="after")
    def _parties(self) -> EdiAgreement:
        _check_parties(*self.ours, *self.partners)
        return self


class Outbox(Declared):
    """Where what we send goes: a folder on the partner's server, relative to the connection's root.

    `seal`: encrypted to the connection's `pgp-certificates` and signed by its `pgp-private-key`.
    """

    folder: str = Field(min_length=1)
    seal: bool = True

    @field_validator("folder")
    @classmethod
    def _inside(cls, folder: str) -> str:
        if ".." in folder.split("/") or not folder.isprintable():
            raise ValueError("leads out of the connection's root, or is no name")
        return folder


class EdiLoad(Declared):
    """Where the tables go in the warehouse: each is named by `prefix` and its own name in capitals."""

    connection: str = "integrations_warehouse"
    database: str = "INTEGRATIONS"
    prefix: str = Field(default="EDI_", pattern=r"^[A-Za-z][A-Za-z0-9_]*$")


class EdiTable(Declared):
    """What differs for one table."""

    gate: GatePolicy = GatePolicy()


class EdiSource(Delivery):
    """Documents of one partner and their acknowledgements; one with more than `max_interchanges` is not taken."""

    kind: Literal["edi"]
    agreement: EdiAgreement
    outbox: Outbox
    load: EdiLoad = EdiLoad()
    tables: dict[str, EdiTable] = Field(default_factory=dict)
    max_interchanges: int = Field(default=5000, ge=1)


class EdiTableSource(Declared):
    """One table of an EDI source, from the gate on: its contract follows from the guides and stands in no file."""

    source: str
    kind: Literal["edi_table"] = "edi_table"
    parent: str
    table: str
    contract: Contract
    gate: GatePolicy
    load: LoadPolicy


class EdiOutbound(Declared):
    """Documents that go to one partner.

    Args:
        guide, version: What they are written by.
        ours, partner, usage: From whom to whom; `group_ours` and `group_partner` are GS02 and GS03, the names without
            qualifier else.
        rows: For each table of the guide a query, a file of `include/sql/outbound/`.
        document: Column of every query that tells the documents apart; each is sent once.
        name: Of the file; `{control}` is the control number of the interchange.
        acknowledged_within: When the partner's acknowledgement is due; None where none is agreed upon.
        load: Where the queries run.
    """

    source: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=80)
    kind: Literal["edi_outbound"]
    description: str = ""
    owner: str = "data-engineering"
    connection: str
    guide: str
    version: str
    ours: Party
    partner: Party
    usage: Literal["P", "T"] = "P"
    group_ours: str = ""
    group_partner: str = ""
    rows: dict[str, str] = Field(min_length=1)
    document: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_$]*$")
    name: str = Field(pattern=r"^[A-Za-z0-9_.\-]*\{control\}[A-Za-z0-9_.\-]*$")
    outbox: Outbox
    acknowledged_within: timedelta | None = Field(default=None, gt=timedelta(0), le=_LONGEST)
    load: EdiLoad = EdiLoad()
    schedule: str | None = None

    @model_validator(mode="after")
    def _parties(self) -> EdiOutbound:
        _check_parties(self.ours, self.partner)
        if self.ours == self.partner:
            raise ValueError("ours and partner are the same identity")
        return self

    @field_validator("document")
    @classmethod
    def _no_number(cls, document: str) -> str:
        if document.lower() in ("row", "parent"):
            raise ValueError("row and parent tie rows to rows; name the column that tells documents apart")
        return document

    @field_validator("rows")
    @classmethod
    def _files(cls, rows: dict[str, str]) -> dict[str, str]:
        if wrong := sorted(file for file in rows.values() if not _PATH.fullmatch(file)):
            raise ValueError(f"files below include/sql/outbound/ are named, with no `.` or `..`: {', '.join(wrong)}")
        return rows

    @field_validator("name")
    @classmethod
    def _usable(cls, name: str) -> str:
        longest = name.replace("{control}", "9" * _LONGEST_CONTROL)
        if not _FILE.fullmatch(longest) or ".." in name:
            raise ValueError(
                "a file's name begins with a letter, a digit or {control}, has no `..` and up to 200 characters"
            )
        return name


def table_source_name(source: str, table: str) -> str:
    """The name by which a table of a source goes from the gate on."""
    return f"{source}{_SEPARATOR}{table}"


def outbox_name(source: str) -> str:
    """The name by which what waits to be sent goes in the ledger."""
    return f"{source}{_SEPARATOR}outbox"


def _check_parties(*parties: Party) -> None:
    if wrong := [party for party in parties if not _is_party(party)]:
        raise ValueError(
            f"identities are written as qualifier:name: {', '.join(party[:60] for party in wrong)}; of up to "
            f"{_LONGEST_QUALIFIER} and {_LONGEST_NAME} characters, without blanks around them"
        )


def _is_party(text: str) -> bool:
    qualifier, _, name = text.partition(":")
    fits = len(qualifier) <= _LONGEST_QUALIFIER and 0 < len(name) <= _LONGEST_NAME
    return fits and ":" not in name and text.isprintable() and name == name.strip() and qualifier == qualifier.strip()
