"""Tags that cannot be read: they are found, told, and keep no other one from being read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.historian.backfill import Order
from airflow_provider_integrations.connectors.historian.model import Page, Span, Tag, unread
from airflow_provider_integrations.connectors.historian.parts import Parts
from airflow_provider_integrations.core.errors import PermanentError
from tests.fakes.model_historian import ModelHistorian
from tests.unit.connectors.historian.test_backfill import SERIES, SPAN, backfill


def test_a_tag_that_cannot_be_read_does_not_keep_the_others_from_it(tmp_path: Path) -> None:
    class NoHistory(ModelHistorian):
        async def read(self, tags: Sequence[Tag], span: Span) -> AsyncIterator[Page]:
            for tag in tags:
                if tag.name == "b":
                    raise unread(PermanentError, "no history", "b", span, next_step="Leave it out.")
                async for page in super().read([tag], span):
                    yield page

    with pytest.raises(PermanentError, match="no history"):
        backfill(NoHistory(SERIES), tmp_path / "p")
    parts = Parts(tmp_path / "p")
    assert [parts.read_spans(tag) for tag in ("a", "b", "c")] == [(SPAN,), (), (SPAN,)]


class Refusing(ModelHistorian):
    """Has no history of some tags, and blames the first one that was asked for."""

    def __init__(self, *names: str) -> None:
        super().__init__(SERIES)
        self._names = names

    async def read(self, tags: Sequence[Tag], span: Span) -> AsyncIterator[Page]:
        if any(tag.name in self._names for tag in tags):
            self.windows.append((tuple(tag.name for tag in tags), span))
            raise unread(PermanentError, "no history", tags[0].name, span, next_step="Leave it out.")
        async for page in super().read(tags, span):
            yield page


def test_the_tag_that_cannot_be_read_is_found_even_if_another_one_is_blamed(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="no history") as caught:
        backfill(Refusing("c"), tmp_path / "p")
    assert caught.value.values["tag"] == "c"
    parts = Parts(tmp_path / "p")
    assert [parts.read_spans(tag) for tag in ("a", "b", "c")] == [(SPAN,), (SPAN,), ()]


def test_several_tags_that_cannot_be_read_are_told_together(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="2 tags cannot be read; the first one: no history") as caught:
        backfill(Refusing("a", "c"), tmp_path / "p")
    assert caught.value.values["tags"] == ["a", "c"]


def test_a_server_that_refuses_everything_is_not_asked_for_every_tag(tmp_path: Path) -> None:
    """It may be the password: as many attempts as there are tags would lock the account."""
    names = [f"n{at}" for at in range(500)]
    reader = Refusing(*names)
    with pytest.raises(PermanentError, match="no history"):
        backfill(reader, tmp_path / "p", Order(tuple(Tag(name, name) for name in names), SPAN))
    assert len(reader.windows) < 20
