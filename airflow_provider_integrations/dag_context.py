"""From an Airflow task to the plain functions: its settings, its claims' owner and the job of its source."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import conf
from airflow.sdk.log import mask_secret

from airflow_provider_integrations.core.edi_source import EdiTableSource
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.graph_source import GraphRelationSource, GraphSource, relation_contract
from airflow_provider_integrations.core.historian_source import HistorianSource
from airflow_provider_integrations.core.table_source import TableSource
from airflow_provider_integrations.include import (
    guide_book,
    read_edi_source,
    read_graph_source,
    read_historian_source,
    read_loaded_source,
    read_source_contract,
)
from airflow_provider_integrations.ledger.hook import LedgerHook

if TYPE_CHECKING:
    from airflow.sdk import Context
    from upath import UPath

    from airflow_provider_integrations.batch_job import BatchJob
    from airflow_provider_integrations.connectors.edi.job import EdiJob
    from airflow_provider_integrations.connectors.historian.catalog import TagEntry
    from airflow_provider_integrations.connectors.historian.job import HistorianJob
    from airflow_provider_integrations.connectors.msgraph.job import GraphJob

__all__ = [
    "batch_job",
    "edi_job",
    "graph_job",
    "historian_job",
    "include_folder",
    "landing_root",
    "owner_of",
    "scratch_folder",
    "token_keys",
]

_NO_KEY = "{FERNET_KEY}"
"""What Airflow says of its key where none was made."""


def owner_of(context: Context) -> str:
    """Who claims: the task instance, whichever try it is, so that a retry takes up its own claims at once."""
    ti = context["ti"]
    return f"{ti.dag_id}/{ti.run_id}/{ti.task_id}/{ti.map_index}"


def include_folder() -> Path:
    """`[integrations] include_folder`."""
    return Path(conf.get("integrations", "include_folder"))


def landing_root() -> UPath:
    """`[integrations] landing_root`: a path, or a URL that Airflow's object storage knows (`s3://connection@bucket/...`)."""
    from airflow.sdk import ObjectStoragePath
    from upath import UPath

    root = conf.get("integrations", "landing_root")
    # Airflow proxies UPath and is one at run time only.
    return cast("UPath", ObjectStoragePath(root)) if "://" in root else UPath(root)


def scratch_folder(source: str) -> Path:
    """A source's private folder: beside the landing on a local disk, so that promoting is a rename."""
    root = landing_root()
    local = root.protocol in ("", "file", "local")
    return (Path(root.path) / ".scratch" if local else Path(tempfile.gettempdir()) / "integrations-scratch") / source


def batch_job(source_name: str, owner: str, *, allow_gone: bool = False) -> BatchJob:
    """The job of one source for the steps from the gate on; of a historian any number of samples may be gone if so told."""
    from airflow_provider_integrations.batch_job import BatchJob

    source = read_loaded_source(include_folder(), source_name)
    more: dict[str, Any] = {}
    if isinstance(source, TableSource):
        from airflow_provider_integrations.connectors.odbc.settle import settle
        from airflow_provider_integrations.warehouse.deletions import mark_deletions

        more = {"settle": settle, "control": source.control_columns, "mark_deletions": mark_deletions}
    if isinstance(source, EdiTableSource):
        from airflow_provider_integrations.connectors.edi.readings import mark_superseded
        from airflow_provider_integrations.connectors.edi.settle_rows import settle_rows

        more = {"settle": settle_rows, "mark_deletions": mark_superseded}
    if isinstance(source, GraphSource | GraphRelationSource):
        from airflow_provider_integrations.connectors.msgraph.settle import settle_graph
        from airflow_provider_integrations.warehouse.deletions import mark_deletions

        more = {"settle": partial(settle_graph, keys=token_keys()), "mark_deletions": mark_deletions}
    if isinstance(source, HistorianSource):
        from airflow_provider_integrations.connectors.historian.settling import Settling

        settling = Settling(_entries(source), source.gone_share, allow_gone)
        more = {"settle": settling.settle, "mark_deletions": settling.mark}
    return BatchJob(
        source=source.source,
        contract=read_source_contract(include_folder(), source),
        gate=source.gate,
        load=source.load,
        ledger=LedgerHook().ledger(),
        root=landing_root(),
        owner=owner,
        **more,
    )


