"""What an extraction will ask, before it asks: the SQL of a page, and the source's plan for it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from airflow_provider_integrations.connectors.odbc import statements
from airflow_provider_integrations.connectors.odbc.dialects import DIALECTS, Dialect
from airflow_provider_integrations.connectors.odbc.model import (
    Edge,
    KeyColumn,
    KeyRange,
    Keyset,
    ReadColumn,
    TableQuery,
)
from airflow_provider_integrations.connectors.odbc.plan import index_serves
from airflow_provider_integrations.connectors.odbc.query import build_query, natural_contract, split_order
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.core.watermark import Bound

__all__ = ["explain_source", "explain_text"]

_ROWS = 250_000


def explain_text(table: str, order: tuple[str, ...]) -> dict[str, Any]:
    """The page after a bookmark on each engine, for columns of whole numbers."""
    return {name: _page_text(dialect, table, order) for name, dialect in DIALECTS.items()}


def explain_source(connection_string: str, table: str, order: tuple[str, ...]) -> dict[str, Any]:
    """The page after the table's middle, as this source would be asked, and its plan."""
    with OdbcSession.open(OdbcSettings.from_string(connection_string)) as session, session.snapshot():
        dialect, facts = session.dialect, session.facts(table)
        cursor, keys = split_order(order, facts.primary_key)
        query = build_query(dialect, facts, natural_contract(dialect, facts, keys), cursor)
        cuts = session.rows(statements.sample(dialect, query, KeyRange(), 2, 1))
        low = Edge(tuple(str(value) for value in cuts[0]), Bound.OPEN) if cuts else None
        page = statements.page(dialect, query, KeyRange(low), _ROWS)
        statement = dialect.explain(page)
        plan = session.rows(statement) if statement is not None else []
        return {
            "engine": session.engine,
            "sql": page.sql,
            "plan": [" ".join(str(value) for value in row if value is not None) for row in plan],
            "index_serves_the_order": index_serves(dialect, facts, query.keyset, plan),
            "index_needed": list(query.keyset.names),
            "indexes": [list(index) for index in facts.indexes],
            "horizon": dialect.offers_horizon and facts.horizon,
        }


def _page_text(dialect: Dialect, table: str, order: tuple[str, ...]) -> str:
    kind = "number(38,0)" if dialect.name in ("oracle", "snowflake") else "bigint"
    keyset = Keyset(tuple(KeyColumn(name, kind) for name in order), len(order) - 1)
    columns = tuple(ReadColumn(name, dialect.quote(name), pa.int64(), pa.int64()) for name in order)
    edge = Edge(("0",) * len(order), Bound.OPEN)
    return statements.page(dialect, TableQuery(table, columns, keyset), KeyRange(edge), _ROWS).sql
