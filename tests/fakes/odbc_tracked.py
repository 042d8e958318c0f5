"""Change tracking on engines that have none: the questions of SQL Server's, answered from tables that triggers keep.

A table `<name>_changes` holds the net change of each key as `CHANGETABLE` gives it, and `tracking` the version and the lowest
that is kept. On PostgreSQL the triggers are deferred to the commit, so that a version is a commit's, as it is in SQL Server.
The lowest is a sequence there, which no snapshot holds still, as the server's cleanup is seen in every one.
Everything but the text of two fragments of SQL is the code that runs against SQL Server.
"""

from __future__ import annotations

from airflow_provider_integrations.connectors.odbc.dialects.dialect import Dialect
from airflow_provider_integrations.connectors.odbc.dialects.postgresql import PostgreSql
from airflow_provider_integrations.connectors.odbc.dialects.sqlite import Sqlite
from airflow_provider_integrations.connectors.odbc.model import Statement
from tests.fakes.odbc_servers import OdbcDatabase

__all__ = ["TRACKED", "clean_up", "track"]


class _Tracked(Dialect):
    def change_versions(self, table: str) -> Statement:
        lowest = f"SELECT l.last_value FROM {self.table(f'{table}_lowest')} l, tracking t WHERE t.name = ?"
        return Statement(
            f"SELECT CAST(version AS {self.text}), CAST(({lowest}) AS {self.text}) FROM tracking WHERE name = ''",
            (table,),
        )

    def changes(self, table: str, since: int) -> str:
        return f"(SELECT * FROM {self.table(f'{table}_changes')} WHERE version > {since})"


class _TrackedSqlite(_Tracked, Sqlite):
    pass


class _TrackedPostgreSql(_Tracked, PostgreSql):
    pass


TRACKED: dict[str, Dialect] = {"sqlite": _TrackedSqlite(), "postgresql": _TrackedPostgreSql()}

_NEXT = "UPDATE tracking SET version = version + 1 WHERE name = ''"
_NOTE = (
    "INSERT INTO {table}_changes (id, version, sys_change_operation) SELECT {row}.id, version, '{change}' FROM tracking"
    " WHERE name = '' ON CONFLICT (id) DO UPDATE SET version = excluded.version,"
    " sys_change_operation = excluded.sys_change_operation"
)
# Another key is a row that went and a row that came.
_CHANGES = {"INSERT": [("NEW", "I")], "UPDATE": [("OLD", "D"), ("NEW", "U")], "DELETE": [("OLD", "D")]}


def track(database: OdbcDatabase, engine: str, table: str, id_type: str = "bigint") -> None:
    """Track a table with the key `id` from now on."""
    database.execute(
        "CREATE TABLE tracking (name varchar(40) PRIMARY KEY, version bigint)",
        f"INSERT INTO tracking VALUES ('', 7), ('{table}', NULL)",
        f"CREATE TABLE {table}_lowest AS SELECT 7 AS last_value"
        if engine == "sqlite"
        else f"CREATE SEQUENCE {table}_lowest START 7",
        f"CREATE TABLE {table}_changes (id {id_type} PRIMARY KEY, version bigint, sys_change_operation varchar(1))",
    )
    for event, rows in _CHANGES.items():
        notes = [_NOTE.format(table=table, row=row, change=change) for row, change in rows]
        # SQLite takes the WHERE of an upsert's SELECT, PostgreSQL no trigger with a body.
        body = ";\n".join([_NEXT, *notes]) + ";"
        name = f"{table}_{event.lower()}"
        if engine == "sqlite":
            database.execute(f"CREATE TRIGGER {name} AFTER {event} ON {table} BEGIN {body} END")
        else:
            database.execute(
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$",
                f"CREATE CONSTRAINT TRIGGER {name} AFTER {event} ON {table} DEFERRABLE INITIALLY DEFERRED"
                f" FOR EACH ROW EXECUTE FUNCTION {name}()",
            )


def clean_up(database: OdbcDatabase, engine: str, table: str) -> None:
    """Forget all changes up to now, as the server does after its retention."""
    version = "SELECT version FROM tracking WHERE name = ''"
    database.execute(
        f"DELETE FROM {table}_changes",
        f"UPDATE {table}_lowest SET last_value = ({version})"
        if engine == "sqlite"
        else f"SELECT setval('{table}_lowest', ({version}))",
    )
