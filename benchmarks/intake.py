"""The whole intake of many small files, beside the same made of Airflow's own operators.

Each operator's `execute` is called directly, in one process for each side: no scheduler, no task start, which would cost
seconds for each of the peer's tasks. Ours: discover, take in (fetch, open, verify, decode, land), gate, load by MERGE,
archive. The peer has two forms. `mapped` is what one writes: for each file an `SFTPOperator`, a `PythonOperator` that
calls `gpg --decrypt` and a `PythonOperator` with `pandas.read_csv` and `write_pandas`. `listed` is the fastest that those
operators can do: one `SFTPOperator` with the list of all files, one decrypting task, and one `write_pandas` of all rows
together, which a retry would double. Neither verifies signers, checks a contract, gates, keeps originals, removes
duplicates or archives. The peer gets fewer files; its rate does not depend on their number.
"""

from __future__ import annotations

import importlib
import logging
import os
import re
import subprocess
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.machine import Goal, Options, clock, in_turns, main, medians, save
from benchmarks.world import SOURCE, Deployment, Exchange, exchange

__all__ = ["measure"]

GOAL = 3.0
FULL = {"files": 1000, "peer_files": 100, "rows": 1000, "files_per_task": 100, "rounds": 3}
QUICK = {"files": 40, "peer_files": 20, "rows": 1000, "files_per_task": 20, "rounds": 1}


def measure(options: Options) -> dict[str, Any]:
    """Rounds of ours and of both forms of the peer."""
    with exchange() as shared:
        messages = shared.write_files(options["files"], options["rows"])
        peer_files = min(options["peer_files"], options["files"])
        runs = in_turns(
            {
                "ours": (ours, shared, messages, options["files"], options["files_per_task"]),
                "airflow_mapped": (mapped, shared, messages, peer_files),
                "airflow_listed": (listed, shared, messages, peer_files),
            },
            options["rounds"],
        )
    figures: dict[str, Any] = {way: medians(each) for way, each in runs.items()}
    rates = {way: figure["files"] / figure["seconds"] for way, figure in figures.items()}
    for way, rate in rates.items():
        figures[way]["files_per_s"] = round(rate, 2)
    goals = [
        Goal(
            "times the files/s of Airflow's operators, one file a task", rates["ours"] / rates["airflow_mapped"], GOAL
        ),
        Goal(
            "times the files/s of Airflow's operators, all files in one task", rates["ours"] / rates["airflow_listed"]
        ),
    ]
    return save("intake", goals, figures, options)


def ours(shared: Exchange, messages: Path, files: int, files_per_task: int) -> dict[str, Any]:
    """Our operators, one after another as the DAG has them."""
    world = _start(shared, messages, files, files_per_task)
    import airflow_provider_integrations.connectors.sftp_pgp.intake
    import airflow_provider_integrations.expectations.runner
    import airflow_provider_integrations.warehouse.step  # noqa: F401 imported before the clock runs, as the peer's are
    from airflow_provider_integrations.connectors.sftp_pgp.operators import (
        SftpPgpArchiveOperator,
        SftpPgpIntakeOperator,
    )
    from airflow_provider_integrations.connectors.sftp_pgp.sensors import SftpPgpIntakeSensor
    from airflow_provider_integrations.expectations.operators import QualityGateOperator
    from airflow_provider_integrations.ledger.hook import LedgerHook
    from airflow_provider_integrations.warehouse.operators import SnowflakeLoadOperator

    LedgerHook().ledger().migrate()
    spent: dict[str, float] = {}

    def step(name: str, operator: Any) -> Any:
        began = time.perf_counter()
        result = operator.execute(_context(name))
        spent[name] = spent.get(name, 0) + (time.perf_counter() - began) * 1000
        return result

    with clock() as whole:
        groups = step("discover", SftpPgpIntakeSensor(task_id="discover", source=SOURCE, wait=False))
        for group in groups:
            step("intake", SftpPgpIntakeOperator(task_id="intake", source=SOURCE, items=group))
        for group in groups:
            step("gate", QualityGateOperator(task_id="gate", source=SOURCE, items=group))
        step("load", SnowflakeLoadOperator(task_id="load", source=SOURCE))
        step("archive", SftpPgpArchiveOperator(task_id="archive", source=SOURCE))
    loaded = _count(world, f'"{world.database}"."SILVER"."CUSTOMERS"')
    left = len(list(world.inbox.iterdir()))
    if left or loaded == 0:
        raise RuntimeError(f"the intake did not end: {left} files are left, {loaded} rows are loaded")
    return {"files": files, "rows": loaded, **whole, **{f"ms_per_file_{k}": ms / files for k, ms in spent.items()}}


def mapped(shared: Exchange, messages: Path, files: int) -> dict[str, Any]:
    """Airflow's operators, three tasks for each file."""
    world, peer = _peer(shared, messages, files)
    with clock() as whole:
        for name in peer.names():
            local, plain = world.folder / name, world.folder / name.removesuffix(".gpg")
            peer.get("get", [name], [local])
            peer.python("decrypt", peer.decrypt, [[local], [plain]])
            peer.python("load", peer.load, [[plain]])
    return {"files": files, "rows": _count(world, "PUBLIC.CUSTOMERS"), **whole}


