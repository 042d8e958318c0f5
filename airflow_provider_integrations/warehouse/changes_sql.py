"""What a load will change, worked out in one INSERT into the table of changes, before the MERGE.

Type 1 keeps one row for each key: the newest by (`_version`, `_line`). Type 2 keeps each version that differs from the
one before it. An action says what the MERGE will do to a row:

| action | type | the row |
| --- | --- | --- |
| `INSERT` | 1, 2 | has a key that the target does not know |
| `UPDATE` | 1 | is newer and differs |
| `VERSION` | 2 | is a new version of a known key |
| `CORRECT` | 2 | is the same version with other content, as a replay after a correction gives |
| `CLOSE` | 2 | is a known version whose time span changes |
| `TOUCH` | 1, 2 | is the same in a newer version: only the version is noted, so that a late one is known as late |
| `DELETE` | 1, 2 | is of a key that a sweep did not find at the source any more |

A deletion is a point in the order of versions, as a row is: a newer row brings the key back (type 1: the marker is cleared;
type 2: a new row, with a gap before it), an older one that comes late takes its place and leaves the key deleted.
"""

# ruff: noqa: S608 every name is quoted by core.identifiers and every value is bound
from __future__ import annotations

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.identifiers import quote
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.warehouse.tables import BATCH_COLUMNS, DELETED_COLUMNS, HISTORY_COLUMNS, Tables

__all__ = ["render_changes", "render_deletes"]

_BATCH = [quote(name) for name in BATCH_COLUMNS]
_ALL = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
_DELETED = [quote(name) for name in DELETED_COLUMNS]
_FLAGS = ['"_DQ_VALID"', '"_DQ_FLAGS"']


def render_deletes(tables: Tables, contract: Contract, policy: LoadPolicy) -> str:
    """The INSERT that marks what is staged by its keys alone as deleted (bound: `load_id`).

    A row that the sweep's version or a later one has seen is not touched: the key came back meanwhile.
    """
    keys, own, _ = _columns(contract)
    kept = [*own, *_BATCH]
    history = [quote(name) for name in HISTORY_COLUMNS] if policy.scd == 2 else []
    ended = {'"VALID_TO"': '"S"."_VALID_FROM"', '"IS_CURRENT"': "FALSE"}
    values = [ended.get(name, f'"T".{name}') for name in [*kept, *history]]
    alive, seen = (
        ('"T"."IS_CURRENT"', '"T"."_SEEN_VERSION"')
        if policy.scd == 2
        else ('"T"."_DELETED_VERSION" IS NULL', '"T"."_VERSION"')
    )
    return f"""INSERT INTO {tables.changes} (
  {_list([*kept, *history, *_DELETED])}, "_ACTION", "_LOADED_AT", "_LOAD_ID"
)
SELECT
  {", ".join(values)}, "S"."_VERSION", "S"."_VALID_FROM", 'DELETE', SYSDATE(), %(load_id)s
FROM (
  SELECT DISTINCT {_list(keys)}, "_VERSION", "_VALID_FROM"
  FROM {tables.staging}
  WHERE "_LOAD_ID" = %(load_id)s
) AS "S"
JOIN {tables.target} AS "T" ON {_equal(keys, "T", "S")}
WHERE {seen} < "S"."_VERSION"
  AND {alive}"""


def render_changes(tables: Tables, contract: Contract, policy: LoadPolicy) -> str:
    """The INSERT for this attempt (bound: `load_id`)."""
    return _type_2(tables, contract) if policy.scd == 2 else _type_1(tables, contract)


