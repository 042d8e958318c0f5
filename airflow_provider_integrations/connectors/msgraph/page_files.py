"""Pages as Parquet: each stands apart as it came, the changes of its relations among those of its objects.

Properties are kept as texts: a text as it is, anything else (numbers, booleans, objects, lists) as JSON. A delta carries no
types, and the same name is of one type in one resource and of another in the next; one guessed from the first page would fail
on the thousandth.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_integrations.connectors.msgraph.changes import Change, Op, RelationChange, changes_of_page
from airflow_provider_integrations.connectors.msgraph.model import Page
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.core.errors import ConfigError, SystemicError
from airflow_provider_integrations.formats.columns import column_of

__all__ = [
    "columns_of",
    "page_bytes",
    "page_path",
    "read_page_file",
    "read_sent",
    "text_of",
    "write_page",
]


def _schema(columns: Iterable[tuple[str, Any]]) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in columns])


_PAGE = _schema(
    [
        ("id", pa.string()),  # of the object, or of the owner where it is a change of a relation
        ("op", pa.string()),
        ("seq", pa.int64()),
        ("complete", pa.int64()),
        ("sent", pa.string()),
        ("relation", pa.string()),
        ("member", pa.string()),
        ("member_type", pa.string()),
    ]
)
_OPS = {op.value: op for op in Op}
_ENCODER = json.JSONEncoder(separators=(",", ":"))


def text_of(value: Any) -> str | None:
    """A property as text: None stays None, a text stays as it is, and all else is JSON with the digits that were sent.

    >>> text_of({"a": [Decimal("1.10"), True]})
    '{"a":[1.10,true]}'

    Half of a surrogate pair, which no UTF-8 has, becomes U+FFFD.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
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
        SystemicError: an item that cannot be understood, or not be written: nested without end, or an id that is no text.
    """
    try:
        return _page_bytes(page, query, relations)
    except (UnicodeEncodeError, RecursionError) as error:
        kind = type(error).__name__
    raise SystemicError(  # Out here, as the other error quotes what was sent.
        "an item that cannot be written",
        resource=query.resource,
        page=page.number,
        error=kind,
        next_step="Nothing of the round is applied. Look at what stands between here and the server, or ask Microsoft.",
    )


def _page_bytes(page: Page, query: Query, relations: Collection[str] | None) -> bytes:
    objects: list[Mapping[str, Any]] = []
    rows: list[tuple[Any, ...]] = []
    for change in changes_of_page(page, query):
        if isinstance(change, Change):
            objects.append(change.properties)
            rows.append((change.id, change.op, change.seq, change.complete, None, None, None))
            continue
        if relations is not None and change.relation not in relations:
            raise ConfigError(
                "a relation that has no place",
                relation=change.relation,
                places=sorted(relations),
                next_step="Declare it as a relation, or leave it out of the selection.",
            )
        rows.append((change.owner, change.op, change.seq, False, change.relation, change.member, change.member_type))
    sent = iter(_as_json(objects))
    rows = [(*row[:4], next(sent) if row[4] is None else None, *row[4:]) for row in rows]
    columns = list(zip(*rows, strict=True)) or [()] * len(_PAGE)
    arrays = [column_of(kind, values) for values, kind in zip(columns, _PAGE.types, strict=True)]
    sink = pa.BufferOutputStream()
    # All of it is read, and once.
    pq.write_table(pa.table(arrays, schema=_PAGE), sink, write_statistics=False, use_dictionary=False)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def read_page_file(data: bytes, round: int) -> Iterator[Change | RelationChange]:
    """The changes of a landed page, in order."""
    return (change for change, _ in read_sent(data, round))


def read_sent(data: bytes, round: int) -> Iterator[tuple[Change | RelationChange, str]]:
    """The same, each with what was sent of an object as JSON; that is empty for a relation."""
    with pq.ParquetFile(pa.BufferReader(data)) as file:
        table = file.read(use_threads=False)
    rows = list(zip(*(column.to_pylist() for column in table.select(_PAGE.names).columns), strict=True))
    objects = iter(json.loads(f"[{','.join(row[4] for row in rows if row[4] is not None)}]"))
    for id, op, seq, complete, sent, relation, member, kind in rows:
        if relation is None:
            yield Change(_OPS[op], id, round, seq, next(objects), bool(complete)), sent
        else:
            yield RelationChange(_OPS[op], relation, id, member, kind, round, seq), ""


def write_page(folder: Path, page: Page, query: Query, *, relations: Collection[str] | None = None) -> Path:
    """Write a page in place of what an earlier try has left, without syncing it; errors as of `page_bytes`."""
    path = page_path(folder, page.attempt, page.number)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(page_bytes(page, query, relations=relations))
    return path


def _as_json(objects: list[Mapping[str, Any]]) -> list[str]:
    """Each object's properties, as texts, as JSON: all at once, as a call for each takes longer than what it does."""
    if not objects:
        return []
    plain = [
        {name: value if type(value) is str or value is None else text_of(value) for name, value in each.items()}
        for each in objects
    ]
    try:
        return _apart(plain)
    except UnicodeEncodeError:
        return _apart([{name: text_of(value) for name, value in each.items()} for each in plain])


def _apart(objects: list[dict[str, str | None]]) -> list[str]:
    whole = json.dumps(objects, ensure_ascii=False, separators=(",\n", ":"))
    whole.encode()  # Half of a surrogate pair is found here.
    # No text within has a line end that is not escaped, and no object another one.
    return [f"{{{each}}}" for each in whole[2:-2].split("},\n{")]


def _json(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        return _ENCODER.encode(value)
    except TypeError:
        return _with_decimals(value)


def _with_decimals(value: Any) -> str:
    # `json` has no way to write the digits of a Decimal as a number.
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_with_decimals(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{','.join(map(_with_decimals, value))}]"
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value)
