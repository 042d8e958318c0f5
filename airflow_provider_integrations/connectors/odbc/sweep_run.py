"""One deletes sweep of a table source: compared in a snapshot of the source, marked in the warehouse, nothing removed.

It may be tried again, and may run beside an extraction of the same source: what is read after the sweep's version stays.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow_provider_integrations.connectors.odbc.run import RunJob, connected, digest_of
from airflow_provider_integrations.connectors.odbc.sweep import sweep
from airflow_provider_integrations.connectors.odbc.sweep_stamp import open_versions, stamp_sweep, step_back
from airflow_provider_integrations.core.table_source import DeletesPolicy
from airflow_provider_integrations.warehouse.loaded_keys import LoadedKeys, typed_keys
from airflow_provider_integrations.warehouse.soft_deletes import GoneKeys, apply_deletes

__all__ = ["sweep_source"]

log = logging.getLogger(__name__)


def sweep_source(job: RunJob, connection: Any, request: str, *, allow: bool = False) -> dict[str, Any]:
    """Find the loaded keys that are gone at the source and mark them as deleted.

    Args:
        job: The source; `opened` is told of the session, so that the sweep can be ended.
        connection: A DB-API connection to the warehouse.
        request: Id of the asking run.
        allow: Mark also when the source has no rows, or many keys are gone.

    Returns:
        Counts: keys on each side, ranges compared and listed, keys gone and marked.

    Raises:
        ReconciliationError: too much is gone to believe it; nothing was marked.
        TransientError: the source or the warehouse failed; again is harmless.
    """
    source, ledger = job.source, job.ledger
    deletes = source.deletes or DeletesPolicy()
    # In this order, and before the snapshot: `sweep_stamp` says why.
    mark = stamp_sweep(ledger, source.source, job.clock())
    job.boundary("sweep stamped")
    run = f"sweep-{digest_of(request)[:12]}"
    waiting = open_versions(ledger, source.source)
    version = step_back(mark, run, waiting)
    if waiting:
        log.info("%s: rows since %s are left to the next sweep, for runs are not loaded yet", source.source, version)
    job.boundary("open runs listed")
    with connected(job) as (session, query, facts):
        loaded = LoadedKeys(connection, job.contract, source.load, before=version)
        with session.snapshot():
            job.boundary("sweep snapshot begun")
            found = sweep(session, query, facts, job.contract, loaded, range_rows=deletes.range_rows, allow=allow)
    job.boundary("swept")
    if found.missing_in_target:
        log.info("%s: %d keys are at the source and not loaded yet", source.source, found.missing_in_target)
    told = {**found.to_json(), "version": version, "marked": 0}
    if found.gone.num_rows:
        # Another try finds other keys and is another batch: marking a key twice changes nothing.
        batch = digest_of(f"{run}:{mark.isoformat()}")[:24]
        gone = GoneKeys(batch, source.source, version, typed_keys(job.contract, found.gone))
        told["marked"] = apply_deletes(connection, gone, job.contract, source.load, run_id=job.owner).updated
        job.boundary("marked")
    return told