def _type_1(tables: Tables, contract: Contract) -> str:
    keys, own, content = _columns(contract)
    columns = [*own, *_BATCH]
    differs = _differs([*content, *_FLAGS], "S", "T")
    newer = '("S"."_VERSION" > "T"."_VERSION" OR ("S"."_VERSION" = "T"."_VERSION" AND "S"."_LINE" >= "T"."_LINE"))'
    still_gone = '"S"."_VERSION" < "T"."_DELETED_VERSION"'
    return f"""INSERT INTO {tables.changes} ({_list([*columns, *_DELETED])}, "_ACTION", "_LOADED_AT", "_LOAD_ID")
SELECT
  {_list(columns, "S")},
  CASE WHEN {still_gone} THEN "T"."_DELETED_VERSION" END,
  CASE WHEN {still_gone} THEN "T"."_DELETED_AT" END,
  CASE
    WHEN "T"."_VERSION" IS NULL THEN 'INSERT'
    WHEN {differs} OR "S"."_VERSION" >= "T"."_DELETED_VERSION" THEN 'UPDATE'
    ELSE 'TOUCH'
  END,
  SYSDATE(),
  %(load_id)s
FROM (
  SELECT {_list(columns)}
  FROM {tables.staging}
  WHERE "_LOAD_ID" = %(load_id)s
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY {_list(keys)} ORDER BY "_VERSION" DESC, "_LINE" DESC, "_BATCH_ID" DESC
  ) = 1
) AS "S"
LEFT JOIN {tables.target} AS "T" ON {_equal(keys, "T", "S")}
WHERE "T"."_VERSION" IS NULL
  OR ({newer}
    AND ("S"."_VERSION" > "T"."_VERSION" OR "S"."_LINE" > "T"."_LINE" OR {differs}))"""