def edi_job(source_name: str, owner: str) -> EdiJob:
    """The job of one partner's documents, from the deployment's settings and `include/`.

    Its scratch folder is its own: what the intake does not know there it would clear away.
    """
    from airflow_provider_integrations.connectors.edi.job import EdiJob

    source = read_edi_source(include_folder(), source_name)
    return EdiJob(
        source=source,
        book=guide_book(include_folder(), source.agreement),
        ledger=LedgerHook().ledger(),
        root=landing_root(),
        scratch=scratch_folder(f"{source.source}__documents"),
        owner=owner,
    )


def graph_job(source_name: str, owner: str) -> GraphJob:
    """The job of one source of Graph or Dataverse, from the deployment's settings, its connection and `include/`."""
    from airflow_provider_integrations.connectors.msgraph.hook import MSGraphDeltaHook
    from airflow_provider_integrations.connectors.msgraph.job import GraphJob
    from airflow_provider_integrations.connectors.msgraph.selection import query_of

    source = read_graph_source(include_folder(), source_name)
    contract = read_source_contract(include_folder(), source)
    settings = MSGraphDeltaHook(source.connection).settings()
    return GraphJob(
        source=source,
        contract=contract,
        relations={relation: relation_contract(source.source, relation) for relation in source.relations},
        query=query_of(source, contract, settings.endpoint, tenant=settings.tenant),
        reach=settings.reach,
        token=settings.token(),
        scope=settings.scope,
        keys=token_keys(),
        ledger=LedgerHook().ledger(),
        root=landing_root(),
        scratch=scratch_folder(source_name),
        owner=owner,
    )


def historian_job(source_name: str, owner: str) -> HistorianJob:
    """The job of one source of a historian, from the deployment's settings, its connection and `include/`."""
    from airflow_provider_integrations.connectors.historian.hook import open_history
    from airflow_provider_integrations.connectors.historian.job import HistorianJob

    source = read_historian_source(include_folder(), source_name)
    return HistorianJob(
        source=source,
        contract=read_source_contract(include_folder(), source),
        entries=_entries(source),
        connect=open_history(source.connection),
        ledger=LedgerHook().ledger(),
        root=landing_root(),
        scratch=scratch_folder(source_name),
        owner=owner,
    )


def _entries(source: HistorianSource) -> tuple[TagEntry, ...]:
    """The tags of a source, of its catalog.

    Raises:
        ConfigError: there are none.
    """
    from airflow_provider_integrations.connectors.historian.catalog_file import catalog_path, read_catalog

    path = catalog_path(include_folder(), source.catalog)
    if not (entries := read_catalog(path).named(*source.tags)):
        raise ConfigError(
            "the source's patterns name no tag of its catalog",
            source=source.source,
            catalog=str(path),
            next_step="Correct `tags` of the source, or the names in the catalog.",
        )
    return entries


def token_keys() -> tuple[str, ...]:
    """The Fernet keys by which delta links rest encrypted: `[integrations] graph_state_key`, or else Airflow's own.

    Several stand between commas, the one that writes first; each is masked in Airflow's logs.

    Raises:
        ConfigError: there is none.
    """
    own = conf.get("integrations", "graph_state_key", fallback="")
    given = own.strip() or conf.get("core", "fernet_key", fallback="")
    keys = tuple(key.strip() for key in given.split(",") if key.strip() not in ("", _NO_KEY))
    if not keys:
        raise ConfigError(
            "there is no key to encrypt delta links with",
            next_step="Set `[integrations] graph_state_key`, or Airflow's `[core] fernet_key`:"
            " cryptography.fernet.Fernet.generate_key() makes one.",
        )
    for key in keys:
        mask_secret(key)
    return keys
