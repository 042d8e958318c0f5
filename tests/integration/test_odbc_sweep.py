"""The deletes sweep on real engines: what is gone is found key by key, whatever the key is, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_integrations.connectors.odbc.model import KeyRange, TableFacts, TableQuery
from airflow_provider_integrations.connectors.odbc.query import build_query
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.connectors.odbc.statements import page
from airflow_provider_integrations.connectors.odbc.sweep import Sweep, sweep
from airflow_provider_integrations.connectors.odbc.sweep_engine import ParquetKeys
from airflow_provider_integrations.connectors.odbc.sweep_source import SourceKeys
from airflow_provider_integrations.connectors.odbc.typed import to_landed
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ReconciliationError
from airflow_provider_integrations.core.key_groups import ByHash, ByWidth
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration

LOADED = "2025-01-01T00:00:00.000000Z/run"
SWEPT = "2025-06-01T00:00:00.000000Z/sweep"

WORDS = ["a", "A", "á", "ss", "ß", "😀", "a b", "x'y", "tab\tted", "back\\slash", "é", "line\nbreak"]

# Of each key: its type at each engine, the contract's, and values as SQL literals that every engine takes.
KEYS: dict[str, tuple[dict[str, str], str, list[str]]] = {
    "bigint": (
        dict.fromkeys(("postgres", "mariadb", "sqlite"), "bigint"),
        "integer",
        ["-9223372036854775808", "-7", "0", "5", "9223372036854775807"],
    ),
    "decimal": (
        dict.fromkeys(("postgres", "mariadb", "sqlite"), "decimal(12,4)"),
        "decimal(14,6)",
        ["-1.5", "0", "0.0001", "12345678.9999"],
    ),
    "text": (
        {"postgres": "text", "mariadb": "varchar(20) COLLATE utf8mb4_bin", "sqlite": "text"},
        "string",
        ["'" + word.replace("'", "''") + "'" for word in WORDS],
    ),
    "char": (
        {"postgres": "char(5)", "mariadb": "char(5)", "sqlite": "char(5)"},
        "string",
        ["'a'", "'bcd'", "'zzzzz'"],
    ),
    "date": (dict.fromkeys(("postgres", "mariadb", "sqlite"), "date"), "date", ["'0001-01-02'", "'2025-12-31'"]),
    "stamp": (
        {"postgres": "timestamptz", "mariadb": "timestamp(6)", "sqlite": "timestamp"},
        "timestamp",
        ["'2025-01-01 00:00:00'", "'2025-01-01 00:00:00.000001'", "'2025-12-31 23:59:59.999999'"],
    ),
    "local": (
        {"postgres": "timestamp(3)", "mariadb": "datetime(3)", "sqlite": "timestamp"},
        "timestamp",
        ["'2025-01-01 00:00:00'", "'1999-01-01 10:20:30.125'"],
    ),
    "time": (
        {"postgres": "time", "mariadb": "time(6)", "sqlite": "time"},
        "time",
        ["'00:00:00'", "'01:02:03.00004'", "'23:59:59.999999'"],
    ),
    "uuid": (
        {"postgres": "uuid", "mariadb": "uuid", "sqlite": "varchar(36)"},
        "uuid",
        ["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "'00000000-0000-0000-0000-000000000001'"],
    ),
}


@pytest.fixture(params=["postgres", "mariadb", "sqlite"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database(engine: str, request: pytest.FixtureRequest) -> OdbcDatabase:
    found: OdbcDatabase = request.getfixturevalue(f"odbc_{engine}")
    return found


def _contract(columns: dict[str, str], **more: Any) -> Contract:
    return Contract.from_mapping(
        {
            "contract": "orders",
            "version": "1.0.0",
            "columns": [{"name": name, "type": kind, "nullable": False, **more} for name, kind in columns.items()],
            "keys": list(columns),
        }
    )


@contextmanager
def _reading(
    database: OdbcDatabase, contract: Contract, filter: str | None = None
) -> Iterator[tuple[OdbcSession, TableQuery, TableFacts]]:
    with OdbcSession.open(OdbcSettings.from_string(database.connection_string)) as session:
        facts = session.facts("orders")
        yield session, build_query(session.dialect, facts, contract, (), filter=filter), facts


def _land(database: OdbcDatabase, contract: Contract, path: Path, version: str = LOADED) -> str:
    """What an extraction would have landed, as Parquet; the pattern of its files."""
    with _reading(database, contract) as (session, query, _), session.snapshot():
        statement = page(session.dialect, query, KeyRange())
        tables = [to_landed(batch, contract, query.columns)[0] for batch in session.read(statement, query.columns)]
    table = pa.concat_tables(tables) if tables else to_landed(pa.table({}), None, [])[0]
    pq.write_table(table.append_column("_version", pa.repeat(pa.scalar(version), table.num_rows)), path)
    return str(path.parent / "*.parquet")


def _sweep(database: OdbcDatabase, contract: Contract, pattern: str, **asked: Any) -> Sweep:
    loaded = ParquetKeys(pattern, contract, before=SWEPT)
    with _reading(database, contract, asked.pop("filter", None)) as (session, query, facts), session.snapshot():
        return sweep(session, query, facts, contract, loaded, **asked)


def _keys(table: pa.Table) -> tuple[tuple[str, ...], ...]:
    return tuple(sorted(_tuples(table)))


def _orders(database: OdbcDatabase, ids: range) -> Contract:
    database.execute("CREATE TABLE orders (id bigint NOT NULL PRIMARY KEY)")
    _insert(database, ids)
    return _contract({"id": "integer"})


def _insert(database: OdbcDatabase, ids: range) -> None:
    numbers = list(ids)
    for at in range(0, len(numbers), 500):
        database.execute("INSERT INTO orders VALUES " + ", ".join(f"({n})" for n in numbers[at : at + 500]))


@pytest.mark.parametrize("kind", list(KEYS))
def test_server_and_target_make_the_same_text_and_hash_of_every_type(
    database: OdbcDatabase, engine: str, kind: str, tmp_path: Path
) -> None:
    types, contract_type, values = KEYS[kind]
    if engine == "mariadb":
        values = [value.replace("\\", "\\\\") for value in values]
    if engine == "sqlite":  # Its driver breaks SQL text that holds a character beyond the first plane.
        values = [value.replace("'😀'", "char(128512)") for value in values]
    if engine == "mariadb" and kind == "date":
        values = ["'1000-01-02'", "'2025-12-31'"]
    database.execute(
        f"CREATE TABLE orders (k {types[engine]} NOT NULL, n bigint NOT NULL, PRIMARY KEY (k, n))",
        "INSERT INTO orders VALUES " + ", ".join(f"({value}, {n})" for n, value in enumerate(values)),
    )
    contract = _contract({"k": contract_type, "n": "integer"})
    pattern = _land(database, contract, tmp_path / "1.parquet")
    loaded = ParquetKeys(pattern, contract, before=SWEPT).groups(ByHash(3))
    assert sum(group.rows for group in loaded.values()) == len(values)
    with _reading(database, contract) as (session, query, facts), session.snapshot():
        source = SourceKeys(session, query, facts, contract)
        assert source.hashed_at_server == (engine != "sqlite")
        assert source.groups(ByHash(3)) == loaded
        assert SourceKeys(session, query, facts, contract, at_server=False).groups(ByHash(3)) == loaded
        listed = {row for batch in source.texts(ByHash(3), [0, 1, 2], source.extent()) for row in _tuples(batch)}
    assert listed == {
        key for group in loaded for key in ParquetKeys(pattern, contract, before=SWEPT).keys(ByHash(3), group)
    }
    found = _sweep(database, contract, pattern)
    assert (_keys(found.gone), found.missing_in_target, found.ranges_differing) == ((), 0, 0)


def _tuples(batch: Any) -> list[tuple[str, ...]]:
    return list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def test_keys_that_are_gone_are_listed_and_others_are_not(database: OdbcDatabase, tmp_path: Path) -> None:
    contract = _orders(database, range(1000))
    pattern = _land(database, contract, tmp_path / "1.parquet")
    database.execute("DELETE FROM orders WHERE id IN (0, 17, 503, 999)")
    _insert(database, range(1000, 1010))  # They came after the last run: that is for the next one.
    found = _sweep(database, contract, pattern, range_rows=100)
    assert _keys(found.gone) == (("0",), ("17",), ("503",), ("999",))
    assert (found.missing_in_target, found.rows_source, found.rows_target) == (10, 1006, 1000)
    assert found.grouping == "spans"
    assert 0 < found.ranges_differing < found.ranges


def test_new_rows_make_the_last_spans_differ_alone(database: OdbcDatabase, tmp_path: Path) -> None:
    contract = _orders(database, range(1000))
    pattern = _land(database, contract, tmp_path / "1.parquet")
    _insert(database, range(1000, 1050))
    found = _sweep(database, contract, pattern, range_rows=100)
    assert (_keys(found.gone), found.missing_in_target) == ((), 50)
    assert found.ranges_differing <= 2
    assert len(found.missing_sample) == 20


def test_keys_beyond_both_ends_of_the_source_are_gone(database: OdbcDatabase, tmp_path: Path) -> None:
    contract = _orders(database, range(-500, 500))
    pattern = _land(database, contract, tmp_path / "1.parquet")
    database.execute("DELETE FROM orders WHERE id < -480 OR id > 470")
    found = _sweep(database, contract, pattern, range_rows=100)
    assert {int(key) for (key,) in _keys(found.gone)} == {*range(-500, -480), *range(471, 500)}


def test_most_rows_in_few_spans_are_grouped_by_hash(database: OdbcDatabase, tmp_path: Path) -> None:
    contract = _orders(database, range(1000))
    _insert(database, range(9000, 9010))
    pattern = _land(database, contract, tmp_path / "1.parquet")
    database.execute("DELETE FROM orders WHERE id IN (5, 9005)")
    found = _sweep(database, contract, pattern, range_rows=100)
    assert _keys(found.gone) == (("5",), ("9005",))
    assert found.grouping == "hashes"


def test_a_row_inserted_after_the_snapshot_is_not_gone(odbc_postgres: OdbcDatabase, tmp_path: Path) -> None:
    contract = _orders(odbc_postgres, range(100))
    pattern = _land(odbc_postgres, contract, tmp_path / "1.parquet")
    with _reading(odbc_postgres, contract) as (session, query, facts), session.snapshot():
        session.rows(page(session.dialect, query, KeyRange(), 1))
        _insert(odbc_postgres, range(100, 120))
        odbc_postgres.execute("DELETE FROM orders WHERE id = 50")
        # A run reads and loads them while the sweep goes on; its version is later than the sweep's.
        _land(odbc_postgres, contract, tmp_path / "2.parquet", "2025-06-01T00:00:01.000000Z/later")
        found = sweep(session, query, facts, contract, ParquetKeys(pattern, contract, before=SWEPT))
    assert _keys(found.gone) == ()


@pytest.mark.parametrize("asked", [{}, {"at_server": False}])
def test_a_source_that_suddenly_has_no_rows_is_refused(
    database: OdbcDatabase, tmp_path: Path, asked: dict[str, Any]
) -> None:
    contract = _orders(database, range(50))
    pattern = _land(database, contract, tmp_path / "1.parquet")
    database.execute("DELETE FROM orders")
    with pytest.raises(ReconciliationError, match="no rows at all"):
        _sweep(database, contract, pattern, **asked)
    assert len(_sweep(database, contract, pattern, allow=True, **asked).gone) == 50


def test_more_than_a_share_of_keys_gone_is_refused_also_when_as_many_came(
    database: OdbcDatabase, tmp_path: Path
) -> None:
    contract = _orders(database, range(100))
    pattern = _land(database, contract, tmp_path / "1.parquet")
    database.execute("DELETE FROM orders WHERE id < 30")
    with pytest.raises(ReconciliationError, match="more keys are gone"):
        _sweep(database, contract, pattern)
    _insert(database, range(200, 230))
    with pytest.raises(ReconciliationError, match="more keys are gone"):
        _sweep(database, contract, pattern)
    assert len(_sweep(database, contract, pattern, gone_share=0.3).gone) == 30


def test_rows_that_the_filter_leaves_out_are_gone(database: OdbcDatabase, tmp_path: Path) -> None:
    contract = _orders(database, range(100))
    pattern = _land(database, contract, tmp_path / "1.parquet")
    found = _sweep(database, contract, pattern, filter="id <> 7")
    assert _keys(found.gone) == (("7",),)


def test_letters_case_and_accents_tell_keys_apart_whatever_the_collation(
    odbc_mariadb: OdbcDatabase, tmp_path: Path
) -> None:
    odbc_mariadb.execute(
        "CREATE TABLE orders (code varchar(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci NOT NULL PRIMARY KEY)",
        "INSERT INTO orders VALUES ('a'), ('é'), ('z'), ('ü'), ('b'), ('c')",
    )
    contract = _contract({"code": "string"})
    pattern = _land(odbc_mariadb, contract, tmp_path / "1.parquet")
    assert _sweep(odbc_mariadb, contract, pattern).ranges_differing == 0
    odbc_mariadb.execute("UPDATE orders SET code = 'É' WHERE code = 'é'")  # The same key to the server.
    found = _sweep(odbc_mariadb, contract, pattern)
    assert (_keys(found.gone), found.missing_sample) == ((("é",),), (("É",),))


def test_a_key_of_two_columns_keeps_its_parts_apart(database: OdbcDatabase, tmp_path: Path) -> None:
    database.execute(
        "CREATE TABLE orders (a varchar(20) NOT NULL, b varchar(20) NOT NULL, PRIMARY KEY (a, b))",
        "INSERT INTO orders VALUES ('1', '23'), ('12', '3'), ('x', 'y'), ('p', 'q'), ('r', 's')",
    )
    contract = _contract({"a": "string", "b": "string"})
    pattern = _land(database, contract, tmp_path / "1.parquet")
    database.execute("DELETE FROM orders WHERE a = '12'")
    assert _keys(_sweep(database, contract, pattern).gone) == (("12", "3"),)


def test_spans_and_hashes_are_counted_alike_on_both_sides(database: OdbcDatabase, tmp_path: Path) -> None:
    contract = _orders(database, range(-40, 300, 3))
    pattern = _land(database, contract, tmp_path / "1.parquet")
    loaded = ParquetKeys(pattern, contract, before=SWEPT)
    with _reading(database, contract) as (session, query, facts), session.snapshot():
        for at_server in (True, False):
            source = SourceKeys(session, query, facts, contract, at_server=at_server)
            for grouping in (ByWidth(-40, 7), ByWidth(-40, 1), ByHash(1), ByHash(13)):
                assert source.groups(grouping) == loaded.groups(grouping)
