"""The engines' SQL: one dialect for each, pure text."""

from __future__ import annotations

from airflow_provider_integrations.connectors.odbc.dialects.dialect import Dialect
from airflow_provider_integrations.connectors.odbc.dialects.mariadb import MariaDb
from airflow_provider_integrations.connectors.odbc.dialects.oracle import Oracle
from airflow_provider_integrations.connectors.odbc.dialects.postgresql import PostgreSql
from airflow_provider_integrations.connectors.odbc.dialects.snowflake import Snowflake
from airflow_provider_integrations.connectors.odbc.dialects.sqlite import Sqlite
from airflow_provider_integrations.connectors.odbc.dialects.sqlserver import SqlServer
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["DIALECTS", "Dialect", "dialect_for", "dialect_named"]

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect for dialect in (PostgreSql(), MariaDb(), Sqlite(), SqlServer(), Oracle(), Snowflake())
}

_PRODUCTS = {
    "postgresql": "postgresql",
    "mariadb": "mariadb",
    "mysql": "mariadb",
    "sqlite": "sqlite",
    "microsoft sql server": "sqlserver",
    "oracle": "oracle",
    "snowflake": "snowflake",
}


def dialect_named(name: str) -> Dialect:
    """The dialect of that name.

    Raises:
        ConfigError: for a name that there is none of.
    """
    try:
        return DIALECTS[name]
    except KeyError:
        raise ConfigError("no such dialect", name=name, next_step=f"There are: {', '.join(DIALECTS)}.") from None


def dialect_for(product: str, driver: str) -> Dialect:
    """The dialect of a product as its driver names it (`SQL_DBMS_NAME`).

    Raises:
        ConfigError: for a product that is not known.
    """
    for start, name in _PRODUCTS.items():
        if product.lower().startswith(start):
            return DIALECTS[name]
    raise ConfigError(
        "the database is none that is known",
        product=product,
        driver=driver,
        next_step=f"Known are: {', '.join(DIALECTS)}.",
    )
