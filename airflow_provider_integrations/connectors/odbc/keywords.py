"""Which keywords a connection string may hold, for each family of drivers, and which are set for it.

What is not listed is refused: a keyword may load a library, run SQL at login or write a log with rows in it.

    >>> family_of("ODBC Driver 18 for SQL Server"), allowed("sqlite")["stepapi"]
    ('sqlserver', 'StepAPI')
"""

from __future__ import annotations

__all__ = ["ALIASES", "DEFAULTS", "allowed", "family_of"]

ALIASES = {
    "servername": "Server",
    "host": "Server",
    "hostname": "Server",
    "user": "UID",
    "username": "UID",
    "user id": "UID",
    "password": "PWD",
    "db": "Database",
    "dbname": "Database",
}
"""Other spellings that drivers take, in lower case."""

DEFAULTS: dict[str, dict[str, str]] = {
    "postgresql": {
        # A cursor at the server: without one libpq holds the whole result. 10,000 rows fit the cache.
        "UseDeclareFetch": "1",
        "Fetch": "10000",
        "BoolsAsChar": "0",
        # The driver's own sizes (255 and 8190) bound the buffers from above; arrow-odbc's limit is to count.
        "MaxVarcharSize": "1000000000",
        "MaxLongVarcharSize": "1000000000",
        "ByteaAsLongVarBinary": "1",
        "UnknownSizes": "2",
        # A savepoint for each statement: by default a failed one ends the transaction, and with it the snapshot, silently.
        "Protocol": "7.4-2",
    },
    # The driver does not take ODBC's login time-out: without its own it waits for ever for a server that says nothing.
    "mariadb": {"CharSet": "utf8mb4", "CONN_TIMEOUT": "{}"},
    # A path that is mistyped would make an empty database there.
    "sqlite": {"StepAPI": "1", "Timeout": "10000", "NoWCHAR": "0", "NoCreat": "1"},
}
"""What is set where the connection does not say otherwise; `{}` stands for the login time-out in seconds."""

_COMMON = ("Driver", "DSN", "Server", "Port", "Database", "UID", "PWD")
_FAMILIES: dict[str, tuple[str, ...]] = {
    "postgresql": (
        *("sslmode", "pqopt", "Fetch", "UseDeclareFetch", "BoolsAsChar", "MaxVarcharSize", "MaxLongVarcharSize"),
        *("ByteaAsLongVarBinary", "UnknownSizes", "Protocol", "KeepaliveTime", "KeepaliveInterval", "ApplicationName"),
        "UnknownsAsLongVarchar",
        "TextAsLongVarchar",
    ),
    "mariadb": (
        *("CharSet", "SSLCA", "SSLCAPATH", "SSLCERT", "SSLKEY", "SSLCIPHER", "SSLVERIFY", "FORCETLS", "TLSVERSION"),
        *("TlsPeerFp", "ForceTls", "Compressed", "Socket", "CONN_TIMEOUT", "NoPrompt"),
    ),
    "sqlite": (
        "StepAPI",
        "Timeout",
        "NoWCHAR",
        "NoTXN",
        "SyncPragma",
        "FKSupport",
        "JournalMode",
        "LongNames",
        "NoCreat",
    ),
    "sqlserver": (
        *("Encrypt", "TrustServerCertificate", "HostNameInCertificate", "ServerCertificate", "ApplicationIntent"),
        *("MultiSubnetFailover", "Trusted_Connection", "Authentication", "App", "APP", "WSID", "TDS_Version"),
        *("ConnectRetryCount", "ConnectRetryInterval", "KeepAlive", "KeepAliveInterval", "ServerSPN", "ClientCharset"),
    ),
    "oracle": ("DBQ", "SID", "ServiceName", "WalletLocation", "FetchBufferSize", "StatementCache", "EncryptionMethod"),
    "snowflake": (
        *("Warehouse", "Role", "Schema", "Authenticator", "Token", "PRIV_KEY_FILE", "PRIV_KEY_FILE_PWD"),
        *("Application", "CLIENT_SESSION_KEEP_ALIVE", "Account"),
    ),
}
_MARKS = (
    ("postgres", "postgresql"),
    ("psqlodbc", "postgresql"),
    ("maria", "mariadb"),
    ("mysql", "mariadb"),
    ("maodbc", "mariadb"),
    ("sqlite", "sqlite"),
    ("sql server", "sqlserver"),
    ("freetds", "sqlserver"),
    ("oracle", "oracle"),
    ("snowflake", "snowflake"),
)


def family_of(driver: str) -> str | None:
    """The family of a driver or product by its name, None if it is none of those known."""
    lower = driver.lower()
    return next((family for mark, family in _MARKS if mark in lower), None)


def allowed(family: str | None) -> dict[str, str]:
    """The keywords that a family may have, by lower case; without a family (a DSN) those of all."""
    lists = [_FAMILIES[family]] if family else list(_FAMILIES.values())
    return {name.lower(): name for names in (_COMMON, *lists) for name in names}
