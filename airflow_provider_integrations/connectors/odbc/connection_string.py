"""ODBC connection strings: `keyword=value;...`, with values in braces where they hold special characters.

The grammar is that of [MS-ODBCSTR]: a value that begins with `{` ends at the first `}` that is not doubled.

    >>> render({"Driver": "PostgreSQL Unicode", "PWD": "a;b}c"})
    'Driver={PostgreSQL Unicode};PWD={a;b}}c}'
    >>> parse("Driver={PostgreSQL Unicode};PWD={a;b}}c}")
    {'Driver': 'PostgreSQL Unicode', 'PWD': 'a;b}c'}
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["parse", "quote_value", "render"]

_PLAIN = re.compile(r"[A-Za-z0-9_.:/\\@,*-]*")
_ALWAYS_QUOTED = frozenset({"driver", "pwd", "password"})
_PIECE = re.compile(
    r"[\s;]*(?P<name>[^=;{}]+?)\s*=\s*+(?:\{(?P<quoted>(?:[^}]|\}\})*)\}[ \t]*|(?!\{)(?P<plain>[^;]*))(?:;|$)"
)


def quote_value(value: str) -> str:
    """The value as it stands in a connection string.

    Everything but plain words is put in braces: psqlodbc decodes `+` and `%20` in a bare value.

    Raises:
        ConfigError: for a NUL or a line break, which no driver takes.
    """
    if any(sign in value for sign in "\0\r\n"):
        raise ConfigError(
            "a value of an ODBC connection string holds a NUL or a line break",
            next_step="Correct that keyword's value.",
        )
    return value if _PLAIN.fullmatch(value) else _braced(value)


def render(keywords: Mapping[str, str]) -> str:
    """The connection string of these keywords, in their order."""
    pieces = []
    for name, value in keywords.items():
        quoted = quote_value(value)
        # The driver manager compares the driver's name in braces; in a password nothing may be left to a driver.
        if name.lower() in _ALWAYS_QUOTED and not quoted.startswith("{"):
            quoted = _braced(value)
        pieces.append(f"{name}={quoted}")
    return ";".join(pieces)


def parse(text: str) -> dict[str, str]:
    """The keywords of a connection string, spelled as they stand there.

    Raises:
        ConfigError: when it is none, or a keyword stands twice (drivers differ in which one counts). No value is shown.
    """
    found: dict[str, str] = {}
    at = 0
    end = len(text.rstrip("; \t\r\n")) if not text.rstrip().endswith("}") else len(text.rstrip())
    while at < end:
        match = _PIECE.match(text, at)
        if match is None:
            raise ConfigError(
                "not an ODBC connection string",
                after=list(found)[-1:] or ["(start)"],
                next_step="Write `keyword=value;`; put values that hold ; { } in braces and double each }.",
            )
        name = match["name"].strip()
        if name.lower() in {known.lower() for known in found}:
            raise ConfigError(
                "a keyword stands twice in an ODBC connection string", keyword=name, next_step="Keep one."
            )
        quoted = match["quoted"]
        found[name] = match["plain"].strip() if quoted is None else quoted.replace("}}", "}")
        at = match.end()
    return found


def _braced(value: str) -> str:
    return "{" + value.replace("}", "}}") + "}"
