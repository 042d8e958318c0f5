"""Checks a file against its contract without landing it: the same decoding and accounting into a throw-away folder."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import RejectedError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.formats.delimited import decode_all, refusal_of
from airflow_provider_integrations.formats.transcode import SupportsRead
from airflow_provider_integrations.formats.whole_file import Lookup

__all__ = ["Checked", "check"]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a decode of the file would do; `refused` is the reason's code if the file would not land, `detail` says more."""

    rows: int
    accepted: int
    rejected: int
    by_rule: dict[str, int] = field(default_factory=dict)
    drift: dict[str, list[str]] = field(default_factory=dict)
    refused: str | None = None
    detail: str | None = None


def check(
    stream: SupportsRead, contract: Contract, *, rejects: Path | None = None, lookup: Lookup | None = None
) -> Checked:
    """Decode `stream`, count, and keep nothing but, at `rejects`, the rejects file.

    Raises:
        ConfigError: the contract itself cannot be used. A file that is refused is no error here but an answer.
    """
    with tempfile.TemporaryDirectory(prefix="contract-check-") as name:
        try:
            decoded = decode_all(stream, contract, Path(name), batch_id="check", version="check", lookup=lookup)
        except RejectedError as error:
            return Checked(0, 0, 0, refused=error.reason.value, detail=str(error))
        if rejects is not None:
            if decoded.rejects is not None:
                shutil.copyfile(decoded.rejects, rejects)
            else:
                rejects.write_bytes(b"")
        reason: Reason | None = refusal_of(decoded, contract)
        return Checked(
            decoded.rows_read,
            decoded.rows_landed,
            decoded.rows_rejected,
            decoded.rejects_by_rule,
            decoded.drift,
            reason.value if reason else None,
            reason.meaning if reason else None,
        )
