"""`integrations intervals expected` as a user types it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from airflow_provider_integrations.cli import app


@pytest.mark.parametrize(
    ("zone", "day", "minutes", "printed"),
    [
        ("America/Chicago", "2025-03-09", "15", "92"),
        ("America/Chicago", "2025-11-02", "30", "50"),
        ("Australia/Lord_Howe", "2025-04-06", "60", "24.5"),
        ("Pacific/Apia", "2011-12-30", "60", "0"),
    ],
)
def test_the_number_of_slots_is_printed(zone: str, day: str, minutes: str, printed: str) -> None:
    told = CliRunner().invoke(app, ["intervals", "expected", "--zone", zone, "--date", day, "--minutes", minutes])
    assert (told.exit_code, told.stdout) == (0, f"{printed}\n")


def test_a_zone_that_is_none_is_told() -> None:
    told = CliRunner().invoke(
        app, ["intervals", "expected", "--zone", "Mars", "--date", "2025-01-01", "--minutes", "15"]
    )
    assert told.exit_code == 1
    assert json.loads(told.stderr)["error"] == "ConfigError"
