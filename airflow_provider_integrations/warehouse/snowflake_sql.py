"""The statements of a load as text, made by pure functions; `load_id` and the like stay bound parameters (pyformat).

One form is used on Snowflake and on the emulator. `docs/warehouse.md` says why each statement looks as it does.
"""

# ruff: noqa: S608 every name is quoted by core.identifiers and every value is bound
from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.identifiers import literal, quote
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.warehouse.tables import BATCH_COLUMNS, DELETED_COLUMNS, HISTORY_COLUMNS, Tables

__all__ = [
    "MOST_FILES",
    "render_change_counts",
    "render_copy",
    "render_copy_one",
    "render_duplicate_keys",
    "render_ledger_insert",
    "render_ledger_insert_of_deletes",
    "render_ledger_of_load",
    "render_ledger_select",
    "render_lock_insert",
    "render_lock_move",
    "render_lock_select",
    "render_merge",
    "render_put",
    "render_session",
    "render_staged_counts",
    "render_sweep",
]

MOST_FILES = 1000
"""Snowflake's limit on the FILES list of one COPY."""

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_FORMAT = (
    "FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE)\n"
    "MATCH_BY_COLUMN_NAME = CASE_SENSITIVE\n"
    "ON_ERROR = ABORT_STATEMENT\n"
    # Deliberate: rows of each attempt carry its own id, so a file that Snowflake remembers must not be skipped.
    "FORCE = TRUE\n"
    "PURGE = TRUE"
)


def render_session(tag: str) -> list[str]:
    """Session settings: UTC, plain timestamps, a tag by which the query history is found, and no endless wait.

    By default a statement waits 12 hours for rows that another transaction holds, such as that of a dead loader.
    """
    return [
        "ALTER SESSION SET TIMEZONE = 'UTC'",
        "ALTER SESSION SET TIMESTAMP_TYPE_MAPPING = 'TIMESTAMP_NTZ'",
        "ALTER SESSION SET LOCK_TIMEOUT = 600",
        f"ALTER SESSION SET QUERY_TAG = {literal(tag[:2000])}",
    ]


def render_put(local: str, stage: str, folder: str) -> str:
    """PUT of one local file, or of many by a wildcard, into a folder of the stage.

    Raises:
        ConfigError: for a stage folder that would need quotes.
    """
    return (
        f"PUT {literal(f'file://{local}')} @{stage}/{_folder(folder)}/\n"
        "AUTO_COMPRESS = FALSE SOURCE_COMPRESSION = AUTO_DETECT OVERWRITE = TRUE PARALLEL = 8"
    )


def render_copy(table: str, stage: str, folder: str, files: Sequence[str]) -> str:
    """COPY of exactly these files; never of whatever has the same prefix.

    Raises:
        ConfigError: for no files, or more than Snowflake takes in one statement.
    """
    if not 0 < len(files) <= MOST_FILES:
        raise ConfigError("a COPY takes 1 to 1000 files", files=len(files), next_step="Split the load.")
    names = ", ".join(literal(name) for name in files)
    return f"COPY INTO {table}\nFROM @{stage}/{_folder(folder)}/\nFILES = ({names})\n{_FORMAT}"


def render_copy_one(table: str, stage: str, folder: str, file: str) -> str:
    """COPY of one file named by its whole path: for the emulator, whose FILES works on external stages only.

    To Snowflake a path is a prefix. The name ends in a suffix and holds the attempt's id, so that nothing else can
    begin with it, and the loader compares the files in the result with those it wanted.
    """
    return f"COPY INTO {table}\nFROM @{stage}/{_folder(folder)}/{_folder(file)}\n{_FORMAT}"


def _folder(path: str) -> str:
    parts = path.split("/")
    if not all(_PLAIN.fullmatch(part) for part in parts):
        raise ConfigError(
            "not usable as a path in a stage", path=path[:200], next_step="Use letters, digits, dots, - and _."
        )
    return path


def render_staged_counts(tables: Tables, control: Mapping[str, str] | None = None) -> str:
    """Rows of this attempt by batch, and the sums of control columns, given with their types, as text.

    The cast is for the emulator, which adds up what it does not know to be a decimal as floats.
    """
    sums = "".join(
        f", CAST(SUM(CAST({quote(name)} AS {kind})) AS VARCHAR) AS {quote(f'SUM_{number}')}"
        for number, (name, kind) in enumerate((control or {}).items())
    )
    return (
        f'SELECT "_BATCH_ID", COUNT(*) AS "ROWS_STAGED"{sums}\nFROM {tables.staging}\n'
        'WHERE "_LOAD_ID" = %(load_id)s\nGROUP BY "_BATCH_ID"'
    )


