"""How a ledger comes to its schema, and what it says when it has another one; on every engine."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from airflow_provider_integrations.core.errors import ConfigError, IntegrationError, StateConflictError
from airflow_provider_integrations.core.work_item import RemoteFile, State
from airflow_provider_integrations.ledger.database import Database
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.ledger.tables import SCHEMA_VERSION, VERSION_TABLE, metadata
from airflow_provider_integrations.system import utc_now


def test_the_tables_of_the_code_and_of_the_migrations_agree(ledger: Ledger) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with ledger._database.read() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def test_the_newest_migration_is_the_one_that_the_code_needs() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    import airflow_provider_integrations.ledger as package

    config = Config()
    config.set_main_option("script_location", str(Path(package.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_VERSION]


def test_migrating_again_changes_nothing(ledger: Ledger) -> None:
    [item] = ledger.items.discover("acme", [RemoteFile("/a", 1, 1)], listed_at=utc_now())
    assert ledger.migrate() == SCHEMA_VERSION
    assert ledger.items.get(item.id) == item


def test_a_ledger_that_was_never_migrated_says_what_to_run(ledger_url: str) -> None:
    # A file that is not there is not even made: a slip in a path would be another ledger, and an empty one.
    wanted = ConfigError if ledger_url.startswith("sqlite:///") else StateConflictError
    with Ledger.connect(ledger_url) as ledger, pytest.raises(wanted, match="integrations ledger migrate"):
        ledger.items.list()


@pytest.mark.parametrize(("version", "said"), [("0000", "integrations ledger migrate"), ("9999", "Upgrade")])
def test_another_schema_version_says_what_to_do(ledger_url: str, version: str, said: str) -> None:
    # One object throughout: a database in memory is gone with its last connection.
    database = Database(ledger_url)
    with database.migrating() as connection:
        connection.execute(text(f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32))"))
        connection.execute(text(f"INSERT INTO {VERSION_TABLE} VALUES ('{version}')"))
    for transaction in (database.read, database.write):
        with pytest.raises(StateConflictError, match=said), transaction():
            pytest.fail("a transaction on another schema")
    database.close()


def test_airflows_own_version_table_is_left_alone(ledger_url: str) -> None:
    database = Database(ledger_url)
    with database.migrating() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('airflow')"))
    from airflow_provider_integrations.ledger.migrate import migrate

    migrate(database)
    with database.read() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "airflow"
    database.close()


def _migrate(url: str) -> None:
    with Ledger.connect(url) as ledger:
        ledger.migrate()
        ledger.items.discover("acme", [RemoteFile("/a", 1, 1)], listed_at=utc_now())


@pytest.mark.integration
def test_two_migrations_and_discoveries_at_once_are_safe(ledger_url: str) -> None:
    if ledger_url == "sqlite://":
        pytest.skip("a database in memory belongs to one process")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    processes = [context.Process(target=_migrate, args=(ledger_url,)) for _ in range(6)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 6
    with Ledger.connect(ledger_url) as ledger:
        assert [(item.path, item.generation) for item in ledger.items.list()] == [("/a", 1)]
        assert len(ledger.items.history(ledger.items.list()[0].id)) == 1


def test_a_ledger_of_the_first_schema_keeps_what_it_holds(ledger_url: str) -> None:
    import io

    from alembic import command
    from alembic.config import Config

    import airflow_provider_integrations.ledger as package

    ledger = Ledger.connect(ledger_url)
    config = Config(stdout=io.StringIO(), output_buffer=io.StringIO())
    config.set_main_option("script_location", str(Path(package.__file__).parent / "migrations"))
    with ledger._database.migrating() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        columns = "at, who, action, subject, why, detail"
        entry = "'2025-11-05 00:00:00', 'ann', 'look', 'a', '', '{}'"
        connection.execute(text(f"INSERT INTO audit ({columns}) VALUES ({entry})"))
    with pytest.raises(StateConflictError, match="integrations ledger migrate"):
        ledger.records.audit_trail()
    assert ledger.migrate() == SCHEMA_VERSION
    assert [entry.who for entry in ledger.records.audit_trail()] == ["ann"]
    assert ledger.interchanges.owed_to_us() == []
    ledger.close()


def test_a_migration_that_fails_leaves_nothing_behind(ledger_url: str) -> None:
    database = Database(ledger_url)
    with database.migrating() as connection:
        connection.execute(text("CREATE TABLE work_item (x INTEGER)"))  # In the way of the migration's own.
    from airflow_provider_integrations.ledger.migrate import migrate

    with pytest.raises(IntegrationError):
        migrate(database)
    with database.migrating() as connection:
        assert set(inspect(connection).get_table_names()) == {"work_item"}
    database.close()


def test_a_thousand_files_are_discovered_in_a_few_statements(ledger: Ledger) -> None:
    from sqlalchemy import event

    seen: list[str] = []
    event.listen(ledger._database.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    files = [RemoteFile(f"/inbox/{number}", number, 1) for number in range(1000)]
    assert len(ledger.items.discover("acme", files, listed_at=utc_now())) == 1000
    assert len(seen) <= 8
    seen.clear()
    assert ledger.items.discover("acme", files, listed_at=utc_now()) == []
    assert len(seen) <= 5
    seen.clear()
    taken = ledger.items.claim_next("acme", "w", states=[State.DISCOVERED], lease=timedelta(minutes=1), limit=500)
    assert len(taken) == 500
    assert len(seen) <= 4


def test_the_ledger_works_after_a_fork(ledger_url: str) -> None:
    if ledger_url == "sqlite://":
        pytest.skip("a database in memory belongs to one process")
    program = """
import os, sys
from airflow_provider_integrations.core.work_item import RemoteFile
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.system import utc_now

ledger = Ledger.connect(sys.argv[1])
ledger.migrate()
assert ledger.items.list() == []
child = os.fork()
for number in range(20):
    ledger.items.discover(str(child == 0), [RemoteFile(str(number), 1, 1)], listed_at=utc_now())
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert len(ledger.items.list(limit=None)) == 40
"""
    done = subprocess.run([sys.executable, "-c", program, ledger_url], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_importing_the_ledger_does_not_import_alembic() -> None:
    program = "import sys, airflow_provider_integrations.ledger.ledger; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    heavy = {"alembic", "airflow", "great_expectations", "pandas", "pyarrow", "psycopg", "duckdb"}
    assert heavy.isdisjoint(done.stdout.split())


@pytest.mark.parametrize(
    "url", ["", "not a url with s3cret", "mysql://u:s3cret@h/d", "postgresql+psycopg://u:s3cret@h:port/d"]
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Ledger.connect(url)
    assert "s3cret" not in str(caught.value)


def test_a_server_that_is_not_there_is_a_lost_connection_without_the_password(tmp_path: Path) -> None:
    from airflow_provider_integrations.core.errors import ConnectionLostError

    with Ledger.connect("postgres://u:s3cret@127.0.0.1:1/d") as ledger, pytest.raises(ConnectionLostError) as caught:
        ledger.items.list()
    assert "s3cret" not in str(caught.value)
    with Ledger.connect(f"sqlite:///{tmp_path}/no/such/folder.db") as ledger, pytest.raises(ConfigError):
        ledger.items.list()


def test_the_ledgers_folder_is_made_by_the_migration(tmp_path: Path) -> None:
    with Ledger.connect(f"sqlite:///{tmp_path}/new/folder/ledger.db") as ledger:
        ledger.migrate()
        with ledger._database.read() as connection:
            assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
