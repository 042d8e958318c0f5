"""Fixtures that several folders use; each real part has its module in `tests/fakes`."""

pytest_plugins = [
    "tests.fakes.airflow_home",
    "tests.fakes.fakesnow_server",
    "tests.fakes.gnupg",
    "tests.fakes.odbc_servers",
    "tests.fakes.odbc_tracked_world",
    "tests.fakes.postgres",
    "tests.fakes.sftp_faults",
    "tests.fakes.sshd",
    "tests.fakes.chain_world",  # last: it imports the others
]
