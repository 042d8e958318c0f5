"""`integrations contract check|diff` and `integrations decode`."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from airflow_provider_integrations.cli.output import reporting, say

__all__ = ["contract_app", "decode_file"]

contract_app = typer.Typer(no_args_is_help=True, help="Check files against contracts, and contracts against each other.")

ContractOption = Annotated[Path, typer.Option("--contract", help="The contract, a YAML file.")]


@contract_app.command("check")
def check_file(
    file: Annotated[Path, typer.Argument(help="The plain file.")],
    contract: ContractOption,
    rejects: Annotated[Path | None, typer.Option(help="Where the rejected rows go, masked, one JSON object a line.")] = None,
) -> None:
    """Count what a contract accepts and refuses. Exit code 1 if the file as a whole is refused."""
    with reporting():
        from airflow_provider_integrations.core.errors import RejectedError
        from airflow_provider_integrations.formats.delimited import decode
        from airflow_provider_integrations.include import read_contract

        promised = read_contract(contract)
        with tempfile.TemporaryDirectory(prefix="integrations-") as scratch, file.open("rb") as stream:
            folder = Path(scratch)
            refused: RejectedError | None = None
            try:
                decoded = decode(stream, promised, folder, batch_id="check", version="check")
                report = {
                    "rows": decoded.rows_read,
                    "accepted": decoded.rows_landed,
                    "rejected": decoded.rows_rejected,
                    "by_rule": dict(decoded.rejects_by_rule),
                    "drift": dict(decoded.drift),
                }
            except RejectedError as error:
                refused = error
                by_rule = dict(_by_rule(folder / "rejects.jsonl"))
                rejected = int(error.values.get("rows_rejected", sum(by_rule.values())))
                rows = int(error.values.get("rows_read", rejected))
                report = {"rows": rows, "accepted": rows - rejected, "rejected": rejected, "by_rule": by_rule}
            if rejects:
                _copy_rejects(folder / "rejects.jsonl", rejects)
        if refused:
            say({**report, "refused": refused.reason.value, "message": str(refused)})
            raise typer.Exit(1)
        say(report)


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
        from airflow_provider_integrations.formats.delimited import decode
        from airflow_provider_integrations.include import read_contract
        from airflow_provider_integrations.landing.parquet import merge_parts

        promised = read_contract(contract)
        with tempfile.TemporaryDirectory(prefix=".integrations-", dir=out.parent) as scratch, file.open("rb") as stream:
            folder = Path(scratch)
            decoded = decode(stream, promised, folder, batch_id=file.name, version="")
            merge_parts([folder / part.name for part in decoded.files], out)
            _copy_rejects(folder / "rejects.jsonl", out.with_suffix(".rejects.jsonl"))
        say(
            {
                "out": str(out),
                "rows": decoded.rows_read,
                "landed": decoded.rows_landed,
                "rejected": decoded.rows_rejected,
                "by_rule": dict(decoded.rejects_by_rule),
            }
        )


def _by_rule(path: Path) -> Counter[str]:
    if not path.exists():
        return Counter()
    with path.open(encoding="utf-8") as lines:
        return Counter(json.loads(line)["rule"] for line in lines)


def _copy_rejects(source: Path, target: Path) -> None:
    if source.exists():
        shutil.copyfile(source, target)
    else:
        target.write_text("")
