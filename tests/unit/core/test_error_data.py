"""An error that goes through JSON is raised as what it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from airflow_provider_integrations.core import errors
from airflow_provider_integrations.core.error_data import error_from_data, error_to_data
from airflow_provider_integrations.core.errors import IntegrationError, RateLimitedError, RejectedError, TransientError
from airflow_provider_integrations.core.reasons import Reason


def classes(kind: type[IntegrationError] = IntegrationError) -> Iterator[type[IntegrationError]]:
    yield kind
    for below in kind.__subclasses__():
        if below.__name__ in errors.__all__:
            yield from classes(below)


def again(error: Exception) -> Exception:
    return error_from_data(json.loads(json.dumps(error_to_data(error))))


VALUES = {"count": 3, "share": 0.5, "path": "a'b", "none": None, "changed": ("select", "filter"), "list": [1, (2,)],
          "map": {"a": [True]}, "life": timedelta(days=7), "file": Path("/x"), "odd": {1: 2}}  # fmt: skip


@pytest.mark.parametrize("kind", list(classes()), ids=lambda kind: kind.__name__)
def test_each_class_comes_back_with_its_message_and_values(kind: type[IntegrationError]) -> None:
    made: IntegrationError
    if kind is RejectedError:
        made = RejectedError(Reason.NOT_SIGNED, "no signer", next_step="Ask.", **VALUES)
    elif kind is RateLimitedError:
        made = RateLimitedError("wait", retry_after=12.5, next_step="Wait.", **VALUES)
    else:
        made = kind("it broke", next_step="Mend it.", **VALUES)
    found = again(made)
    assert type(found) is kind
    assert str(found) == str(made)
    assert isinstance(found, IntegrationError)
    assert (found.what, found.next_step) == (made.what, made.next_step)
    assert found.values["changed"] == ("select", "filter")
    assert vars(found).keys() == vars(made).keys()


def test_every_class_of_the_tree_was_tried() -> None:
    assert {kind.__name__ for kind in classes()} == set(errors.__all__)


def test_a_class_below_the_tree_is_told_as_the_one_it_is_of() -> None:
    class Own(TransientError):
        """Of some connector."""

    assert type(again(Own("again"))) is TransientError


@pytest.mark.parametrize(
    ("error", "kind"),
    [(ConnectionResetError("x"), ConnectionError), (TimeoutError("x"), TimeoutError), (KeyError("x"), RuntimeError)],
)
def test_of_an_error_from_outside_only_the_class_is_told(error: Exception, kind: type[Exception]) -> None:
    secret = f"https://graph/delta?$deltatoken={Random(1).getrandbits(64)}"
    error.args = (secret,)
    assert secret not in json.dumps(error_to_data(error))
    found = again(error)
    assert type(found) is kind
    assert type(error).__name__ in str(found)


@pytest.mark.parametrize("changes", [{"class": "NewError"}, {"class": "RejectedError", "reason": "new_reason"}])
def test_what_another_version_told_is_systemic(changes: dict[str, str]) -> None:
    found = error_from_data({"what": "new", "next_step": "", "values": {}} | changes)
    assert type(found) is errors.SystemicError
    assert changes["class"] in str(found)
