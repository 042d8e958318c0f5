"""The one place that quotes SQL names and text.

Values never go through here: they are bound parameters. Names cannot be bound, so they are checked and quoted.

    >>> quote("ORDERS"), quote('we"ird'), qualify("DB", "SILVER", "ORDERS")
    ('"ORDERS"', '"we""ird"', '"DB"."SILVER"."ORDERS"')
"""

from __future__ import annotations

from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["literal", "qualify", "quote"]

_LONGEST = 255  # Snowflake's limit; PostgreSQL and SQL Server cut or refuse earlier by themselves.


def quote(name: str) -> str:
    """One SQL identifier, quoted as the standard says (ISO 9075): case is kept, quotes inside are doubled.

    Raises:
        ConfigError: for an empty or overlong name and for one with a NUL, which no engine takes.
    """
    if not name or len(name) > _LONGEST or "\0" in name:
        raise ConfigError("not usable as an SQL name", name=name[:80], next_step="Use 1 to 255 characters without NUL.")
    return '"' + name.replace('"', '""') + '"'


def qualify(*names: str) -> str:
    """A dotted name from its parts, each quoted."""
    return ".".join(quote(name) for name in names)


def literal(text: str) -> str:
    """A string literal, for the few places that take no bound parameter (paths in COPY and PUT).

    The backslash is doubled too: Snowflake reads escapes in ordinary literals.
    """
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
