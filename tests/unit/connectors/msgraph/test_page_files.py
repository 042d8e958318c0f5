"""What a property becomes in a column, and what a page's file gives back."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.connectors.msgraph.changes import Change, Op, RelationChange
from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
from airflow_provider_integrations.connectors.msgraph.model import Page
from airflow_provider_integrations.connectors.msgraph.page_files import (
    columns_of,
    page_bytes,
    page_path,
    read_page_file,
    text_of,
    write_page,
)
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.core.errors import ConfigError, SystemicError

QUERY = Query(endpoint("https://graph.microsoft.com/v1.0"), "users", select=("id", "displayName", "city"))


def page(*items: dict[str, Any]) -> Page:
    return Page(2, 0, 1, full=False, first=1, items=items, next_link="", end_link="x")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", ""),
        ("null", "null"),
        ("Zoë", "Zoë"),
        (True, "true"),
        (10**30, str(10**30)),
        (Decimal("1.10"), "1.10"),
        ([], "[]"),
        ({"a": [Decimal("1.10"), None, "é"]}, '{"a":[1.10,null,"\\u00e9"]}'),
        ("a\ud800b", "a�b"),
        ("\ufeffa", "\ufeffa"),
    ],
)
def test_a_property_as_text(value: object, text: str | None) -> None:
    assert text_of(value) == text


def _nested(depth: int) -> Any:
    value: Any = Decimal("1.5")
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "item",
    [
        {"id": "canary\ud800"},
        {"id": "canary", "members@delta": [{"id": "\ud800"}]},
        {"id": "canary", "city": _nested(2_000)},
    ],
)
def test_an_item_that_no_file_takes_is_our_error_and_not_quoted(item: dict[str, Any]) -> None:
    with pytest.raises(SystemicError, match="cannot be written") as raised:
        page_bytes(page(item), QUERY)
    assert "canary" not in str(raised.value)
    assert raised.value.__context__ is None


def test_the_key_is_no_property() -> None:
    assert columns_of(QUERY) == ("displayName", "city")


def test_a_page_gives_back_its_changes_with_missing_told_from_null() -> None:
    sent = page({"id": "a", "city": None}, {"id": "b", "@removed": {"reason": "deleted"}})
    assert list(read_page_file(page_bytes(sent, QUERY), 2)) == [
        Change(Op.UPSERT, "a", 2, 1, {"city": None}, complete=False),
        Change(Op.REMOVE_HARD, "b", 2, 2),
    ]


def test_texts_of_a_page_come_back_as_they_were_whatever_stands_in_them() -> None:
    cities = ["},\n{", '"', "a\\\n},{", "\u2028", "", "a\ud800b", "Zoë", {"a": "},\n{"}]
    sent = page(*({"id": str(number), "city": city} for number, city in enumerate(cities)))
    got = [
        change.properties["city"] for change in read_page_file(page_bytes(sent, QUERY), 2) if isinstance(change, Change)
    ]
    assert got == [text_of(city) for city in cities]


def test_a_page_that_comes_again_replaces_what_a_death_has_left(tmp_path: Path) -> None:
    for items in ([{"id": "a"}, {"id": "b"}], []):
        path = write_page(tmp_path, page(*items), QUERY)
    assert path == page_path(tmp_path, 0, 1)
    assert list(read_page_file(path.read_bytes(), 2)) == []


def test_a_page_carries_the_changes_of_relations_among_those_of_objects() -> None:
    kind = "#microsoft.graph.user"
    sent = page(
        {
            "id": "a",
            "members@delta": [{"id": "b", "@odata.type": kind}, {"id": "c", "@removed": {"reason": "deleted"}}],
        },
        {"id": "d"},
    )
    assert list(read_page_file(page_bytes(sent, QUERY, relations=("members",)), 2)) == [
        Change(Op.UPSERT, "a", 2, 1),
        RelationChange(Op.UPSERT, "members", "a", "b", kind, 2, 1),
        RelationChange(Op.REMOVE_HARD, "members", "a", "c", "", 2, 1),
        Change(Op.UPSERT, "d", 2, 2),
    ]


def test_a_relation_without_a_place_is_refused_by_name_and_not_dropped() -> None:
    with pytest.raises(ConfigError, match="members"):
        page_bytes(page({"id": "a", "members@delta": [{"id": "b"}]}), QUERY, relations=("owners",))
