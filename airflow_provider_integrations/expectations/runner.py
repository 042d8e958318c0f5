"""Great Expectations itself, over one table in DuckDB. The only file that imports it: a cold import takes seconds.

A checkpoint pushes its whole suite down as a handful of SQL statements, so that memory does not grow with the batch.
What comes out are `Answer`s; the result objects, which can hold data in many places, never leave this file. Telemetry
is off before the import, and a page of data docs is built from answers alone.
"""

from __future__ import annotations

import functools
import itertools
import logging
import os
import re
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import duckdb

os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx
import great_expectations.expectations as gxe
import sqlalchemy as sa
from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view.view import DefaultJinjaPageView
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.validator import Validator

from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.expectations import duckdb_dialect
from airflow_provider_integrations.expectations.answers import Answer, Rules
from airflow_provider_integrations.expectations.arguments import typed
from airflow_provider_integrations.expectations.catalogue import CATALOGUE
from airflow_provider_integrations.expectations.suites import columns_of

__all__ = ["Checkpoints", "checkpoints"]

# No values in results, in any format that Great Expectations knows: the counts are all that is needed.
_FORMAT: dict[str, Any] = {
    "result_format": "BASIC",
    "partial_unexpected_count": 0,
    "exclude_unexpected_values": True,
    "include_unexpected_rows": False,
}
_CLASS = re.compile(r"\b_?(?:[a-z]\w*\.)+([A-Z]\w*(?:Error|Exception))\b")  # the dotted name of an exception's class
_LOCK = threading.Lock()  # Great Expectations keeps its context in one global place.


@contextmanager
def checkpoints(rules: Rules) -> Iterator[Checkpoints]:
    """Great Expectations with these rules, for the time of a block; one block at a time in a process."""
    with _LOCK:
        # It logs what it caught, and what it caught may hold data.
        logger = logging.getLogger("great_expectations")
        level = logger.level
        logger.setLevel(logging.CRITICAL + 1)
        try:
            yield Checkpoints(rules)
        finally:
            logger.setLevel(level)


