"""Fixtures that several folders use; each real part has its module in `tests/fakes`.

Property tests try the same examples at every run, so that what lands does not hang on luck; `make fuzz` searches with
new ones, and what it finds becomes an example of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from xdist.scheduler import Scheduling

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
    """The longest test first: at the end one worker would be at it while the others have nothing to do.

    Raises:
        pytest.UsageError: A system test is where `make test` does not look for one.
    """
    if lost := [
        item.nodeid for item in items if item.get_closest_marker("system") and item.path.parent.name != "system"
    ]:
        raise pytest.UsageError(f"system tests belong into tests/system: {lost}")
    items.sort(key=lambda item: item.path.name != "test_large_file.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """With `--dist loadfile`, a worker of its own for the tests that look at the demo.

    They share one demo, and the last of them stops it. pytest-xdist 3.8 has groups for this, but under pytest 9.2 it
    spreads what is in them over all workers.
    """
    if config.getvalue("dist") != "loadfile":
        return None
    from tests.system.demo_scheduling import DemoTogether

    return DemoTogether(config, log)