def render_change_counts(tables: Tables) -> str:
    """What the MERGE must report: changes of this attempt by action."""
    return (
        f'SELECT "_ACTION", COUNT(*) AS "ROWS_CHANGED"\nFROM {tables.changes}\n'
        'WHERE "_LOAD_ID" = %(load_id)s\nGROUP BY "_ACTION"'
    )


def render_duplicate_keys(tables: Tables, contract: Contract, policy: LoadPolicy) -> str:
    """How many keys stand twice in the MERGE's source.

    Snowflake refuses such a MERGE or, where told not to, picks a row at random; the emulator always picks.
    """
    keys = ", ".join(_identity(contract, policy))
    return (
        f'SELECT COUNT(*) AS "KEYS_TWICE" FROM (\n  SELECT {keys}\n  FROM {tables.changes}\n'
        f'  WHERE "_LOAD_ID" = %(load_id)s\n  GROUP BY {keys}\n  HAVING COUNT(*) > 1\n) AS "D"'
    )


def render_merge(tables: Tables, contract: Contract, policy: LoadPolicy) -> str:
    """The MERGE of this attempt's changes into the target.

    `NOT MATCHED` stands first: the emulator takes the first clause whose condition holds, and two missing sides
    would count as equal. Both read the same on Snowflake, where the order does not matter for these two.
    """
    identity = _identity(contract, policy)
    history = [quote(name) for name in HISTORY_COLUMNS] if policy.scd == 2 else []
    batch, deleted = ([quote(name) for name in names] for names in (BATCH_COLUMNS, DELETED_COLUMNS))
    columns = [*_own(contract), *batch, *history, '"_LOADED_AT"', *deleted]
    on = "\n  AND ".join(f'EQUAL_NULL("T".{name}, "S".{name})' for name in identity)
    changed = ",\n  ".join(f'{name} = "S".{name}' for name in columns if name not in identity)
    return (
        f'MERGE INTO {tables.target} AS "T"\n'
        f"USING (\n  SELECT {', '.join([*columns, quote('_ACTION')])}\n  FROM {tables.changes}\n"
        '  WHERE "_LOAD_ID" = %(load_id)s\n) AS "S"\n'
        f"ON {on}\n"
        f"WHEN NOT MATCHED THEN INSERT\n  ({', '.join(columns)})\n"
        f"  VALUES ({', '.join(f'{chr(34)}S{chr(34)}.{name}' for name in columns)})\n"
        "WHEN MATCHED AND \"S\".\"_ACTION\" IN ('UPDATE', 'CORRECT', 'CLOSE', 'TOUCH', 'DELETE') THEN UPDATE SET\n"
        f"  {changed}"
    )


def render_lock_select(tables: Tables) -> str:
    """Where the target's sequence stands."""
    return f'SELECT MAX("SEQUENCE") AS "SEQUENCE"\nFROM {tables.lock}\nWHERE "TARGET" = %(target)s'


def render_lock_insert(tables: Tables) -> str:
    """The target's first row."""
    return (
        f'INSERT INTO {tables.lock} ("TARGET", "SEQUENCE", "LOAD_ID", "CHANGED_AT")\n'
        "SELECT %(target)s, 0, %(load_id)s, SYSDATE()\n"
        f'WHERE NOT EXISTS (SELECT 1 FROM {tables.lock} WHERE "TARGET" = %(target)s)'
    )


def render_lock_move(tables: Tables) -> str:
    """Compare and set: changes no row when another load came in between."""
    return (
        f'UPDATE {tables.lock}\nSET "SEQUENCE" = "SEQUENCE" + 1, "LOAD_ID" = %(load_id)s, "CHANGED_AT" = SYSDATE()\n'
        'WHERE "TARGET" = %(target)s AND "SEQUENCE" = %(sequence)s'
    )


def render_ledger_select(tables: Tables, batches: int) -> str:
    """The load ledger's rows of `batches` ids, bound as `batch_0` and so on."""
    ids = ", ".join(f"%(batch_{number})s" for number in range(batches))
    return (
        'SELECT "BATCH_ID", "ROWS_STAGED", "ROWS_INSERTED", "ROWS_UPDATED", "ROWS_UNCHANGED", "LOAD_ID"\n'
        f'FROM {tables.ledger}\nWHERE "TARGET" = %(target)s AND "BATCH_ID" IN ({ids})'
    )


