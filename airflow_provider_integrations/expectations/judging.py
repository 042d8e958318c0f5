"""From answers to verdicts: what is published, what is left out, and the page that shows it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.manifest import DataFile
from airflow_provider_integrations.core.verdict import GateMode, GateResult, Verdict
from airflow_provider_integrations.expectations.answers import Answer, Rules
from airflow_provider_integrations.expectations.look import Look
from airflow_provider_integrations.expectations.outcome import GateOutcome, LandedBatch
from airflow_provider_integrations.expectations.publish import rewrite
from airflow_provider_integrations.expectations.suites import label
from airflow_provider_integrations.expectations.tables import landed_table
from airflow_provider_integrations.formats.schema import later_fields
from airflow_provider_integrations.landing.durable import replace_durably

if TYPE_CHECKING:
    from airflow_provider_integrations.expectations.runner import Checkpoints

__all__ = ["Judging", "verdict_of"]


def verdict_of(
    rules: Rules, answers: Sequence[Answer], mode: GateMode, broken_share: float, max_share: float
) -> Verdict:
    """The verdict on one batch before anything is written.

    Args:
        rules, answers: What had to hold, and whether it did.
        mode: What happens when it did not.
        broken_share: Share of the rows that break a row-level expectation that failed, 0 to 1.
        max_share: Largest share that may go to quarantine.
    """
    if any(answer.raised for answer in answers):
        return Verdict.ERROR
    failed = [n for n, answer in enumerate(answers) if not answer.success]
    if not failed:
        return Verdict.PASSED
    if mode is GateMode.WARN:
        return Verdict.PASSED_WITH_WARNINGS
    nameable = all(rules.kind(n).row_level for n in failed)
    if mode is GateMode.BLOCK or not nameable or broken_share > max_share or broken_share >= 1:
        return Verdict.FAILED
    return Verdict.PASSED_WITH_QUARANTINE


@dataclass(frozen=True, slots=True)
class Judging:
    """One gate run's rules, applied to groups of batches.

    Args:
        engine: Great Expectations with these rules.
        rules: What must hold.
        mode: What happens when it does not.
        names, digest: The suites' names and digest, for the result.
        contract: The contract that is in force; its `max_reject_share` bounds what may go to quarantine.
        docs: Folder for pages.
    """

    engine: Checkpoints
    rules: Rules
    mode: GateMode
    names: str
    digest: str
    contract: Contract
    docs: Path | None

    def outcomes(self, batches: Sequence[LandedBatch]) -> list[GateOutcome]:
        """The outcomes of batches of one schema, in their order; each batch id once."""
        rows = {batch.manifest.batch_id: batch.manifest.rows_landed for batch in batches}
        paths = [batch.folder / file.name for batch in batches for file in batch.manifest.files]
        with landed_table(paths, rows, self._later(batches)) as connection, self.engine.over(connection):
            look = Look(connection, self.engine, self.rules, rows)
            answers = look.answers()
            look.mark_broken(self._failed_rows(answers))
            counts = connection.execute("SELECT _batch_id, count(DISTINCT _line) FROM broken GROUP BY ALL").fetchall()
            broken: dict[str, int] = dict(counts)
            found = {
                batch.manifest.batch_id: self._judge(
                    batch, answers[batch.manifest.batch_id], broken.get(batch.manifest.batch_id, 0), connection
                )
                for batch in batches
            }
        self._look_again(batches, found)
        self._write_pages(batches, found, answers)
        return [found[batch.manifest.batch_id] for batch in batches]

    def _later(self, batches: Sequence[LandedBatch]) -> list[pa.Field[pa.DataType]]:
        """Columns that batches of one schema cannot have, since they were landed under an earlier contract."""
        manifest = batches[0].manifest
        if manifest.contract_digest == self.contract.digest:
            return []
        return later_fields(pq.read_schema(batches[0].folder / manifest.files[0].name), self.contract)

    def _failed_rows(self, answers: dict[str, list[Answer]]) -> dict[int, list[str]]:
        failed = {
            n: [batch_id for batch_id, found in answers.items() if not found[n].success and not found[n].raised]
            for n in range(len(self.rules.entries))
            if self.rules.kind(n).row_level
        }
        return {n: batch_ids for n, batch_ids in failed.items() if batch_ids}

    def _judge(
        self, batch: LandedBatch, answers: list[Answer], broken: int, connection: duckdb.DuckDBPyConnection
    ) -> GateOutcome:
        manifest = batch.manifest
        verdict = verdict_of(
            self.rules, answers, self.mode, broken / manifest.rows_landed, self.contract.max_reject_share
        )
        records = tuple(self.rules.as_record(n, answer) for n, answer in enumerate(answers))
        result = GateResult(
            batch_id=manifest.batch_id,
            verdict=verdict,
            mode=self.mode,
            suite=self.names,
            suite_digest=self.digest,
            rows=manifest.rows_landed,
            rows_failed=broken,
            expectations=records,
        )
        if not verdict.passes:
            return GateOutcome(result)
        if not broken:
            return GateOutcome(result, manifest.files)
        flags = self._flags(manifest.batch_id, connection)
        published = rewrite(batch.folder, manifest, self.mode, self.digest, flags)
        return GateOutcome(result, published.files, published.quarantined)

    def _flags(self, batch_id: str, connection: duckdb.DuckDBPyConnection) -> pa.Table:
        """The lines of a batch that are broken, each with the names of what they break."""
        labels = pa.table(
            {
                "rule": pa.array(range(len(self.rules.entries)), pa.int32()),
                "label": pa.array([label(entry) for entry in self.rules.entries]),
            }
        )
        connection.register("labels", labels)
        found: pa.Table = connection.sql(
            "SELECT _line, string_agg(DISTINCT label, '; ' ORDER BY label) AS flags "
            "FROM broken JOIN labels USING (rule) WHERE _batch_id = ? GROUP BY _line ORDER BY _line",
            params=[batch_id],
        ).to_arrow_table()
        connection.unregister("labels")
        return found

    def _look_again(self, batches: Sequence[LandedBatch], found: dict[str, GateOutcome]) -> None:
        """What is left after a quarantine is another set of rows: it must hold the rules by itself."""
        again = [b for b in batches if found[b.manifest.batch_id].result.verdict is Verdict.PASSED_WITH_QUARANTINE]
        if not again:
            return
        rows = {b.manifest.batch_id: _rows(found[b.manifest.batch_id].publish) for b in again}
        paths = [b.folder / file.name for b in again for file in found[b.manifest.batch_id].publish]
        with landed_table(paths, rows, self._later(again)) as connection, self.engine.over(connection):
            answers = Look(connection, self.engine, self.rules, rows).answers()
        for batch_id, second in answers.items():
            failed = [n for n, answer in enumerate(second) if not answer.success]
            if not failed:
                continue
            first = found[batch_id]
            later = tuple({**self.rules.as_record(n, second[n]), "after_quarantine": True} for n in failed)
            verdict = Verdict.ERROR if any(answer.raised for answer in second) else Verdict.FAILED
            result = replace(first.result, verdict=verdict, expectations=(*first.result.expectations, *later))
            found[batch_id] = GateOutcome(result, (), first.quarantined)

    def _write_pages(
        self, batches: Sequence[LandedBatch], found: dict[str, GateOutcome], answers: dict[str, list[Answer]]
    ) -> None:
        """A page for each batch in which something failed, and one for all the others together."""
        if self.docs is None:
            return
        good = [b for b in batches if found[b.manifest.batch_id].result.verdict is Verdict.PASSED]
        for batch in batches:
            if batch not in good:
                self._page([batch], found, answers)
        if good:
            self._page(good, found, answers)

    def _page(
        self, batches: Sequence[LandedBatch], found: dict[str, GateOutcome], answers: dict[str, list[Answer]]
    ) -> None:
        assert self.docs is not None
        ids = [batch.manifest.batch_id for batch in batches]
        first = found[ids[0]].result
        facts: dict[str, Any] = {
            "source": batches[0].manifest.source,
            "batches": ", ".join(ids),
            "rows": sum(found[batch_id].result.rows for batch_id in ids),
            "verdict": first.verdict.value,
            "mode": self.mode.value,
            "suite_digest": self.digest,
        }
        shown = (
            answers[ids[0]]
            if len(ids) == 1
            else [_together(rule) for rule in zip(*(answers[i] for i in ids), strict=True)]
        )
        title = f"{self.names}: {ids[0] if len(ids) == 1 else f'{len(ids)} batches'}"
        name = ids[0] if len(ids) == 1 else "group-" + hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:16]
        folder = self.docs / _file_name(batches[0].manifest.source)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{_file_name(name)}-{self.digest[:12]}.html"
        replace_durably(path, self.engine.page(title, shown, facts).encode())
        for batch_id in ids:
            outcome = found[batch_id]
            found[batch_id] = replace(outcome, result=replace(outcome.result, docs=str(path)))


def _together(answers: Sequence[Answer]) -> Answer:
    """One rule's answers on several batches, as one."""
    if len(answers) == 1:
        return answers[0]

    def total(name: str) -> int | None:
        values = [getattr(answer, name) for answer in answers]
        return None if None in values else sum(values)

    return Answer(
        success=all(answer.success for answer in answers),
        element_count=total("element_count"),
        missing_count=total("missing_count"),
        unexpected_count=total("unexpected_count"),
    )


def _rows(files: Sequence[DataFile]) -> int:
    return sum(file.rows for file in files)


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", text)
