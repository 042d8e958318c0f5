"""`integrations contract check|diff` and `integrations decode`."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from airflow_provider_integrations.cli.output import reporting, say

__all__ = ["contract_app", "decode_file"]

contract_app = typer.Typer(
    no_args_is_help=True, help="Check files against contracts, and contracts against each other."
)

ContractOption = Annotated[Path, typer.Option("--contract", help="The contract, a YAML file.")]


@contract_app.command("check")
def check_file(
    file: Annotated[Path, typer.Argument(help="The plain file.")],
    contract: ContractOption,
    rejects: Annotated[
        Path | None, typer.Option(help="Where the rejected rows go, masked, one JSON object a line.")
    ] = None,
) -> None:
    """Count what a contract accepts and refuses. Exit code 1 if the file as a whole is refused."""
    with reporting():
        from airflow_provider_integrations.formats.check import check
        from airflow_provider_integrations.include import read_contract

        with file.open("rb") as stream:
            checked = check(stream, read_contract(contract), rejects=rejects)
        say(asdict(checked))
        if checked.refused:
            raise typer.Exit(1)


@contract_app.command("diff")
def diff_contracts(
    old: Annotated[Path, typer.Argument(help="The contract that is in force.")],
    new: Annotated[Path, typer.Argument(help="The contract that is to follow it.")],
) -> None:
    """Say whether a new version is compatible or breaking. Exit code 1 if it breaks."""
    with reporting():
        from airflow_provider_integrations.core.contract_diff import diff
        from airflow_provider_integrations.include import read_contract

        changes = diff(read_contract(old), read_contract(new))
        breaking = any(change.breaking for change in changes)
        say({"verdict": "breaking" if breaking else "compatible", "changes": [asdict(change) for change in changes]})
        if breaking:
            raise typer.Exit(1)


def decode_file(
    file: Annotated[Path, typer.Argument(help="The plain file.")],
    contract: ContractOption,
    out: Annotated[Path, typer.Option(help="The Parquet file to write; its rejects go beside it as .rejects.jsonl.")],
) -> None:
    """Decode a plain file by its contract to one Parquet file."""
    with reporting():
        from airflow_provider_integrations.core.errors import ConfigError
        from airflow_provider_integrations.formats.delimited import Tuning, decode
        from airflow_provider_integrations.include import read_contract

        if not out.name or out.is_dir():
            raise ConfigError("the target is no ordinary file", path=str(out), next_step="Give another path.")
        if out.exists() and out.samefile(file):
            raise ConfigError("the target is the source", path=str(out), next_step="Give another path.")
        promised = read_contract(contract)
        name = os.fsencode(file.name).decode("utf-8", "replace")  # Every row carries it, and Arrow's text is UTF-8.
        with tempfile.TemporaryDirectory(prefix=".integrations-", dir=out.parent) as scratch, file.open("rb") as stream:
            one_part = Tuning(part_bytes=sys.maxsize)
            decoded = decode(stream, promised, Path(scratch), batch_id=name, version="", tuning=one_part)
            _copy_rejects(Path(scratch), out.with_suffix(".rejects.jsonl"))
            if not decoded.files:  # Every row was rejected, and the contract allows that.
                out.unlink(missing_ok=True)
            for part in decoded.files:  # One.
                (Path(scratch) / part.name).replace(out)
        say(
            {
                "out": str(out) if decoded.files else None,
                "rows": decoded.rows_read,
                "landed": decoded.rows_landed,
                "rejected": decoded.rows_rejected,
                "by_rule": dict(decoded.rejects_by_rule),
            }
        )


def _copy_rejects(folder: Path, target: Path) -> None:
    found = folder / "rejects.jsonl"
    target.write_bytes(found.read_bytes() if found.exists() else b"")
