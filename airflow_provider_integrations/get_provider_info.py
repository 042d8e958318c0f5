"""What Airflow reads about this provider when it starts: imports nothing, so that it costs nothing."""

from __future__ import annotations

from typing import Any

__all__ = ["get_provider_info"]


def get_provider_info() -> dict[str, Any]:
    """The provider's data, as `airflow/provider_info.schema.json` wants it."""
    return {
        "package-name": "airflow-provider-integrations",
        "name": "Integrations",
        "description": "Lands, verifies and loads enterprise data without losing or doubling a row.",
    }
