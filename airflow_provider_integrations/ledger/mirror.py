"""Shows a source's position and row counts in Airflow's asset state store, for people who look at the Airflow UI.

It is a mirror and never read back: the last writer wins there, and Airflow sweeps it with the asset. So a failure to
write is logged, and the task goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Asset, Context

__all__ = ["mirror"]

log = logging.getLogger(__name__)


def mirror(context: Context, asset: Asset, **values: Any) -> bool:
    """Write each value under its name, e.g. `watermark=...`, `rows={"landed": 10}`; None is left out.

    Args:
        context: The task's context; `asset` must be among its inlets or outlets.
        asset: What the values are about.
        values: Anything that JSON can hold after dates, decimals and tuples were written as text and lists.

    Returns:
        Whether everything was written.
    """
    try:
        store = context["asset_state_store"][asset]
        for key, value in values.items():
            if value is not None:
                store.set(key, _plain(value))
    except Exception as error:  # a mirror must not break the glass it hangs beside
        log.warning("The asset state of %s was not mirrored: %s", asset.name, type(error).__name__)
        return False
    return True


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(entry) for entry in value]
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
