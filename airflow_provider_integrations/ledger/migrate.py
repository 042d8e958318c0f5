"""Brings a ledger's schema up to date.

Alembic is imported here and only when a migration is asked for: it takes longer to import than most commands to run.
"""

from __future__ import annotations

import io
import time
from pathlib import Path

from sqlalchemy import exc

from airflow_provider_integrations.ledger.database import Database, ledger_error, not_a_database
from airflow_provider_integrations.ledger.tables import SCHEMA_VERSION

__all__ = ["migrate"]

_FOLDER = Path(__file__).parent / "migrations"


def migrate(database: Database) -> str:
    """Run the migrations that are missing, in one transaction; two at once are safe, the second finds all done.

    Returns:
        The schema's version.
    """
    from alembic import command
    from alembic.config import Config

    _prepare_file(database)
    config = Config(stdout=io.StringIO(), output_buffer=io.StringIO())
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    with database.migrating() as connection:
        database.lock(connection, "migrate")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return SCHEMA_VERSION


def _prepare_file(database: Database) -> None:
    """Make the folder of an SQLite file and put the file into WAL mode, which it keeps from then on."""
    if database.file is None:
        return
    database.file.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(200):
        raw = None
        try:
            raw = database.engine.raw_connection()
            raw.cursor().execute("PRAGMA journal_mode=WAL")
            return
        except exc.SQLAlchemyError as error:
            raise ledger_error(error, database.shown) from error
        except Exception as error:
            # SQLite does not wait its busy timeout for this one switch, so two migrations at once meet here.
            if "not a database" in str(error):
                raise not_a_database(database.shown) from None
            if "locked" not in str(error):
                raise
            time.sleep(0.05)
        finally:
            if raw is not None:
                raw.close()
