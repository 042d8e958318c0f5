"""A table source file, `include/sources/*.yaml` with `kind: odbc`: which table, in which order, with which promise."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from airflow_provider_integrations.core.declared import Declared
from airflow_provider_integrations.core.source import GatePolicy, LoadPolicy

__all__ = ["DeletesPolicy", "TableSource"]


class DeletesPolicy(Declared):
    """The deletes sweep: ranges of about `range_rows` keys are hashed at the source and compared with what was loaded."""

    range_rows: int = Field(default=50_000, ge=100)
    schedule: str | None = None


class TableSource(Declared):
    """One table of one system.

    Args:
        table: Dotted name at the source, e.g. `erp.orders`; or `template`, a file of `include/sql/extract/`.
        mode: `incremental` by keyset; `full` reads all rows in each run; `change_tracking` (SQL Server) reads all rows once
            and then what changed, deletions with it: it needs no cursor, and takes no template, lag or begin.
        cursor: Cursor columns in order, e.g. `[updated_at]`; the contract's keys follow. Without one the table is read
            by key alone: `incremental` then finds new rows only.
        filter: SQL condition on rows, by the owner of this file.
        begin: Where the first incremental run begins: `beginning`, or a value of the first cursor column.
        guarantee: `strongest` takes the strongest that the source gives; `strict` refuses a source that gives neither
            `safe_upper_bound` nor `lag`.
        lag: Window that is read again, e.g. `PT10M`; an integer for an integer cursor.
        page_rows: Rows of a page, which is also what a crash may read again.
        shards: Ranges that are read beside each other in the first and in full runs.
        pool: Airflow pool that bounds how many tasks read this system at once.
        control_columns: Numeric columns whose sums are compared with the source's.
    """

    source: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=80)
    kind: Literal["odbc"]
    description: str = ""
    owner: str = "data-engineering"
    connection: str
    contract: str
    table: str | None = None
    template: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_]+\.sql$")
    mode: Literal["incremental", "full", "change_tracking"] = "incremental"
    cursor: tuple[str, ...] = ()
    filter: str | None = None
    begin: str = "beginning"
    nulls: Literal["include_every_run", "exclude_and_count", "error"] = "include_every_run"
    guarantee: Literal["strongest", "safe_upper_bound", "lag", "strict", "best_effort"] = "strongest"
    lag: timedelta | int | None = None
    page_rows: int = Field(default=250_000, ge=1, le=5_000_000)
    shards: int = Field(default=1, ge=1, le=256)
    pool: str = "default_pool"
    control_columns: tuple[str, ...] = ()
    deletes: DeletesPolicy | None = None
    gate: GatePolicy = GatePolicy()
    load: LoadPolicy
    schedule: str | None = None

    @model_validator(mode="after")
    def _fits(self) -> TableSource:
        if (self.table is None) == (self.template is None):
            raise ValueError("needs either `table` or `template`")
        if self.guarantee == "lag" and not self.lag:
            raise ValueError("the guarantee `lag` needs `lag`, the window that is read again")
        if self.lag is not None and not self.cursor:
            raise ValueError("a lag needs a cursor column")
        if self.mode == "change_tracking":
            self._fits_change_tracking()
        return self

    def _fits_change_tracking(self) -> None:
        if self.template is not None:
            raise ValueError("the mode `change_tracking` reads a table, not a `template`")
        given = {"cursor": self.cursor, "lag": self.lag, "begin": self.begin != "beginning"}
        if names := [f"`{name}`" for name, value in given.items() if value]:
            raise ValueError(
                f"the mode `change_tracking` goes by the server's versions and takes no {', '.join(names)}"
            )
        if self.guarantee in ("lag", "best_effort"):
            raise ValueError("the mode `change_tracking` gives `safe_upper_bound` and nothing less")
