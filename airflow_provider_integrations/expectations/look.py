"""Looks at several batches at once, and says of each exactly what a look at it alone would have said.

One checkpoint over all of them costs as much as over one. What it finds is split by batch: rows are counted for each
batch with Great Expectations' own condition, the counts must add up to its total, and it judges each batch's counts
itself. What cannot be split is asked for each batch alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import duckdb

from airflow_provider_integrations.core.errors import ReconciliationError
from airflow_provider_integrations.core.identifiers import quote
from airflow_provider_integrations.expectations.answers import Answer, Rules
from airflow_provider_integrations.expectations.catalogue import Kind
from airflow_provider_integrations.expectations.suites import columns_of
from airflow_provider_integrations.expectations.tables import BATCH

if TYPE_CHECKING:
    from airflow_provider_integrations.expectations.runner import Checkpoints

__all__ = ["Look"]

_ONE = "one_batch"


class Look:
    """The answers on all batches of one table.

    Args:
        connection: A connection with the table `batch`.
        checkpoints: Great Expectations over it.
        rules: What must hold.
        rows: Rows of each batch, none of them zero.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, checkpoints: Checkpoints, rules: Rules, rows: Mapping[str, int]
    ) -> None:
        self._connection, self._checkpoints, self._rules, self._rows = connection, checkpoints, rules, rows

    def answers(self) -> dict[str, list[Answer]]:
        """Every batch's answers, in the order of the rules."""
        if len(self._rows) == 1:
            [batch_id] = self._rows
            found = self._checkpoints.run(BATCH, self._rules.entries)
            self._check_size(found, self._rows[batch_id])
            return {batch_id: found}
        return self._together() or {batch_id: self._alone(batch_id) for batch_id in self._rows}

    def mark_broken(self, failed: Mapping[int, Sequence[str]]) -> None:
        """Fill the table `broken(_batch_id, _line, rule)` with the rows that break row-level expectations.

        Args:
            failed: For each expectation, the batches in which it failed.
        """
        self._connection.execute("CREATE OR REPLACE TEMP TABLE broken (_batch_id VARCHAR, _line BIGINT, rule INTEGER)")
        for index, batch_ids in failed.items():
            _, broken, parameters = self._rows_of(index)
            self._connection.execute(
                f"INSERT INTO broken SELECT _batch_id, _line, ? FROM ({broken}) WHERE list_contains(?, _batch_id)",  # noqa: S608
                [index, *parameters, list(batch_ids)],
            )

    def _together(self) -> dict[str, list[Answer]] | None:
        """The answers out of one checkpoint, or None if something raised: what raises is asked of each batch alone."""
        split = [n for n in range(len(self._rules.entries)) if self._rules.kind(n) is not Kind.AGGREGATE]
        whole = dict(zip(split, self._checkpoints.run(BATCH, [self._widened(n) for n in split]), strict=True))
        if any(answer.raised for answer in whole.values()):
            return None
        self._check_size(list(whole.values()), sum(self._rows.values()))
        by_rule: dict[int, dict[str, Answer]] = {}
        for index, answer in whole.items():
            if self._rules.kind(index) is Kind.SCHEMA:
                by_rule[index] = dict.fromkeys(self._rows, answer)
            else:
                by_rule[index] = self._split(index, answer)
        others = [n for n in range(len(self._rules.entries)) if n not in by_rule]
        for batch_id in self._rows if others else ():
            for index, answer in zip(others, self._alone(batch_id, others), strict=True):
                by_rule.setdefault(index, {})[batch_id] = answer
        return {batch: [by_rule[n][batch] for n in range(len(self._rules.entries))] for batch in self._rows}

    def _split(self, index: int, whole: Answer) -> dict[str, Answer]:
        counts: Mapping[str, tuple[int, int]] = {}
        if whole.unexpected_count or whole.missing_count:
            counts = self._counts(index)
            if (total := sum(broken for _, broken in counts.values())) != whole.unexpected_count:
                raise ReconciliationError(
                    "rows by batch do not add up to what the checkpoint counted",
                    expectation=self._rules.entries[index]["type"],
                    by_batch=total,
                    checkpoint=whole.unexpected_count,
                    next_step="Report this, with the version of Great Expectations.",
                )
        return {
            batch_id: self._checkpoints.judge(index, rows=rows, considered=considered, unexpected=broken)
            for batch_id, rows in self._rows.items()
            for considered, broken in [counts.get(batch_id, (0, 0) if counts else (rows, 0))]
        }

    def _counts(self, index: int) -> dict[str, tuple[int, int]]:
        considered, broken, parameters = self._rows_of(index)
        entry = self._rules.entries[index]
        if self._rules.kind(index) is Kind.ROWS and "column" in entry and entry["type"] not in _OF_NULLS:
            considered = f"SELECT * FROM ({considered}) WHERE {quote(entry['column'])} IS NOT NULL"  # noqa: S608
        rows = self._by_batch(considered, [])
        bad = self._by_batch(broken, parameters)
        return {batch_id: (count, bad.get(batch_id, 0)) for batch_id, count in rows.items()}

    def _by_batch(self, select: str, parameters: list[Any]) -> dict[str, int]:
        counted = f"SELECT _batch_id, count(*) FROM ({select}) GROUP BY ALL"  # noqa: S608
        return dict(self._connection.execute(counted, parameters).fetchall())

    def _rows_of(self, index: int) -> tuple[str, str, list[Any]]:
        """SQL for the rows that count and for those that break an expectation."""
        if self._rules.kind(index) is Kind.ROWS:
            return self._checkpoints.broken(index, BATCH)
        entry = self._rules.entries[index]
        columns = [quote(name) for name in columns_of(entry)]
        missing = [f"{column} IS NULL" for column in columns]
        # As Great Expectations does it: which rows count is a choice, but a null never equals another one.
        none_null = f"NOT ({' OR '.join(missing)})"
        rule = entry.get("ignore_row_if", "all_values_are_missing")
        counts = {"all_values_are_missing": f"NOT ({' AND '.join(missing)})", "never": "true"}.get(rule, none_null)
        return (
            f"SELECT _batch_id, _line FROM {BATCH} WHERE {counts}",  # noqa: S608
            f"SELECT _batch_id, _line FROM {BATCH} WHERE {none_null} "  # noqa: S608
            f"QUALIFY count(*) OVER (PARTITION BY _batch_id, {', '.join(columns)}) > 1",
            [],
        )

    def _widened(self, index: int) -> dict[str, Any]:
        """An expectation for several batches: values must be unique within each, not across them."""
        entry = self._rules.entries[index]
        if self._rules.kind(index) is not Kind.UNIQUE:
            return entry
        columns = ["_batch_id", *columns_of(entry)]
        kept = {"mostly": entry["mostly"]} if "mostly" in entry else {}
        return {
            "type": "expect_compound_columns_to_be_unique",
            "column_list": columns,
            "ignore_row_if": "any_value_is_missing",
            **kept,
        }

    def _alone(self, batch_id: str, indexes: Sequence[int] | None = None) -> list[Answer]:
        """One checkpoint over one batch of the table."""
        entries = [self._rules.entries[n] for n in (range(len(self._rules.entries)) if indexes is None else indexes)]
        literal = "'" + batch_id.replace("'", "''") + "'"
        self._connection.execute(f"CREATE OR REPLACE VIEW {_ONE} AS SELECT * FROM {BATCH} WHERE _batch_id = {literal}")  # noqa: S608
        found = self._checkpoints.run(_ONE, entries)
        self._check_size(found, self._rows[batch_id])
        return found

    def _check_size(self, answers: Sequence[Answer], rows: int) -> None:
        seen = {answer.element_count for answer in answers if answer.element_count is not None}
        if seen - {rows}:
            raise ReconciliationError(
                "the checkpoint looked at other rows than the batch has", rows=rows, seen=sorted(seen)
            )


_OF_NULLS = ("expect_column_values_to_not_be_null", "expect_column_values_to_be_null")