def listed(shared: Exchange, messages: Path, files: int) -> dict[str, Any]:
    """Airflow's operators, three tasks for all files."""
    world, peer = _peer(shared, messages, files)
    with clock() as whole:
        names = peer.names()
        local = [world.folder / name for name in names]
        plain = [path.with_suffix("") for path in local]
        peer.get("get", names, local)
        peer.python("decrypt", peer.decrypt, [local, plain])
        peer.python("load", peer.load, [plain])
    return {"files": files, "rows": _count(world, "PUBLIC.CUSTOMERS"), **whole}


class _Peer:
    """The recipe's tasks; what they do is in the operators and in these functions."""

    def __init__(self, shared: Exchange, world: Deployment) -> None:
        self._own, self._world = shared.own, world

    def names(self) -> list[str]:
        from airflow.providers.sftp.hooks.sftp import SFTPHook

        return sorted(SFTPHook("airflow_sftp").list_directory(str(self._world.inbox)))

    def get(self, task: str, names: list[str], local: list[Path]) -> None:
        from airflow.providers.sftp.operators.sftp import SFTPOperator

        SFTPOperator(
            task_id=task,
            ssh_conn_id="airflow_sftp",
            operation="get",
            remote_filepath=[str(self._world.inbox / name) for name in names],
            local_filepath=[str(path) for path in local],
        ).execute(_context(task))

    def python(self, task: str, work: Any, args: list[Any]) -> None:
        from airflow.providers.standard.operators.python import PythonOperator

        PythonOperator(task_id=task, python_callable=work, op_args=args).execute(_context(task))

    def decrypt(self, local: list[Path], plain: list[Path]) -> None:
        gpg = ["gpg", "--homedir", str(self._own.home), "--batch", "--yes", "--quiet", "--trust-model", "always"]
        gpg += ["--pinentry-mode", "loopback", "--passphrase", self._own.passphrase]
        for source, target in zip(local, plain, strict=True):
            subprocess.run([*gpg, "--output", str(target), "--decrypt", str(source)], check=True, capture_output=True)

    def load(self, plain: list[Path]) -> None:
        import pandas as pd
        from snowflake.connector.pandas_tools import write_pandas

        frames = [pd.read_csv(path) for path in plain]
        frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
        frame.columns = frame.columns.str.upper()
        with closing(_connect(self._world)) as connection:
            write_pandas(connection, frame, "CUSTOMERS")


def _peer(shared: Exchange, messages: Path, files: int) -> tuple[Deployment, _Peer]:
    world = _start(shared, messages, files, 1)
    for module in (
        "airflow.providers.sftp.operators.sftp",
        "airflow.providers.standard.operators.python",
        "pandas",
        "snowflake.connector.pandas_tools",
    ):
        importlib.import_module(module)  # before the clock runs

    _suit_emulator()
    with closing(_connect(world)) as connection:
        connection.cursor().execute(
            "CREATE TABLE CUSTOMERS (CUSTOMER_ID INTEGER, FULL_NAME TEXT, EMAIL TEXT, COUNTRY TEXT, SEGMENT TEXT, "
            "BALANCE FLOAT, SIGNED_UP TEXT, UPDATED_AT TEXT)"
        )
    return world, _Peer(shared, world)


def _suit_emulator() -> None:
    """`write_pandas` quotes its stage within a COPY; the emulator knows it unquoted only."""
    from snowflake.connector.cursor import SnowflakeCursor

    execute = SnowflakeCursor.execute

    def unquoted(cursor: Any, command: str, *args: Any, **more: Any) -> Any:
        return execute(cursor, re.sub(r"""'@"(\w+)"'""", r"@\1", command), *args, **more)

    SnowflakeCursor.execute = unquoted  # type: ignore[assignment]


def _start(shared: Exchange, messages: Path, files: int, files_per_task: int) -> Deployment:
    """Set up this process before it imports Airflow."""
    world = shared.deploy(messages, files, files_per_task)
    os.environ.update(world.environment)
    import airflow.sdk  # noqa: F401

    logging.disable(logging.INFO)
    return world


def _context(task: str) -> Any:
    """As much of a task's context as the operators of both sides ask for."""
    ti = SimpleNamespace(
        dag_id="bench", run_id="bench", task_id=task, map_index=-1, try_number=1, xcom_push=lambda **_: None
    )
    return {"ti": ti, "task_instance": ti, "outlet_events": {}}


def _connect(world: Deployment) -> Any:
    """As the provider's hook does, with the emulator's protocol, which that one does not take."""
    import snowflake.connector

    return snowflake.connector.connect(**world.warehouse)


def _count(world: Deployment, table: str) -> int:
    with closing(_connect(world)) as connection:
        return int(connection.cursor().execute(f"SELECT count(*) FROM {table}").fetchone()[0])


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK, doc=__doc__)
