"""What the owner of a source writes in SQL: the name of a table, and the condition on its rows.

A condition is set in brackets among others. One that closes a bracket which it did not open, or begins a comment, would let rows
through that no bookmark bounds; so it is read far enough to know what is quoted in it. This guards against slips, not against
its owner.

    >>> name_parts('erp."orders.2025"')
    ('erp', 'orders.2025')
    >>> checked_filter("mariadb", " name <> 'a)b' ")
    "name <> 'a)b'"
"""

from __future__ import annotations

import re

from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["checked_filter", "name_parts"]

_PART = re.compile(r'"((?:[^"]|"")+)"(?=\.|$)|([^."][^.]*)')

_TEXT = r"'(?:[^']|'')*'"
_ESCAPED = r"'(?:[^'\\]|''|\\.)*'"
_NAME = r'"(?:[^"]|"")*"'
_DOLLARS = r"\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?\$(?P=tag)\$"
_SQUARE = r"\[[^\]]*\]"
_TICKS = r"`(?:[^`]|``)*`"
_QUOTED = {
    # A letter before a quote tells how to read it, unless it ends a name.
    "postgresql": rf"(?<!\w)[eE]{_ESCAPED}|{_TEXT}|{_NAME}|(?<!\w){_DOLLARS}",
    "mariadb": rf'{_ESCAPED}|"(?:[^"\\]|""|\\.)*"|{_TICKS}',
    "sqlite": rf"{_TEXT}|{_NAME}|{_TICKS}|{_SQUARE}",
    "sqlserver": rf"{_TEXT}|{_NAME}|{_SQUARE}",
    "oracle": rf"(?<!\w)[nN]?[qQ]'(?:\[.*?\]|\{{.*?\}}|\(.*?\)|<.*?>|(?P<end>[^\s\[{{(<]).*?(?P=end))'|{_TEXT}|{_NAME}",
    "snowflake": rf"{_ESCAPED}|{_NAME}|(?<!\w){_DOLLARS}",
}


def name_parts(dotted: str) -> tuple[str, ...]:
    """The parts of a table's name; one in double quotes may hold a dot, and a quote that is doubled.

    Raises:
        ConfigError: a part is empty, or its quotes do not end where it ends.
    """
    parts: list[str] = []
    at = 0
    while True:
        found = _PART.match(dotted, at)
        if found is None:
            raise ConfigError(
                "not the name of a table",
                table=dotted[:80],
                next_step='Write it as schema.table; a part that holds a dot in double quotes, as erp."orders.2025".',
            )
        parts.append(found[1].replace('""', '"') if found[1] is not None else found[2])
        at = found.end()
        if at == len(dotted):
            return tuple(parts)
        at += 1


def checked_filter(engine: str, condition: str | None) -> str | None:
    """A condition without blanks at its ends, None for none: one that can stand in brackets among others.

    Args:
        engine: Name of the dialect, since engines quote differently.
        condition: As its owner wrote it.

    Raises:
        ConfigError: brackets or quotes that do not fit, a comment, or a semicolon. The condition is not shown.
    """
    if condition is None or not condition.strip():
        return None
    # What is quoted becomes one sign, so that whatever is left counts.
    bare = re.sub(_QUOTED[engine], "x", condition, flags=re.DOTALL)
    problem = _problem(engine, bare)
    if problem is not None:
        raise ConfigError(
            f"the filter cannot stand among other conditions: {problem}",
            next_step="Write one condition, as it stands behind WHERE, without comments; a minus before a minus needs a blank.",
        )
    return condition.strip()


def _problem(engine: str, bare: str) -> str | None:
    quotes = ("'", '"', *{"mariadb": "`", "sqlite": "`[", "sqlserver": "["}.get(engine, ""))
    if any(quote in bare for quote in quotes):
        return "a quote is not closed"
    comments = ("--", "/*", "*/", *(("#",) if engine == "mariadb" else ()), *(("//",) if engine == "snowflake" else ()))
    if any(mark in bare for mark in comments):
        return "it holds a comment"
    if ";" in bare:
        return "it holds a semicolon"
    if "\0" in bare:
        return "it holds a NUL"
    depth = 0
    for sign in bare:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth < 0:
            return "a bracket is closed that is not opened"
    return "a bracket is not closed" if depth else None
