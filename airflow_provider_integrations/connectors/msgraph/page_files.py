"""Pages as Parquet: each stands apart as it came, the changes of its relations among those of its objects.

Properties are kept as texts: a text as it is, anything else (numbers, booleans, objects, lists) as JSON. A delta carries no
types, and the same name is of one type in one resource and of another in the next; one guessed from the first page would fail
on the thousandth.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_integrations.connectors.msgraph.changes import Change, Op, RelationChange, changes_of_page
from airflow_provider_integrations.connectors.msgraph.model import Page
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.landing.durable import replace_durably

__all__ = [
    "columns_of",
    "land_page",
    "landed_changes",
    "page_bytes",
    "page_path",
    "read_page_file",
    "read_sent",
    "text_of",
]


def _schema(columns: Iterable[tuple[str, Any]]) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in columns])


_PAGE = _schema(
    [
        ("id", pa.string()),  # of the object, or of the owner where it is a change of a relation
        ("op", pa.string()),
        ("seq", pa.int64()),
        ("complete", pa.bool_()),
        ("sent", pa.string()),
        ("relation", pa.string()),
        ("member", pa.string()),
        ("member_type", pa.string()),
    ]
)
_OPS = {op.value: op for op in Op}


def text_of(value: Any) -> str | None:
    """A property as text: None stays None, a text stays as it is, and all else is JSON with the digits that were sent.

    >>> text_of({"a": [Decimal("1.10"), True]})
    '{"a":[1.10,true]}'

    Half of a surrogate pair, which no UTF-8 has, becomes U+FFFD.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return value if _is_whole(value) else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _json(value)


def columns_of(query: Query) -> tuple[str, ...]:
    """The selected properties in their order, without the key."""
    names = dict.fromkeys(name.split("/")[0] for name in query.select)
    return tuple(name for name in names if name.casefold() not in (query.key.casefold(), "id"))


def page_path(folder: Path, attempt: int, number: int) -> Path:
    """Where a page stands until its round is loaded."""
    return folder / f"attempt-{attempt:04d}" / f"page-{number:07d}.parquet"


def page_bytes(page: Page, query: Query, *, relations: Collection[str] | None = None) -> bytes:
    """The changes of a page as a Parquet file, those of its relations among them; `read_page_file` reads it.

    Args:
        page: As it came.
        query: What it answers.
        relations: Those that have a place; None takes any.

    Raises:
        ConfigError: the page has a relation that has no place; its changes would be dropped silently.
        SystemicError: an item that cannot be understood.
    """
    rows: list[tuple[Any, ...]] = []
    for change in changes_of_page(page, query):
        if isinstance(change, Change):
            sent = json.dumps({name: text_of(value) for name, value in change.properties.items()})
            rows.append((change.id, change.op.value, change.seq, change.complete, sent, None, None, None))
            continue
        if relations is not None and change.relation not in relations:
            raise ConfigError(
                "a relation that has no place",
                relation=change.relation,
                places=sorted(relations),
                next_step="Declare it as a relation, or leave it out of the selection.",
            )
        other = (change.relation, change.member, change.member_type)
        rows.append((change.owner, change.op.value, change.seq, False, None, *other))
    columns = list(zip(*rows, strict=True)) or [()] * len(_PAGE)
    arrays = [pa.array(values, kind) for values, kind in zip(columns, _PAGE.types, strict=True)]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(arrays, schema=_PAGE), sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def read_page_file(data: bytes, round: int) -> Iterator[Change | RelationChange]:
    """The changes of a landed page, in order."""
    return (change for change, _ in read_sent(data, round))


def read_sent(data: bytes, round: int) -> Iterator[tuple[Change | RelationChange, str]]:
    """The same, each with what was sent of an object as JSON; that is empty for a relation."""
    table = pq.read_table(pa.BufferReader(data), use_threads=False)
    for id, op, seq, complete, sent, relation, member, kind in zip(
        *(column.to_pylist() for column in table.select(_PAGE.names).columns), strict=True
    ):
        if relation is None:
            yield Change(_OPS[op], id, round, seq, json.loads(sent), complete), sent
        else:
            yield RelationChange(_OPS[op], relation, id, member, kind, round, seq), ""


def land_page(folder: Path, page: Page, query: Query, *, relations: Collection[str] | None = None) -> None:
    """Write a page durably, in place of what an earlier try has left; errors as of `page_bytes`."""
    path = page_path(folder, page.attempt, page.number)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_durably(path, page_bytes(page, query, relations=relations))


def landed_changes(path: Path, round: int) -> Iterator[Change | RelationChange]:
    """The changes of a page that `land_page` wrote."""
    return read_page_file(path.read_bytes(), round)


def _is_whole(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _json(value: Any) -> str:
    # `json` has no way to write the digits of a Decimal as a number.
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_json(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{','.join(map(_json, value))}]"
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value)
