"""The provider info fits Airflow's schema, names only what exists, and agrees with the code that reads the settings."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import resources
from typing import Any

import jsonschema
import pytest

from airflow_provider_integrations.connectors.msgraph.settings import GraphExtras
from airflow_provider_integrations.connectors.sftp_pgp.settings import EXTRAS
from airflow_provider_integrations.get_provider_info import get_provider_info

INFO = get_provider_info()


def schema(name: str) -> dict[str, Any]:
    text: dict[str, Any] = json.loads(resources.files("airflow").joinpath(name).read_text())
    return text


def paths() -> Iterator[str]:
    for kind in ("hooks", "operators", "sensors", "triggers"):
        for entry in INFO[kind]:
            yield from entry["python-modules"]
    yield from INFO["extra-links"]
    yield from INFO["notifications"]
    yield from (entry["hook-class-name"] for entry in INFO["connection-types"])


def test_it_fits_the_installed_schema() -> None:
    jsonschema.validate(INFO, schema("provider_info.schema.json"))


def test_airflow_would_read_every_key() -> None:
    assert not set(INFO) - set(schema("provider_info.schema.json")["properties"]), "an unknown key is skipped silently"


@pytest.mark.parametrize("connection", INFO["connection-types"], ids=lambda entry: entry["connection-type"])
def test_the_form_is_in_the_keys_that_airflow_reads(connection: dict[str, Any]) -> None:
    assert set(connection["ui-field-behaviour"]) <= {"hidden-fields", "relabeling", "placeholders"}
    behaviour = {key.replace("-", "_"): value for key, value in connection["ui-field-behaviour"].items()}
    jsonschema.validate(behaviour, schema("customized_form_field_behaviours.schema.json"))
    for field in connection["conn-fields"].values():
        assert field["label"]
        assert field["description"]
        assert "null" in field["schema"]["type"], "a field that is left empty must be valid"


@pytest.mark.parametrize("path", sorted(set(paths())))
def test_every_path_imports(path: str) -> None:
    module, _, name = path.rpartition(".")
    if name[0].isupper():
        assert hasattr(importlib.import_module(module), name)
    else:
        assert importlib.import_module(path).__all__


def test_connection_types_are_those_of_the_hooks() -> None:
    for entry in INFO["connection-types"]:
        module, _, name = entry["hook-class-name"].rpartition(".")
        hook = getattr(importlib.import_module(module), name)
        assert (hook.conn_type, hook.hook_name) == (entry["connection-type"], entry["hook-name"])


def test_the_forms_offer_exactly_what_the_settings_read() -> None:
    from airflow_provider_integrations.ledger.hook import LedgerExtras

    forms = {entry["connection-type"]: set(entry["conn-fields"]) for entry in INFO["connection-types"]}
    assert forms["sftp_pgp"] == set(EXTRAS)
    assert forms["integrations_ledger"] == set(LedgerExtras.model_fields)
    assert forms["msgraph_delta"] == set(GraphExtras.model_fields)


def test_airflow_masks_every_secret_field_by_its_name() -> None:
    from airflow.sdk._shared.secrets_masker import should_hide_value_for_key

    secret = {"private_key", "private_key_passphrase", "pgp_private_key", "pgp_passphrase"}
    assert {name for name in EXTRAS if should_hide_value_for_key(name)} == secret
    assert {name for name in GraphExtras.model_fields if should_hide_value_for_key(name)} >= {"private_key", "proxy"}


def test_no_page_shows_a_key_of_the_configuration() -> None:
    options = INFO["config"]["integrations"]["options"]
    assert {name for name, option in options.items() if option.get("sensitive")} == {"graph_state_key"}


def test_the_plugin_comes_by_entry_point_since_airflow_skips_a_providers_plugins_when_lazy() -> None:
    from airflow import plugins_manager

    assert "plugins" not in INFO, "both ways would register it twice"
    assert "integrations" in {plugin.name for plugin in plugins_manager._get_plugins()[0]}


def test_its_import_costs_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "import airflow_provider_integrations.get_provider_info as info; info.get_provider_info()\n"
        "print(sorted(name for name in set(sys.modules) - before if not name.startswith('airflow_provider')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pydantic" not in done.stdout
    assert "'airflow'" not in done.stdout
