"""The one place where errors of ODBC drivers become errors of this package, by SQLSTATE.

SQLSTATEs are those of ODBC (Appendix A of its reference) and of the engines: PostgreSQL gives its own (57014, 40P01,
...), MariaDB and SQLite often give only HY000 and a native number or text.

    >>> type(translate(Exception("State: 08S01, Native error: 2013, Message: gone"), "reading")).__name__
    'ConnectionLostError'
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    PermanentError,
    RateLimitedError,
    StalledError,
    SystemicError,
    TransientError,
)
from airflow_provider_integrations.core.redaction import Redactor

__all__ = ["is_no_text", "is_of_driver", "redacted", "sqlstate_of", "translate", "truncated_at"]

_STATE = re.compile(r"State: ([0-9A-Z]{5})")
_NATIVE = re.compile(r"Native error: (-?\d+)|\((-?\d+)\) \(SQL")
_NEAR = re.compile(r"""\b(near|token:|character string) (["'])(?:(.*)\2|.*$)""")
_KEYWORD = re.compile(
    "SELECT|FROM|WHERE|AND|OR|NOT|IN|IS|NULL|LIKE|BETWEEN|CASE|WHEN|THEN|ELSE|END|ORDER|GROUP|BY|LIMIT|AS|ON|JOIN|UNION"
    "|[,()=<>]", re.IGNORECASE,
)  # fmt: skip
_TRUNCATED = re.compile(r"too large to be written into the allocated buffer(?:.*?Some\((\d+)\))?")
_TRY_AGAIN = "It is tried again; if it stays, ask the administrator of the source."
_PAUSE = 30.0

# Classes and states, of which the longest that fits counts; what is in none of them is tried again. MariaDB's and SQLite's
# HY000 is looked up by native number and text before. Sources: PostgreSQL's appendix A, ODBC's appendix A, with the states
# of ODBC 2 (37000, S0..., S1...) that old drivers still give.
_LOST = ("08", "57P01", "57P02", "57P03", "HV00N", "HY117")
_STALLED = ("HYT00", "HYT01", "57014", "70100", "HY008", "25P03", "25P04", "57P05", "S1008", "S1T00")
_BUSY = ("40000", "40001", "40P01", "40003", "55P03", "72000")  # 72000 is Oracle's snapshot too old
_FULL = ("53", "HV001", "HV014", "HY001", "HY013", "HY014", "S1001")
_LOGIN = ("28",)
# 0A is a feature that is not supported, 53400 a limit of one statement, as that of its temporary files, 54 one of the program.
_SETTINGS = (
    "0A", "0B", "0L", "0P", "20", "21", "25006", "2B", "2D", "2F", "37", "39", "3B", "3C", "3F", "42", "53400", "54",
    "55P02", "55P04", "57P04", "01S00", "HV", "HY003", "HY004", "HY024", "HY090", "HY092", "HY104", "HY105", "HY106",
    "HYC00", "IM", "S0", "S1C00",
)  # fmt: skip
_PASSING = ("HV000", "HV00L", "HV00M")  # whatever a foreign server said to a foreign data wrapper
_VALUES = ("22", "07", "23", "44")
_RAISED = ("09", "27", "38", "P0")
_DAMAGED = ("F0", "XX001", "XX002")
_MANY, _NO_DATABASE, _GRANTS, _UNDEFINED = ("53300",), ("3D",), ("42501",), ("42883",)

# MariaDB and SQL Server give 42000 for a missing grant and for too many connections too.
_VAGUE = ("HY000", "HY001", "HY018", "S1000", "01000", "08", "42000")

_NATIVE_STATES = {
    # MariaDB: server has gone away, lost connection, lock wait timeout, deadlock, query execution was interrupted,
    # max_statement_time, too many connections, cannot connect, access denied, unknown database, killed connection; then
    # a denied table, column, routine and privilege, and a user's own limits.
    "2006": "08S01", "2013": "08S01", "1205": "40001", "1213": "40001", "1317": "57014", "1969": "57014",
    "1040": "53300", "1203": "53300", "2002": "08001", "2003": "08001", "1045": "28000", "1044": "28000",
    "1049": "3D000", "1927": "08S01", "1053": "08S01", "1020": "40001",
    "1142": "42501", "1143": "42501", "1370": "42501", "1227": "42501", "1226": "53300",
}  # fmt: skip
_SAID = (
    ("database is locked", "40001"),
    ("database table is locked", "40001"),
    ("can't open lib", "IM002"),
    ("server closed the connection", "08S01"),
    ("terminating connection", "08S01"),
    ("no connection to the server", "08S01"),
    ("could not receive data from server", "08S01"),
    ("could not send", "08S01"),
    ("connection refused", "08001"),
    ("connection timed out", "08001"),
    ("could not translate host name", "08001"),
    ('fatal: database "', "3D000"),
    ('fatal: role "', "28000"),
    ("password authentication failed", "28000"),
    ("access denied", "28000"),
    ("no pg_hba.conf entry", "28000"),
    ("too many clients", "53300"),
    ("too many connections", "53300"),
    ("remaining connection slots", "53300"),
    ("permission was denied", "42501"),
    ("insufficient privileges", "42501"),
    ("canceling statement", "57014"),
    ("no such table", "42S02"),
    ("no such column", "42S22"),
    ("syntax error", "42000"),
    ("unrecognized token", "42000"),
    ("connect failed (14)", "3D000"),
    ("file is not a database", "HY024"),
    ("disk image is malformed", "22000"),
    ("unable to open database file", "3D000"),
)


def sqlstate_of(error: BaseException) -> str:
    """The SQLSTATE that a driver gave; empty if there is none. HY000 is made precise where number or text allow it."""
    text = str(error)
    state = ""
    if len(error.args) > 1 and isinstance(error.args[0], str) and re.fullmatch("[0-9A-Z]{5}", error.args[0]):
        state = error.args[0]
    elif found := _STATE.search(text):
        state = found[1]
    if state == "" or state.startswith(_VAGUE):
        native = _NATIVE.search(text)
        number = next((part for part in native.groups() if part), "") if native else ""
        precise = _NATIVE_STATES.get(number) if number else None
        lower = " ".join(text.lower().split())
        precise = precise or next((code for said, code in _SAID if said in lower), None)
        state = precise or state
    return state


def is_of_driver(error: BaseException) -> bool:
    """Whether a driver or the system raised it, and not a mistake in this package, which must be seen as what it is."""
    return type(error).__module__.partition(".")[0] in ("pyodbc", "arrow_odbc") or isinstance(
        error, (OSError, MemoryError)
    )


def is_no_text(error: BaseException) -> bool:
    """Whether bytes came that are no UTF-8, because the source holds such or because a character was cut."""
    return "invalid UTF-8" in str(error)


def truncated_at(error: BaseException) -> int | None:
    """Bytes of a value that was longer than its buffer, 0 if the driver does not tell; None for any other error.

    arrow-odbc hands over nothing of such a batch.
    """
    found = _TRUNCATED.search(str(error))
    return int(found[1] or 0) if found else None


def translate(error: BaseException, doing: str, **values: Any) -> IntegrationError:
    """The error of this package that a driver's error is.

    Args:
        error: What was raised.
        doing: What was being done, as a clause that follows "while", e.g. "reading".
        values: What it was done with. No secrets and no row values: what the server said is not repeated where it
            quotes data (class 22).
    """
    if isinstance(error, IntegrationError):
        return error
    if is_no_text(error):
        # What was said shows the value.
        return PermanentError(
            f"the source gave bytes that are no text while {doing}",
            next_step="Correct them at the source, or read the column in hexadecimal in a template.",
            **values,
        )
    state = sqlstate_of(error)
    made, what, next_step = _meaning(state)
    said = {"sqlstate": state or None, "said": _said(error), **values}
    if state.startswith((*_VALUES, *_RAISED)):
        # "invalid input syntax for type integer: <the row's value>": only the state may be shown.
        del said["said"]
    return made(f"{what} while {doing}", next_step=next_step, **said)


def redacted(redact: Redactor, error: IntegrationError) -> IntegrationError:
    """The same error without the connection's secrets, which a driver may quote."""
    values = {name: redact(value) if isinstance(value, str) else value for name, value in error.values.items()}
    return error if values == error.values else type(error)(error.what, next_step=error.next_step, **values)


def _limited(what: str, **values: Any) -> RateLimitedError:
    return RateLimitedError(what, retry_after=_PAUSE, **values)


_Meaning = tuple[Callable[..., IntegrationError], str, str]
_UNKNOWN: _Meaning = (TransientError, "the source failed", _TRY_AGAIN)
_CLASSES: tuple[tuple[tuple[str, ...], _Meaning], ...] = (
    (_STALLED, (StalledError, "the statement was ended or took too long", _TRY_AGAIN)),
    (_LOST, (ConnectionLostError, "the connection to the source was lost", _TRY_AGAIN)),
    (_BUSY, (TransientError, "the source is busy or ended a deadlock", _TRY_AGAIN)),
    (_PASSING, _UNKNOWN),
    (_MANY, (_limited, "the source lets no more connections in", "It goes on after a pause. A run takes up to three"
             " connections for each shard: allow its login and its database more, or lower how many tasks read at once.")),
    (_FULL, (_limited, "the source has no room", "It goes on after a pause; lower how many tasks read at once.")),
    (_LOGIN, (ConfigError, "the source refused the login", "Check user, password and who may log in from here.")),
    (_NO_DATABASE, (ConfigError, "the source has no such database", "Check its name; SQLite's is the path of a file that is"
                    " there.")),
    (_GRANTS, (ConfigError, "the source does not grant what it was asked", "Grant the login SELECT on the table, or on the"
               " contract's columns alone: with a contract no others are read.")),
    (_UNDEFINED, (ConfigError, "the source has no such function or operator", "Look at the types in filter, template and lag:"
                  " seconds for a time, a whole number for a number.")),
    (_SETTINGS, (ConfigError, "the source cannot do what it was asked", "Check driver, database, table and columns.")),
    (_VALUES, (PermanentError, "the source cannot convert a value", "Look the state up in the source's manual; filter the"
               " row out or read the column as text.")),
    (_RAISED, (PermanentError, "a routine of the source raised an error", "Ask who made the view or function that is read.")),
    (_DAMAGED, (SystemicError, "the source says that it is damaged", "Call the administrator of the source.")),
)  # fmt: skip
_BY_PREFIX = {prefix: meaning for prefixes, meaning in _CLASSES for prefix in prefixes}


def _meaning(state: str) -> _Meaning:
    return next((found for size in (5, 4, 3, 2) if (found := _BY_PREFIX.get(state[:size]))), _UNKNOWN)


def _said(error: BaseException) -> str:
    parts = error.args[1:] if len(error.args) > 1 else error.args
    text = " ".join(str(part) for part in parts)
    # A statement quoted by the server may hold literals of the owner's filter, and details may quote rows.
    for mark in ("DETAIL:", "CONTEXT:", "Error while executing the query", ";\nError"):
        text = text.split(mark)[0]
    return _NEAR.sub(_shown_near, " ".join(text.split()))[:240]


def _shown_near(found: re.Match[str]) -> str:
    # Only what can be no literal.
    return found[0] if _KEYWORD.fullmatch(found[3] or "") else f"{found[1]} ..."
