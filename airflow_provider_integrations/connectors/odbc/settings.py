"""What a connection to a database over ODBC may say, read by an allow-list into frozen values.

>>> settings = OdbcSettings.from_connection(
...     "db.example.org", 5432, "etl", "p;w", "erp", {"driver": "PostgreSQL Unicode", "sslmode": "verify-full"}
... )
>>> settings.family, settings.shown
('postgresql', 'Driver={PostgreSQL Unicode};Server=db.example.org;Port=5432;Database=erp;sslmode=verify-full;UID=etl')
>>> "p;w" in repr(settings)
False
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airflow_provider_integrations.connectors.odbc.connection_string import parse, render
from airflow_provider_integrations.connectors.odbc.keywords import ALIASES, DEFAULTS, allowed, family_of
from airflow_provider_integrations.core.declared import model_error
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["OdbcSettings"]

_SECRET = frozenset({"PWD", "Token", "PRIV_KEY_FILE_PWD", "SSLKeyPassword", "AccessToken"})
_OWN = {"dsn", "driver", "login_timeout", "statement_timeout"}
_IGNORED_OF_AIRFLOW = {"sqlalchemy_scheme", "sqlalchemy_query", "placeholder", "connect_kwargs"}


class OdbcSettings(BaseModel):
    """One database and how to get in.

    Args:
        keywords: Keywords of the connection string, spelled as the driver spells them.
        login_timeout: Seconds until connected and logged in.
        statement_timeout: Seconds after which the server ends a statement, None for no limit of ours.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    keywords: dict[str, str] = Field(repr=False)
    login_timeout: int = Field(default=30, ge=1, le=600)
    statement_timeout: float | None = Field(default=None, gt=0)

    @property
    def family(self) -> str | None:
        """Whose driver it is, by its name: `postgresql`, `mariadb`, ...; None for a DSN or an unknown driver."""
        return family_of(self.keywords.get("Driver", ""))

    @property
    def connection_string(self) -> str:
        """With the secrets in it: for a driver alone, never for a log."""
        return self.with_defaults(self.family)

    def with_defaults(self, family: str | None) -> str:
        """The connection string with what drivers of a family need to stream and to type rightly.

        Args:
            family: As `family`; given for a DSN, whose driver is known once it was connected to.
        """
        have = {name.lower() for name in self.keywords}
        given = {name: value.format(self.login_timeout) for name, value in DEFAULTS.get(family or "", {}).items()}
        added = {name: value for name, value in given.items() if name.lower() not in have}
        return render({**self.keywords, **added})

    @property
    def secrets(self) -> list[str]:
        """Every text that no log, error or XCom may show."""
        return [value for name, value in self.keywords.items() if name in _SECRET and value]

    @property
    def shown(self) -> str:
        """The connection string without its secrets."""
        return render({name: value for name, value in self.keywords.items() if name not in _SECRET})

    def __repr__(self) -> str:
        return f"OdbcSettings({self.shown})"

    __str__ = __repr__

    @classmethod
    def from_connection(
        cls,
        host: str | None,
        port: int | None,
        login: str | None,
        password: str | None,
        schema: str | None,
        extras: Mapping[str, Any] | None = None,
        conn_type: str = "odbc_keyset",
    ) -> OdbcSettings:
        """Read what an Airflow connection gives, of type `odbc_keyset` or the ODBC provider's `odbc`.

        Extras are `dsn` or `driver`, `login-timeout`, `statement-timeout` (seconds), and keywords of the driver. Empty
        values count as not given, as forms in a UI send them.

        Raises:
            ConfigError: names every unknown extra, or says what is missing or wrong; never a value.
        """
        own: dict[str, Any] = {}
        words: dict[str, str] = {}
        for key, value in (extras or {}).items():
            name = str(key).strip().lower().replace("-", "_")
            if conn_type == "odbc" and name in _IGNORED_OF_AIRFLOW:
                if name == "connect_kwargs":
                    own.update(_of_connect_kwargs(value))
            elif name in _OWN:
                if value not in (None, ""):
                    own[name] = value
            elif value not in (None, ""):
                words[str(key).strip()] = _word(value)
        head = {"DSN": own.pop("dsn", ""), "Driver": own.pop("driver", "")}
        body = {"Server": host, "Port": port, "Database": schema, **words, "UID": login, "PWD": password}
        given = {name: str(value) for name, value in {**head, **body}.items() if value not in (None, "")}
        return cls._checked(given, own, "the ODBC connection")

    @classmethod
    def from_string(
        cls, connection_string: str, *, login_timeout: int = 30, statement_timeout: float | None = None
    ) -> OdbcSettings:
        """Read a connection string, under the same allow-list.

        Raises:
            ConfigError: as `from_connection`.
        """
        own = {"login_timeout": login_timeout, "statement_timeout": statement_timeout}
        return cls._checked(parse(connection_string), own, "the connection string")

    @classmethod
    def _checked(cls, given: Mapping[str, str], own: dict[str, Any], where: str) -> OdbcSettings:
        names = {ALIASES.get(name.lower(), name): value for name, value in given.items()}
        lower = {name.lower(): value for name, value in names.items()}
        driver, dsn = lower.get("driver", ""), lower.get("dsn", "")
        if bool(driver) == bool(dsn):
            raise ConfigError(
                f"{where} needs either a driver or a DSN", next_step="Name one of them, as odbcinst does."
            )
        if "/" in driver or "\\" in driver:
            # A path would load any library into this process.
            raise ConfigError(
                f"{where} names a driver by path", next_step="Register it in odbcinst.ini and give its name there."
            )
        family = family_of(driver)
        known = allowed(family)
        unknown = sorted(name for name in names if name.lower() not in known)
        if unknown:
            raise ConfigError(
                f"{where} has unknown keywords: {', '.join(_guess(name, list(known.values())) for name in unknown)}",
                driver=driver or dsn,
                next_step=f"Known are: {', '.join(sorted(known.values()))}.",
            )
        keywords: dict[str, str] = {}
        for name, value in names.items():
            spelled = known[name.lower()]
            if spelled in keywords:
                raise ConfigError(f"{where} gives a keyword twice", keyword=spelled, next_step="Keep one.")
            keywords[spelled] = value
        _check_values(family, keywords, where)
        try:
            return cls(keywords=keywords, **own)
        except ValidationError as error:
            raise model_error(error, where) from None


def _check_values(family: str | None, keywords: Mapping[str, str], where: str) -> None:
    password = keywords.get("PWD", "")
    if family == "mariadb" and password != password.strip():
        raise ConfigError(
            f"{where}: MariaDB's driver cuts blanks off the ends of a password", next_step="Choose another password."
        )
    if keywords.get("BoolsAsChar", "0") != "0":
        raise ConfigError(
            f"{where}: BoolsAsChar must be 0, or booleans arrive as text", next_step="Remove the keyword."
        )
    render(keywords)


def _of_connect_kwargs(value: Any) -> dict[str, Any]:
    given = dict(value) if isinstance(value, Mapping) else {}
    if unknown := sorted(set(given) - {"timeout", "autocommit", "ansi", "readonly"}):
        raise ConfigError("connect_kwargs has unknown names", names=unknown, next_step="It may hold `timeout`.")
    return {"login_timeout": given["timeout"]} if given.get("timeout") else {}


def _word(value: Any) -> str:
    return {True: "1", False: "0"}[value] if isinstance(value, bool) else str(value)


def _guess(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"{name} (did you mean {close[0]}?)" if close else name
