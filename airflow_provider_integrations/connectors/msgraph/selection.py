"""What is asked for as a source and its contracts declare it.

>>> query_of(source, contract, endpoint("https://graph.microsoft.com/v1.0"), tenant="contoso").select  # doctest: +SKIP
('id', 'displayName', 'members')
"""

from __future__ import annotations

from airflow_provider_integrations.connectors.msgraph.hosts import Endpoint
from airflow_provider_integrations.connectors.msgraph.model import Protocol
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.graph_source import GraphSource

__all__ = ["query_of"]


def query_of(source: GraphSource, contract: Contract, endpoint: Endpoint, *, tenant: str) -> Query:
    """The query of a source: each column's property, and each relation that is followed.

    Args:
        source: What is followed.
        contract: Its columns.
        endpoint: The service root.
        tenant: Whose data it is; another tenant's link would bring other objects.

    Raises:
        ConfigError: something that cannot be tracked is declared.
    """
    return Query(
        endpoint,
        source.resource,
        select=(*(source.property_of(column.name) for column in contract.columns), *source.relations),
        filter=source.filter,
        expand=source.expand,
        prefer=source.prefer,
        options=tuple(source.options.items()),
        protocol=Protocol(source.protocol),
        key=source.key,
        tenant=tenant,
    )
