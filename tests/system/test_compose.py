"""The production shape cannot be run in a test: its file is checked by a schema and by what it names.

`tests/golden/compose-spec.schema.json` is the Compose Specification's own schema (Apache-2.0).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from airflow_provider_integrations.core.source import FileSource
from airflow_provider_integrations.get_provider_info import get_provider_info
from airflow_provider_integrations.include import read_sources

REPOSITORY = Path(__file__).resolve().parents[2]
COMPOSE = REPOSITORY / "docker-compose.yaml"
SCHEMA = REPOSITORY / "tests" / "golden" / "compose-spec.schema.json"
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(:\?|:-)?([^}]*)\}")
SECRET = re.compile(r"PASSWORD|SECRET|KEY|TOKEN|WAREHOUSE$|SFTP_PGP", re.IGNORECASE)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"]
    return found


def test_it_fits_the_compose_specification(compose: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.validators.validator_for(schema)(schema).validate(compose)


def test_it_has_the_production_shape(services: dict[str, Any]) -> None:
    wanted = {"postgres", "redis", "sftp", "airflow-init", "airflow-apiserver", "airflow-scheduler"}
    assert wanted | {"airflow-dag-processor", "airflow-triggerer", "airflow-worker"} == set(services)
    for name, service in services.items():
        if name.startswith("airflow"):
            assert service["environment"]["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor", name


def test_every_service_but_the_one_that_ends_says_when_it_is_healthy(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if "healthcheck" not in service] == ["airflow-init"]


def test_nothing_waits_for_what_is_not_there_or_cannot_become_ready(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in services, f"{name} waits for {needed}"
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[needed], f"{name} waits for the health of {needed}"


def test_every_mounted_folder_exists_and_is_read_only(services: dict[str, Any]) -> None:
    mounted = {volume for service in services.values() for volume in service.get("volumes", ()) if volume[0] == "."}
    assert {volume.split(":")[0] for volume in mounted} == {"./dags", "./plugins", "./include"}
    for volume in mounted:
        source, _target, mode = volume.split(":")
        assert (REPOSITORY / source).is_dir(), volume
        assert mode == "ro", volume


def test_every_volume_config_and_secret_is_declared_and_used(compose: dict[str, Any]) -> None:
    services = compose["services"].values()
    volumes = {v.split(":")[0] for s in services for v in s.get("volumes", ()) if v[0] not in "./"}
    configs = {config["source"] for service in services for config in service.get("configs", ())}
    secrets = {secret for service in services for secret in service.get("secrets", ())}
    assert volumes == set(compose["volumes"])
    assert configs == set(compose["configs"])
    assert secrets == set(compose["secrets"])


def test_no_secret_is_in_the_file_and_each_one_is_required() -> None:
    text = COMPOSE.read_text(encoding="utf-8")
    for name, operator, rest in VARIABLE.findall(text):
        if SECRET.search(name) and name != "SFTP_PORT":
            assert operator == ":?", f"{name} must be required, with words for who misses it"
            assert rest, name
        else:
            assert operator == ":-", f"{name} must have a default"
    # What looks like a secret in the environment is a variable and nothing else.
    for line in re.findall(r"^ +(\w*(?:PASSWORD|SECRET|FERNET_KEY)\w*): (.+)$", text, re.MULTILINE):
        assert VARIABLE.fullmatch(line[1].strip()), line[0]


def test_published_ports_are_on_loopback_only(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_image_is_built_from_the_airflow_of_the_lock_with_this_package(services: dict[str, Any]) -> None:
    recipe = services["airflow-worker"]["build"]["dockerfile_inline"]
    locked = re.search(r"^apache-airflow==(\S+)", (REPOSITORY / "requirements.lock").read_text(), re.MULTILINE)
    assert locked is not None
    assert f"${{AIRFLOW_VERSION:-{locked[1]}}}" in recipe
    copied = re.findall(r"^COPY --chown=\S+ (.+) /build\S*$", recipe, re.MULTILINE)
    for path in " ".join(copied).split():
        assert (REPOSITORY / path).exists(), path
    extras = re.search(r"\.whl\)\[(.+?)\]", recipe)
    assert extras is not None
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    for extra in extras[1].split(","):
        assert f"\n{extra} = [" in project, extra


def test_each_connection_of_a_source_is_there_with_a_type_that_exists(services: dict[str, Any]) -> None:
    environment = services["airflow-worker"]["environment"]
    names = {name.removeprefix("AIRFLOW_CONN_").lower() for name in environment if name.startswith("AIRFLOW_CONN_")}
    sources = [source for _, source in read_sources(REPOSITORY / "include") if isinstance(source, FileSource)]
    assert {source.connection for source in sources} <= names
    assert {source.load.connection for source in sources} <= names
    assert "integrations_ledger" in names
    ours = {entry["connection-type"] for entry in get_provider_info()["connection-types"]}
    text = COMPOSE.read_text(encoding="utf-8")
    types = set(re.findall(r'"conn_type": "(\w+)"', text)) | set(re.findall(r"the JSON of an? (\w+) connection", text))
    assert types == {"integrations_ledger", "sftp_pgp", "snowflake"}
    assert types - {"snowflake"} <= ours


def test_settings_of_the_section_integrations_exist(services: dict[str, Any]) -> None:
    options = get_provider_info()["config"]["integrations"]["options"]
    prefix = "AIRFLOW__INTEGRATIONS__"
    used = {n.removeprefix(prefix).lower() for n in services["airflow-worker"]["environment"] if n.startswith(prefix)}
    assert used
    assert used <= set(options)