def _type_2(tables: Tables, contract: Contract) -> str:
    keys, own, content = _columns(contract)
    base = [*own, *_BATCH, '"VALID_FROM"']
    # A row that is marked as deleted stands for two points: itself, and the key's absence.
    gone = [{'"_VERSION"': '"_DELETED_VERSION"'}.get(name, name) for name in [*own, *_BATCH]]
    unseen = [name if name != '"_VERSION"' else '"_SEEN_VERSION"' for name in [*own, *_BATCH]]
    by_key = f"PARTITION BY {_list(keys)}"
    timeline = ['"VALID_FROM"', '"VALID_TO"', '"_SEEN_VERSION"', '"_SEEN_FROM"']
    in_time = f'{by_key} ORDER BY "_VERSION"'
    by_version = f'{by_key}, "_VERSION" ORDER BY "_RANK" DESC'
    # Each version is compared with the one before it in time; the windows agree, so that one sort serves them.
    differs_from_last = (
        " OR ".join(f"{name} IS DISTINCT FROM LAG({name}) OVER ({in_time})" for name in content) or "FALSE"
    )
    return f"""INSERT INTO {tables.changes} (
  {_list([*own, *_BATCH])}, "VALID_FROM", "VALID_TO", "IS_CURRENT", "_SEEN_VERSION", "_SEEN_FROM",
  {_list(_DELETED)}, "_ACTION", "_LOADED_AT", "_LOAD_ID"
)
WITH "INCOMING" AS (
  SELECT {_list([*own, *_BATCH])}, "_VALID_FROM" AS "VALID_FROM"
  FROM {tables.staging}
  WHERE "_LOAD_ID" = %(load_id)s
  QUALIFY ROW_NUMBER() OVER ({by_key}, "_VERSION" ORDER BY "_LINE" DESC, "_BATCH_ID" DESC) = 1
),
"KNOWN" AS (
  SELECT "T".*
  FROM {tables.target} AS "T"
  JOIN (SELECT DISTINCT {_list(keys)} FROM "INCOMING") AS "K" ON {_equal(keys, "T", "K")}
),
"SIGHTINGS" AS (
  SELECT {_list(base)}, 3 AS "_RANK", 0 AS "_IS_ROW", 0 AS "_IS_GONE" FROM "INCOMING"
  UNION ALL
  SELECT {_list(base)}, 2 AS "_RANK", 1 AS "_IS_ROW", 0 AS "_IS_GONE" FROM "KNOWN"
  UNION ALL
  SELECT {_list(unseen)}, "_SEEN_FROM", 1 AS "_RANK", 0 AS "_IS_ROW", 0 AS "_IS_GONE"
  FROM "KNOWN" WHERE "_SEEN_VERSION" > "_VERSION"
  UNION ALL
  SELECT {_list(gone)}, "_DELETED_AT", 0 AS "_RANK", 0 AS "_IS_ROW", 1 AS "_IS_GONE"
  FROM "KNOWN" WHERE "_DELETED_VERSION" IS NOT NULL
),
"VERSIONS" AS (
  SELECT {_list(base)}, "_IS_GONE", MAX("_IS_ROW") OVER ({by_version} {_ALL}) AS "_IS_KNOWN"
  FROM "SIGHTINGS"
  QUALIFY ROW_NUMBER() OVER ({by_version}) = 1
),
"MARKED" AS (
  SELECT
    *,
    LAG("_VERSION") OVER ({in_time}) AS "_BEFORE",
    LAG("VALID_FROM") OVER ({in_time}) AS "_BEFORE_FROM",
    MAX("_VERSION") OVER ({in_time} {_ALL}) AS "_LAST",
    LAST_VALUE("VALID_FROM") OVER ({in_time} {_ALL}) AS "_LAST_FROM",
    MAX("_IS_KNOWN") OVER ({in_time} {_ALL}) AS "_KEY_IS_KNOWN",
    CASE
      WHEN "_IS_KNOWN" = 1 OR "_IS_GONE" = 1 OR LAG("_IS_GONE") OVER ({in_time}) = 1
        OR LAG("_VERSION") OVER ({in_time}) IS NULL
        OR {differs_from_last}
      THEN 1 ELSE 0
    END AS "_STARTS"
  FROM "VERSIONS"
),
"HISTORY" AS (
  SELECT
    *,
    LEAD("VALID_FROM") OVER ({in_time}) AS "VALID_TO",
    COALESCE(LEAD("_BEFORE") OVER ({in_time}), "_LAST") AS "_SEEN_VERSION",
    COALESCE(LEAD("_BEFORE_FROM") OVER ({in_time}), "_LAST_FROM") AS "_SEEN_FROM",
    CASE WHEN LEAD("_IS_GONE") OVER ({in_time}) = 1 THEN LEAD("_VERSION") OVER ({in_time}) END AS "_DELETED_VERSION",
    CASE WHEN LEAD("_IS_GONE") OVER ({in_time}) = 1 THEN LEAD("VALID_FROM") OVER ({in_time}) END AS "_DELETED_AT"
  FROM "MARKED"
  WHERE "_STARTS" = 1
)
SELECT
  {_list([*own, *_BATCH], "S")}, "S"."VALID_FROM", "S"."VALID_TO", "S"."VALID_TO" IS NULL, "S"."_SEEN_VERSION",
  "S"."_SEEN_FROM",
  {_list(_DELETED, "S")},
  CASE
    WHEN "T"."_VERSION" IS NULL AND "S"."_KEY_IS_KNOWN" = 0 AND "S"."_BEFORE" IS NULL THEN 'INSERT'
    WHEN "T"."_VERSION" IS NULL THEN 'VERSION'
    WHEN {_differs([*content, *_FLAGS], "S", "T")} THEN 'CORRECT'
    WHEN {_differs([*timeline[:2], *_DELETED], "S", "T")} THEN 'CLOSE'
    ELSE 'TOUCH'
  END,
  SYSDATE(),
  %(load_id)s
FROM "HISTORY" AS "S"
LEFT JOIN {tables.target} AS "T" ON {_equal([*keys, '"_VERSION"'], "T", "S")}
WHERE "S"."_IS_GONE" = 0
  AND ("T"."_VERSION" IS NULL OR {_differs([*content, *_FLAGS, *timeline, *_DELETED], "S", "T")})"""


def _columns(contract: Contract) -> tuple[list[str], list[str], list[str]]:
    own = [quote(column.name.upper()) for column in contract.columns]
    keys = [quote(key.upper()) for key in contract.keys]
    return keys, own, [name for name in own if name not in keys]


def _list(names: list[str], alias: str = "") -> str:
    return ", ".join(f'"{alias}".{name}' if alias else name for name in names)


def _equal(names: list[str], left: str, right: str) -> str:
    return " AND ".join(f'EQUAL_NULL("{left}".{name}, "{right}".{name})' for name in names)


def _differs(names: list[str], left: str, right: str) -> str:
    return "(" + " OR ".join(f'"{left}".{name} IS DISTINCT FROM "{right}".{name}' for name in names) + ")"
