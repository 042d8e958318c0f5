"""Ports for what a pure function must not take from the world: the time and fresh ids.

The real ones are in `airflow_provider_integrations.system`; tests pass their own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

__all__ = ["Clock", "IdSource"]

Clock = Callable[[], datetime]
"""Gives the present instant, aware, in UTC."""

IdSource = Callable[[], str]
"""Gives an id that was never given before."""