def render_ledger_of_load(tables: Tables) -> str:
    """The load ledger's rows that this attempt wrote."""
    return (
        'SELECT "BATCH_ID", "ROWS_STAGED", "ROWS_INSERTED", "ROWS_UPDATED", "ROWS_UNCHANGED", "LOAD_ID"\n'
        f'FROM {tables.ledger}\nWHERE "TARGET" = %(target)s AND "LOAD_ID" = %(load_id)s'
    )


def render_ledger_insert(tables: Tables) -> str:
    """One row for each batch of this attempt that the ledger does not have, in the MERGE's transaction."""
    return f"""INSERT INTO {tables.ledger} (
  "TARGET", "BATCH_ID", "SOURCE", "VERSION", "DIGEST", "RUN_ID", "LOAD_ID",
  "ROWS_STAGED", "ROWS_INSERTED", "ROWS_UPDATED", "ROWS_UNCHANGED", "LOADED_AT"
)
SELECT
  %(target)s, "P"."BATCH_ID", "P"."SOURCE", "P"."VERSION", "P"."DIGEST", %(run_id)s, "P"."LOAD_ID",
  "P"."ROWS_PUBLISHED", COALESCE("C"."INSERTED", 0), COALESCE("C"."UPDATED", 0),
  "P"."ROWS_PUBLISHED" - COALESCE("C"."INSERTED", 0) - COALESCE("C"."UPDATED", 0), SYSDATE()
FROM {tables.plan} AS "P"
LEFT JOIN (
  SELECT
    "_BATCH_ID",
    SUM(CASE WHEN "_ACTION" = 'INSERT' THEN 1 ELSE 0 END) AS "INSERTED",
    SUM(CASE WHEN "_ACTION" IN ('UPDATE', 'VERSION', 'CORRECT') THEN 1 ELSE 0 END) AS "UPDATED"
  FROM {tables.changes}
  WHERE "_LOAD_ID" = %(load_id)s
  GROUP BY "_BATCH_ID"
) AS "C" ON "C"."_BATCH_ID" = "P"."BATCH_ID"
WHERE "P"."LOAD_ID" = %(load_id)s
  AND NOT EXISTS (
    SELECT 1 FROM {tables.ledger} AS "L"
    WHERE "L"."TARGET" = %(target)s AND "L"."BATCH_ID" = "P"."BATCH_ID"
  )"""


def render_ledger_insert_of_deletes(tables: Tables) -> str:
    """The one row of a deletes sweep, in the MERGE's transaction; rows that are deleted count as updated."""
    return f"""INSERT INTO {tables.ledger} (
  "TARGET", "BATCH_ID", "SOURCE", "VERSION", "DIGEST", "RUN_ID", "LOAD_ID",
  "ROWS_STAGED", "ROWS_INSERTED", "ROWS_UPDATED", "ROWS_UNCHANGED", "LOADED_AT"
)
SELECT
  %(target)s, "P"."BATCH_ID", "P"."SOURCE", "P"."VERSION", "P"."DIGEST", %(run_id)s, "P"."LOAD_ID",
  "P"."ROWS_PUBLISHED", 0, "C"."DELETED", "P"."ROWS_PUBLISHED" - "C"."DELETED", SYSDATE()
FROM {tables.plan} AS "P"
CROSS JOIN (
  SELECT COUNT(*) AS "DELETED"
  FROM {tables.changes}
  WHERE "_LOAD_ID" = %(load_id)s
) AS "C"
WHERE "P"."LOAD_ID" = %(load_id)s
  AND NOT EXISTS (
    SELECT 1 FROM {tables.ledger} AS "L"
    WHERE "L"."TARGET" = %(target)s AND "L"."BATCH_ID" = "P"."BATCH_ID"
  )"""


def render_sweep(tables: Tables) -> list[str]:
    """Delete what attempts left behind for batches that are applied by now, dead attempts' too."""
    applied = f'SELECT "BATCH_ID" FROM {tables.ledger} WHERE "TARGET" = %(target)s'
    plans = f'{tables.plan}\n  WHERE "TARGET" = %(target)s AND "BATCH_ID" IN ({applied})'
    return [
        f'DELETE FROM {tables.changes}\nWHERE "_LOAD_ID" IN (\n  SELECT "LOAD_ID" FROM {plans}\n)',
        f'DELETE FROM {tables.staging}\nWHERE "_BATCH_ID" IN ({applied})',
        f"DELETE FROM {plans}",
    ]


def _own(contract: Contract) -> list[str]:
    return [quote(column.name.upper()) for column in contract.columns]


def _identity(contract: Contract, policy: LoadPolicy) -> list[str]:
    keys = [quote(key.upper()) for key in contract.keys]
    return [*keys, '"_VERSION"'] if policy.scd == 2 else keys