class Checkpoints:
    """Runs suites as checkpoints over a table in DuckDB; made by `checkpoints`."""

    def __init__(self, rules: Rules) -> None:
        self._context = gx.get_context(mode="ephemeral")
        self._context.enable_analytics(False)
        self._context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
        self._rules = rules
        self._names = itertools.count()
        self._source: Any = None
        self._judged: dict[tuple[Any, ...], Answer] = {}
        self._expectations = [self._build(entry) for entry in rules.entries]

    @contextmanager
    def over(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Work on the tables of a connection, for the time of a block."""
        url, name = duckdb_dialect.register(connection), f"bronze-{next(self._names)}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "a more specific PostgresDatasource may be more appropriate": it is not.
            self._source = self._context.data_sources.add_sql(name, connection_string=url, create_temp_table=False)
        try:
            yield
        finally:
            self._context.data_sources.delete(name)
            self._source = None
            duckdb_dialect.release(url)

    def run(self, table: str, entries: Sequence[Mapping[str, Any]]) -> list[Answer]:
        """Run one checkpoint over a whole table; the answers are in the order of the expectations.

        Raises:
            ConfigError: if Great Expectations does not take an expectation's arguments.
        """
        name = f"gate-{next(self._names)}"
        built = [self._build(entry, meta={"position": n}) for n, entry in enumerate(entries)]
        suite = self._context.suites.add(gx.ExpectationSuite(name=name, expectations=built))
        definition = self._context.validation_definitions.add(
            gx.ValidationDefinition(name=name, data=self._batch_definition(table), suite=suite)
        )
        checkpoint = self._context.checkpoints.add(
            gx.Checkpoint(name=name, validation_definitions=[definition], result_format=_FORMAT)
        )
        [result] = checkpoint.run().run_results.values()
        answers: dict[int, Answer] = {}
        for found in result.results:
            assert found.expectation_config is not None
            position = found.expectation_config.meta["position"]
            answers[position] = self._answer(entries[position], found)
        return [answers[n] for n in range(len(entries))]

    def judge(self, index: int, *, rows: int, considered: int, unexpected: int) -> Answer:
        """What Great Expectations says of these counts: its own thresholds, roundings and special cases.

        Args:
            index: Which expectation of the rules.
            rows: Rows of the batch.
            considered: Rows that are neither null nor left out by `ignore_row_if`.
            unexpected: Rows that break it.
        """
        key = (index, rows, considered, unexpected)
        if key not in self._judged:
            expectation = self._expectations[index]
            metric = getattr(expectation, "map_metric", None)
            metrics = {
                "table.row_count": rows,
                "column_values.nonnull.unexpected_count": rows - considered,
                f"{metric}.filtered_row_count": considered,
                f"{metric}.unexpected_count": unexpected,
            }
            raw = expectation._validate(metrics=metrics, runtime_configuration={"result_format": _FORMAT})
            found = ExpectationValidationResult(success=raw["success"], result=raw["result"])
            self._judged[key] = self._answer(self._rules.entries[index], found)
        return self._judged[key]

    def broken(self, index: int, table: str) -> tuple[str, str, list[Any]]:
        """SQL for the rows that an expectation looks at, with Great Expectations' own condition for breaking it.

        Returns:
            A SELECT of all rows that count, a SELECT of those that break it, and the latter's parameters. The first one
            has none.
        """
        batch = self._batch_definition(table).get_batch()
        engine = batch.data.execution_engine
        expectation = self._expectations[index]
        wanted = expectation.get_validation_dependencies(
            execution_engine=engine, runtime_configuration={"result_format": _FORMAT}
        ).metric_configurations[f"{expectation.map_metric}.unexpected_count"]
        validator = Validator(execution_engine=engine, batches=[batch], data_context=self._context)
        condition, compute, accessor = validator.get_metric(
            MetricConfiguration(
                f"{expectation.map_metric}.condition",
                metric_domain_kwargs=wanted.metric_domain_kwargs,
                metric_value_kwargs=wanted.metric_value_kwargs,
            )
        )
        records = engine.get_domain_records(domain_kwargs={**compute, **accessor})
        source = records.subquery() if isinstance(records, sa.Select) else records
        row: list[Any] = [sa.column("_batch_id"), sa.column("_line")]
        looked_at: list[Any] = [sa.column(name) for name in columns_of(self._rules.entries[index])]
        all_rows, _ = _sql(sa.select(*row, *looked_at), source, engine)
        broken_rows, parameters = _sql(sa.select(*row).where(condition), source, engine)
        return all_rows, broken_rows, parameters

    def page(self, title: str, answers: Sequence[Answer], facts: Mapping[str, Any]) -> str:
        """A page of data docs, as HTML."""
        results = []
        for expectation, answer in zip(self._expectations, answers, strict=True):
            result: dict[str, Any] = {}
            if answer.unexpected_count is not None:
                considered = (answer.element_count or 0) - (answer.missing_count or 0)
                result = {
                    "element_count": answer.element_count,
                    "missing_count": answer.missing_count,
                    "unexpected_count": answer.unexpected_count,
                    "unexpected_percent": answer.unexpected_count / considered * 100 if considered else 0.0,
                }
            elif answer.observed is not None:
                result = {"observed_value": answer.observed}
            results.append(
                ExpectationValidationResult(
                    success=answer.success,
                    expectation_config=expectation.configuration,
                    result=result,
                    exception_info={
                        "raised_exception": answer.raised is not None,
                        "exception_message": answer.raised or "",
                        "exception_traceback": "",
                    },
                )
            )
        good = sum(answer.success for answer in answers)
        whole = ExpectationSuiteValidationResult(
            success=good == len(answers),
            results=results,
            suite_name=title,
            statistics={
                "evaluated_expectations": len(answers),
                "successful_expectations": good,
                "unsuccessful_expectations": len(answers) - good,
                "success_percent": good / len(answers) * 100 if answers else None,
            },
            meta={"great_expectations_version": gx.__version__, **facts},
        )
        return str(_view().render(ValidationResultsPageRenderer().render(whole)))  # type: ignore[no-untyped-call]

    def _batch_definition(self, table: str) -> Any:
        try:
            asset = self._source.get_asset(table)
        except LookupError:
            asset = self._source.add_table_asset(table, table_name=table)
            return asset.add_batch_definition_whole_table("whole")  # never a sample, never a partition
        return asset.get_batch_definition("whole")

    def _build(self, entry: Mapping[str, Any], meta: dict[str, Any] | None = None) -> Any:
        name = entry["type"]
        arguments = {
            key: typed(entry, key, value, self._rules.columns) for key, value in entry.items() if key != "type"
        }
        kind = getattr(gxe, "".join(part.title() for part in name.split("_")))
        try:
            return kind(**arguments, meta=meta)
        except (ValueError, TypeError):
            raise ConfigError(
                "Great Expectations does not take an expectation's arguments",
                type=name,
                arguments=sorted(arguments),
                columns=list(columns_of(dict(entry))),
                next_step="Look at that type's page in the gallery of expectations, and correct the suite.",
            ) from None

    def _answer(self, entry: Mapping[str, Any], found: ExpectationValidationResult) -> Answer:
        if raised := _raised(found.exception_info):
            return Answer(success=False, raised=raised)
        result = found.result or {}
        observed: Any = result.get("observed_value")
        shown = isinstance(observed, (int, float, Decimal)) and self._rules.may_show(entry)
        unexpected = result.get("unexpected_count") if CATALOGUE[entry["type"]].kind.row_level else None
        return Answer(
            success=bool(found.success),
            element_count=result.get("element_count"),
            missing_count=result.get("missing_count", 0) if unexpected is not None else None,
            unexpected_count=int(unexpected) if unexpected is not None else None,
            observed=(observed if isinstance(observed, int) else float(observed)) if shown else None,
        )


@functools.cache
def _view() -> DefaultJinjaPageView:
    """One for the process: it compiles its templates once."""
    return DefaultJinjaPageView()


def _sql(select: Any, source: Any, engine: Any) -> tuple[str, list[Any]]:
    compiled = select.select_from(source).compile(
        dialect=engine.engine.dialect, compile_kwargs={"render_postcompile": True}
    )
    return str(compiled), [compiled.params[name] for name in compiled.positiontup or ()]


def _raised(info: Any) -> str | None:
    """The class of what was raised. Great Expectations gives one mapping, or one for each metric that failed."""
    if not info:
        return None
    entries = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if isinstance(entry, dict) and entry.get("raised_exception"):
            texts = (str(entry.get(name)) for name in ("exception_message", "exception_traceback"))
            named = next((match for text in texts if (match := _CLASS.search(text))), None)
            return named[1] if named else "Exception"
    return None
