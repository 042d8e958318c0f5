"""The gate: a verdict on each landed batch, and the files of it that the load may take.

    outcomes = run_gate([LandedBatch(manifest, folder)], contract, suites, GateMode.QUARANTINE_ROWS, docs=docs)

What a failed expectation means depends on the mode and on what the expectation looks at:

=================  ===========================================  =============================================
mode               a row-level expectation failed               one over the whole batch failed
=================  ===========================================  =============================================
`block`            the batch fails                              the batch fails
`quarantine_rows`  the rows that break it go to quarantine and  the batch fails: no row can be named that is
                   the rest is published, unless they are more  wrong
                   than the contract's `max_reject_share`
`warn`             all is published, those rows with            all is published; the result says so
                   `_dq_valid` false and `_dq_flags`
=================  ===========================================  =============================================

An expectation fails when fewer than `mostly` of the rows that it considers hold it; up to there the rows that break it
are tolerated and stay. What is published after a quarantine is looked at once more, since it is another set of rows. An
expectation that raised fails the batch in every mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.verdict import GateMode, GateResult, Verdict
from airflow_provider_integrations.expectations.answers import Rules
from airflow_provider_integrations.expectations.judging import Judging
from airflow_provider_integrations.expectations.outcome import GateOutcome, LandedBatch
from airflow_provider_integrations.expectations.suites import Suite, check_suite, contract_suite, suites_digest
from airflow_provider_integrations.expectations.tables import GROUP_ROWS, same_schema
from airflow_provider_integrations.landing.bronze import verify_files

__all__ = ["GateOutcome", "LandedBatch", "run_gate"]


def run_gate(
    batches: Sequence[LandedBatch], contract: Contract, suites: Sequence[Suite], mode: GateMode, *, docs: Path | None
) -> list[GateOutcome]:
    """Gate landed batches of one contract; many small ones cost little more than one.

    What the contract implies always holds beside the given suites. The outcomes are in the order of the batches; for no
    batch at all there is one outcome, `no_batch`, since an empty list would read as "nothing failed".

    Args:
        batches: The batches; their files are checked against their manifests first.
        contract: What they were decoded by.
        suites: What must hold beside what the contract implies; an empty one gives `empty_suite`.
        mode: What happens when an expectation fails.
        docs: Folder for pages of data docs; none are built without one.

    Raises:
        ConfigError: if a suite does not fit the contract, or batches are of another one.
        StateConflictError: if a file is not the one that was landed.
        ReconciliationError: if files hold other rows than their manifest says.
    """
    implied = contract_suite(contract)
    given = [suite for suite in suites if suite.name != implied.name]
    for suite in given:
        check_suite(suite, contract)
    every = [implied, *given]
    names, digest = "+".join(suite.name for suite in every), suites_digest(every)

    def decided(batch_id: str, verdict: Verdict, rows: int = 0) -> GateOutcome:
        return GateOutcome(GateResult(batch_id, verdict, mode, names, digest, rows))

    if not batches:
        return [decided("", Verdict.NO_BATCH)]
    if foreign := sorted({b.manifest.contract for b in batches} - {contract.contract}):
        raise ConfigError("batches are of another contract", contract=contract.contract, of=foreign)
    outcomes: dict[int, GateOutcome] = {}
    waiting: dict[str, list[int]] = {}
    for position, batch in enumerate(batches):
        manifest = batch.manifest
        if not manifest.files:
            outcomes[position] = decided(manifest.batch_id, Verdict.NO_BATCH)
            continue
        verify_files(batch.folder, manifest)
        if any(not suite.expectations for suite in given):
            outcomes[position] = decided(manifest.batch_id, Verdict.EMPTY_SUITE, manifest.rows_landed)
        elif not manifest.rows_landed:
            outcomes[position] = decided(manifest.batch_id, Verdict.NO_ROWS)
        else:
            waiting.setdefault(same_schema(batch.folder / manifest.files[0].name), []).append(position)
    rules = Rules.of(tuple(entry for suite in every for entry in suite.expectations), contract)
    if waiting:
        # Here and not above: it imports Great Expectations, which takes seconds.
        from airflow_provider_integrations.expectations.runner import checkpoints

        with checkpoints(rules) as engine:
            judging = Judging(engine, rules, mode, names, digest, contract, docs)
            for group in (group for positions in waiting.values() for group in _groups(batches, positions)):
                outcomes.update(zip(group, judging.outcomes([batches[n] for n in group]), strict=True))
    return [outcomes[position] for position in range(len(batches))]


def _groups(batches: Sequence[LandedBatch], positions: Sequence[int]) -> list[list[int]]:
    """Batches that are looked at together: as many as fit into memory, each id once, a large one by itself."""
    groups: list[list[int]] = []
    rows, ids = GROUP_ROWS, set[str]()
    for position in positions:
        manifest = batches[position].manifest
        if rows + manifest.rows_landed > GROUP_ROWS or manifest.batch_id in ids:
            groups.append([])
            rows, ids = 0, set()
        groups[-1].append(position)
        rows += manifest.rows_landed
        ids.add(manifest.batch_id)
    return groups
