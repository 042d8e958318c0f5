"""Fixtures that several folders use; each real part has its module in `tests/fakes`."""

import os
import tempfile

# Whichever test imports Airflow first: it makes files in its home, which must not be the user's.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-home-"))

pytest_plugins = [
    "tests.fakes.fakesnow_server",
    "tests.fakes.gnupg",
    "tests.fakes.postgres",
    "tests.fakes.sftp_faults",
    "tests.fakes.sshd",
    "tests.fakes.chain_world",  # last: it imports the others
]
