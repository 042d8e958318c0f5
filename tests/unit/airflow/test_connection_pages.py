"""The pages in `docs/connections` are those that the provider info gives today."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_integrations.connection_pages import connection_pages
from airflow_provider_integrations.get_provider_info import get_provider_info

FOLDER = Path(__file__).parents[3] / "docs" / "connections"


@pytest.mark.parametrize("name", sorted(connection_pages()))
def test_the_page_is_fresh(name: str) -> None:
    page = (FOLDER / name).read_text(encoding="utf-8")
    assert page == connection_pages()[name], (
        "run `python -m airflow_provider_integrations.connection_pages docs/connections`"
    )


@pytest.mark.parametrize("connection", get_provider_info()["connection-types"], ids=lambda c: c["connection-type"])
def test_the_example_uses_only_what_the_form_has(connection: dict[str, dict[str, object]]) -> None:
    page = connection_pages()[f"{connection['connection-type']}.md"]
    example = json.loads(page.split("='")[1].split("'\n```")[0])
    assert set(example["extra"]) <= set(connection["conn-fields"])
