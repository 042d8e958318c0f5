"""From the sources of a deployment to their DAGs: one that cannot be read or scheduled is shown, and leaves the others alone.

for _id, _dag in source_dags("partner_intake", "sftp_pgp", partner_intake):
    globals()[_id] = _dag
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowException

from airflow_provider_integrations.core.errors import ConfigError, IntegrationError
from airflow_provider_integrations.dag_context import include_folder
from airflow_provider_integrations.include import read_sources

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["BrokenSourceOperator", "source_dags"]


def source_dags(
    prefix: str, kind: str, make: Callable[[Any], DAG], *others: Callable[[Any], DAG | None]
) -> Iterator[tuple[str, DAG]]:
    """The DAGs of all sources of a kind, by their ids.

    Args:
        prefix: Of the id of a source's DAG; the source's name follows.
        kind: Of the sources.
        make: Gives the DAG of a source, which must not register itself: `auto_register=False`.
        others: Give more DAGs of it, where it has them. A source of which one is broken has none but what says so.
    """
    for name, source in read_sources(include_folder(), kind):
        dag_id = f"{prefix}__{name}"
        if isinstance(source, ConfigError):
            yield dag_id, _broken(dag_id, source)
            continue
        try:
            made = [dag for each in (make, *others) if (dag := each(source)) is not None]
            for dag in made:
                # Airflow itself looks at schedules after all, and has no DAG of a wrong one. It is left to do so where that
                # reads calendars.
                if isinstance(dag.schedule, str):
                    dag.timetable.validate()
        except (IntegrationError, AirflowException, ValueError) as error:
            yield dag_id, _broken(dag_id, error)
        else:
            yield from ((dag.dag_id, dag) for dag in made)


def _broken(dag_id: str, error: Exception) -> DAG:
    # The name of a file may be no UTF-8, which Airflow could not store.
    why = str(error).encode(errors="replace").decode()
    with DAG(dag_id, schedule=None, doc_md=f"**Broken source.** {why}", tags=["broken-source"]) as dag:
        BrokenSourceOperator(task_id="read", why=why)
    return dag


class BrokenSourceOperator(BaseOperator):
    """Stands for a source that cannot be read or scheduled: says why, and fails.

    Args:
        why: What is to be mended.
    """

    def __init__(self, *, why: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.why = why

    def execute(self, context: Context) -> NoReturn:
        """Fail; the retry policy of sources would not try again either."""
        raise ConfigError(self.why)
