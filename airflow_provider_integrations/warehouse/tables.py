"""The tables of a load: their names, columns and Snowflake types.

Every name is upper case and quoted, so that it equals the name that a person writes without quotes. Instants are
`TIMESTAMP_NTZ` in UTC: the same text in every session, whatever its time zone.

    >>> snowflake_type(Column(name="balance", type="decimal(18,2)"))
    'NUMBER(18,2)'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_integrations.core.contract import Column, Contract
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.identifiers import qualify
from airflow_provider_integrations.core.source import LoadPolicy

__all__ = [
    "BATCH_COLUMNS",
    "DELETED_COLUMNS",
    "HISTORY_COLUMNS",
    "TableSpec",
    "Tables",
    "snowflake_type",
    "table_specs",
]

_TYPES = {
    "string": "VARCHAR",
    "integer": "NUMBER(19,0)",
    "float": "FLOAT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "time": "TIME(6)",
    "timestamp": "TIMESTAMP_NTZ(6)",
    "uuid": "VARCHAR(36)",
}

BATCH_COLUMNS = {
    "_BATCH_ID": "VARCHAR",
    "_LINE": "NUMBER(19,0)",
    "_VERSION": "VARCHAR",
    "_DQ_VALID": "BOOLEAN",
    "_DQ_FLAGS": "VARCHAR",
}
"""Where a row came from, and its soft quality flags."""

HISTORY_COLUMNS = {
    "VALID_FROM": "TIMESTAMP_NTZ(6)",
    "VALID_TO": "TIMESTAMP_NTZ(6)",
    "IS_CURRENT": "BOOLEAN",
    "_SEEN_VERSION": "VARCHAR",
    "_SEEN_FROM": "TIMESTAMP_NTZ(6)",
}
"""Of a type 2 table. `_SEEN_*` is the last version that confirmed the row, so that a late file finds its place."""

DELETED_COLUMNS = {"_DELETED_VERSION": "VARCHAR", "_DELETED_AT": "TIMESTAMP_NTZ(6)"}
"""Of a key that a sweep did not find at the source any more: the sweep's version and instant; NULL while it is there."""

