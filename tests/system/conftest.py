"""Fixtures of the system tests."""

from tests.system.demo_runs import demo

__all__ = ["demo"]
