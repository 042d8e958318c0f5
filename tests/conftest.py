"""Fixtures that several folders use; each real part has its module in `tests/fakes`.

Property tests try the same examples at every run, so that what lands does not hang on luck; `make fuzz` searches with
new ones, and what it finds becomes an example of its own.
"""

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=2_000, deadline=None)
settings.load_profile("same")

pytest_plugins = [
    "tests.fakes.airflow_home",
    "tests.fakes.fakesnow_server",
    "tests.fakes.gnupg",
    "tests.fakes.graph.fixtures",
    "tests.fakes.node_opcua",
    "tests.fakes.odbc_servers",
    "tests.fakes.odbc_tracked_world",
    "tests.fakes.opcua.server",
    "tests.fakes.pi.fixtures",
    "tests.fakes.postgres",
    "tests.fakes.sftp_faults",
    "tests.fakes.sshd",
    "tests.fakes.outbox_world",  # these last: they import the others
    "tests.fakes.chain_world",
    "tests.fakes.edi_partner",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest test first: at the end one worker would be at it while the others have nothing to do."""
    items.sort(key=lambda item: item.path.name != "test_large_file.py")