_STAGED = {"_VALID_FROM": "TIMESTAMP_NTZ(6)", "_LOAD_ID": "VARCHAR"}
_CHANGED = {"_ACTION": "VARCHAR", "_LOADED_AT": "TIMESTAMP_NTZ(6)", "_LOAD_ID": "VARCHAR"}


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One table: schema, name, types by column, and what it is clustered by."""

    schema: str
    name: str
    columns: Mapping[str, str]
    cluster_by: str | None = None
    required: tuple[str, ...] = ()
    transient: bool = False


@dataclass(frozen=True, slots=True)
class Tables:
    """Qualified, quoted names of all that a load touches.

    `stage` is without quotes, as PUT and COPY of the connector and the emulator take it; `from_policy` makes sure
    that it needs none.
    """

    database: str
    table: str

    @classmethod
    def from_policy(cls, policy: LoadPolicy) -> Tables:
        """The names for one source.

        Raises:
            ConfigError: for a database name that would need quotes.
        """
        database = policy.database.upper()
        if not database.replace("_", "").isalnum() or not database.isascii() or database[0].isdigit():
            raise ConfigError(
                "the database's name must be usable without quotes",
                database=policy.database,
                next_step="Use letters, digits and underscores.",
            )
        return cls(database, policy.table.upper())

    def name(self, schema: str, table: str) -> str:
        """Any table of the database."""
        return qualify(self.database, schema, table)

    @property
    def target(self) -> str:
        """What consumers read."""
        return self.name("SILVER", self.table)

    @property
    def staging(self) -> str:
        """Where COPY puts rows, those of each attempt under its own `_LOAD_ID`."""
        return self.name("STAGING", self.table)

    @property
    def changes(self) -> str:
        """What the MERGE of an attempt will do, row by row."""
        return self.name("STAGING", f"{self.table}__CHANGES")

    @property
    def plan(self) -> str:
        """The batches of each attempt."""
        return self.name("CONTROL", "LOAD_PLAN")

    @property
    def ledger(self) -> str:
        """The batches that were applied."""
        return self.name("CONTROL", "LOAD_LEDGER")

    @property
    def lock(self) -> str:
        """One row for each target; its sequence moves with each load."""
        return self.name("CONTROL", "LOAD_LOCK")

    @property
    def stage(self) -> str:
        """The internal stage."""
        return f"{self.database}.STAGING.LANDING"

    @property
    def key(self) -> str:
        """How the control tables call the target."""
        return f"SILVER.{self.table}"


def snowflake_type(column: Column) -> str:
    """The Snowflake type of a contract column."""
    if column.decimal:
        return "NUMBER({},{})".format(*column.decimal)
    if column.type == "string" and column.max_length:
        return f"VARCHAR({column.max_length})"
    return _TYPES[column.type]


_CONTROL = (
    TableSpec(
        "CONTROL",
        "LOAD_PLAN",
        {
            "LOAD_ID": "VARCHAR",
            "TARGET": "VARCHAR",
            "BATCH_ID": "VARCHAR",
            "SOURCE": "VARCHAR",
            "VERSION": "VARCHAR",
            "DIGEST": "VARCHAR",
            "ROWS_PUBLISHED": "NUMBER(19,0)",
        },
        transient=True,
    ),
    TableSpec(
        "CONTROL",
        "LOAD_LEDGER",
        {
            "TARGET": "VARCHAR",
            "BATCH_ID": "VARCHAR",
            "SOURCE": "VARCHAR",
            "VERSION": "VARCHAR",
            "DIGEST": "VARCHAR",
            "RUN_ID": "VARCHAR",
            "LOAD_ID": "VARCHAR",
            "ROWS_STAGED": "NUMBER(19,0)",
            "ROWS_INSERTED": "NUMBER(19,0)",
            "ROWS_UPDATED": "NUMBER(19,0)",
            "ROWS_UNCHANGED": "NUMBER(19,0)",
            "LOADED_AT": "TIMESTAMP_NTZ(6)",
        },
        required=("TARGET", "BATCH_ID", "LOADED_AT"),
    ),
    TableSpec(
        "CONTROL",
        "LOAD_LOCK",
        {
            "TARGET": "VARCHAR",
            "SEQUENCE": "NUMBER(19,0)",
            "LOAD_ID": "VARCHAR",
            "CHANGED_AT": "TIMESTAMP_NTZ(6)",
        },
        required=("TARGET", "SEQUENCE"),
    ),
)


def table_specs(contract: Contract, policy: LoadPolicy) -> tuple[TableSpec, ...]:
    """Every table that the load of one source needs.

    Raises:
        ConfigError: when a contract column has the name of one that the load adds.
    """
    own = {column.name.upper(): snowflake_type(column) for column in contract.columns}
    history = HISTORY_COLUMNS if policy.scd == 2 else {}
    if taken := sorted(own.keys() & {*BATCH_COLUMNS, *_STAGED, *_CHANGED, *DELETED_COLUMNS, *history}):
        raise ConfigError(
            "columns of the contract have names that the load needs for itself",
            contract=contract.contract,
            columns=taken,
            next_step="Rename them in the contract.",
        )
    table = policy.table.upper()
    # By the date of facts: the business date from which a version is valid, or the load where there is no history.
    cluster = 'TO_DATE("VALID_FROM")' if policy.scd == 2 else 'TO_DATE("_LOADED_AT")'
    keys = tuple(key.upper() for key in contract.keys)
    # The deletion stands last, where it also is in tables that were made without it.
    target = {**own, **BATCH_COLUMNS, **history, "_LOADED_AT": "TIMESTAMP_NTZ(6)", **DELETED_COLUMNS}
    changes = {**own, **BATCH_COLUMNS, **history, **_CHANGED, **DELETED_COLUMNS}
    return (
        *_CONTROL,
        TableSpec("STAGING", table, {**own, **BATCH_COLUMNS, **_STAGED}, transient=True),
        TableSpec("STAGING", f"{table}__CHANGES", changes, transient=True),
        TableSpec("SILVER", table, target, cluster, (*keys, "_VERSION")),
    )
