"""Tables without a primary key: nothing proves their keys, so that they are warned of, compared, and may be NULL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.connectors.odbc.model import NullPolicy
from airflow_provider_integrations.connectors.odbc.once import Request, extract_once
from airflow_provider_integrations.connectors.odbc.plan import Policy, RunPlan
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import StateConflictError
from tests.fakes.odbc_servers import OdbcDatabase
from tests.integration.test_odbc_runs import CONTRACT, World, make_source, world

__all__ = ["world"]

pytestmark = pytest.mark.integration

Run = Callable[..., dict[str, Any]]
UNPROVED = "nothing proves the key (id) unique"


@pytest.fixture
def source(odbc_database: OdbcDatabase) -> OdbcDatabase:
    """100 rows of 100 keys, which nothing holds apart."""
    rows = ", ".join(f"({number}, {number}, 'x')" for number in range(100))
    odbc_database.execute(
        "CREATE TABLE k (u bigint NOT NULL, id bigint, note varchar(5))", f"INSERT INTO k VALUES {rows}"
    )
    return odbc_database


@pytest.fixture
def run(source: OdbcDatabase, tmp_path: Path) -> Run:
    def once(**asked: Any) -> dict[str, Any]:
        request = Request("k", ("u", "id"), tmp_path / "out", tmp_path / "state.json", Policy())
        return extract_once(OdbcSettings.from_string(source.connection_string), replace(request, **asked))

    return once


def test_it_is_told_in_every_run_and_not_of_a_declared_key(run: Run, source: OdbcDatabase, tmp_path: Path) -> None:
    for _ in range(2):
        assert [told for told in run()["warnings"] if told.startswith(UNPROVED)]
    source.execute("CREATE TABLE p (id bigint PRIMARY KEY, u bigint)", "INSERT INTO p VALUES (1, 1)")
    request = Request("p", ("u", "id"), tmp_path / "p", tmp_path / "p.json")
    told = extract_once(OdbcSettings.from_string(source.connection_string), request)["warnings"]
    assert not [each for each in told if each.startswith(UNPROVED)]


@pytest.mark.parametrize("page_rows", [1000, 7, 2])
@pytest.mark.parametrize("at", [0, 6, 40, 99])
def test_two_rows_of_one_tuple_are_refused_wherever_they_stand(
    run: Run, source: OdbcDatabase, tmp_path: Path, page_rows: int, at: int
) -> None:
    source.execute(f"INSERT INTO k VALUES ({at}, {at}, 'y')")
    with pytest.raises(StateConflictError, match="the key does not name exactly one row"):
        run(page_rows=page_rows)
    assert not list((tmp_path / "out").glob("*.parquet"))
    source.execute(f"DELETE FROM k WHERE u = {at} AND note = 'y'")
    assert run(page_rows=page_rows)["rows"] == 100


def test_two_rows_of_one_tuple_in_two_batches_of_a_page_are_refused(
    run: Run, source: OdbcDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OdbcSession.read.__kwdefaults__, "batch_rows", 10)
    source.execute("INSERT INTO k VALUES (9, 9, 'y')")
    with pytest.raises(StateConflictError, match="the key does not name exactly one row"):
        run()


@pytest.mark.parametrize("page_rows", [1000, 7])
def test_a_row_without_a_key_is_rejected_and_never_unread(run: Run, source: OdbcDatabase, page_rows: int) -> None:
    assert run(page_rows=page_rows)["nulls"] == 0
    source.execute("INSERT INTO k VALUES (100, NULL, 'n'), (103, 500, 'm'), (3, NULL, 'o')")
    report = run(page_rows=page_rows)
    assert (report["nulls"], report["rejected"], report["rows"]) == (2, 2, 1)
    assert report["bookmark"] == ["103", "500"]


def test_rows_without_a_key_on_a_pages_end_send_no_word_none_to_the_server(run: Run, source: OdbcDatabase) -> None:
    source.execute("INSERT INTO k VALUES (200, NULL, 'n'), (201, NULL, 'n')")
    report = run(page_rows=1)
    assert (report["rows"], report["nulls"], report["bookmark"]) == (100, 2, ["99", "99"])


def test_a_key_that_must_not_be_null_follows_the_policy(run: Run, source: OdbcDatabase) -> None:
    source.execute("INSERT INTO k VALUES (100, NULL, 'n')")
    with pytest.raises(StateConflictError, match="no cursor") as caught:
        run(nulls=NullPolicy.ERROR)
    assert caught.value.values["columns"] == ["id"]
    report = run(nulls=NullPolicy.EXCLUDE_AND_COUNT)
    assert (report["rows"], report["rejected"], report["nulls"]) == (100, 0, 1)


@pytest.mark.parametrize("place", ["", " WHERE {keyset}"])
def test_a_template_is_no_proof_either(world: World, request: pytest.FixtureRequest, place: str) -> None:
    world.insert(range(12), "2025-01-01 00:00:00")
    template = f"SELECT id, updated_at, amount FROM (SELECT id / 1 AS id, updated_at, amount FROM orders) o{place}"
    world.job = replace(world.job, source=make_source(table=None, template="orders.sql"), template=template)
    (item,) = world.plan()
    assert [told for told in RunPlan.from_json(item.facts["plan"]).warnings if told.startswith(UNPROVED)]
    world.extract([item])
    world.load()
    halves = make_source(table=None, template="orders.sql", source="halves")
    world.job = replace(world.job, source=halves, template=template.replace("id / 1", "id / 2"))
    items = world.plan()
    with pytest.raises(StateConflictError, match="the key does not name exactly one row"):
        world.extract(items)


def test_a_key_that_the_contract_spells_otherwise_is_compared_as_well(odbc_sqlite: OdbcDatabase, world: World) -> None:
    odbc_sqlite.execute(
        "CREATE TABLE upper (ID integer, UPDATED_AT timestamp, AMOUNT integer)",
        "INSERT INTO upper VALUES (1, '2025-01-01 00:00:00', 1), (2, '2025-01-01 00:00:00', 1)",
    )
    source = make_source(table="upper", source="orders")
    world.job = replace(world.job, source=source, contract=Contract.from_mapping(CONTRACT))
    (item,) = world.run()
    assert [row["id"] for row in world.rows(item)] == [1, 2]
    odbc_sqlite.execute("INSERT INTO upper VALUES (3, '2025-01-02 00:00:00', 1), (3, '2025-01-02 00:00:00', 1)")
    items = world.plan()
    with pytest.raises(StateConflictError, match="the key does not name exactly one row"):
        world.extract(items)
