"""Objects of Microsoft Graph or Dataverse, `include/sources/*.yaml` with `kind: graph`: which resource, followed by its deltas.

Each relation that is followed is a source of its own from the gate on, named `<source>__<relation>`.

    >>> relation_source_name("entra_groups", "members")
    'entra_groups__members'
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from airflow_provider_integrations.core.contract import Column, Contract
from airflow_provider_integrations.core.declared import Declared
from airflow_provider_integrations.core.source import GatePolicy, LoadPolicy

__all__ = [
    "GraphNotify",
    "GraphRelation",
    "GraphRelationSource",
    "GraphSource",
    "relation_contract",
    "relation_source_name",
]

_SEPARATOR = "__"


class GraphRelation(Declared):
    """A relation that is followed with its owners, e.g. `members` of groups; one row for each pair that is related now."""

    gate: GatePolicy = GatePolicy()
    load: LoadPolicy


class GraphNotify(Declared):
    """Where Microsoft tells that something changed; a hint that a round is worth while, and never the change itself.

    Args:
        url, lifecycle_url: Of the receiver, https; without a secret, as the clientState of each notification proves its sender.
        change_types: Of `created`, `updated`, `deleted`; what the resource supports without it.
    """

    url: str = Field(pattern=r"^https://[!-~]+$")
    lifecycle_url: str = Field(default="", pattern=r"^(https://[!-~]+)?$")
    change_types: tuple[Literal["created", "updated", "deleted"], ...] = ()


class GraphSource(Declared):
    """One resource that has a delta function, or one Dataverse table with change tracking.

    Args:
        resource: Path below the service root, e.g. `users`, `drives/{id}/root`, or a Dataverse entity set, e.g. `accounts`.
        contract: Its columns are what is selected: `display_name` is the property `displayName`, unless `properties` says
            otherwise; a column of the key is the object's `id`.
        properties: Names of properties that do not follow from the column's name.
        key: Property that identifies an object.
        filter, expand, prefer, options: As OData has them; the kept link is of these, so that a change of them takes a resync.
        relations: By property, e.g. `members`; for each the place of its rows.
        begin: `all` objects, or only what changes from the `latest` link on.
        gone_share: Share of the known objects that a resync may delete without a person's word.
        patience: How long one run may wait for a throttled service, all waits together.
        pool: Airflow pool that bounds how many tasks ask this tenant at once.
        notify: Where change notifications are sent to; `dags/graph_subscriptions.py` keeps the subscription alive.
        schedule: A cron text, or `changes` for whenever a look at the kept link sees any.
    """

    source: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=80)
    kind: Literal["graph"]
    description: str = ""
    owner: str = "data-engineering"
    connection: str
    protocol: Literal["graph", "dataverse"] = "graph"
    resource: str = Field(min_length=1)
    contract: str
    properties: dict[str, str] = Field(default_factory=dict)
    key: str = "id"
    filter: str = ""
    expand: str = ""
    prefer: tuple[str, ...] = ()
    options: dict[str, str] = Field(default_factory=dict)
    relations: dict[str, GraphRelation] = Field(default_factory=dict)
    begin: Literal["all", "latest"] = "all"
    gone_share: float = Field(default=0.2, ge=0, le=1)
    patience: timedelta = Field(default=timedelta(hours=1), gt=timedelta(0), le=timedelta(days=1))
    pool: str = "default_pool"
    gate: GatePolicy = GatePolicy()
    load: LoadPolicy
    notify: GraphNotify | None = None
    schedule: str | None = None

    @model_validator(mode="after")
    def _fits(self) -> GraphSource:
        if self.protocol == "dataverse" and self.notify:
            raise ValueError("Dataverse has no change notifications of this kind: take `notify` out")
        if self.protocol == "dataverse" and self.relations:
            raise ValueError("Dataverse tracks rows alone: take `relations` out and follow the intersect table")
        if bad := [name for name in self.relations if not name.isidentifier() or _SEPARATOR in name]:
            raise ValueError(f"{bad[0]!r} is no name of a relation")
        return self

    def property_of(self, column: str) -> str:
        """The property that a column of the contract is of: `display_name` is `displayName`; Dataverse's keep their names."""
        if column in self.properties:
            return self.properties[column]
        if self.protocol == "dataverse":
            return column
        first, *rest = column.split("_")
        return first + "".join(part[:1].upper() + part[1:] for part in rest)


class GraphRelationSource(Declared):
    """One relation of a source, from the gate on: its contract stands in no file."""

    source: str
    kind: Literal["graph_relation"] = "graph_relation"
    parent: str
    relation: str
    contract: Contract
    gate: GatePolicy
    load: LoadPolicy


def relation_source_name(source: str, relation: str) -> str:
    """The name by which a relation goes from the gate on."""
    return f"{source}{_SEPARATOR}{relation.lower()}"


def relation_contract(source: str, relation: str) -> Contract:
    """What the rows of a relation are: who is related to whom, by ids, and of what kind the other is."""
    return Contract(
        contract=relation_source_name(source, relation).replace(_SEPARATOR, "_"),
        version="1.0.0",
        description=f"One row for each of the {relation} of {source}.",
        columns=(
            Column(name="owner_id", type="string", nullable=False),
            Column(name="member_id", type="string", nullable=False),
            Column(name="member_type", type="string"),
        ),
        keys=("owner_id", "member_id"),
    )
