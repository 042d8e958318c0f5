"""What a connection test says: which engine answers by which driver, whether the line is encrypted, what can be promised."""

from __future__ import annotations

from airflow_provider_integrations.connectors.odbc.model import Guarantee, Statement
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.core.errors import IntegrationError

__all__ = ["answer_of"]

# Each gives one row with one text: the protocol or cipher of this very connection, empty or NULL if it is in the clear.
_LINES = {
    "postgresql": "SELECT version || ' ' || cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl",
    "mariadb": "SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'SSL_CIPHER'",
    "sqlserver": (
        "SELECT CASE encrypt_option WHEN 'TRUE' THEN 'TLS' END FROM sys.dm_exec_connections WHERE session_id = @@SPID"
    ),
    "oracle": "SELECT CASE sys_context('userenv', 'network_protocol') WHEN 'tcps' THEN 'tcps' END FROM dual",
}


def answer_of(session: OdbcSession) -> str:
    """One sentence for each, of an open session."""
    settings, dialect = session.settings, session.dialect
    driver = settings.keywords.get("Driver") or f"DSN {settings.keywords.get('DSN')}"
    promise = (
        f"{Guarantee.SAFE_UPPER_BOUND} can be promised for ordinary tables"
        if dialect.offers_horizon
        else f"{Guarantee.LAG} can be promised where a source gives one, else {Guarantee.BEST_EFFORT}"
    )
    return f"Connected to {session.engine} by {driver}; {_line(session)}; {promise}."


def _line(session: OdbcSession) -> str:
    if session.dialect.name == "sqlite":
        return "a file of this machine"
    if session.dialect.name == "snowflake":
        return "the line is encrypted, as always there"
    sql = _LINES.get(session.dialect.name)
    if sql is None:
        return "whether the line is encrypted is not known"
    try:
        found = session.rows(Statement(sql))
    except IntegrationError:
        return "this login may not see whether the line is encrypted"
    cipher = found[0][0] if found else None
    return f"the line is encrypted ({cipher.strip()})" if cipher else "THE LINE IS NOT ENCRYPTED"
