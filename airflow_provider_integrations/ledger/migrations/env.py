"""Alembic's environment: runs on the connection and in the transaction that it is given."""

from __future__ import annotations

from alembic import context

from airflow_provider_integrations.ledger.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    # SQLite is transactional in its DDL too, once the driver keeps out of it; see `database.py`.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
