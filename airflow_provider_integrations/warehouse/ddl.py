"""CREATE TABLE, and what brings a table that exists to its contract: new and wider columns, or an error that names the rest."""

from __future__ import annotations

import re
from collections.abc import Sequence

from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.identifiers import qualify, quote
from airflow_provider_integrations.warehouse.tables import TableSpec

__all__ = ["UNKNOWN_TEXT", "plan_columns", "render_create"]

UNKNOWN_TEXT = "VARCHAR(*)"
"""Text of a length that the server does not tell: the emulator forgets lengths when it is restarted."""


_SIZED = re.compile(r"(VARCHAR|NUMBER)\((\d+)(?:,(\d+))?\)")


def render_create(database: str, spec: TableSpec) -> str:
    """CREATE TABLE IF NOT EXISTS; a replace would lose Snowflake's load metadata and the rows."""
    columns = ",\n".join(
        f"  {quote(name)} {kind}{' NOT NULL' if name in spec.required else ''}" for name, kind in spec.columns.items()
    )
    kind = "TRANSIENT TABLE" if spec.transient else "TABLE"
    tail = f"\nCLUSTER BY ({spec.cluster_by})" if spec.cluster_by else ""
    return f"CREATE {kind} IF NOT EXISTS {qualify(database, spec.schema, spec.name)} (\n{columns}\n){tail}"


def plan_columns(database: str, spec: TableSpec, found: Sequence[tuple[str, str]]) -> list[str]:
    """The statements that bring an existing table to its contract; only adding and widening columns is safe.

    Wider is what Snowflake changes in place: longer text, and more digits before the same number behind the point
    (https://docs.snowflake.com/en/sql-reference/sql/alter-table-column).

    Args:
        database: Where the table is.
        spec: What the contract wants.
        found: Name and type of each column there is, types as `declared_type` gives them.

    Raises:
        ConfigError: that names every other difference: type, case, columns that the contract has no more.
    """
    have = dict(found)
    folded = {name.upper(): name for name in have}
    wrong, wider = [], []
    for name, kind in have.items():
        if name != name.upper():
            wrong.append(f"{name} was created in quotes in another case than {name.upper()}")
        elif name not in spec.columns:
            wrong.append(f"{name} is in the table and not in the contract")
        elif _same_type(kind, spec.columns[name]):
            continue
        elif _is_wider(kind, spec.columns[name]):
            wider.append(name)
        else:
            wrong.append(f"{name} is {kind} and should be {spec.columns[name]}")
    if wrong:
        raise ConfigError(
            f"the table does not fit its contract: {'; '.join(wrong)}",
            table=f"{database}.{spec.schema}.{spec.name}",
            next_step="Alter the table by hand or give the contract a new table; nothing was changed.",
        )
    table = qualify(database, spec.schema, spec.name)
    added = [
        f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {quote(name)} {kind}"
        for name, kind in spec.columns.items()
        if name not in folded
    ]
    return [*added, *(f"ALTER TABLE {table} ALTER COLUMN {quote(n)} SET DATA TYPE {spec.columns[n]}" for n in wider)]


def _same_type(found: str, wanted: str) -> bool:
    if found == UNKNOWN_TEXT:
        return wanted.startswith("VARCHAR")
    return _plain(found) == _plain(wanted)


def _is_wider(found: str, wanted: str) -> bool:
    old, new = _SIZED.fullmatch(_plain(found)), _SIZED.fullmatch(_plain(wanted))
    if old is None or new is None:
        return False
    return (old[1], old[3]) == (new[1], new[3]) and int(new[2]) > int(old[2])


def _plain(kind: str) -> str:
    return {"VARCHAR": "VARCHAR(16777216)"}.get(kind, kind.replace("(6)", "") if kind.startswith("TIME") else kind)
